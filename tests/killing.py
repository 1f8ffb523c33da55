"""Imports and undos in a process of their own that is killed by SIGKILL, again and again, before one gets through.

python -m tests.killing URI DATABASE TENANT import|undo JOB BATCH_ROWS
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from uuid import UUID

from pydantic import SecretStr

import activities.imports
from activities.imports import run_import_job, undo_import_job
from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.mongo import Mongo
from core.settings import MongoSettings
from models.customer import Customer
from models.job import Job
from models.product import Product
from models.registry import DOCUMENTS
from models.sale import OrderRollup, SaleLine, SalesRollup
from services import rollups, undo
from tests import factories
from tests.eventually import eventually
from tests.imported import accepted, imported

HEADER = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price"
CUSTOMERS, PRODUCTS, LINES_PER_INVOICE = 40, 60, 5
BEFORE = 10
"""One line in so many is there before the import, and most of these say something else."""
WRONG = 97
"""One line in so many names a customer that nobody knows."""
PATIENCE = 120.0

Done = Callable[[], Awaitable[bool]]
Lines = Sequence[str]


@dataclass(frozen=True, slots=True)
class Server:
    """Where the child finds the database."""

    uri: str
    database: str
    batch_rows: int


def before_lines(rows: int) -> Lines:
    """What is there before."""
    return [_line(at, 1 + at // BEFORE % 2) for at in range(0, rows, BEFORE)]


def file_lines(rows: int) -> Lines:
    """The file: new lines, changed ones, ones that stay, and wrong ones."""
    return [_line(at, 2 if at % BEFORE == 0 else 3) for at in range(rows)]


def _line(at: int, quantity: int) -> str:
    invoice, line = divmod(at, LINES_PER_INVOICE)
    customer = "NOBODY" if at % WRONG == 1 else f"C{invoice % CUSTOMERS:03}"
    day = f"2026-{1 + invoice % 6:02}-{1 + invoice % 28:02}"
    return f"I{invoice:06},P{at % PRODUCTS:03},{line + 1},{customer},{day},{quantity},{1 + at % 9}.5"


async def make_company(rows: int) -> None:
    """Masters, and the lines that are there before, in the tenant in context."""
    for number in range(CUSTOMERS):
        await factories.make_customer(f"C{number:03}")
    for number in range(PRODUCTS):
        await factories.make_product(f"P{number:03}")
    await imported("sales", HEADER, *before_lines(rows))
    await rollups.refresh()


async def contents() -> dict[str, Any]:
    """Lines and rollups as they can be compared between companies, once the rollups are computed."""
    await rollups.refresh()
    codes = {
        row["_id"]: row["code"] for model in (Customer, Product) for row in await scoped(model).rows({}, {"code": 1})
    }
    hidden = {"_id", "tenant_id", "import_id", "rev", "claim"}
    found: dict[str, Any] = {}
    for model in (SaleLine, SalesRollup, OrderRollup):
        rows = await scoped(model).rows()
        shown = [
            {k: codes.get(v, v) if k.endswith("_id") else v for k, v in row.items() if k not in hidden} for row in rows
        ]
        found[model.Settings.name] = sorted(map(repr, shown))
    return found


async def killed_import(server: Server, tenant_id: UUID, rows: int, kills: int, chance: Random) -> Job:
    """Import the file, killed so often at random moments; the job at its end."""
    job = await accepted("sales", HEADER, *file_lines(rows))
    begin, end = await scoped(SaleLine).count(), rows - rows // WRONG
    for target in sorted(chance.randrange(begin, end) for _ in range(kills)):
        await _run_until(server, tenant_id, "import", job.id, _count_at_least(target))
    await run_import_job(job.id)
    return await scoped(Job).get(job.id)


async def killed_undo(server: Server, tenant_id: UUID, import_id: UUID, kills: int, chance: Random) -> Job:
    """Undo the import, killed so often at random moments; the job of the undo at its end."""
    job = await undo.request(import_id, now())
    begin = await scoped(SaleLine).count()
    left = begin - job.params["planned"]["removed"]
    for target in sorted((chance.randrange(left, begin) for _ in range(kills)), reverse=True):
        await _run_until(server, tenant_id, "undo", job.id, _count_at_most(target))
    await undo_import_job(job.id)
    return await scoped(Job).get(job.id)


def _count_at_least(target: int) -> Done:
    async def check() -> bool:
        return await scoped(SaleLine).count() >= target

    return check


def _count_at_most(target: int) -> Done:
    async def check() -> bool:
        return await scoped(SaleLine).count() <= target

    return check


async def _run_until(server: Server, tenant_id: UUID, what: str, job_id: UUID, done: Done) -> None:
    """Run it in a child and kill that as soon as the database says so, or when it has ended by itself."""
    arguments = (server.uri, server.database, str(tenant_id), what, str(job_id), str(server.batch_rows))
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.killing", *arguments)

    async def reached() -> bool:
        return child.returncode is not None or await done()

    try:
        await eventually(reached, within=PATIENCE)
    finally:
        if child.returncode is None:
            os.kill(child.pid, signal.SIGKILL)
        await child.wait()


async def _child(uri: str, database: str, tenant_id: str, what: str, job_id: str, batch_rows: str) -> None:
    activities.imports.LIMITS = replace(activities.imports.LIMITS, batch_rows=int(batch_rows))
    mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database=database))
    await mongo.start(DOCUMENTS)
    with tenant_scope(UUID(tenant_id)):
        await (run_import_job if what == "import" else undo_import_job)(UUID(job_id))
    await mongo.close()


if __name__ == "__main__":
    asyncio.run(_child(*sys.argv[1:]))
