"""Cells in the journal of an import: what changed, before and after, in columns.

A plan of a year is hundreds of thousands of cells, of which an import may change all. So lines whose cells of the same
months changed are one entry, and what a column says of all their cells (the origin, the source of the price, mostly the
revision, too) is kept once.

An entry: the `ids` of lines, `new` when the import added them, the `months` of their changed cells, and what these said
`before` and `after`, line by line. Of a line that the import took away whole, `head` is what it was besides its cells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from bson.binary import Binary

from core.mongo import RawDocument
from models.forecast import CellState
from planning.months import Month

Cell = Mapping[str, Any] | None
"""As it is stored; None = the line has none of this month."""

LINE_CELL = tuple(name for name in CellState.model_fields if name != "month")
SAID_OF_LINE = ("quantity", "rev")
"""What is kept of a line's cell after the import: every change of it counts the revision on."""
PAST_CELL = ("quantity", "value", "price", "price_source", "origin", "step")
SAID_OF_PAST = ("quantity", "value")

_THERE = "there"


Change = tuple[Month, Cell, Cell]
"""A month of a line, with what was and what will be."""
CELLS_AN_ENTRY = 8_000
"""More are several entries, each of which fits into a document."""


@dataclass(slots=True)
class _Group:
    """Lines with changed cells of the same months."""

    ids: list[Any] = field(default_factory=list)
    before: list[Cell] = field(default_factory=list)
    after: list[Cell] = field(default_factory=list)


class Entries:
    """Collects lines to entries. `names` are the fields of a cell, `said` those of them that are kept of the cells as
    they will be."""

    def __init__(self, names: Sequence[str], said: Sequence[str]) -> None:
        self.names = names
        self.said = said
        self._groups: dict[tuple[bool, tuple[Month, ...]], _Group] = defaultdict(_Group)
        self._full: list[RawDocument] = []

    def add(
        self,
        id: Any,
        months: Sequence[Month],
        before: Sequence[Cell],
        after: Sequence[Cell],
        *,
        is_new: bool = False,
        head: RawDocument | None = None,
    ) -> None:
        """A line with its changed cells."""
        if head is not None:
            self._full.append({**self._entry(is_new, months, _Group([id], [*before], [*after])), "head": head})
            return
        key = is_new, tuple(months)
        group = self._groups[key]
        group.ids.append(id)
        group.before += before
        group.after += after
        if len(group.before) >= CELLS_AN_ENTRY:
            self._full.append(self._entry(*key, self._groups.pop(key)))

    def __iter__(self) -> Iterator[RawDocument]:
        yield from self._full
        for (is_new, months), group in self._groups.items():
            yield self._entry(is_new, months, group)

    def _entry(self, is_new: bool, months: Sequence[Month], group: _Group) -> RawDocument:
        return {
            "ids": group.ids,
            "new": is_new,
            "months": list(months),
            "before": packed(group.before, self.names),
            "after": packed(group.after, self.said),
        }


def packed(cells: Sequence[Cell], names: Sequence[str]) -> RawDocument:
    """These fields of the cells, column by column; a column that says the same of all cells says it once."""
    there = [cell is not None for cell in cells]
    if not any(there):
        return {_THERE: False}
    columns: RawDocument = {}
    if not all(there):
        nothing = dict.fromkeys(names)
        columns[_THERE] = there
        cells = [nothing if cell is None else cell for cell in cells]
    rows: Any = map(itemgetter(*names), cells)  # type: ignore[arg-type]
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        first = values[0]
        columns[name] = first if values.count(first) == len(values) else list(values)
    return columns


def unpacked(columns: Mapping[str, Any], months: Sequence[Month]) -> list[RawDocument | None]:
    """The same back, each with its month, in the order of the columns."""
    count = len(months)
    full = {name: value if isinstance(value, list) else [value] * count for name, value in columns.items()}
    there = full.pop(_THERE, [True] * count)
    if not full:
        return [None] * count
    rows = zip(*full.values(), strict=True)
    return [
        {"month": month, **dict(zip(full, row, strict=True))} if is_there else None
        for month, is_there, row in zip(months, there, rows, strict=True)
    ]


@dataclass(slots=True)
class NotedLine:
    """What an import did to the cells of a line: by month what they said before, and what it left."""

    id: Binary
    is_new: bool = False
    head: RawDocument | None = None
    cells: dict[Month, tuple[RawDocument | None, RawDocument | None]] = field(default_factory=dict)


def noted_lines(parts: Iterable[Mapping[str, Any]]) -> dict[Binary, NotedLine]:
    """The lines that these parts of a journal name, in the order in which they were written."""
    lines: dict[Binary, NotedLine] = {}
    for entry in (entry for part in parts for entry in part["entries"]):
        months = entry["months"] * len(entry["ids"])
        cells = zip(unpacked(entry["before"], months), unpacked(entry["after"], months), strict=True)
        for id in entry["ids"]:
            line = lines.setdefault(id, NotedLine(id))
            line.is_new = line.is_new or entry["new"]
            line.head = entry.get("head", line.head)
            for month, (before, after) in zip(entry["months"], cells, strict=False):
                first = line.cells[month][0] if month in line.cells else before
                line.cells[month] = (first, after)
    return lines


def undone_revisions(parts: Iterable[Mapping[str, Any]]) -> dict[tuple[Binary, Month], dict[int, int]]:
    """Of imports of plans that were undone: by cell the revision that each found, and the one that it made. Cells that
    an undo kept are none, nor are those of lines that the import added."""
    by_import: dict[Binary, list[Mapping[str, Any]]] = defaultdict(list)
    for part in parts:
        by_import[part["import_id"]].append(part)
    found: dict[tuple[Binary, Month], dict[int, int]] = defaultdict(dict)
    for own in by_import.values():
        kept = {(one["id"], month) for part in own for one in part["kept"] for month in one["months"]}
        for id, line in noted_lines(own).items():
            for month, (before, after) in line.cells.items():
                if before is not None and after is not None and not line.is_new and (id, month) not in kept:
                    found[id, month][before["rev"]] = after["rev"]
    return found
