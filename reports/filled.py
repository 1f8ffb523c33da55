"""Files to be filled in, and files filled already: the same columns, comments and lists, with or without rows.

An export is the template filled. Rows come column by column and in pieces, so memory does not grow with the table; text
stays text (see `reports.workbooks`). The first sheet holds the table, the second explains it, a hidden third one holds
what is offered as lists. The same rows give the same bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import xlsxwriter

from core.errors import PayloadTooLarge
from core.sheets import SHEET_ROWS, CellKind, FileFormat, FileTable, SheetColumn, Value, column_letters
from core.text import printable
from reports import workbooks
from reports.sheet_rows import CellStyles, SheetRows, styles_in
from reports.workbooks import CREATED, FORMATS, WHOLE_QUANTITY, CsvRows, sheet_name, write_text

EXPLAINING, LISTS = "How to fill it in", "Lists"
WORDS: Mapping[CellKind, str] = {
    "text": "text",
    "code": "text; zeros in front count",
    "quantity": "a number with at most 3 decimals",
    "money": "a number with at most 4 decimals",
    "price": "a number with at most 8 decimals",
    "percent": "a share like 25 %",
    "month": "a month like 2026-11",
    "date": "a date like 2026-11-30",
    "int": "a whole number",
    "flag": "yes or no",
}
WIDTHS: Mapping[str, float] = {**workbooks.WIDTHS, "code": 18, "flag": 10}
"""A column is as wide as its title at least."""
_PARTS = ("Column", "Must be filled", "What it means", "Format", "One of", "Also read under", "Example", "Another")
_PART_WIDTHS = (22, 15, 60, 30, 30, 40, 20, 20)
_COMMENT_WIDTH = 320
_COMMENT_CHARS_A_LINE = 48
_LISTED_IN_COMMENT = 12
_SAMPLES = (2, 3, 4)
"""The rows of the frame that show the styles of texts, of numbers, and of whole numbers."""
_UNPROTECTED = {"format_cells": True, "format_columns": True, "format_rows": True, "sort": True, "autofilter": True}

Columns = Sequence[Sequence[Value]]


def open_file(path: Path, file_format: FileFormat, table: FileTable) -> XlsxFile | CsvFile:
    """A file that takes rows until it is closed."""
    return XlsxFile(path, table) if file_format == "xlsx" else CsvFile(path, table)


def template(table: FileTable) -> bytes:
    """The empty workbook."""
    buffer = io.BytesIO()
    XlsxFile(buffer, table).close()
    return buffer.getvalue()


class CsvFile:
    """The table alone: no formats, no lists."""

    def __init__(self, path: Path, table: FileTable) -> None:
        self._file = path.open("wb")
        self._rows = CsvRows(self._file)
        self._rows.write([[column.name for column in table.columns]])

    def write(self, columns: Columns) -> None:
        """More rows, column by column."""
        self._rows.write(zip(*columns, strict=True))

    def close(self) -> None:
        """Nothing can be written afterwards."""
        self._rows.close()
        self._file.close()


class XlsxFile:
    """The workbook. Columns that are `locked` can't be changed without taking the protection away (no password); rows
    below the last one are free."""

    def __init__(self, target: Path | BinaryIO, table: FileTable) -> None:
        self.table = table
        frame = _Frame(table).closed(0)
        width = len(table.columns)
        texts, others, wholes = (styles_in(frame, row, width) for row in _SAMPLES)
        styles = [
            CellStyles(text, other, whole, other if column.locked else None, column.kind == "date")
            for column, text, other, whole in zip(table.columns, texts, others, wholes, strict=True)
        ]
        self._rows = SheetRows(target, frame, styles)

    def write(self, columns: Columns) -> None:
        """More rows, column by column. Raises PayloadTooLarge beyond the rows of a sheet."""
        if columns and self._rows.row - 1 + len(columns[0]) > SHEET_ROWS:
            raise PayloadTooLarge(
                f"The table has more than the {SHEET_ROWS:,} rows of a sheet; filter it, or take csv."
            )
        self._rows.write(columns)

    def close(self) -> None:
        """Write what is left, and the other sheets."""
        self._rows.close(_Frame(self.table).closed(self._rows.row - 1))


class _Frame:
    """The workbook with its titles, lists and explanations; below the titles a sample of each style."""

    def __init__(self, table: FileTable) -> None:
        self.table = table
        self.buffer = io.BytesIO()
        self.book = xlsxwriter.Workbook(self.buffer, {"in_memory": True})
        self.book.set_properties({"created": CREATED})
        self.page = self.book.add_worksheet(sheet_name(table.title, {EXPLAINING.casefold(), LISTS.casefold()}))
        self.lists = [at for at, column in enumerate(table.columns) if column.choices]

    def closed(self, rows: int) -> bytes:
        """The workbook for a table of so many rows."""
        self._lay_out(rows)
        self._write_titles()
        self._explain()
        if self.lists:
            self._write_lists()
        self.book.close()
        return self.buffer.getvalue()

    def _lay_out(self, rows: int) -> None:
        page = self.page
        page.freeze_panes(1, self.table.pinned)
        # On paper: all columns side by side, and the titles on every page.
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1, 0)
        page.repeat_rows(0)
        page.set_comments_author("")
        # A code of digits is text on purpose: no green corner that offers to make a number of it.
        texts = [at for at, column in enumerate(self.table.columns) if FORMATS.get(column.kind, "@") == "@"]
        if texts:
            columns = map(column_letters, texts)
            page.ignore_errors({"number_stored_as_text": " ".join(f"{one}2:{one}{SHEET_ROWS + 1}" for one in columns)})
        page.autofilter(0, 0, rows, len(self.table.columns) - 1)
        if any(column.locked for column in self.table.columns):
            page.protect("", _UNPROTECTED)

    def _write_titles(self) -> None:
        title = {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1}
        required = self.book.add_format({**title, "bg_color": "#1F3864", "font_color": "#FFFFFF"})
        optional = self.book.add_format({**title, "bg_color": "#D9E1F2"})
        for at, column in enumerate(self.table.columns):
            shown = FORMATS.get(column.kind, "@")
            whole = WHOLE_QUANTITY if column.kind == "quantity" else shown
            # The title fits beside its filter button.
            width = max(column.width or WIDTHS[column.kind], len(column.name) + 4)
            self.page.set_column(at, at, width, self._format(shown, locked=False))
            self.page.write_string(0, at, column.name, required if column.required else optional)
            self.page.write_comment(0, at, *_comment(column))
            for row, code in zip(_SAMPLES, ("@", shown, whole), strict=True):
                self.page.write_blank(row - 1, at, None, self._format(code, locked=column.locked))
            if column.choices:
                self._offer(at, column)

    def _format(self, code: str, *, locked: bool) -> Any:
        return self.book.add_format({"num_format": code, "valign": "top", "locked": locked})

    def _offer(self, at: int, column: SheetColumn) -> None:
        """A list for the whole column; what is not closed only asks back."""
        letter = column_letters(self.lists.index(at))
        self.page.data_validation(1, at, SHEET_ROWS, at, {
            "validate": "list",
            "source": f"={LISTS}!${letter}$1:${letter}${len(column.choices)}",
            "error_type": "stop" if column.closed else "warning",
            "error_title": column.name,
            "error_message": "Choose one of the list." if column.closed else "This is not in the list so far.",
        })  # fmt: skip

    def _explain(self) -> None:
        page = self.book.add_worksheet(EXPLAINING)
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1, 0)
        wrap = self.book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
        bold = self.book.add_format({"bold": True, "valign": "top", "num_format": "@"})
        title = self.book.add_format({"bold": True, "bottom": 1, "bg_color": "#D9E1F2"})
        for at, width in enumerate(_PART_WIDTHS):
            page.set_column(at, at, width)
        write_text(page, 0, 0, self.table.title, bold)
        row = 0
        for row, line in enumerate((self.table.about, *self.table.notes), start=1):
            write_text(page, row, 0, line)
        for at, part in enumerate(_PARTS):
            page.write_string(row + 2, at, part, title)
        page.freeze_panes(row + 3, 1)
        for below, column in enumerate(self.table.columns, start=row + 3):
            texts = _explained(column)
            lines = max(math.ceil(len(text) / width) for text, width in zip(texts, _PART_WIDTHS, strict=True))
            page.set_row(below, 15 * max(lines, 1))
            for at, text in enumerate(texts):
                write_text(page, below, at, text, wrap if at else bold)

    def _write_lists(self) -> None:
        page = self.book.add_worksheet(LISTS)
        page.hide()
        for at, list_of in enumerate(self.lists):
            for row, choice in enumerate(self.table.columns[list_of].choices):
                write_text(page, row, at, choice)


def _comment(column: SheetColumn) -> tuple[str, dict[str, Any]]:
    lines = [column.about, "Must be filled." if column.required else "May be blank.", f"Format: {WORDS[column.kind]}."]
    if 0 < len(column.choices) <= _LISTED_IN_COMMENT:
        lines.append(f"{'One of' if column.closed else 'So far'}: {', '.join(column.choices)}.")
    if column.synonyms:
        lines.append(f"Also read under: {', '.join(column.synonyms)}.")
    lines = [printable(line, max_length=500) for line in lines if line]
    height = 16 * sum(math.ceil(len(line) / _COMMENT_CHARS_A_LINE) for line in lines) + 12
    return "\n".join(lines), {"width": _COMMENT_WIDTH, "height": height, "font_size": 9}


def _explained(column: SheetColumn) -> tuple[str, ...]:
    examples = (*column.examples, "", "")[:2]
    offered = ", ".join(column.choices) if column.closed else ""
    required = "yes" if column.required else ""
    return (column.name, required, column.about, WORDS[column.kind], offered, ", ".join(column.synonyms), *examples)
