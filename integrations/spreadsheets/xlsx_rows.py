"""Rows of the sheets of a workbook, streamed: memory holds one piece of the sheet and the shared texts.

Calamine was tried first: it is as fast, but it builds the whole rectangle before the first row (512 GB for two cells
in opposite corners) and gives errors and missing results of formulas as empty cells. Here a cell costs memory only
where it is written. Cells as Excel, openpyxl and xlsxwriter write them go through one regular expression per
piece; a piece that holds anything else goes through expat.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from core.errors import InvalidInput, PayloadTooLarge
from core.sheets import SHEET_ROWS, column_letters, column_position
from core.text import NOT_CALCULATED
from core.uploads import check_workbook
from integrations.spreadsheets.frames import Cell, Row
from integrations.spreadsheets.limits import MEBIBYTE, ReadLimits
from integrations.spreadsheets.xlsx_parts import (
    DAMAGED,
    BookPlan,
    SheetEntry,
    chosen_sheets,
    fragment_parser,
    parse_fragment,
    pieces,
    plan_book,
    shared_texts,
    unescape_cell,
    unescape_xml,
)

# Column letters, row, style, type, inline text, value.
_Found = tuple[str, str, str, str, str, str]

_LAST_ROW = SHEET_ROWS + 1
_LONG_TEXT = 256
_REMEMBERED = 100_000
_TOP_PIECES = 1
_TAIL_BYTES = 8 * MEBIBYTE


class Workbook:
    """An opened workbook and those of its sheets that may be meant: the visible ones, or the one that is wanted.

    Raises InvalidInput, UnsupportedFile or PayloadTooLarge, here and while its rows are read.
    """

    delimiter = ""

    def __init__(self, path: Path, limits: ReadLimits, wanted: str = "") -> None:
        self.limits = limits
        with ExitStack() as opened, _damages():
            self.archive = opened.enter_context(check_workbook(opened.enter_context(path.open("rb"))))
            self.plan = plan_book(self.archive)
            self.chosen = chosen_sheets(self.plan.sheets, wanted)[: limits.preview_sheets]
            self.shared = shared_texts(self.archive, self.plan.shared_part, limits)
            self.opened = opened.pop_all()

    def __enter__(self) -> Workbook:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()

    @property
    def from_1904(self) -> bool:
        return self.plan.from_1904

    def sheets(self) -> list[tuple[int, str]]:
        """Numbers and names."""
        return [(sheet.number, sheet.name) for sheet in self.chosen]

    def top(self, sheet: int) -> Iterator[Row]:
        """The rows for somebody who reads the first of them only: what stands behind is not looked at."""
        return self._rows(self._entry(sheet), most_pieces=_TOP_PIECES)

    def rows(self, sheet: int) -> Iterator[Row]:
        """(row number, cells, characters of its long texts) of every row with a value, in order.

        Before the first row the whole part was unpacked once: checksum, size and merged ranges are known to be sound.
        """
        entry = self._entry(sheet)
        with _damages():
            _check_part(self.archive, entry.part, self.limits)
        yield from self._rows(entry)

    def _rows(self, entry: SheetEntry, most_pieces: int | None = None) -> Iterator[Row]:
        sheet = _Sheet(self.plan, self.shared, self.limits)
        with _damages(), self.archive.open(entry.part) as stream:
            for piece in islice(pieces(stream, "sheetData", "row"), most_pieces):
                yield from sheet.rows(piece.text, plain=not piece.prefix)
            yield from sheet.rest()

    def _entry(self, number: int) -> SheetEntry:
        return next(sheet for sheet in self.chosen if sheet.number == number)


@contextmanager
def _damages() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise InvalidInput(DAMAGED) from error


_ROWS_END = re.compile(rb"</(?:[\w.-]{1,32}:)?sheetData\s{0,9}>|sheetData\s{0,9}/>")
_MERGED = re.compile(rb"""mergeCell\s[^>]*?ref\s*=\s*["']([A-Za-z]+)(\d+):([A-Za-z]+)(\d+)""")


