"""What counts as missing or doubtful in the master data, and from when.

Findings are about what is planned and sold now: active customers and products, the days and months given. Months that
are looked back at are the last 12 complete ones (`Moment.window`) and whatever came after them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from planning.intervals import Dated, Interval, covers, overlap
from planning.lifespan import Lifespan
from planning.months import Month, add_months, first_day, last_complete, last_day, month_of, month_range

LOOKED_BACK = 12


class FindingKind(StrEnum):
    """What is wrong."""

    MISSING_PRICE = "missing_price"
    MISSING_COST = "missing_cost"
    NO_REP = "no_rep"
    MATRIX_WITHOUT_SALES = "matrix_without_sales"
    SALES_OUTSIDE_MATRIX = "sales_outside_matrix"
    DUPLICATE_CUSTOMERS = "duplicate_customers"
    DUPLICATE_PRODUCTS = "duplicate_products"
    PRICE_CHANGED = "price_changed"


OF_PRODUCTS_ALONE = frozenset({FindingKind.MISSING_COST, FindingKind.DUPLICATE_PRODUCTS})
"""Kinds whose value is made of all customers' sales."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One of them. `value` is what is at stake, scaled money in the base currency, None where nobody can say.

    `since` is the first day on which it was so, as far as that is known.
    """

    kind: FindingKind
    value: int | None
    customers: tuple[UUID, ...] = ()
    products: tuple[UUID, ...] = ()
    cycle: UUID | None = None
    since: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """When findings are looked for: the tenant's calendar day, and the complete months that are looked back at.

    `currency` is the tenant's base currency.
    """

    day: date
    currency: str
    window: tuple[Month, ...]
    complete: bool
    """Whether all 12 months of the window are complete: without them nobody can say that something did not sell."""

    @property
    def today(self) -> str:
        return self.day.isoformat()

    @property
    def month(self) -> Month:
        """The running month."""
        return month_of(self.day)

    @property
    def first_month(self) -> Month:
        return self.window[0]


def moment_of(day: date, currency: str, complete_months: Collection[Month]) -> Moment:
    """The window ends with the last complete month; while there is none it is the last 12 months of the calendar."""
    running = month_of(day)
    window = last_complete(complete_months, running, LOOKED_BACK)
    if not window:
        return Moment(day, currency, month_range(add_months(running, -LOOKED_BACK), LOOKED_BACK), complete=False)
    return Moment(day, currency, window, complete=len(window) == LOOKED_BACK)


def is_idle(moment: Moment, listed: Iterable[Dated], launch: Month | None, last_sold: Month | None) -> bool:
    """Whether a customer could order a product through the whole window and until today, and never did.

    False for what was put on the list, or launched, later than the window begins.
    """
    if not moment.complete or (last_sold is not None and last_sold >= moment.first_month):
        return False
    if launch is not None and launch > moment.first_month:
        return False
    first = first_day(moment.first_month).isoformat()
    entries = list(listed)
    return all(any(covers(entry, day) for entry in entries) for day in (first, moment.today))


def outside_list(moment: Moment, listed: Iterable[Dated], sold: Iterable[Month]) -> tuple[Month, ...]:
    """The months of sales in which the product was not on the customer's list on any day; none once it is on the list
    today, because then somebody has seen to it."""
    entries = list(listed)
    if any(covers(entry, moment.today) for entry in entries):
        return ()
    return tuple(month for month in sorted(sold) if not any(overlap(entry, _days(month)) for entry in entries))


def is_sold_still(moment: Moment, life: Lifespan) -> bool:
    """Whether the product is not behind its last month: it has not ended, and no successor has taken over."""
    return life.last is None or life.last >= moment.month


def has_cost(moment: Moment, standard_cost: object | None, costs: Iterable[Dated]) -> bool:
    """Whether there is a cost today: a dated one, or the standard cost."""
    return standard_cost is not None or any(covers(cost, moment.today) for cost in costs)


def day_after(entries: Iterable[Dated], moment: Moment, otherwise: str) -> str:
    """The day after the last of the entries that have ended; `otherwise` when none has."""
    ends = [entry.valid_to for entry in entries if entry.valid_to is not None and entry.valid_to < moment.today]
    return (date.fromisoformat(max(ends)) + timedelta(days=1)).isoformat() if ends else otherwise


def families(products: Mapping[UUID, tuple[UUID | None, UUID | None]]) -> dict[UUID, UUID]:
    """What products belong together by (planning node, successor): a chain of successors is the last one's family."""
    return {product: _family(product, products) for product in products}


def first_of(months: Sequence[Month]) -> str:
    """The first day of the first of these months."""
    return first_day(min(months)).isoformat()


def _family(product: UUID, products: Mapping[UUID, tuple[UUID | None, UUID | None]]) -> UUID:
    seen: set[UUID] = set()
    while product not in seen:
        seen.add(product)
        node, successor = products.get(product, (None, None))
        product = node or successor or product
    return product


def _days(month: Month) -> Interval:
    return Interval(first_day(month).isoformat(), last_day(month).isoformat())
