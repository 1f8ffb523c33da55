"""What a file says of a cell of the plan, beside what stands: nothing, a change, or something that it may not say.

A file holds whole sheets, and mostly what stood there when it was made. What says the same as the plan says nothing;
what differs is a change of the revision that the file holds. So an untouched file changes nothing, a changed number
changes one cell, and what somebody changed meanwhile is a conflict. A blank cell says nothing either: a number is taken
back with the word `clear`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from planning.cells import UNSET, Cell, CellChange, Unset
from planning.months import Month, is_month
from planning.prices import value_at

CLEAR_WORD = "clear"


class Cleared(Enum):
    """The type of `CLEAR`: what a file says with the word `clear`."""

    CLEAR = CLEAR_WORD


CLEAR: Final = Cleared.CLEAR
BOTH = "a quantity or a value: the file changes both, and they say different things"
NO_REVISION = (
    "a cell that nobody saved before: this one was, and the file does not say what it was when the file was made; "
    "change a downloaded workbook, or import with overwrite"
)


@dataclass(frozen=True, slots=True)
class CellInFile:
    """What stands in a file for one cell, scaled; None = blank. `base_rev` None = the file holds no revision."""

    quantity: int | Cleared | None = None
    value: int | Cleared | None = None
    price: int | Cleared | None = None
    reason: str | Cleared | None = None
    base_rev: int | None = None


def change_in_file(cell: Cell, said: CellInFile, *, overwrite: bool = False) -> CellChange | str | None:
    """The change that the file asks for; None when it says what stands, a text (what was expected) when it is refused.

    Without a revision only cells that nobody stands behind can be changed. `overwrite`: whatever stands, the file wins.
    """
    quantity = _changed(said.quantity, cell.quantity)
    value = _changed(said.value, cell.value)
    price = _changed(said.price, cell.override)
    reason: str | Unset | None = UNSET if said.reason is None else _cleared(said.reason)
    reason = UNSET if reason == cell.reason else reason
    if quantity is UNSET and value is UNSET and price is UNSET and reason is UNSET:
        return None
    free = cell.rev == 0 or (said.base_rev is None and not cell.reviewed)
    base_rev = cell.rev if overwrite or free else said.base_rev
    if base_rev is None:
        return NO_REVISION
    if quantity is not UNSET and value is not UNSET:
        # Beside what somebody changed meanwhile both are different: that is a conflict, and nobody's contradiction.
        if base_rev == cell.rev and value_at(quantity, _price(cell, price)) != value:
            return BOTH
        value = UNSET
    return CellChange(cell.month, base_rev, quantity=quantity, value=value, price=price, reason=reason)


def revisions_text(revisions: Mapping[Month, int]) -> str:
    """Revisions by month as one cell of a file holds them, e.g. `2027-01:3 2027-04:1`; never saved ones are left out,
    and a line without any is `0`."""
    return " ".join(f"{month}:{rev}" for month, rev in sorted(revisions.items()) if rev) or "0"


def read_revisions(text: str) -> dict[Month, int] | None:
    """The same back; a month that is not named has 0. None for a text that no file of ours holds."""
    if text.strip() == "0":
        return {}
    parts = [_REVISION.fullmatch(part) for part in text.split()]
    found = {part[1]: int(part[2]) for part in parts if part is not None and is_month(part[1])}
    return found if parts and len(found) == len(parts) else None


_REVISION = re.compile(r"([0-9]{4}-[0-9]{2}):([0-9]{1,9})")


def _changed(said: int | Cleared | None, stands: int | None) -> int | Unset | None:
    if said is None:
        return UNSET
    wanted = None if isinstance(said, Cleared) else said
    return UNSET if wanted == stands else wanted


def _cleared(said: str | Cleared) -> str | None:
    return None if isinstance(said, Cleared) else said


def _price(cell: Cell, changed: int | Unset | None) -> int | None:
    return changed if isinstance(changed, int) else cell.price
