"""The Online Retail file as its owner would send it, once as `.csv` and once as `.xlsx`: both give the same.

    python -m bench.retail_files [FILE]

Each goes into a company of its own with the same customers and products. The workbook is made here, with numbers as
numbers and times as times. Held against each other are what became of the rows, every error, the columns that titles
were taken for, and then lines, rollups and the statistics of every dimension. Printed is how long each import took.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import os
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import xlsxwriter
from pydantic import SecretStr

from activities.imports import run_import_job
from bench.load_retail import data_file
from bench.sales_statistics import AT, DIMENSIONS, FIRST, LAST, vary
from core.collections import scoped
from core.context import tenant_scope
from core.mongo import Mongo
from core.settings import MongoSettings
from core.uploads import FileKind
from models.customer import Customer
from models.job import Job
from models.product import Product
from models.registry import DOCUMENTS
from models.sale import OrderRollup, SaleLine, SalesRollup
from planning.roles import Role
from planning.sales_statistics import Dimension
from reports.sales_statistics import statistics
from seed import retail
from seed.retail_classes import CURRENCY
from services import files, imports, rollups, tenants
from services.identity import Caller
from services.import_kinds.tables import ImportKind
from services.sales_questions import Asked, question_of
from tests.servers import running_mongod

OWN = frozenset({"_id", "tenant_id", "id", "key", "claim", "import_id", "created_at", "updated_at"})
"""What differs from company to company."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a file made of a company. Stored documents are told by their hashes."""

    counts: Mapping[str, Any]
    columns: list[tuple[Any, ...]]
    errors: list[tuple[Any, ...]]
    stored: Mapping[str, set[bytes]]
    statistics: Mapping[str, Any]
    seconds: float

    def differences(self, other: Outcome) -> list[str]:
        """In what the two differ."""
        names = ("counts", "columns", "errors", "statistics")
        found = [name for name in names if getattr(self, name) != getattr(other, name)]
        apart = {name: mine ^ other.stored[name] for name, mine in self.stored.items()}
        return found + [f"{len(some):,} of {name}" for name, some in apart.items() if some]


def write_csv(source: Path, path: Path) -> None:
    """The file unpacked."""
    with gzip.open(source, "rt", encoding="utf-8", newline="") as rows, path.open("w", encoding="utf-8") as file:
        file.writelines(rows)


def write_workbook(source: Path, path: Path) -> None:
    """The rows of a csv as a workbook: what looks like a number is one, as Excel makes it, and times are times."""
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_formulas": False})
    when = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    sheet = book.add_worksheet("Online Retail")
    with source.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        sheet.write_row(0, 0, header)
        day, text = header.index("InvoiceDate"), header.index("Description")
        for at, row in enumerate(rows, start=1):
            for place, cell in enumerate(row):
                if place == day:
                    sheet.write_datetime(at, place, datetime.fromisoformat(cell), when)
                elif place != text and _is_number(cell):
                    sheet.write_number(at, place, float(cell))
                elif cell:
                    sheet.write_string(at, place, cell)
    book.close()


def _is_number(cell: str) -> bool:
    """Not so a code that would lose zeros or become another one (`1E5`)."""
    digits = cell.removeprefix("-").replace(".", "", 1)
    return digits.isdecimal() and (digits == "0" or not digits.startswith("0") or "." in cell)


async def outcome(source: Path, path: Path, kind: FileKind, asked: Collection[Dimension]) -> Outcome:
    """Import the file at `path` into a fresh company that has the customers and products of `source`."""
    slug = f"retail-{uuid4().hex[:8]}"
    tenant = await tenants.create_tenant(slug, f"Online Retail as {kind}", base_currency=CURRENCY)
    with tenant_scope(tenant.id):
        await retail.load_masters(source, slug)
        await vary()
        begin = time.perf_counter()
        stored = await files.store(path, name=path.name, content_type=imports.CONTENT_TYPES[kind])
        job = await imports.accept(stored, kind=ImportKind.SALES, file_kind=kind, complete_until="2011-11")
        await run_import_job(job.id)
        seconds = time.perf_counter() - begin
        while await rollups.refresh():
            pass
        ended = await scoped(Job).get(job.id)
        if ended.result is None:
            raise RuntimeError(f"The import ended as {ended.state}: {ended.error}")
        return Outcome(
            counts=ended.result,
            columns=[(one["position"], one["column"], one["how"]) for one in (ended.layout or {})["columns"]],
            errors=[(one["row"], one["column"], one["expected"]) for one in ended.findings],
            stored=await _stored(),
            statistics={by: _plain(await _statistics(tenant.id, by)) for by in asked},
            seconds=seconds,
        )


async def _stored() -> dict[str, set[bytes]]:
    """Hashes of all lines and rollups, with codes in place of ids."""
    codes = {
        row["_id"]: row["code"] for model in (Customer, Product) for row in await scoped(model).rows({}, {"code": 1})
    }
    found: dict[str, set[bytes]] = {}
    for model in (SaleLine, SalesRollup, OrderRollup):
        hashes = found[model.Settings.name] = set()
        async for row in scoped(model).find(batch_size=10_000):
            said = {name: codes.get(value, value) if isinstance(value, UUID) else value for name, value in row.items()}
            plain = sorted((name, value) for name, value in said.items() if name not in OWN)
            hashes.add(blake2b(repr(plain).encode(), digest_size=16).digest())
    return found


async def _statistics(tenant_id: UUID, by: Dimension) -> Any:
    caller = Caller(uuid4(), tenant_id, uuid4(), Role.ADMIN, frozenset(), "Ada", "en")
    asked = Asked(by, from_month=FIRST, to_month=LAST, top=1_000_000)
    return await statistics(await question_of(caller, asked, AT))


def _plain(node: Any) -> Any:
    """An answer without ids; rows that are equally large come in the order of their codes in both."""
    if isinstance(node, Mapping):
        return {name: _plain(value) for name, value in node.items() if name not in OWN}
    return [_plain(one) for one in node] if isinstance(node, list) else node


async def both(source: Path, directory: Path, asked: Collection[Dimension] = DIMENSIONS) -> tuple[Outcome, Outcome]:
    """What the file makes of a company as `.csv`, and as `.xlsx`."""
    sheet, book = directory / "Online Retail.csv", directory / "Online Retail.xlsx"
    write_csv(source, sheet)
    write_workbook(sheet, book)
    return await outcome(source, sheet, "csv", asked), await outcome(source, book, "xlsx", asked)


async def main(path: Path) -> bool:
    """Print what both took; whether they are the same."""
    with running_mongod() as uri, tempfile.TemporaryDirectory(prefix="planwright-bench-") as directory:
        mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database="bench-retail-files"))
        await mongo.start(DOCUMENTS, indexes=True)
        as_csv, as_xlsx = await both(path, Path(directory))
        await mongo.close()
    inserted, rejected = (as_csv.counts[name] for name in ("inserted", "rejected"))
    print(f"{inserted:,} lines, {rejected:,} rejected rows: .csv {as_csv.seconds:.1f} s, .xlsx {as_xlsx.seconds:.1f} s")
    found = as_csv.differences(as_xlsx)
    print(f"differences: {', '.join(found) or 'none'}")
    return not found


if __name__ == "__main__":
    os.environ.setdefault("JWT_SECRET", "only-for-measuring-9f2c7b1e4d8a6035-kqzv")
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else data_file()
    if not file.is_file():
        sys.exit(f"The Online Retail data is not at {file}; set PLANWRIGHT_DATA.")
    sys.exit(0 if asyncio.run(main(file)) else 1)
