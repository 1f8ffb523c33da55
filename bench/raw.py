"""The raw queries under a use case: a listener notes what it sends, and `replay` asks the same of PyMongo and dumps it.

So the floor can't be an easier query than the product's own. Ids are read as UUIDs, as a plain program would.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from pymongo import monitoring
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase

CALLS = 30
CALL_SECONDS = 0.4
"""How often, or for how long, something is asked in a round."""

Command = Mapping[str, Any]


class Commands(monitoring.CommandListener):
    """Notes the finds and aggregations since `noted` was cleared. Register it once, before any client is made."""

    def __init__(self) -> None:
        self.noted: list[Command] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in ("find", "aggregate"):
            self.noted.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to see."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to see."""

    async def of(self, call: Callable[[], Awaitable[object]]) -> list[Command]:
        """What one call sends."""
        self.noted.clear()
        await call()
        return list(self.noted)


def find(database: AsyncDatabase[dict[str, Any]], command: Command) -> AsyncCursor[dict[str, Any]]:
    """The cursor of a noted find."""
    names = {"sort": "sort", "limit": "limit", "batchSize": "batch_size"}
    options = {name: command[sent] for sent, name in names.items() if sent in command}
    if "sort" in options:
        options["sort"] = list(options["sort"].items())
    if command.get("singleBatch"):
        options["limit"] = 1
    return database[command["find"]].find(command["filter"], command.get("projection"), **options)


async def replay(database: AsyncDatabase[dict[str, Any]], commands: Sequence[Command]) -> bytes:
    """Ask it all, one after the other, and dump what comes back."""
    found = []
    for command in commands:
        if "find" in command:
            found.append(await find(database, command).to_list())
        else:
            cursor = await database[command["aggregate"]].aggregate(command["pipeline"])
            found.append(await cursor.to_list())
    return orjson.dumps(found, str)


async def median_ms(call: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of the median call of one round."""
    times: list[float] = []
    while len(times) < CALLS and sum(times) < CALL_SECONDS:
        began = time.perf_counter()
        await call()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def ratio(product: Sequence[float], floor: Sequence[float]) -> float:
    """The median of neighbours' ratios: what else the machine does meets both neighbours alike."""
    return statistics.median(mine / raw for mine, raw in zip(product, floor, strict=True))
