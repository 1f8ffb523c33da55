"""The raw queries under a use case: a listener notes what it sends, and `replay` asks the same of PyMongo and dumps it.

So the floor can't be an easier query than the product's own. Ids are read as UUIDs, as a plain program would.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pymongo import monitoring
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase

CALLS = 30
CALL_SECONDS = 0.4
"""How often, or for how long, something is asked in a round."""

Command = Mapping[str, Any]
Call = Callable[[], Awaitable[object]]


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

    async def of(self, call: Call) -> list[Command]:
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


@dataclass(frozen=True, slots=True)
class Round:
    """Milliseconds of the median calls, and of the product's quickest one, which met the least of other work."""

    product: float
    floor: float
    quickest: float


async def in_turns(product: Call, floor: Call) -> Round:
    """One round, the two asked in turns: what else the machine does meets both."""
    mine: list[float] = []
    raw: list[float] = []
    while len(mine) < CALLS and sum(mine) < CALL_SECONDS:
        mine.append(await _seconds(product))
        raw.append(await _seconds(floor))
    return Round(statistics.median(mine) * 1000, statistics.median(raw) * 1000, min(mine) * 1000)


async def _seconds(call: Call) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


def ratio(rounds: Sequence[Round]) -> float:
    """Product to floor: the median of the rounds' ratios."""
    return statistics.median(one.product / one.floor for one in rounds)


def typical(rounds: Sequence[Round]) -> tuple[float, float]:
    """Milliseconds of product and floor: the medians of the rounds."""
    return statistics.median(one.product for one in rounds), statistics.median(one.floor for one in rounds)
