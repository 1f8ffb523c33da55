"""Effective-dated things: from the first to the last day, both included, as ISO texts; None = open at that end.

Days sort and compare as their text, so `a < b` is "earlier".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar


class Dated(Protocol):
    """Anything that holds from a day to a day."""

    @property
    def valid_from(self) -> str | None: ...
    @property
    def valid_to(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Interval:
    """The days from `valid_from` to `valid_to`, both included; None = open at that end."""

    valid_from: str | None = None
    valid_to: str | None = None


Entry = TypeVar("Entry", bound=Dated)


def covers(entry: Dated, day: str) -> bool:
    """Whether the day lies within."""
    return (entry.valid_from is None or entry.valid_from <= day) and (entry.valid_to is None or day <= entry.valid_to)


def runs_backwards(entry: Dated) -> bool:
    """Whether it ends before it begins, so that no day lies within."""
    return entry.valid_from is not None and entry.valid_to is not None and entry.valid_to < entry.valid_from


def overlap(one: Dated, other: Dated) -> bool:
    """Whether some day lies within both."""
    starts = max(one.valid_from or "", other.valid_from or "")
    ends = [entry.valid_to for entry in (one, other) if entry.valid_to is not None]
    return not ends or starts <= min(ends)


def overlapping(new: Dated, others: Iterable[Entry]) -> Entry | None:
    """The first of the others, by the day on which it begins, that shares a day with the new one; None = there is none.

    Leave the entry itself out of the others when it is changed.
    """
    sharing = [other for other in others if overlap(new, other)]
    return min(sharing, key=lambda other: other.valid_from or "", default=None)


def in_words(entry: Dated) -> str:
    """How an interval is named to people: `2026-01-01 to 2026-06-30`, `from 2026-01-01`, `until 2026-06-30`."""
    if entry.valid_from is None:
        return "always" if entry.valid_to is None else f"until {entry.valid_to}"
    return f"from {entry.valid_from}" if entry.valid_to is None else f"{entry.valid_from} to {entry.valid_to}"
