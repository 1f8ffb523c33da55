"""The fallback rule at close: which number becomes the approved one, cell by cell, and by which step.

Consensus -> last submitted version -> reviewed draft cell -> approved plan of the last cycle's graded close -> naive ->
null, flagged. A step that does not exist, or says nothing for the month, is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from planning.cells import Cell, Origin
from planning.months import Month
from planning.prices import PriceSource, ResolvedPrice, worth


class FallbackStep(StrEnum):
    """The step that gave the number, in the order in which they are asked."""

    CONSENSUS = "consensus"
    SUBMITTED = "submitted"
    DRAFT = "draft"
    LAST_APPROVED = "last_approved"
    NAIVE = "naive"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class ApprovedCell:
    """One month of the stream `approved`, as the snapshot freezes it. Scaled numbers."""

    month: Month
    quantity: int | None
    value: int | None
    price: int | None
    price_source: PriceSource
    origin: Origin | None
    step: FallbackStep

    @property
    def flagged(self) -> bool:
        """Whether nobody and nothing said a number, so that a person has to look."""
        return self.step == FallbackStep.NOTHING

    @property
    def price_missing(self) -> bool:
        """Whether there is a quantity whose value nobody knows."""
        return self.quantity is not None and self.value is None


def approve_cell(
    month: Month,
    *,
    consensus: Cell | None,
    submitted: Cell | None,
    draft: Cell | None,
    last_approved: int | None,
    naive: int | None,
    price: ResolvedPrice,
) -> ApprovedCell:
    """The approved cell of one month.

    Consensus, submitted and draft cells keep the price and value that were saved with them. `last_approved` and `naive`
    are quantities and are valued at `price`, the month's price by the chain.
    """
    said = (
        (FallbackStep.CONSENSUS, consensus),
        (FallbackStep.SUBMITTED, submitted),
        (FallbackStep.DRAFT, draft if draft is not None and draft.reviewed else None),
    )
    for step, cell in said:
        if cell is not None and cell.filled:
            return ApprovedCell(month, cell.quantity, cell.value, cell.price, cell.price_source, cell.origin, step)
    for step, quantity in ((FallbackStep.LAST_APPROVED, last_approved), (FallbackStep.NAIVE, naive)):
        if quantity is not None:
            value = worth(quantity, price.price)
            return ApprovedCell(month, quantity, value, price.price, price.source, Origin.FALLBACK, step)
    return ApprovedCell(month, None, None, price.price, price.source, None, FallbackStep.NOTHING)


def approve_line(
    months: Iterable[Month],
    prices: Mapping[Month, ResolvedPrice],
    *,
    consensus: Mapping[Month, Cell],
    submitted: Mapping[Month, Cell],
    draft: Mapping[Month, Cell],
    last_approved: Mapping[Month, int | None],
    naive: Mapping[Month, int | None],
) -> tuple[ApprovedCell, ...]:
    """The approved cells of a line, one per month in the order given; `prices` has every month."""
    return tuple(
        approve_cell(
            month,
            consensus=consensus.get(month),
            submitted=submitted.get(month),
            draft=draft.get(month),
            last_approved=last_approved.get(month),
            naive=naive.get(month),
            price=prices[month],
        )
        for month in months
    )
