"""What an import of sales lines costs, against a floor measured in the same run, and how much memory it takes.

The floor reads the same workbook with python-calamine and upserts the same documents, ready made, into an empty
collection with the same indexes, on the same server. Time to make or fetch the documents is not counted. Each size is
imported by a process of its own, so that its peak is its own.

    python -m bench.imports [ROWS ...]
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import xlsxwriter
from pydantic import SecretStr
from pymongo import ReplaceOne
from python_calamine import CalamineWorkbook
from rich.console import Console
from rich.table import Table

from activities.imports import run_import_job
from core.collections import scoped, scoped_binary
from core.context import tenant_scope
from core.garbage import collect_seldom
from core.mongo import Mongo
from core.settings import MongoSettings
from models.job import Job
from models.registry import DOCUMENTS
from models.sale import SaleLine
from services import files, imports
from services.import_kinds.tables import ImportKind
from tests import factories
from tests.servers import running_mongod

SIZES = (10_000, 100_000, 500_000)
JUDGED = 100_000
"""The size whose ratio is held against the limit."""
MAX_RATIO = 2.0
CUSTOMERS, PRODUCTS, LINES_PER_INVOICE = 300, 500, 5
BATCH = 5_000
DATABASE = "bench-imports"
TITLES = (
    "Invoice", "Item code", "Line number", "Customer code", "Invoice date", "Quantity", "Unit price", "Net revenue",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """One size: seconds of the import and of the floor's two parts; peak memory of importer and reader in MB."""

    rows: int
    seconds: float
    reading: float
    writing: float
    peak: float
    reader_peak: float

    @property
    def ratio(self) -> float:
        return self.seconds / (self.reading + self.writing)


def main(sizes: tuple[int, ...]) -> bool:
    """Measure and print; whether the ratio keeps within its limit."""
    with running_mongod() as uri:
        found = [_in_its_own_process(uri, rows) for rows in sizes]
    table = Table("rows", "import s", "calamine s", "raw upsert s", "ratio", "importer MB", "reader MB")
    for one in found:
        seconds = (f"{value:.1f}" for value in (one.seconds, one.reading, one.writing))
        table.add_row(f"{one.rows:,}", *seconds, f"{one.ratio:.2f}", f"{one.peak:.0f}", f"{one.reader_peak:.0f}")
    Console().print(table)
    return all(one.ratio <= MAX_RATIO for one in found if one.rows == JUDGED)


def _in_its_own_process(uri: str, rows: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="planwright-bench-") as directory:
        path = Path(directory) / "sales.xlsx"
        write_workbook(path, rows)
        command = [sys.executable, "-m", "bench.imports", "--child", uri, str(path), str(rows)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Figures(**json.loads(told.splitlines()[-1]))


def write_workbook(path: Path, rows: int) -> None:
    """Sales lines of 24 months, five to an invoice; the same for the same number."""
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet("Sales")
    sheet.write_row(0, 0, TITLES)
    for at in range(rows):
        invoice, line = divmod(at, LINES_PER_INVOICE)
        quantity, cents = 1 + at % 40, 100 + at * 7919 % 9_900
        sheet.write_row(at + 1, 0, (f"I{invoice:07}", f"P{at * 31 % PRODUCTS:04}", line + 1))
        sheet.write_string(at + 1, 3, f"C{invoice % CUSTOMERS:04}")
        sheet.write_number(at + 1, 4, 45_658 + invoice % 700, day)
        sheet.write_row(at + 1, 5, (quantity, cents / 100, quantity * cents / 100))
    book.close()


async def _child(uri: str, path: Path, rows: int) -> Figures:
    mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database=DATABASE))
    await mongo.start(DOCUMENTS, indexes=True)
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        for number in range(CUSTOMERS):
            await factories.make_customer(f"C{number:04}")
        for number in range(PRODUCTS):
            await factories.make_product(f"P{number:04}")
        seconds = await _import(path, rows)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        reader_peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
        begin = time.perf_counter()
        CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
        reading = time.perf_counter() - begin
        writing = await _upsert_all(mongo)
    await mongo.close()
    return Figures(rows, seconds, reading, writing, peak, reader_peak)


async def _import(path: Path, rows: int) -> float:
    stored = await files.store(path, name="sales.xlsx", content_type=imports.CONTENT_TYPES["xlsx"])
    job_id: UUID = (await imports.accept(stored, kind=ImportKind.SALES, file_kind="xlsx")).id
    collect_seldom()  # as a worker does
    begin = time.perf_counter()
    await run_import_job(job_id)
    seconds = time.perf_counter() - begin
    job = await scoped(Job).get(job_id)
    if job.result is None or job.result["inserted"] != rows:
        raise RuntimeError(f"The import did not take all rows: {job.state}, {job.error}, {job.findings[:3]}")
    return seconds


async def _upsert_all(mongo: Mongo) -> float:
    """Seconds of the raw upserts of every line, into an empty collection with the indexes of `sales`."""
    door = scoped_binary(SaleLine)
    into = mongo.database.get_collection("sales_floor", codec_options=door.raw.codec_options)
    await into.drop()
    await into.create_indexes(SaleLine.Settings.indexes)
    seconds = 0.0
    batch: list[dict[str, Any]] = []

    async def write() -> float:
        begin = time.perf_counter()
        await into.bulk_write([ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in batch], ordered=False)
        return time.perf_counter() - begin

    async for document in door.find(batch_size=BATCH):
        batch.append(document)
        if len(batch) == BATCH:
            seconds += await write()
            batch = []
    return seconds + (await write() if batch else 0.0)


if __name__ == "__main__":
    os.environ.setdefault("JWT_SECRET", "only-for-measuring-9f2c7b1e4d8a6035-kqzv")
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(asdict(asyncio.run(_child(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))))))
        sys.exit(0)
    sys.exit(0 if main(tuple(map(int, sys.argv[1:])) or SIZES) else 1)
