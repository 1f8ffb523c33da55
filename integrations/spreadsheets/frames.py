"""What travels from the reader process to its parent: a length (4 bytes, big endian) and one JSON value.

JSON because the sender has read a file from outside: nothing it may write can do more than be wrong. Frames are
`{"header": …}`, then `{"batch": …}`, and last `{"end": …}` or `{"refused": …}` with the reader's peak of memory. The
parent checks their shape before use.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO

import orjson

HEAD = struct.Struct(">I")
MAX_FRAME_BYTES = 64 * 1024 * 1024

_DATES = {date, datetime}

Cell = str | int | float | date | datetime | None


# Row number, cells, and about how many characters they weigh.
Row = tuple[int, Sequence[Cell], int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive data rows, column by column.

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


def read_batch(header: list[str], value: Any) -> Batch:
    """The batch of a frame; raises BrokenFrame when its shape is wrong."""
    try:
        rows, columns, overlong = value["rows"], value["columns"], value["overlong"]
        fits = len(columns) == len(header) and all(len(column) == len(rows) for column in columns)
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
