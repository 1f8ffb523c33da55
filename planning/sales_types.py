"""Kinds of sales lines: what each of them counts as, and which numbers it may have.

Demand is what customers wanted (quantities, judged against the plan); revenue is what they owe (amounts); cost is what
the goods, or a service that says so, cost the company. Lines that take back are stored negative, so that all are plain
sums: what is above zero adds, whatever it is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from planning.numbers import value_of


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

DEMAND_TYPES = tuple(one for one in SalesType if COUNTS_AS[one].demand)
"""Goods: each of these lines costs what its quantity costs, by itself or by the standard cost of its month."""
REVENUE_TYPES = tuple(one for one in SalesType if COUNTS_AS[one].revenue)
ORDER_TYPES = (SalesType.SALE, SalesType.FREE_GOODS)
"""An invoice with such a line is an order; a credit note is none."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one line adds to its rollup, in scaled numbers."""

    quantity: int
    amount: int


def contribution(sales_type: SalesType, quantity: int, amount: int) -> Contribution:
    """A line's part in demand and revenue; what it does not count as is 0."""
    counts = COUNTS_AS[sales_type]
    return Contribution(quantity if counts.demand else 0, amount if counts.revenue else 0)


def line_cost(sales_type: SalesType, quantity: int, unit_cost: int | None) -> int | None:
    """What a line itself says that it cost, as scaled money; None when it says nothing, or is no goods and no service.

    InvalidInput when that is too large.
    """
    if unit_cost is None or not (COUNTS_AS[sales_type].demand or sales_type is SalesType.SERVICE):
        return None
    return value_of(quantity, unit_cost)


class Sign(StrEnum):
    """What a number of a line may be."""

    ANY = "any number"
    ZERO = "0"
    TAKES_OFF = "0 or a number below zero"


@dataclass(frozen=True, slots=True)
class LineRule:
    """What the numbers of a line may be, and why. `one_way`: quantity and amount never have opposite signs."""

    quantity: Sign
    revenue: Sign
    reason: str
    one_way: bool = False


RULES: Mapping[SalesType, LineRule] = {
    SalesType.SALE: LineRule(Sign.ANY, Sign.ANY, "a sale owes what it delivers", one_way=True),
    SalesType.RETURN: LineRule(Sign.TAKES_OFF, Sign.TAKES_OFF, "goods that come back are taken off"),
    SalesType.CANCELLATION: LineRule(Sign.TAKES_OFF, Sign.TAKES_OFF, "what was counted is taken off"),
    SalesType.PRICE_CREDIT: LineRule(Sign.ZERO, Sign.TAKES_OFF, "the goods stay with the customer"),
    SalesType.REBATE: LineRule(Sign.ANY, Sign.TAKES_OFF, "a rebate is taken off"),
    SalesType.FREE_GOODS: LineRule(Sign.ANY, Sign.ZERO, "nobody pays for free goods"),
    SalesType.SERVICE: LineRule(Sign.ANY, Sign.ANY, "a service may owe or give back"),
}


def line_problems(sales_type: SalesType, quantity: int, net_revenue: int) -> tuple[tuple[str, str], ...]:
    """What is wrong with a line: field, and what is expected there. Empty when it may be stored."""
    rule = RULES[sales_type]
    numbers = (("quantity", rule.quantity, quantity), ("net_revenue", rule.revenue, net_revenue))
    found = tuple((name, f"{sign}: {rule.reason}") for name, sign, number in numbers if not _fits(sign, number))
    if not found and rule.one_way and quantity * net_revenue < 0:
        return (("net_revenue", f"an amount with the sign of the quantity: {rule.reason}"),)
    return found


def _fits(sign: Sign, number: int) -> bool:
    if sign is Sign.ANY:
        return True
    return number == 0 if sign is Sign.ZERO else number <= 0
