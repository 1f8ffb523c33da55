"""Tables as .xlsx and .csv, row by row: memory does not grow with the table, and text stays text.

A text that begins like a formula never becomes one: xlsx cells are written as strings whatever they begin with, csv
cells get an apostrophe in front. Characters that a cell cannot hold show as U+FFFD. The same rows give the same bytes.
Numbers are given as they are read (Decimal, int, float), not as scaled integers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Literal

import xlsxwriter

from core.errors import PayloadTooLarge
from core.sheets import CELL_CHARS, SHEET_ROWS
from core.text import guarded, printable

ColumnKind = Literal["text", "quantity", "money", "price", "percent", "month", "date", "int"]
Value = str | int | float | Decimal | date | bool | None

# A fixed time of creation: the same rows give the same bytes.
CREATED = datetime(2000, 1, 1, tzinfo=UTC)

WIDTHS: dict[str, float] = {
    "text": 24, "quantity": 12, "money": 14, "price": 12, "percent": 10, "month": 10, "date": 12, "int": 8,
}  # fmt: skip
FORMATS = {
    "text": "@", "quantity": "#,##0.000", "money": "#,##0.00", "price": "#,##0.00######", "percent": "0.0%",
    "month": "@", "date": "yyyy-mm-dd", "int": "0",
}  # fmt: skip
WHOLE_QUANTITY = "#,##0"


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title and what stands in it. `percent` takes fractions (0.25 = 25 %), `month` text like 2026-11,
    `date` dates or ISO text; a string in a numeric column is shown as it is. `width` is in characters.
    """

    header: str
    kind: ColumnKind = "text"
    width: float | None = None


@dataclass(frozen=True, slots=True)
class SheetSpec:
    """One sheet; `rows` is read once, in order, and each row is as long as `columns`."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Value]]


def write_xlsx(target: Path | BinaryIO, sheets: Iterable[SheetSpec]) -> None:
    """Write the workbook: frozen header with a filter, formats by kind. Raises PayloadTooLarge beyond Excel's rows."""
    options = {"constant_memory": True, "default_date_format": FORMATS["date"]}
    book = xlsxwriter.Workbook(str(target) if isinstance(target, Path) else target, options)
    try:
        book.set_properties({"created": CREATED})
        formats = {kind: book.add_format({"num_format": code}) for kind, code in FORMATS.items()}
        formats["whole"] = book.add_format({"num_format": WHOLE_QUANTITY})
        formats["header"] = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        for sheet in sheets:
            _write_sheet(book, sheet, formats)
    finally:
        book.close()


def _write_sheet(book: Any, sheet: SheetSpec, formats: dict[str, Any]) -> None:
    page = book.add_worksheet(sheet_name(sheet.title, {known.name.casefold() for known in book.worksheets()}))
    page.freeze_panes(1, 0)
    # On paper: all columns side by side, and the titles on every page.
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    for at, column in enumerate(sheet.columns):
        page.set_column(at, at, column.width or WIDTHS[column.kind], formats[column.kind])
        page.write_string(0, at, printable(column.header, max_length=255), formats["header"])
    writers = [_cell_writer(page, column.kind, formats) for column in sheet.columns]
    last = 0
    for last, row in enumerate(sheet.rows, start=1):
        if last > SHEET_ROWS:
            raise PayloadTooLarge(
                f"The table has more than the {SHEET_ROWS:,} rows of a sheet; filter it, or take the csv."
            )
        for at, value in enumerate(row):
            if value is not None:
                writers[at](last, at, value)
    if sheet.columns:
        page.autofilter(0, 0, last, len(sheet.columns) - 1)


def _cell_writer(page: Any, kind: ColumnKind, formats: dict[str, Any]) -> Callable[[int, int, Value], None]:
    own, whole, text = formats[kind], formats["whole"], formats["text"]

    def write(row: int, at: int, value: Value) -> None:
        if isinstance(value, str):
            moment = _iso_date(value) if kind == "date" else None
            if moment is None:
                write_text(page, row, at, value, text)
            else:
                page.write_datetime(row, at, moment, own)
        elif isinstance(value, bool):
            page.write_boolean(row, at, value)
        elif isinstance(value, date):
            page.write_datetime(row, at, value.replace(tzinfo=None) if isinstance(value, datetime) else value, own)
        else:
            page.write_number(row, at, value, whole if kind == "quantity" and value == int(value or 0) else own)

    return write


def write_text(page: Any, row: int, at: int, text: str, cell_format: Any = None) -> None:
    """A text into a cell, as text whatever it holds.

    xlsxwriter takes what begins with `<r>` and ends with `</r>` for XML of its own, and would write it as it is: so it
    comes in three runs, which together are the same text.
    """
    shown = printable(text, max_length=CELL_CHARS)
    if shown.startswith("<r>") and shown.endswith("</r>"):
        formats = () if cell_format is None else (cell_format,)
        page.write_rich_string(row, at, shown[:1], shown[1:2], shown[2:], *formats)
    else:
        page.write_string(row, at, shown, cell_format)


def _iso_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def sheet_name(title: str, taken: set[str]) -> str:
    """What Excel accepts: at most 31 characters, none of []:*?/\\, no apostrophe at the ends, unique."""
    base = re.sub(r"[\[\]:*?/\\\t\r\n]", " ", printable(title, max_length=31)).strip("' ") or "Sheet"
    name, number = base, 1
    while name.casefold() in taken or name.casefold() == "history":
        number += 1
        name = f"{base[:27]} {number}"
    return name


def csv_text(text: str) -> str:
    """The text as a csv cell that no program takes for a formula."""
    return guarded(printable(text, max_length=CELL_CHARS))


def write_csv(target: Path | BinaryIO, columns: Sequence[Column], rows: Iterable[Sequence[Value]]) -> None:
    """UTF-8 with a byte order mark (Excel needs it), commas, CRLF; numbers with a dot and as exact as given."""
    if isinstance(target, Path):
        with target.open("wb") as file:
            write_csv(file, columns, rows)
        return
    csv_rows = CsvRows(target)
    csv_rows.write([[column.header for column in columns]])
    csv_rows.write(rows)
    csv_rows.close()


class CsvRows:
    """A csv in the form of `write_csv`, written in pieces. Closing leaves the target open."""

    def __init__(self, target: BinaryIO) -> None:
        self._text = io.TextIOWrapper(target, encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._text)

    def write(self, rows: Iterable[Sequence[Value]]) -> None:
        """More rows."""
        self._writer.writerows([csv_value(value) for value in row] for row in rows)

    def close(self) -> None:
        """All is in the target afterwards."""
        self._text.flush()
        self._text.detach()


def csv_value(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return csv_text(value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, date):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return format(Decimal(repr(value)) if isinstance(value, float) else Decimal(value), "f")
