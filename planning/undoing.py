"""Undoing an import: which imports can be undone, and what keeps a row, or a cell of a plan, from being set back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

NOT_UNDONE: Mapping[str, str] = MappingProxyType(
    {
        "users": "people got mails, and may have signed in: delete or change them one by one",
    }
)
"""Kinds whose imports stay, with the reason."""
NOUNS: Mapping[str, str] = MappingProxyType({"forecasts": "cell", "past-forecasts": "cell"})
"""What is counted in an undo, where that is not the row."""


class Obstacle(StrEnum):
    """What keeps a row from being set back. Whoever undoes an import must not undo what came after it."""

    CHANGED = "changed"
    REMOVED = "removed"
    RETURNED = "returned"
    USED = "used"
    IN_THE_WAY = "in_the_way"
    LOCKED = "locked"


WORDS: Mapping[Obstacle, str] = MappingProxyType(
    {
        Obstacle.CHANGED: "was changed since",
        Obstacle.REMOVED: "was removed since",
        Obstacle.RETURNED: "came back since",
        Obstacle.USED: "is used since",
        Obstacle.IN_THE_WAY: "can't be as it was before",
        Obstacle.LOCKED: "can't be written now",
    }
)


@dataclass(frozen=True, slots=True)
class Found:
    """What is stored of a row or cell that an import wrote: whether it is there, and says what the import said."""

    is_there: bool
    is_same: bool = False


def obstacle(found: Found, *, removed_by_import: bool) -> Obstacle | None:
    """What stands against setting back a row, by itself; None when nothing does.

    A row that the import removed comes back, unless it did so since; every other one must be as the import left it.
    """
    if removed_by_import:
        return Obstacle.RETURNED if found.is_there else None
    if not found.is_there:
        return Obstacle.REMOVED
    return None if found.is_same else Obstacle.CHANGED


def undo_problem(kind: str, state: str, *, dry_run: bool, journaled: bool) -> str | None:
    """Why an import can't be undone at all, whatever became of its rows since; None when it can."""
    if kind in NOT_UNDONE:
        return f"An import of {kind} can't be undone: {NOT_UNDONE[kind]}."
    if state in ("queued", "running"):
        return "The import has not ended; wait until it has."
    if dry_run:
        return "It was a dry run, which wrote nothing."
    if not journaled:
        return "The import kept no journal of what it changed, so it can't be undone."
    return None


def refusal(blocked: int, rows: int, *, locked: int = 0, noun: str = "row") -> str | None:
    """Why an import is not undone now; None when nothing stands against any of its rows, or it changed none.

    `locked` of the blocked ones stand in sheets that can't be written now; `noun` is what is counted.
    """
    if rows == 0:
        return "The import changed nothing that could be undone."
    if blocked == 0:
        return None
    which = f"1 {noun}" if blocked == 1 else f"{blocked:,} {noun}s"
    newer = "something newer touched them"
    sheets = "their sheets can't be written now"
    why = newer if locked == 0 else sheets if locked == blocked else f"{newer}, or {sheets}"
    return f"{which} of {rows:,} can't be set back, because {why}; see the preview."


def revision_now(rev: int, undone: Mapping[int, int]) -> int:
    """The revision that a cell with `rev` has today, if nothing but imports that were undone touched it since.

    `undone`: the revision that each of these found, and the one that it made, which is higher. Its undo set back what
    the cell said and counted on, from whatever the cell had by then.
    """
    left: dict[int, int] = {}
    for found in sorted(undone, reverse=True):
        left[found] = _followed(undone[found], left) + 1
    return _followed(rev, left)


def _followed(rev: int, left: Mapping[int, int]) -> int:
    while rev in left:
        rev = left[rev]
    return rev
