"""A copy of an uploaded table in which what is wrong is marked: bad cells filled, with a comment that says why.

The copy is written anew from the values that the reader process gave; the uploaded file itself is never opened here.
Every value stands where it stood, text stays text, and whoever corrects the marked cells can send the copy back. The
titles stay in view and have a filter, by whose colours the bad cells of a long table are found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import xlsxwriter

from core.sheets import CELL_CHARS, column_position
from core.text import printable
from reports.workbooks import CREATED, sheet_name

WHOLE_FILE_ROWS = 50_000
"""Rows behind this one are copied only where something is wrong with them: copying all costs as much as importing."""
_FROZEN_AT_MOST = 6
"""Titles that stand deeper would leave no room for rows on a small screen, so they scroll."""
_COMMENT_CHARS = 1_000
_WIDTH = 16
_AUTHOR = "Planwright"


class Cells(Protocol):
    """Consecutive rows, column by column."""

    @property
    def rows(self) -> list[int]: ...
    @property
    def columns(self) -> Sequence[Sequence[Any]]: ...


class MarkedCopy:
    """Writes the copy batch by batch; memory holds the errors and one row."""

    def __init__(self, path: Path, sheet: str, errors: Iterable[Mapping[str, Any]], header_row: int) -> None:
        """`errors` name row, letter (or "" for the whole row) and what was expected; `header_row` holds the titles."""
        self.header_row = header_row
        self.width = self.last_row = 1
        self.book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
        self.book.set_properties({"created": CREATED})
        self.page = self.book.add_worksheet(sheet_name(sheet, set()))
        self.formats = {
            (kind, bad): self.book.add_format({"num_format": code} | ({"bg_color": "#FFC7CE"} if bad else {}))
            for kind, code in (
                ("text", "@"),
                ("number", "General"),
                ("day", "yyyy-mm-dd"),
                ("time", "yyyy-mm-dd hh:mm"),
            )
            for bad in (False, True)
        }
        self.errors: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        for error in errors:
            self.errors[error["row"]][_position(error["letter"])].append(_sentence(error))

    def add(self, batch: Cells) -> None:
        """Copy these rows."""
        self.width = max(self.width, len(batch.columns))
        self.last_row = batch.rows[-1]
        for number, *cells in zip(batch.rows, *batch.columns, strict=True):
            bad = self.errors.get(number)
            if bad is None and number > WHOLE_FILE_ROWS:
                continue
            for at, cell in enumerate(cells):
                self._write(number - 1, at, cell, bad=bad is not None and at in bad)
            for at, sentences in (bad or {}).items():
                if at >= len(cells) or _is_blank(cells[at]):
                    self.page.write_blank(number - 1, at, None, self.formats["text", True])
                self._comment(number - 1, at, sentences)

    def close(self) -> None:
        """Finish the file."""
        self.page.set_column(0, 255, _WIDTH)
        if self.header_row <= _FROZEN_AT_MOST:
            self.page.freeze_panes(self.header_row, 0)
        self.page.autofilter(self.header_row - 1, 0, max(self.last_row, self.header_row) - 1, self.width - 1)
        self.book.close()

    def _write(self, row: int, at: int, cell: Any, *, bad: bool) -> None:
        if _is_blank(cell):
            return
        if isinstance(cell, str):
            self.page.write_string(row, at, printable(cell, max_length=CELL_CHARS), self.formats["text", bad])
        elif isinstance(cell, datetime):
            self.page.write_datetime(row, at, cell, self.formats["time", bad])
        elif isinstance(cell, date):
            self.page.write_datetime(row, at, cell, self.formats["day", bad])
        else:
            self.page.write_number(row, at, cell, self.formats["number", bad])

    def _comment(self, row: int, at: int, sentences: Sequence[str]) -> None:
        text = printable("\n".join(sentences), max_length=_COMMENT_CHARS)
        self.page.write_comment(row, at, text, {"author": _AUTHOR, "x_scale": 2})


def _position(letter: str) -> int:
    """Where it is marked; the whole row in its first cell."""
    return column_position(letter) if letter else 0


def _sentence(error: Mapping[str, Any]) -> str:
    """What was expected, or the reason where it is a sentence of its own."""
    column, expected = f"{error['column']}: " if error["column"] else "", error["expected"]
    return f"{column}{expected}" if expected.endswith(".") else f"{column}expected {expected}"


def _is_blank(cell: Any) -> bool:
    return cell is None or cell == ""
