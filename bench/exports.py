"""What an export of 100,000 sales lines costs, against a floor measured in the same run, and how much memory it takes.

The floor writes the same cells, ready made in memory, with xlsxwriter's constant_memory and the same formats: no
database, no limits, no cleaning of texts, no lists or comments. The export is the whole job: reading, writing, storing
the file. Floor and export take turns, and the medians are compared. The peaks of memory are those of processes of their
own that export 10,000, 100,000 and 500,000 lines: once the file is written, and at the end. What comes between is the
database driver, which holds back up to 48 MB of a file before it sends them; that is a fixed amount, too.

    python -m bench.exports
"""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import xlsxwriter
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from core.collections import as_binary, scoped, scoped_binary
from core.context import acting_as, tenant_scope
from core.mongo import Mongo
from core.settings import MongoSettings
from core.sheets import FileFormat, FileTable
from models.customer import Customer
from models.job import Job
from models.product import Product
from models.registry import DOCUMENTS
from models.sale import SaleLine
from models.user import User
from planning.access import Scope
from planning.roles import Role
from reports.filled import open_file
from reports.workbooks import FORMATS, WHOLE_QUANTITY
from services import exports, jobs
from services.exporting.base import Asked
from services.exporting.sales_lines import SalesSource
from services.import_kinds.tables import TABLES, Column, ImportKind
from tests import factories
from tests.servers import running_mongod

DATABASE = "bench-exports"
ROWS = 100_000
ROUNDS = 3
SIZES = (10_000, 100_000, 500_000)
MAX_RATIO = 1.2
MAX_GROWTH_MEGABYTES = 20.0
CUSTOMERS, PRODUCTS = 500, 2_000
BATCH = 10_000
COLUMNS = [column for column in TABLES[ImportKind.SALES].columns if column.stored]


async def main() -> bool:
    """Print the figures; whether they keep within the limits."""
    console = Console()
    with running_mongod() as uri:
        mongo = await _connected(uri)
        tenants = {size: await _company(size) for size in SIZES}
        ratio = await _ratio(tenants[ROWS], console)
        await mongo.close()
        grown = _memory(uri, tenants, console)
    return ratio <= MAX_RATIO and grown <= MAX_GROWTH_MEGABYTES


async def _connected(uri: str) -> Mongo:
    mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database=DATABASE))
    await mongo.start(DOCUMENTS, indexes=True)
    return mongo


async def _company(lines: int) -> UUID:
    """A tenant with an admin and so many sales lines over two years."""
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        await factories.make_user(Role.ADMIN)
        customers = [(await factories.make_customer(f"C{n:05}")).id for n in range(CUSTOMERS)]
        products = [(await factories.make_product(f"{n:05}A")).id for n in range(PRODUCTS)]
        for start in range(0, lines, BATCH):
            rows = [_line(n, customers, products) for n in range(start, min(start + BATCH, lines))]
            await scoped_binary(SaleLine).insert_rows(rows)
    return tenant.id


