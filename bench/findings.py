"""How long a look for findings takes, and how much memory, at 100,000 customers and a million rollups; then how long
its result takes to read.

Every customer has five products on its list and buys two of them in five months each; every tenth has no rep, names
repeat with another legal form, and a cycle is open with a line per customer. What is bounded is asserted: memory, and
that reading is far below the request time-out.

    python -m bench.findings [customers]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import resource
import secrets
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

from bson import Decimal128
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from activities.findings import run_findings
from core.clock import now
from core.collections import dump, scoped
from core.context import current_tenant, tenant_scope
from core.documents import PlanwrightDocument
from core.listing import Window
from core.logging import configure_logging
from core.mongo import Mongo, RawDocument
from core.search import search_words
from core.settings import MongoSettings, load_settings
from models.customer import Assignment, Customer, MatrixEntry
from models.cycle import Cycle
from models.forecast import Line
from models.job import Job
from models.product import Product
from models.registry import DOCUMENTS
from models.sale import SalesRollup
from models.tenant import Tenant
from planning.findings import FindingKind
from planning.months import Month, add_months, month_in_zone, month_range
from planning.roles import Role
from services import findings
from services.findings import FindingFilter
from services.identity import Caller
from tests import factories
from tests.servers import running_mongod
from workflows.contracts import JobInput

DATABASE = "bench-findings"
CUSTOMERS, PRODUCTS, LISTED, BOUGHT, MONTHS_BOUGHT = 100_000, 2_000, 5, 2, 5
ROWS = 10_000
MORE_MEGABYTES = 400
READ_WITHIN = 3.0
SYLLABLES = ("ba", "ke", "lo", "mi", "nu", "ra", "sto", "tri", "ven", "wal", "zor", "pen", "dal", "fir", "gon", "hes")
KINDS = ("Trading", "Retail", "Stores", "Foods", "Holding", "Market")
FORMS = ("GmbH", "Ltd", "SA", "")
UNIT, PRICE = 1_000, 250_000_000


async def make(uri: str, customers: int) -> None:
    """Store the company, in a process of its own: what it takes is not what a look takes."""
    mongo = await _connect(uri, indexes=True)
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        await _make(customers)
    await mongo.close()


async def measure(uri: str) -> tuple[dict[str, float], dict[FindingKind, int], int]:
    """Seconds by step, findings by kind, and by how many megabytes the process grew while it looked."""
    mongo = await _connect(uri)
    tenants = await scoped(Tenant).distinct("_id")
    seconds: dict[str, float] = {}
    with tenant_scope(tenants[0]):
        before = _megabytes()
        for name in ("a look", "a second look"):
            began, worked = time.perf_counter(), time.process_time()
            result = await _look()
            seconds[name] = time.perf_counter() - began
            seconds[f"{name}, this process alone"] = time.process_time() - worked
        grown = _megabytes() - before
        await _read(tenants[0], seconds)
    await mongo.close()
    return seconds, {FindingKind(kind): one["count"] for kind, one in result.items()}, grown


async def _connect(uri: str, *, indexes: bool = False) -> Mongo:
    mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database=DATABASE))
    await mongo.start(DOCUMENTS, indexes=indexes)
    return mongo


async def _look() -> dict[str, dict[str, int]]:
    job = await findings.request()
    await run_findings(JobInput(tenant_id=current_tenant(), job_id=job.id, kind=findings.FINDINGS))
    done = await scoped(Job).get(job.id)
    kinds: dict[str, dict[str, int]] = (done.result or {})["kinds"]
    return kinds


async def _read(tenant_id: UUID, seconds: dict[str, float]) -> None:
    """Summary and the first and a late page of the largest kind."""
    caller = Caller(uuid4(), tenant_id, uuid4(), Role.MANAGER, frozenset(), "Max", "en")
    began = time.perf_counter()
    await findings.summary(caller, now())
    seconds["reading the summary"] = time.perf_counter() - began
    for name, skip in (("reading the first page", 0), ("reading page 1,000", 49_950)):
        window = Window(skip=skip, limit=50, sort=[("value", -1), ("_id", -1)])
        began = time.perf_counter()
        await findings.list_page(caller, FindingKind.MATRIX_WITHOUT_SALES, FindingFilter(), window, now())
        seconds[name] = time.perf_counter() - began


async def _make(customers: int) -> None:
    pick = random.Random(1)
    last = add_months(month_in_zone(now(), "Europe/London"), -1)
    months = month_range(add_months(last, -11), 12)
    await factories.complete(*months)
    products = [uuid4() for _ in range(PRODUCTS)]
    await _store(Product, (_product(id, at) for at, id in enumerate(products)))
    people = [uuid4() for _ in range(customers)]
    words = ["".join(pick.choices(SYLLABLES, k=3)).title() for _ in range(customers // 2)]
    await _store(Customer, (_customer(id, at, pick, words) for at, id in enumerate(people)))
    await _store(Assignment, (_assignment(id) for at, id in enumerate(people) if at % 10))
    lists = {id: [products[(at * 7 + n) % PRODUCTS] for n in range(LISTED)] for at, id in enumerate(people)}
    await _store(MatrixEntry, (_entry(id, product) for id, listed in lists.items() for product in listed))
    await _store(SalesRollup, _sales(lists, months))
    cycle = await _cycle(last)
    await _store(Line, (_line(cycle, id, listed[0]) for id, listed in lists.items()))


async def _store(model: type[PlanwrightDocument], rows: Iterator[RawDocument]) -> None:
    batch: list[RawDocument] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS:
            await scoped(model).insert_rows(batch)
            batch = []
    if batch:
        await scoped(model).insert_rows(batch)


def _product(id: UUID, at: int) -> RawDocument:
    """Every hundredth has no cost."""
    name = f"{SYLLABLES[at % 16]}{SYLLABLES[at // 16 % 16]} tea {at}"
    cost = None if at % 100 == 0 else Decimal128("1")
    stored = dump(Product(id=id, code=f"P-{at}", code_key=f"p-{at}", name=name, currency="EUR"))
    return stored | {"list_price": Decimal128("2.5"), "standard_cost": cost}


def _customer(id: UUID, at: int, pick: random.Random, words: list[str]) -> RawDocument:
    name = f"{pick.choice(words)} {pick.choice(KINDS)} {pick.choice(FORMS)}".strip()
    code = f"C-{at:06}"
    return dump(
        Customer(id=id, code=code, code_key=code.lower(), name=name, currency="EUR", search=search_words(code, name))
    )


def _assignment(customer_id: UUID) -> RawDocument:
    return dump(Assignment(user_id=customer_id, customer_id=customer_id, valid_from="2020-01-01"))


def _entry(customer_id: UUID, product_id: UUID) -> RawDocument:
    return dump(MatrixEntry(customer_id=customer_id, product_id=product_id))


def _sales(lists: dict[UUID, list[UUID]], months: tuple[Month, ...]) -> Iterator[RawDocument]:
    tenant = current_tenant()
    for customer, listed in lists.items():
        for product in listed[:BOUGHT]:
            for month in months[:MONTHS_BOUGHT]:
                yield {
                    "_id": {"t": tenant, "c": customer, "p": product, "m": month},
                    "customer_id": customer,
                    "product_id": product,
                    "month": month,
                    "quantity": 10 * UNIT,
                    "revenue": 25 * 10_000,
                    "lines": 1,
                    "claim": 1,
                }


async def _cycle(last: Month) -> Cycle:
    start = add_months(last, 2)
    cycle = Cycle(
        name="Bench",
        stage="entry",
        base_month=add_months(start, -1),
        start_month=start,
        horizon=16,
        months=list(month_range(start, 16)),
        mandatory_until=add_months(start, 11),
        opened_at=now(),
        entry_closes_at=now() + timedelta(days=10),
        closes_at=now() + timedelta(days=15),
        currency="EUR",
        time_zone="Europe/London",
    )
    return await scoped(Cycle).insert(cycle)


def _line(cycle: Cycle, customer_id: UUID, product_id: UUID) -> RawDocument:
    """Planned at 2.50, but for one month, in which the price was another one."""
    cells = [
        {
            "month": month,
            "quantity": 10 * UNIT,
            "value": 25 * 10_000,
            "price": PRICE + (at == 3),
            "price_source": "list",
            "rev": 0,
        }
        for at, month in enumerate(cycle.months)
    ]
    return {
        "_id": uuid4(),
        "cycle_id": cycle.id,
        "stream": "sales",
        "customer_id": customer_id,
        "product_id": product_id,
        "category": None,
        "active": True,
        "mandatory": True,
        "cells": cells,
    }


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _run_make(uri: str, customers: int) -> None:
    asyncio.run(make(uri, customers))


def main() -> bool:
    """Print it; whether memory and reading stayed below their limits."""
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else CUSTOMERS
    os.environ.update({"PLANWRIGHT_ENV": "dev", "JWT_SECRET": secrets.token_urlsafe(48)})
    load_settings.cache_clear()
    configure_logging("WARNING", "console")
    with running_mongod() as uri:
        making = multiprocessing.get_context("spawn").Process(target=_run_make, args=(uri, customers))
        making.start()
        making.join()
        seconds, counts, grown = asyncio.run(measure(uri))
    sold = customers * BOUGHT * MONTHS_BOUGHT
    table = Table("step", "seconds", title=f"Findings of {customers:,} customers, {sold:,} rollups: +{grown} MB")
    for step, took in seconds.items():
        table.add_row(step, f"{took:.2f}")
    for kind, count in counts.items():
        table.add_row(f"{kind} (count)", f"{count:,}")
    Console().print(table)
    reading = max(took for step, took in seconds.items() if step.startswith("reading"))
    return grown < MORE_MEGABYTES and reading < READ_WITHIN


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