def _check_part(archive: zipfile.ZipFile, part: str, limits: ReadLimits) -> None:
    """Unpack the part to its end: zipfile verifies the checksum; then look at the ranges behind the rows."""
    tail, behind = b"", False
    with archive.open(part) as stream:
        while chunk := stream.read(MEBIBYTE):
            tail = tail + chunk if behind else tail[-64:] + chunk
            end = _ROWS_END.search(tail) if not behind and b"sheetData" in tail else None
            if end is not None:
                tail, behind = tail[end.start() :], True
            if behind and len(tail) > _TAIL_BYTES:
                raise PayloadTooLarge("The worksheet holds too much beside its rows; copy the table into a new one.")
    for left, top, right, bottom in _MERGED.findall(tail):
        cells = (column_position(right.decode()) - column_position(left.decode()) + 1) * (int(bottom) - int(top) + 1)
        if cells > limits.merged_cells:
            raise PayloadTooLarge(f"The worksheet merges {cells:,} cells into one; undo the merge and save it again.")


_CELL = re.compile(
    r'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: s="([0-9]{1,6})")?(?: t="([a-zA-Z]{1,9})")?'
    r"(?:/>|>(?:<f(?: [^<>]*)?(?:/>|>[^<]*</f>))?"
    r"(?:<is><t(?: [^<>]*)?>([^<]*)</t></is>|<v(?: [^<>]*)?>([^<]*)</v>|<v/>)?</c>)"
)
_UNCALCULATED = re.compile(r"(?:</f>|<f[^<>]*/>)(?:</c>|<v/>|<v></v>)")


class _Sheet:
    """Collects cells into rows. Rows and cells may lack their position; then they follow the one before."""

    def __init__(self, plan: BookPlan, shared: list[str], limits: ReadLimits) -> None:
        self.shared = shared
        self.limits = limits
        self.date_styles = frozenset(str(style) for style, is_date in enumerate(plan.date_styles) if is_date)
        # Cells know no time zone.
        self.epoch = datetime(1904, 1, 1) if plan.from_1904 else datetime(1899, 12, 30)  # noqa: DTZ001
        self.columns: dict[str, int] = {}
        self.numbers: dict[str, Cell] = {}
        self.moments: dict[str, Cell] = {}
        self.row = 0
        self.last_row = 0
        self.cells: list[Cell] = []
        self.chars = 0

    def rows(self, xml: str, *, plain: bool) -> Iterator[Row]:
        """The rows of a piece; the last one comes with the next piece, or with `rest`."""
        plain = plain and "<!" not in xml and not ("<f" in xml and _UNCALCULATED.search(xml))
        found: list[_Found] = _CELL.findall(xml) if plain else []
        if plain and len(found) == xml.count("<c"):
            yield from self._collect(found)
        else:
            yield from self._collect(_parsed_cells(xml, self))

    def rest(self) -> Iterator[Row]:
        """The last row."""
        if self.cells:
            yield self.row, self.cells, self.chars
            self.cells, self.chars = [], 0

    def _collect(self, found: list[_Found]) -> Iterator[Row]:
        # The hot loop of every import: the common kinds are read in place, a method call would double their cost.
        columns, shared, numbers, dates = self.columns, self.shared, self.numbers, self.date_styles
        cells, current = self.cells, str(self.row)
        for letters, digits, style, kind, inline, raw in found:
            if digits != current and (raw or inline):
                yield from self.rest()
                current = digits
                self._begin(int(digits))
                cells = self.cells
            if raw and (kind == "" or kind == "n") and style not in dates:
                value = numbers[raw] if raw in numbers else self._number(raw)
            elif kind == "s" and raw.isdecimal() and int(raw) < len(shared):
                value = shared[int(raw)]
            elif inline and "&" not in inline and "_x" not in inline:
                value = inline
            elif raw or inline:
                value = self._other(kind, raw or inline, style)
            else:
                continue
            at = columns.get(letters) or self._column(letters)
            if at == len(cells) + 1:
                cells.append(value)
            else:
                self._put(at, value)
            if value.__class__ is str and len(value) > _LONG_TEXT:
                self.chars += len(value)

    def _put(self, at: int, value: Cell) -> None:
        """A cell that does not follow the one before it."""
        missing = at - len(self.cells)
        if missing > 0:
            self.cells.extend([None] * missing)
        self.cells[at - 1] = value

    def _begin(self, row: int) -> None:
        if row <= self.row or row > _LAST_ROW:
            raise InvalidInput(DAMAGED)
        self.row = self.last_row = row

    def _column(self, letters: str) -> int:
        number = column_position(letters) + 1
        if number > self.limits.columns:
            raise PayloadTooLarge(f"Column {letters} holds a value; at most {self.limits.columns} columns are read. "
                                  "Copy the table into a new workbook.")  # fmt: skip
        self.columns[letters] = number
        return number

    def _number(self, raw: str) -> Cell:
        if len(self.numbers) > _REMEMBERED:
            self.numbers.clear()
        return self.numbers.setdefault(raw, _plain_number(raw))

    def _other(self, kind: str, raw: str, style: str) -> Cell:
        if kind in ("", "n"):
            if raw not in self.moments:
                if len(self.moments) > _REMEMBERED:
                    self.moments.clear()
                self.moments[raw] = self._moment(raw)
            return self.moments[raw]
        if kind == "b":
            return "TRUE" if raw.strip() in ("1", "true") else "FALSE"
        if kind == "d":
            return _iso_moment(raw)
        if kind == "s":
            raise InvalidInput(DAMAGED)
        return unescape_cell(unescape_xml(raw))

    def _moment(self, raw: str) -> Cell:
        """A date cell's day count; a time of day without a date is text, what is no date stays a number."""
        serial = _plain_number(raw)
        if not isinstance(serial, (int, float)) or not 0 <= serial < 2_958_466:
            return serial
        moment = self.epoch + timedelta(milliseconds=round(serial * 86_400_000))
        if serial < 1:
            return moment.strftime("%H:%M:%S")
        # Excel believes in a 29 February 1900, so days before it are one off.
        if serial < 60 and self.epoch.year == 1899:
            moment += timedelta(days=1)
        return moment.date() if float(serial).is_integer() else moment


