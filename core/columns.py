"""Rows from the database as columns: documents of one fixed layout, read as an array without making an object of each.

A pipeline that ends with `FixedRows.projection` gives documents that differ in their values only: ids, texts of one
length, and 64-bit numbers. So a batch of them is an array of records. A quarter of a million rows take some tenths of a
second this way, where dictionaries of them take seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bson.binary import UUID_SUBTYPE

_STRING, _BINARY, _LONG = b"\x02", b"\x05", b"\x12"


@dataclass(frozen=True, slots=True)
class Uuid:
    """An id: its 16 bytes."""

    path: str


@dataclass(frozen=True, slots=True)
class Text:
    """An ASCII text that always has this length."""

    path: str
    length: int


@dataclass(frozen=True, slots=True)
class Long:
    """A whole number, by an expression of the pipeline."""

    expression: Any


Column = Uuid | Text | Long


class FixedRows:
    """The layout of rows with these columns, in this order. Names are one word in ASCII."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = columns
        fields: list[tuple[str, Any]] = [("length", "<i4")]
        self._constant: dict[str, bytes] = {}
        for name, column in columns.items():
            tag, head, kind = _layout(column)
            self._constant[f"{name} head"] = tag + name.encode() + b"\0" + head
            fields += [(f"{name} head", f"V{len(self._constant[f'{name} head'])}"), (name, kind)]
            if isinstance(column, Text):
                fields.append((f"{name} end", "V1"))
                self._constant[f"{name} end"] = b"\0"
        fields.append(("end", "V1"))
        self._constant["end"] = b"\0"
        self.dtype = np.dtype(fields)

    @property
    def projection(self) -> dict[str, Any]:
        """The last stage of the pipeline."""
        shown: dict[str, Any] = {"_id": 0}
        for name, column in self.columns.items():
            shown[name] = {"$toLong": column.expression} if isinstance(column, Long) else column.path
        return {"$project": shown}

    def read(self, batch: bytes) -> np.ndarray[Any, Any]:
        """The rows of a batch of BSON documents. Raises ValueError when one of them has another layout."""
        size = self.dtype.itemsize
        if len(batch) % size:
            raise ValueError("The documents do not have the layout that was asked for.")
        rows = np.frombuffer(batch, self.dtype)
        good = bool((rows["length"] == size).all())
        good = good and all((rows[name] == np.void(bytes_)).all() for name, bytes_ in self._constant.items())
        if not good:
            raise ValueError("The documents do not have the layout that was asked for.")
        return rows

    def joined(self, batches: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """All batches as one."""
        return np.concatenate(batches) if batches else np.zeros(0, self.dtype)


def _layout(column: Column) -> tuple[bytes, bytes, str]:
    """Type, what stands before the value, and the value's own type in the array."""
    if isinstance(column, Uuid):
        return _BINARY, struct.pack("<ib", 16, UUID_SUBTYPE), "S16"
    if isinstance(column, Text):
        return _STRING, struct.pack("<i", column.length + 1), f"S{column.length}"
    return _LONG, b"", "<i8"