def _line(n: int, customers: Sequence[UUID], products: Sequence[UUID]) -> dict[str, Any]:
    day = date(2025 + n % 2, n // 7 % 12 + 1, n % 28 + 1).isoformat()
    return {
        "_id": as_binary(uuid4()),
        "invoice": f"{536_000 + n // 4}",
        "line_number": n % 4 + 1,
        "customer_id": as_binary(customers[n * 7 % CUSTOMERS]),
        "product_id": as_binary(products[n * 13 % PRODUCTS]),
        "invoice_date": day,
        "month": day[:7],
        "line_type": "sale",
        "quantity": (n % 400 + 1) * 250,
        "unit_price": (n % 9_000 + 1) * 1_000_000,
        "net_revenue": (n % 90_000 + 1) * 37,
        "currency": "EUR",
        "source": "file",
        "rev": 1,
    }


async def _ratio(tenant_id: UUID, console: Console) -> float:
    with tenant_scope(tenant_id):
        cells = await _cells()
        took: dict[str, list[float]] = {"floor": [], "export": []}
        for _ in range(ROUNDS):
            took["floor"].append(_floor(cells))
            took["export"].append((await _export(ROWS))[0])
        assert await scoped(Customer).count() == CUSTOMERS
        assert await scoped(Product).count() == PRODUCTS
    floor, export = (statistics.median(took[name]) for name in ("floor", "export"))
    console.print(
        f"export of {ROWS:,} rows x {len(COLUMNS)} columns {export:.1f} s, xlsxwriter alone {floor:.1f} s: "
        f"ratio {export / floor:.2f} (at most {MAX_RATIO})"
    )
    return export / floor


async def _cells() -> list[list[Any]]:
    """All rows as the floor writes them: texts, numbers, and dates as dates."""
    source = SalesSource(Asked(Scope(all_customers=True)))
    await source.prepare()
    rows: list[list[Any]] = []
    async for columns in source.columns(COLUMNS):
        rows += [
            [_cell(column, value) for column, value in zip(COLUMNS, row, strict=True)]
            for row in zip(*columns, strict=True)
        ]
    return rows


def _cell(column: Column, value: Any) -> Any:
    return date.fromisoformat(value) if column.shown == "date" and value is not None else value


def _floor(rows: list[list[Any]]) -> float:
    with TemporaryDirectory() as directory:
        begin = time.perf_counter()
        book = xlsxwriter.Workbook(str(Path(directory) / "floor.xlsx"), {"constant_memory": True})
        page = book.add_worksheet()
        formats = [book.add_format({"num_format": FORMATS.get(column.shown, "@")}) for column in COLUMNS]
        whole = book.add_format({"num_format": WHOLE_QUANTITY})
        page.write_row(0, 0, [column.name for column in COLUMNS])
        for at, row in enumerate(rows, start=1):
            for place, value in enumerate(row):
                if isinstance(value, str):
                    page.write_string(at, place, value, formats[place])
                elif isinstance(value, date):
                    page.write_datetime(at, place, value, formats[place])
                elif value is not None:
                    is_whole = COLUMNS[place].shown == "quantity" and isinstance(value, int)
                    page.write_number(at, place, value, whole if is_whole else formats[place])
        book.close()
        return time.perf_counter() - begin


async def _export(rows: int, opening: exports.OpenFile = open_file) -> tuple[float, int]:
    """(seconds, bytes) of a whole export job."""
    admin = await scoped(User).row({"role": "admin"}, {"_id": 1})
    assert admin is not None
    with acting_as(admin["_id"]):
        params = {"kind": "sales", "format": "xlsx", "layout": "long", "filters": {}, "rows": rows}
        job = await jobs.create(exports.EXPORT, params)
        begin = time.perf_counter()
        await exports.run(job.id, opening)
        seconds = time.perf_counter() - begin
    ended = await scoped(Job).get(job.id)
    assert ended.result is not None
    assert ended.result["rows"] == rows
    return seconds, ended.result["file"]["size"]


def _memory(uri: str, tenants: dict[int, UUID], console: Console) -> float:
    """Megabytes by which writing the largest export needs more than writing the smallest."""
    table = Table("rows", "file MB", "seconds", "peak MB, written", "peak MB, stored", title="Memory of one export")
    peaks = []
    for size, tenant_id in tenants.items():
        command = [sys.executable, "-m", "bench.exports", uri, str(tenant_id), str(size)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        seconds, file_bytes, written, stored = map(float, said)
        figures = (f"{file_bytes / 1e6:.1f}", f"{seconds:.1f}", f"{written:.0f}", f"{stored:.0f}")
        table.add_row(f"{size:,}", *figures)
        peaks.append(written)
    console.print(table)
    grown = peaks[-1] - peaks[0]
    console.print(f"writing the largest needs {grown:.0f} MB more (at most {MAX_GROWTH_MEGABYTES:.0f})")
    return grown


async def _alone(uri: str, tenant_id: str, size: str) -> None:
    """One export in this process; prints seconds, bytes and the peaks of memory in MB, after writing and at the end."""
    mongo = await _connected(uri)
    written: list[float] = []

    class Watched:
        """The file; notes the peak when it is closed."""

        def __init__(self, path: Path, file_format: FileFormat, table: FileTable) -> None:
            self.file = open_file(path, file_format, table)
            self.write = self.file.write

        def close(self) -> None:
            self.file.close()
            written.append(_peak_megabytes())

    with tenant_scope(UUID(tenant_id)):
        seconds, file_bytes = await _export(int(size), Watched)
    await mongo.close()
    print(seconds, file_bytes, written[0], _peak_megabytes())


def _peak_megabytes() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    os.environ.setdefault("JWT_SECRET", "only-for-measuring-9f2c7b1e4d8a6035-kqzv")
    if len(sys.argv) > 1:
        asyncio.run(_alone(*sys.argv[1:]))
    else:
        sys.exit(0 if asyncio.run(main()) else 1)
