"""What the import of a forecast workbook costs, against a floor measured in the same run.

10,000 lines x 16 months, of 100 customers, laid out and prefilled as an opening leaves them, with a year of history
behind every line. The workbook is our own wide export with another number in every cell. The floor reads the same
workbook with python-calamine and upserts the lines as they are afterwards, ready made, into an empty collection with
the same indexes, on the same server. Product and floor take turns, and the median of the ratios counts.

    python -m bench.forecast_files [CUSTOMERS]
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import openpyxl
from pydantic import SecretStr
from pymongo import ReplaceOne
from python_calamine import CalamineWorkbook
from rich.console import Console
from rich.table import Table

from activities.imports import run_import_job
from core.collections import dump, scoped, scoped_binary
from core.context import acting_as, tenant_scope
from core.garbage import collect_seldom
from core.mongo import Mongo
from core.settings import MongoSettings
from models.customer import Customer, MatrixEntry
from models.cycle import Cycle
from models.forecast import Line
from models.job import Job
from models.product import Product
from models.registry import DOCUMENTS
from models.sale import SalesRollup
from planning.access import Actor, Scope
from planning.months import month_range
from planning.roles import Role
from reports.filled import open_file
from services import exports, files, imports
from services.exports import Wanted
from services.forecast_options import ForecastOptions
from services.import_kinds.tables import ImportKind
from tests import factories
from tests.companies import DURING_ENTRY, open_cycle
from tests.servers import running_mongod

CUSTOMERS, LINES, MONTHS = 100, 100, 16
ROUNDS = 5
MAX_RATIO = 2.5
BATCH = 5_000
DATABASE = "bench-forecast-files"
HISTORY = month_range("2025-12", 12)


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of one round."""

    exporting: float
    untouched: float
    importing: float
    reading: float
    writing: float


async def main(customers: int) -> bool:
    """Measure and print; whether the ratio keeps within its limit."""
    with running_mongod() as uri, tempfile.TemporaryDirectory(prefix="planwright-bench-") as directory:
        mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database=DATABASE))
        await mongo.start(DOCUMENTS, indexes=True)
        with tenant_scope((await factories.make_tenant()).id):
            manager = await factories.make_user("manager")
            with acting_as(manager.id):
                ratio = await _measure(mongo, Path(directory), customers)
        await mongo.close()
    return ratio <= MAX_RATIO


async def _measure(mongo: Mongo, directory: Path, customers: int) -> float:
    cycle = await _make_company(customers)
    collect_seldom()  # as a worker does
    rounds = [await _round(mongo, directory, cycle, customers * LINES * MONTHS, number) for number in range(ROUNDS)]
    ratio = statistics.median(one.importing / (one.reading + one.writing) for one in rounds)
    table = Table("lines x months", "export s", "untouched s", "import s", "calamine s", "raw upsert s", "ratio")
    shown = (f"{statistics.median(seconds):.2f}" for seconds in zip(*map(astuple, rounds), strict=True))
    table.add_row(f"{customers * LINES:,} x {MONTHS}", *shown, f"{ratio:.2f}")
    Console().print(table)
    return ratio


async def _round(mongo: Mongo, directory: Path, cycle: Cycle, cells: int, number: int) -> Round:
    path, changed = directory / f"plan{number}.xlsx", directory / f"changed{number}.xlsx"
    wanted = Wanted(ImportKind.FORECASTS, layout="wide")
    begin = time.perf_counter()
    await exports.write(path, wanted, Actor(Role.MANAGER), Scope(True), open_file, _ignore)
    exporting = time.perf_counter() - begin
    await asyncio.to_thread(_change_every_cell, path, changed, number)
    untouched = await _import(path, {"unchanged": cells}, cycle)
    importing = await _import(changed, {"saved": cells}, cycle)
    begin = time.perf_counter()
    CalamineWorkbook.from_path(str(changed)).get_sheet_by_index(0).to_python()
    reading = time.perf_counter() - begin
    return Round(exporting, untouched, importing, reading, await _upsert_all(mongo))


async def _make_company(customers: int) -> Cycle:
    products = [_product(at) for at in range(LINES)]
    await scoped(Product).insert_rows([dump(one) for one in products])
    for number in range(customers):
        code = f"C{number:04}"
        values = {"code": code, "code_key": code.casefold(), "name": f"Customer {code}", "currency": "EUR"}
        customer = await scoped(Customer).insert(Customer(**values))
        entries = [MatrixEntry(customer_id=customer.id, product_id=product.id) for product in products]
        await scoped(MatrixEntry).insert_rows([dump(one) for one in entries])
        await scoped(SalesRollup).insert_rows(
            [
                {"_id": uuid4(), "customer_id": customer.id, "product_id": product.id, "month": month,
                 "quantity": 10_000, "revenue": 250_000, "lines": 1, "claim": 1}
                for product in products
                for month in HISTORY
            ]
        )  # fmt: skip
    await factories.complete(*HISTORY)
    return await open_cycle()


def _product(number: int) -> Product:
    code = f"P{number:04}"
    values: dict[str, Any] = {"code": code, "code_key": code.casefold(), "name": f"Product {code}", "currency": "EUR"}
    return Product(**values, list_price="2.50")


def _change_every_cell(path: Path, into: Path, round_number: int) -> None:
    book = openpyxl.load_workbook(path)
    page = book.worksheets[0]
    titles = [cell.value for cell in page[1]]
    first = titles.index("2027-01")
    for number, row in enumerate(page.iter_rows(min_row=2, min_col=first + 1, max_col=first + MONTHS)):
        for at, cell in enumerate(row):
            cell.value = 20 + 1_000 * round_number + (number * 7 + at) % 500
    book.save(into)


async def _import(path: Path, expected: dict[str, int], cycle: Cycle) -> float:
    stored = await files.store(path, name="plan.xlsx", content_type=imports.CONTENT_TYPES["xlsx"])
    options = ForecastOptions(cycle.id)
    job_id: UUID = (
        await imports.accept(
            stored, kind=ImportKind.FORECASTS, file_kind="xlsx", options=options, received_at=DURING_ENTRY
        )
    ).id
    begin = time.perf_counter()
    await run_import_job(job_id)
    seconds = time.perf_counter() - begin
    job = await scoped(Job).get(job_id)
    told = {name: count for name, count in (job.result or {}).get("cells", {}).items() if count}
    if told != expected:
        raise RuntimeError(f"The import did not do as expected: {job.state}, {job.error}, {job.result}")
    return seconds


async def _upsert_all(mongo: Mongo) -> float:
    """Seconds of the raw upserts of every line, into an empty collection with the indexes of `lines`."""
    door = scoped_binary(Line)
    into = mongo.database.get_collection("lines_floor", codec_options=door.raw.codec_options)
    await into.drop()
    await into.create_indexes(Line.Settings.indexes)
    documents = await door.rows(batch_size=BATCH)
    begin = time.perf_counter()
    for start in range(0, len(documents), BATCH):
        part = documents[start : start + BATCH]
        await into.bulk_write([ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in part], ordered=False)
    return time.perf_counter() - begin


async def _ignore(_: int) -> None:
    """Progress that nobody polls."""


if __name__ == "__main__":
    os.environ.setdefault("JWT_SECRET", "only-for-measuring-9f2c7b1e4d8a6035-kqzv")
    sys.exit(0 if asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else CUSTOMERS)) else 1)
