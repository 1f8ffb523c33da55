"""Laying the dated entries of a file over the stored ones, without two of them sharing a day.

All entries are of one thing (what a customer may order, or pays, for one product). A row with the first day of a stored
entry is a new version of it; any other row is a new entry. A row that would share a day with another entry is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planning.intervals import Interval, overlap


@dataclass(frozen=True, slots=True)
class Clash:
    """What a refused row shares a day with: another row, by its position, or a stored entry (`row` None)."""

    entry: Interval
    row: int | None = None


def clashes(stored: Sequence[Interval], rows: Sequence[Interval]) -> dict[int, Clash]:
    """The rows to refuse, by position. Of two rows that share a day the later one is refused.

    The order of rows does not matter otherwise: one that ends a stored entry makes room for one that stands before it.
    A row that says what is stored already is refused only if it is the second one about that entry. When a row that
    changes a stored entry is refused, the entry stands as it was, which may refuse further rows.
    """
    refused = dict(_repeated(rows))
    known = set(stored)
    moving = {at: row for at, row in enumerate(rows) if row not in known}
    while True:
        found = _clashing(stored, {at: row for at, row in moving.items() if at not in refused})
        if not found:
            return refused
        refused |= found


def _repeated(rows: Sequence[Interval]) -> Iterator[tuple[int, Clash]]:
    """The rows with the first day of an earlier one: were the last one to win, reading the rows again would change
    back and forth what was read."""
    first: dict[str | None, int] = {}
    for at, row in enumerate(rows):
        other = first.setdefault(row.valid_from, at)
        if other != at:
            yield at, Clash(rows[other], other)


def _clashing(stored: Sequence[Interval], moving: dict[int, Interval]) -> dict[int, Clash]:
    replaced = {row.valid_from for row in moving.values()}
    standing = [Clash(entry) for entry in stored if entry.valid_from not in replaced]
    refused: dict[int, Clash] = {}
    for at, row in moving.items():
        clash = next((one for one in standing if overlap(one.entry, row)), None)
        if clash is None:
            standing.append(Clash(row, at))
        else:
            refused[at] = clash
    return refused
