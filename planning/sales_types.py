"""Kinds of sales lines, and what each of them counts as.

Demand is what customers wanted (quantities, judged against the plan); revenue is what they owe (amounts). Lines that
take back are stored negative, so both are plain sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class SalesType(StrEnum):
    """The kind of a line of an invoice or credit note."""

    SALE = "sale"
    RETURN = "return"
    PRICE_CREDIT = "price_credit"
    REBATE = "rebate"
    FREE_GOODS = "free_goods"
    CANCELLATION = "cancellation"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class CountsAs:
    """Whether a line's quantity is demand, and whether its amount is revenue."""

    demand: bool
    revenue: bool


_BOTH = CountsAs(demand=True, revenue=True)
_DEMAND = CountsAs(demand=True, revenue=False)
_REVENUE = CountsAs(demand=False, revenue=True)

COUNTS_AS: Mapping[SalesType, CountsAs] = {
    SalesType.SALE: _BOTH,
    SalesType.RETURN: _BOTH,  # goods came back: less demand, less revenue
    SalesType.CANCELLATION: _BOTH,  # the reversal of a line that was counted before
    SalesType.PRICE_CREDIT: _REVENUE,  # the goods stay with the customer, only the price changed
    SalesType.REBATE: _REVENUE,
    SalesType.SERVICE: _REVENUE,  # nothing that has to be produced or bought
    SalesType.FREE_GOODS: _DEMAND,  # must be delivered, though nobody pays
}


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one line adds to its rollup, in scaled numbers."""

    quantity: int
    amount: int


def contribution(sales_type: SalesType, quantity: int, amount: int) -> Contribution:
    """A line's part in demand and revenue; what it does not count as is 0."""
    counts = COUNTS_AS[sales_type]
    return Contribution(quantity if counts.demand else 0, amount if counts.revenue else 0)
