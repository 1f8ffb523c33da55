"""The rows of a workbook's first sheet, written straight into its zip: three times as fast as cell by cell through
xlsxwriter, which makes everything else (see docs/decisions/0014-rows-of-exports.md).

Each distinct value of a column becomes XML once per piece. Memory holds a piece.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from core.errors import PayloadTooLarge
from core.sheets import CELL_CHARS, Value, column_letters
from core.text import printable

SHEET = "xl/worksheets/sheet1.xml"
CONTENT_TYPES = "[Content_Types].xml"
MAX_BYTES = 2**31 - 1
"""Beyond it a zip needs fields that make Excel offer a repair."""
# What xlsxwriter gives its parts: the same rows give the same bytes.
_STAMP = (1980, 1, 1, 0, 0, 0)
_DIMENSION = re.compile(rb"<dimension [^>]*/>")
# A text like _x0041_ stands for a character, so its first underscore is escaped itself.
_ESCAPES = re.compile(r"_(?=x[0-9a-fA-F]{4}_)")
_MARKUP = re.compile(r"[&<>\r\ufffe\uffff_\s]")
# Excel believes in a 29 February 1900: days before it count from one day later.
_DAY_0, _FIRST_SOUND = date(1899, 12, 30), date(1900, 3, 1)


@dataclass(frozen=True, slots=True)
class CellStyles:
    """The styles of a column's cells by what they hold: `whole` numbers, `other` numbers and days, `text`. `blank` is
    the style of empty cells where they need one."""

    text: int
    other: int
    whole: int
    blank: int | None = None
    is_date: bool = False


class SheetRows:
    """Takes rows until it is closed. `frame` is the workbook with the titles as its first row and no other."""

    def __init__(self, target: Path | BinaryIO, frame: bytes, styles: Sequence[CellStyles]) -> None:
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
        self._columns = [(f'<c r="{column_letters(at)}', style) for at, style in enumerate(styles)]
        self._bytes = 0
        self.row = 1
        parts = zipfile.ZipFile(BytesIO(frame))
        self._zip.writestr(_entry(CONTENT_TYPES), parts.read(CONTENT_TYPES))
        # The size of the table is not known yet; readers do without it.
        head, _ = _halves(parts.read(SHEET))
        self._part = self._zip.open(_entry(SHEET), "w")
        self._part.write(_DIMENSION.sub(b"", head))

    def write(self, columns: Sequence[Sequence[Value]]) -> None:
        """More rows, column by column. Raises PayloadTooLarge when the sheet gets too large for Excel."""
        first = self.row + 1
        cells = [_cells(values, style) for values, (_, style) in zip(columns, self._columns, strict=True)]
        places = [place for place, _ in self._columns]
        rows: list[str] = []
        # The hot loop of every export.
        for row, values in enumerate(zip(*cells, strict=True), start=first):
            number = str(row)
            filled = [place + number + cell for place, cell in zip(places, values, strict=True) if cell]
            rows.append(f'<row r="{number}">{"".join(filled)}</row>')
        self.row += len(rows)
        written = "".join(rows).encode()
        self._bytes += len(written)
        if self._bytes > MAX_BYTES:
            raise PayloadTooLarge("The table is too large for a workbook; filter it, or take csv.")
        self._part.write(written)

    def close(self, frame: bytes) -> None:
        """Finish with the frame for as many rows as there are."""
        parts = zipfile.ZipFile(BytesIO(frame))
        _, tail = _halves(parts.read(SHEET))
        self._part.write(tail)
        self._part.close()
        for name in parts.namelist():
            if name not in (SHEET, CONTENT_TYPES):
                self._zip.writestr(_entry(name), parts.read(name))
        self._zip.close()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _STAMP)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _halves(sheet: bytes) -> tuple[bytes, bytes]:
    """Up to the end of the titles, and from the end of the rows."""
    titles, rows = sheet.index(b"</row>") + len(b"</row>"), sheet.index(b"</sheetData>")
    return sheet[:titles], sheet[rows:]


def _cells(values: Sequence[Value], style: CellStyles) -> list[str]:
    """The XML of the cells behind their row number; nothing for an empty cell that needs no style."""
    made: dict[Value, str] = {value: _cell(value, style) for value in set(values)}
    return list(map(made.__getitem__, values))


def _cell(value: Value, style: CellStyles) -> str:
    if value is None:
        return "" if style.blank is None else f'" s="{style.blank}"/>'
    if isinstance(value, str):
        day = day_number(value) if style.is_date else None
        if day is not None:
            return f'" s="{style.other}"><v>{day}</v></c>'
        text = escaped(printable(value, max_length=CELL_CHARS))
        space = ' xml:space="preserve"' if text != text.strip() or "\n" in text else ""
        return f'" s="{style.text}" t="inlineStr"><is><t{space}>{text}</t></is></c>'
    number = _plain(value) if isinstance(value, Decimal) else value
    return f'" s="{style.whole if isinstance(number, int) else style.other}"><v>{number!r}</v></c>'


def escaped(text: str) -> str:
    """A text as XML that Excel reads as the same text."""
    if not _MARKUP.search(text):
        return text
    text = _ESCAPES.sub("_x005F_", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "_x000D_").replace("\ufffe", "_xFFFE_").replace("\uffff", "_xFFFF_")


def day_number(text: str) -> int | None:
    """Excel's number of an ISO day; None for what is no day, or one before Excel's first."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    number = (day - _DAY_0).days - (day < _FIRST_SOUND)
    return number if number > 0 else None


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def styles_in(frame: bytes, row: int, width: int) -> list[int]:
    """The style numbers of the cells of a row of the first sheet."""
    xml = zipfile.ZipFile(BytesIO(frame)).read(SHEET).decode()
    found = dict(re.findall(r'<c r="([A-Z]+[0-9]+)" s="([0-9]+)"', xml))
    return [int(found[f"{column_letters(at)}{row}"]) for at in range(width)]
