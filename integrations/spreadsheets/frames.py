"""What travels from the reader process to its parent: a length (4 bytes, big endian) and one JSON value.

JSON because the sender has read a file from outside: nothing it may write can do more than be wrong. Frames are
`{"survey": …}` with the tops of the sheets, then, once the parent has said what it wants, `{"batch": …}`, and last
`{"end": …}` or `{"refused": …}` with the reader's peak of memory. The parent checks their shape before use.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO

import orjson

from core.text import printable
from planning.table_places import Preview, PreviewRow, SheetPreview

HEAD = struct.Struct(">I")
MAX_FRAME_BYTES = 64 * 1024 * 1024

_DATES = {date, datetime}

Cell = str | int | float | date | datetime | None


# Row number, cells, and about how many characters they weigh.
Row = tuple[int, Sequence[Cell], int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows, column by column. Without a header (cells as they stand) a batch has columns as it needs them.

    `rows` are the row numbers that Excel shows (blank rows are left out); every list of `columns` has one value per
    row: text as it stands, numbers, dates of date cells, None or "" for an empty cell.
    `overlong` are the rows that go on behind the last header; what stands there is not in `columns`.
    """

    header: list[str]
    rows: list[int]
    columns: list[list[Cell]]
    overlong: list[int]

    @property
    def first_row(self) -> int:
        return self.rows[0]


class BrokenFrame(Exception):
    """The reader sent something that no reader of ours sends."""


def write_frame(stream: BinaryIO, value: Any) -> None:
    """Raises BrokenPipeError when the parent has gone."""
    payload = orjson.dumps(value)
    stream.write(HEAD.pack(len(payload)))
    stream.write(payload)
    stream.flush()


def batch_frame(rows: Sequence[int], columns: Sequence[Sequence[Cell]], overlong: Sequence[int]) -> dict[str, Any]:
    """A batch as JSON; dates travel as ISO text with their positions."""
    dates = [_date_positions(column) for column in columns]
    return {"batch": {"rows": rows, "columns": columns, "dates": dates, "overlong": overlong}}


def _date_positions(column: Sequence[Cell]) -> list[int]:
    if _DATES.isdisjoint(set(map(type, column))):
        return []
    return [at for at, cell in enumerate(column) if isinstance(cell, date)]


def read_survey(value: Any) -> Preview:
    """The tops of the sheets; raises BrokenFrame when their shape is wrong."""
    try:
        sheets = tuple(_sheet(sheet) for sheet in value["sheets"])
        if not sheets or not isinstance(value["delimiter"], str):
            raise BrokenFrame
        return Preview(sheets, value["delimiter"], value["from_1904"] is True)
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenFrame from error


def _sheet(value: Any) -> SheetPreview:
    number, name, rows, refused = value["number"], value["name"], value["rows"], value["refused"]
    if not isinstance(number, int) or not isinstance(name, str):
        raise BrokenFrame
    problem = "" if refused is None else printable(refused["message"], max_length=500)
    return SheetPreview(number, printable(name, max_length=120), tuple(_row(*row) for row in rows), problem)


def _row(number: Any, cells: Any) -> PreviewRow:
    if not isinstance(number, int) or not all(isinstance(cell, str) for cell in cells):
        raise BrokenFrame
    return PreviewRow(number, tuple(printable(cell, max_length=256) for cell in cells))


def read_batch(header: list[str], value: Any) -> Batch:
    """The batch of a frame; raises BrokenFrame when its shape is wrong."""
    try:
        rows, columns, overlong = value["rows"], value["columns"], value["overlong"]
        fits = len(columns) == (len(header) or len(columns)) and all(len(column) == len(rows) for column in columns)
        if not rows or not fits or not all(isinstance(row, int) for row in (*rows, *overlong)):
            raise BrokenFrame
        known: dict[str, date] = {}
        for column, positions in zip(columns, value["dates"], strict=True):
            for at in positions:
                text = column[at]
                if text not in known:
                    known[text] = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
                column[at] = known[text]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BrokenFrame from error
    return Batch(header, rows, columns, overlong)
