"""One cell of a plan, and what a save does to it.

A save carries changed cells with the revision they were read at. A conflict exists only on the same cell: when it moved
meanwhile and now says something else. Quantities, values and prices are scaled integers; null is not 0: null means
that nobody said anything.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final

from core.errors import InvalidInput
from planning.months import Month
from planning.numbers import quantity_from_value
from planning.prices import PriceSource, ResolvedPrice, value_at


class EnteredIn(StrEnum):
    """Which of the two a person typed; the other one is derived."""

    QUANTITY = "quantity"
    VALUE = "value"


class Origin(StrEnum):
    """Where a cell's number came from."""

    COPIED = "copied"
    BASELINE = "baseline"
    TYPED = "typed"
    IMPORTED = "imported"
    SPREAD = "spread"
    FALLBACK = "fallback"


class Unset(Enum):
    """The type of `UNSET`: a field that the change does not touch, unlike null, which clears it."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
PRICE_OF_0 = "The price of this month is 0."


@dataclass(frozen=True, slots=True)
class Cell:
    """One month of a line. `rev` rises with every save (0 = never saved); `reviewed` = a person stands behind it."""

    month: Month
    quantity: int | None = None
    value: int | None = None
    entered_in: EnteredIn = EnteredIn.QUANTITY
    price: int | None = None
    price_source: PriceSource = PriceSource.MISSING
    origin: Origin | None = None
    reason: str | None = None
    rev: int = 0
    reviewed: bool = False

    @property
    def filled(self) -> bool:
        """Whether somebody or something said a quantity, be it 0."""
        return self.quantity is not None

    @property
    def override(self) -> int | None:
        """The price that a person set for this cell, if one did."""
        return self.price if self.price_source == PriceSource.OVERRIDE else None


@dataclass(frozen=True, slots=True)
class CellChange:
    """What a person wants of one cell: a quantity or a value (never both), an own price, a reason.

    `UNSET` leaves a field as it is; null clears it: the number, the own price, or the reason.
    """

    month: Month
    base_rev: int
    quantity: int | Unset | None = UNSET
    value: int | Unset | None = UNSET
    price: int | Unset | None = UNSET
    reason: str | Unset | None = UNSET


class CellStatus(StrEnum):
    """What became of a change."""

    SAVED = "saved"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """The answer for one cell; `cell` is the saved one, or the one that stands."""

    status: CellStatus
    reason: str
    cell: Cell


def apply_change(
    cell: Cell,
    change: CellChange,
    months: Collection[Month],
    chain_price: ResolvedPrice,
    *,
    origin: Origin = Origin.TYPED,
    floor: int = 0,
) -> CellOutcome:
    """What saving the change makes of the cell.

    `months` are the cycle's; `chain_price` is the month's price by the chain **without** an override, used unless the
    cell has one. `origin` is typed or imported, `floor` as in `next_revision`. Saying again what an unreviewed
    prefilled cell says accepts it: it is saved as reviewed and keeps its origin.
    """
    try:
        content = _content_after(cell, change, months, chain_price)
    except InvalidInput as refusal:
        return CellOutcome(CellStatus.REFUSED, refusal.message, cell)
    says_the_same = _said(content) == _said(cell)
    if change.base_rev != cell.rev and not says_the_same:
        return CellOutcome(CellStatus.CONFLICT, "Somebody changed this cell since you read it.", cell)
    if says_the_same and (change.base_rev != cell.rev or not _worth_saving(cell, content)):
        return CellOutcome(CellStatus.UNCHANGED, "The cell says this already.", cell)
    saved = replace(
        content, origin=cell.origin if says_the_same else origin, rev=next_revision(cell.rev, floor), reviewed=True
    )
    return CellOutcome(CellStatus.SAVED, "Accepted as it was." if says_the_same else "Saved.", saved)


def next_revision(rev: int, floor: int) -> int:
    """The revision after this one. `floor`: the highest one that a cell had in a line of the sheet that is gone, so
    that whoever read it there overwrites nobody in the line that came in its place."""
    return (rev or floor) + 1


def _content_after(cell: Cell, change: CellChange, months: Collection[Month], chain_price: ResolvedPrice) -> Cell:
    """The cell with the change's content, its revision untouched. InvalidInput with the reason when it is refused."""
    if change.month not in months:
        raise InvalidInput(f"{change.month} is not a month of this cycle.")
    if change.quantity is not UNSET and change.value is not UNSET:
        raise InvalidInput("Send a quantity or a value, not both.")
    priced = _with_price(cell, change, chain_price)
    return _with_number(priced, change, chain_price.problem)


def _with_price(cell: Cell, change: CellChange, chain_price: ResolvedPrice) -> Cell:
    override = cell.override if change.price is UNSET else change.price
    if override is None:
        # The reason explained the own price; it goes with it unless a new one is given.
        standing = None if cell.override is not None else cell.reason
        reason = standing if change.reason is UNSET else _clean(change.reason)
        return replace(cell, price=chain_price.price, price_source=chain_price.source, reason=reason)
    if override < 0:
        raise InvalidInput("A price can't be below 0.")
    standing = cell.reason if override == cell.override else None
    reason = standing if change.reason is UNSET else _clean(change.reason)
    if reason is None:
        raise InvalidInput("A price of your own needs a reason.")
    return replace(cell, price=override, price_source=PriceSource.OVERRIDE, reason=reason)


def _with_number(cell: Cell, change: CellChange, problem: str | None) -> Cell:
    if change.quantity is not UNSET:
        return _entered_as_quantity(cell, change.quantity)
    if change.value is not UNSET:
        return _entered_as_value(cell, change.value, problem)
    if cell.entered_in == EnteredIn.VALUE:
        return _entered_as_value(cell, cell.value, problem)
    return _entered_as_quantity(cell, cell.quantity)


def _entered_as_quantity(cell: Cell, quantity: int | None) -> Cell:
    if quantity is not None and quantity < 0:
        raise InvalidInput("A forecast can't be below 0.")
    return replace(cell, quantity=quantity, value=value_at(quantity, cell.price), entered_in=EnteredIn.QUANTITY)


def _entered_as_value(cell: Cell, value: int | None, problem: str | None) -> Cell:
    if value is None:
        return _entered_as_quantity(cell, None)
    if value < 0:
        raise InvalidInput("A forecast can't be below 0.")
    if not cell.price:
        why = problem if cell.price is None else PRICE_OF_0
        raise InvalidInput(f"{why} A value can't become a quantity without a price: enter a quantity.")
    quantity = quantity_from_value(value, cell.price)
    return replace(cell, quantity=quantity, value=value, entered_in=EnteredIn.VALUE)


def _said(cell: Cell) -> tuple[EnteredIn, int | None, int | None, str | None]:
    """What a person said, without what follows from it."""
    number = cell.value if cell.entered_in == EnteredIn.VALUE else cell.quantity
    return cell.entered_in, number, cell.override, cell.reason


def _worth_saving(cell: Cell, content: Cell) -> bool:
    """Whether saying the same again changes something: a number gets accepted, or its price is a newer one."""
    newer_price = (content.price, content.price_source) != (cell.price, cell.price_source)
    return cell.filled and (newer_price or not cell.reviewed)


def _clean(reason: str | None) -> str | None:
    return (reason or "").strip() or None
