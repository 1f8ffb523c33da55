"""Exporting in tests, and bringing files back: through the stored file and the reader process, as a worker does it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl

from activities.imports import run_import_job
from core.collections import scoped
from core.context import current_tenant
from core.sheets import FileFormat
from models.job import Job
from planning.access import Actor, Scope
from planning.roles import Role
from reports.filled import open_file
from reports.workbooks import Column as TextColumn
from reports.workbooks import SheetSpec, write_xlsx
from services import exports, files, imports
from services.exports import Wanted
from services.import_kinds.tables import TABLES, Column, ImportKind, KindTable

ADMIN = Actor(Role.ADMIN)
ALL = Scope(all_customers=True)

FILLED_BEFORE = (
    ImportKind.USERS,
    ImportKind.CUSTOMERS,
    ImportKind.PRODUCTS,
)
"""The kinds that others name, in the order in which they can be filled."""


async def exported(
    kind: ImportKind, file_format: FileFormat = "xlsx", *, actor: Actor = ADMIN, scope: Scope = ALL, **wanted: Any
) -> bytes:
    """The file of an export."""

    async def ignore(_: int) -> None:
        return None

    with TemporaryDirectory() as directory:
        path = Path(directory) / "file"
        await exports.write(path, Wanted(kind, file_format, **wanted), actor, scope, open_file, ignore)
        return path.read_bytes()


async def brought_back(kind: ImportKind, content: bytes, file_format: FileFormat = "xlsx", **options: Any) -> Job:
    """A finished import of these bytes."""
    stored = await files.store(content, name=f"{kind}.{file_format}", content_type=imports.CONTENT_TYPES[file_format])
    job = await imports.accept(stored, kind=kind, file_kind=file_format, **options)
    await run_import_job(job.id)
    return await scoped(Job).get(job.id)


async def fill(kind: ImportKind) -> Job:
    """Import the examples of a kind, after those that it may name."""
    for before in FILLED_BEFORE:
        if before != kind:
            await brought_back(before, examples_of(TABLES[before]), "csv")
    return await brought_back(kind, examples_of(TABLES[kind]), "csv")


def examples_of(table: KindTable) -> bytes:
    """A csv of the examples that the table's columns show; addresses are the tenant's own, because each signs in to one
    company only."""
    rows = [[column.examples[at] for column in table.columns] for at in range(2)]
    text = csv_of([[column.name for column in table.columns], *rows])
    return text.replace(b"@acme.", f"@{current_tenant()}.".encode())


def csv_of(rows: Sequence[Sequence[str]]) -> bytes:
    """The rows as a csv."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def workbook_of(rows: Sequence[Sequence[str]]) -> bytes:
    """The rows as a workbook of texts."""
    buffer = io.BytesIO()
    write_xlsx(buffer, [SheetSpec("Table", [TextColumn(title) for title in rows[0]], rows[1:])])
    return buffer.getvalue()


def cells_of(content: bytes) -> list[list[Any]]:
    """The cells of a workbook's first sheet, the titles first."""
    page = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    return [list(row) for row in page.iter_rows(values_only=True)]


def with_cell(content: bytes, column: Column, file_format: FileFormat = "xlsx") -> bytes:
    """The file with another value in the first cell of this column that holds one, saved by another program."""
    if file_format == "csv":
        rows: list[list[Any]] = [*csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))]
        row, at = _place(rows, column)
        rows[row][at] = str(another(column, rows[row][at]))
        return csv_of(rows)
    book = openpyxl.load_workbook(io.BytesIO(content))
    page = book.worksheets[0]
    row, at = _place([list(cells) for cells in page.iter_rows(values_only=True)], column)
    cell = page.cell(row + 1, at + 1)
    cell.value = another(column, cell.value)
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def _place(rows: Sequence[Sequence[Any]], column: Column) -> tuple[int, int]:
    at = rows[0].index(column.name)
    return next((row for row in range(1, len(rows)) if rows[row][at] not in (None, "")), 1), at


def another(column: Column, value: Any) -> Any:
    """A value of the column other than this one."""
    if column.choices:
        return next(choice for choice in column.choices if choice != value)
    if column.shown == "date":
        day = value if isinstance(value, (date, datetime)) else date.fromisoformat(value or column.examples[0])
        return (day + timedelta(days=1)).isoformat()[:10]
    if column.shown == "month":
        return "2026-11" if value != "2026-11" else "2026-12"
    if column.shown in ("quantity", "money", "price", "percent", "int"):
        return (float(value or 0) * 2 + 1) if column.shown != "int" else int(value or 0) + 1
    return f"{value or ''} changed".strip()