def _plain_number(raw: str) -> Cell:
    """Whole numbers as int, others as the float that Excel holds; text that is no finite number stays text."""
    if raw.isdecimal() and raw.isascii() and len(raw) <= 15:
        return int(raw)
    try:
        number = float(raw)
    except ValueError:
        return raw
    if number != number or number in (float("inf"), float("-inf")):
        return raw
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _iso_moment(raw: str) -> Cell:
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return raw
    return moment.date() if len(raw) <= 10 else moment.replace(tzinfo=None)


_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")


class _CellHandler:
    """Builds the tuples of `_CELL` from parser events."""

    def __init__(self, sheet: _Sheet) -> None:
        self.sheet = sheet
        self.found: list[_Found] = []
        self.row = sheet.last_row
        self.column = 0
        self.style = self.kind = ""
        self.parts: list[str] = []
        self.formula = False
        self.hidden = 0
        self.parser = fragment_parser()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end

    def start(self, name: str, attributes: list[str]) -> None:
        local = name.rpartition(":")[2]
        if local == "c":
            named = dict(zip(attributes[::2], attributes[1::2], strict=True))
            self.kind, self.style = named.get("t", ""), named.get("s", "")
            self.column += 1
            self.formula = False
            if "r" in named:
                self._place(named["r"])
        elif local in ("v", "t") and not self.hidden:
            self.parser.CharacterDataHandler = self.parts.append
        elif local == "row":
            named = dict(zip(attributes[::2], attributes[1::2], strict=True))
            self.row = _whole(named["r"]) if "r" in named else self.row + 1
            self.column = 0
        elif local == "f":
            self.formula = True
        elif local == "rPh":
            self.hidden += 1

    def _place(self, reference: str) -> None:
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise InvalidInput(DAMAGED)
        self.column, self.row = column_position(match.group(1)) + 1, int(match.group(2))

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local in ("v", "t"):
            self.parser.CharacterDataHandler = None
        elif local == "rPh":
            self.hidden -= 1
        elif local == "c":
            text = "".join(self.parts)
            self.parts.clear()
            if not text and self.formula and self.kind != "str":
                text, self.kind = NOT_CALCULATED, "e"
            if text:
                # The collector undoes XML's entities once more, as it must for the pieces that no parser saw.
                style = self.style if self.style.isdecimal() else ""
                raw = text.replace("&", "&amp;")
                self.found.append((column_letters(self.column - 1), str(self.row), style, self.kind, "", raw))


def _whole(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and len(text) <= 7):
        raise InvalidInput(DAMAGED)
    return int(text)


def _parsed_cells(xml: str, sheet: _Sheet) -> list[_Found]:
    handler = _CellHandler(sheet)
    parse_fragment(handler.parser, xml)
    sheet.last_row = max(sheet.last_row, handler.row)
    return handler.found
