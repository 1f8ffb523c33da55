"""What must be said before a sheet is submitted, and what "these empty cells count as 0" does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from planning.cells import Cell, EnteredIn, Origin, next_revision
from planning.lifespan import ALWAYS, Lifespan
from planning.months import Month
from planning.prices import ResolvedPrice


@dataclass(frozen=True, slots=True)
class SheetLine:
    """A line of the sheet: its saved cells by month (absent = never saved), and whether the months of its product's
    life must be filled."""

    customer_id: UUID
    product_id: UUID
    mandatory: bool
    cells: Mapping[Month, Cell]
    life: Lifespan = ALWAYS


@dataclass(frozen=True, slots=True)
class MissingCell:
    """A mandatory cell that says nothing."""

    customer_id: UUID
    product_id: UUID
    month: Month


def missing_mandatory(
    lines: Iterable[SheetLine], months: Iterable[Month], mandatory_until: Month
) -> tuple[MissingCell, ...]:
    """The empty cells of mandatory lines in the months up to and including `mandatory_until`, in the order given."""
    mandatory_months = [month for month in months if month <= mandatory_until]
    return tuple(
        MissingCell(line.customer_id, line.product_id, month)
        for line in lines
        if line.mandatory
        for month in mandatory_months
        if line.life.holds(month) and not _filled(line.cells.get(month))
    )


def confirm_as_zero(missing: MissingCell, standing: Cell | None, price: ResolvedPrice, floor: int = 0) -> Cell:
    """The cell that says 0 because a person confirmed it on submitting: typed, reviewed, one revision on.

    `standing` is the empty cell as saved (None = never saved); an own price on it stays. `floor` as in a save.
    """
    cell = standing or Cell(missing.month)
    if cell.override is None:
        cell = replace(cell, price=price.price, price_source=price.source)
    return replace(
        cell,
        quantity=0,
        value=0,
        entered_in=EnteredIn.QUANTITY,
        origin=Origin.TYPED,
        rev=next_revision(cell.rev, floor),
        reviewed=True,
    )


def unreviewed_count(lines: Iterable[SheetLine], months: Collection[Month]) -> int:
    """How many filled cells nobody has looked at; submitting says it, and does not make them reviewed."""
    return sum(
        cell.filled and not cell.reviewed for line in lines for month, cell in line.cells.items() if month in months
    )


def _filled(cell: Cell | None) -> bool:
    return cell is not None and cell.filled
