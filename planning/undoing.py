"""Undoing an import: which imports can be undone, and what keeps a row from being set back."""

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


class Obstacle(StrEnum):
    """What keeps a row from being set back. Whoever undoes an import must not undo what came after it."""

    CHANGED = "changed"
    REMOVED = "removed"
    RETURNED = "returned"
    USED = "used"
    IN_THE_WAY = "in_the_way"


WORDS: Mapping[Obstacle, str] = MappingProxyType(
    {
        Obstacle.CHANGED: "was changed since",
        Obstacle.REMOVED: "was removed since",
        Obstacle.RETURNED: "came back since",
        Obstacle.USED: "is used since",
        Obstacle.IN_THE_WAY: "can't be as it was before",
    }
)


@dataclass(frozen=True, slots=True)
class Found:
    """What is stored of a row that an import wrote: whether it is there, and whether it says what the import said."""

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


def refusal(blocked: int, rows: int) -> str | None:
    """Why an import is not undone now; None when nothing touched its rows since, or it changed none."""
    if rows == 0:
        return "The import changed nothing that could be undone."
    if blocked == 0:
        return None
    touched = "1 row" if blocked == 1 else f"{blocked:,} rows"
    return f"{touched} of {rows:,} can't be set back, because something newer touched them; see the preview."
