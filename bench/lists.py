"""Lists of customers, against the raw query on the same data: 100,000 customers, and ten times as many.

What is timed is a route without HTTP: scope, query, page and the answer's bytes. The floor is the very find that it
sends, asked of PyMongo and dumped by orjson; a listener notes it, so that the floor can't be an easier one. Pages are
first pages without `count`. Product and floor take turns call by call, the sizes round by round; of the sizes the
quickest calls are compared. What HTTP, tokens and limits cost beside it is measured by `bench.http`.

    python -m bench.lists [--customers 100000]

Exit code 1 when a case takes more than 1.4 times its floor, examines more than 1.2 documents for one that it returns,
scans the collection, or takes more than 1.2 times as long with ten times the customers.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from pymongo import monitoring
from rich.console import Console
from rich.table import Table

from api.routes.customers import list_customers
from api.schemas.customers import CustomerQuery
from bench import raw
from bench.customers_fill import fill
from core.clock import now
from core.context import tenant_scope
from core.mongo import Mongo
from core.settings import MongoSettings, load_settings
from models.registry import DOCUMENTS
from services import identity
from services.identity import Caller
from tests import factories
from tests.people import access_token
from tests.servers import running_mongod

CUSTOMERS = 100_000
GROWTH = 10
ROUNDS = 9
MAX_RATIO = 1.4
MAX_EXAMINED = 1.2
MAX_GROWTH = 1.2

TWO_WORDS = "search for two beginnings"
"""No index answers a second word: it is looked for in the documents of the longest one, all of which are examined."""
CASES: dict[str, dict[str, Any]] = {
    "by name": {},
    "a region, by code": {"region": "North", "sort_by": "code"},
    "a group, by name, from the end": {"group": "Group 17", "order": "desc"},
    "a country and a group, by name": {"country": "Italy", "group": "Group 17"},
    "search for a word that many have": {"search": "trad"},
    "the same in a region, by code": {"search": "trad", "region": "North", "sort_by": "code"},
    "search for the beginning of a code": {"search": "00042"},
    TWO_WORDS: {"search": "c-00042"},
}

COMMANDS = raw.Commands()
console = Console(width=150)


@dataclass(slots=True)
class Company:
    """A tenant in a database of its own; `caller` is an admin."""

    mongo: Mongo
    caller: Caller
    customers: int


@dataclass(slots=True)
class Figures:
    """The rounds, and what the find examined."""

    rounds: list[raw.Round] = field(default_factory=list)
    examined: int = 0
    keys: int = 0
    returned: int = 0
    stages: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return raw.ratio(self.rounds)

    @property
    def quickest(self) -> float:
        """Milliseconds of what met the least of other work: the median of the rounds' quickest calls."""
        return statistics.median(one.quickest for one in self.rounds)


async def measure(uri: str, count: int) -> bool:
    """Print the figures of both sizes; whether every limit is kept."""
    small, large = [await _found(uri, size) for size in (count, count * GROWTH)]
    figures = {(case, company.customers): Figures() for case in CASES for company in (small, large)}
    for turn in range(ROUNDS + 1):
        for company in (small, large):
            await company.mongo.start(DOCUMENTS)
            for case in CASES:
                await _turn(company, case, figures[case, company.customers], warm_up=turn == 0)
    _print(figures, (small, large))
    for company in (small, large):
        await company.mongo.close()
    kept = [_keeps(case, figures[case, small.customers], figures[case, large.customers]) for case in CASES]
    return all(kept)


async def _found(uri: str, customers: int) -> Company:
    """Indexes come after the documents, which takes half the time."""
    name = f"bench-lists-{customers}"
    mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database=name, mongodb_timeout_ms=600_000))
    await mongo.start(DOCUMENTS)
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        began = time.monotonic()
        await fill(0, customers)
        filled = time.monotonic()
        await mongo.start(DOCUMENTS, indexes=True)
        console.print(
            f"{customers:,} customers inserted in {filled - began:.0f} s, indexed in {time.monotonic() - filled:.0f} s",
            highlight=False,
        )
        token = await access_token(await factories.make_user("admin"))
    return Company(mongo, await identity.identify(token), customers)


async def _turn(company: Company, case: str, figures: Figures, *, warm_up: bool) -> None:
    query = CustomerQuery.model_validate({**CASES[case], "count": False})

    async def product() -> None:
        await list_customers(query, company.caller, now())

    database = company.mongo.database
    with tenant_scope(company.caller.tenant_id):
        sent = [command for command in await COMMANDS.of(product) if command.get("find") == "customers"]

        async def floor() -> None:
            await raw.replay(database, sent)

        if warm_up:
            _note(figures, await raw.find(database, sent[-1]).explain())
            return
        figures.rounds.append(await raw.in_turns(product, floor))


def _note(figures: Figures, explained: Mapping[str, Any]) -> None:
    run = explained["executionStats"]
    figures.examined, figures.keys = run["totalDocsExamined"], run["totalKeysExamined"]
    figures.returned = run["nReturned"]
    figures.stages = list(_stages(explained["queryPlanner"]["winningPlan"]))


def _stages(plan: Mapping[str, Any]) -> Iterator[str]:
    yield f"{plan['stage']} {plan.get('indexName', '')}".strip()
    for inner in (*plan.get("inputStages", ()), *([plan["inputStage"]] if "inputStage" in plan else [])):
        yield from _stages(inner)


def _print(figures: Mapping[tuple[str, int], Figures], companies: tuple[Company, ...]) -> None:
    columns = ("case", "customers", "ms", "raw ms", "ratio", "documents", "keys", "rows", "index")
    table = Table(*columns, title="First pages of customers")
    for case in CASES:
        for company in companies:
            one = figures[case, company.customers]
            times = (f"{ms:.2f}" for ms in raw.typical(one.rounds))
            counts = (f"{number:,}" for number in (one.examined, one.keys, one.returned))
            plan = next((stage for stage in one.stages if stage.startswith(("IXSCAN", "COLLSCAN"))), "").removeprefix(
                "IXSCAN "
            )
            table.add_row(case, f"{company.customers:,}", *times, f"{one.ratio:.2f}", *counts, plan)
    console.print(table)


def _keeps(case: str, small: Figures, large: Figures) -> bool:
    """Whether a case keeps its limits; says which it does not."""
    growth = large.quickest / small.quickest
    console.print(f"{case}: with {GROWTH} times the customers {growth:.2f} times as long", highlight=False)
    broken = [f"{one.ratio:.2f} times the raw query" for one in (small, large) if one.ratio > MAX_RATIO]
    broken += [
        f"{one.examined:,} documents for {one.returned}"
        for one in (small, large)
        if case != TWO_WORDS and one.examined > MAX_EXAMINED * one.returned
    ]
    broken += ["a scan of the collection" for one in (small, large) if "COLLSCAN" in one.stages]
    broken += [f"{growth:.2f} times as long"] if growth > MAX_GROWTH else []
    for what in broken:
        console.print(f"- {case}: {what}", highlight=False)
    return not broken


def main(customers: Annotated[int, typer.Option(min=100, help="The smaller number of customers.")] = CUSTOMERS) -> None:
    """Measure lists against the raw query, and ten times as many customers against these."""
    os.environ.update({"PLANWRIGHT_ENV": "dev", "JWT_SECRET": secrets.token_urlsafe(48)})
    load_settings.cache_clear()
    monitoring.register(COMMANDS)
    with running_mongod() as uri:
        good = asyncio.run(measure(uri, customers))
    raise typer.Exit(0 if good else 1)


if __name__ == "__main__":
    typer.run(main)
