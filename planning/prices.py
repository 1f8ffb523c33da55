"""The price chain: which price values a month of a line, and where it came from.

Override -> customer price valid on the month's first day -> list price -> the customer's average selling price ->
missing. A missing price is null, flagged and counted; it never becomes 0. Prices are scaled by 10^8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from operator import attrgetter

from core.errors import InvalidInput
from planning.months import Month, first_day
from planning.numbers import MONEY, PRICE, QUANTITY, divide_half_even, value_of


class PriceSource(StrEnum):
    """The step of the chain that gave the price, in the order in which they are asked."""

    OVERRIDE = "override"
    CUSTOMER = "customer"
    LIST = "list"
    AVERAGE = "average"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class CustomerPrice:
    """A price agreed with a customer for a product, from the first to the last day, both included; None = open end."""

    valid_from: date
    valid_to: date | None
    price: int


@dataclass(frozen=True, slots=True)
class ResolvedPrice:
    """The price of one month (scaled, None when missing), its source, and the steps that had nothing to say."""

    price: int | None
    source: PriceSource
    passed_over: tuple[str, ...] = ()


_ORDER = tuple(PriceSource)
_PASSED_OVER = {source: _ORDER[:place] for place, source in enumerate(_ORDER)}


def resolve_price(
    month: Month,
    *,
    override: int | None = None,
    customer_prices: Iterable[CustomerPrice] = (),
    list_price: int | None = None,
    average_price: int | None = None,
) -> ResolvedPrice:
    """The price of one month. Of several customer prices valid on its first day, the one that began last wins."""
    overrides = {} if override is None else {month: override}
    (resolved,) = resolve_prices(
        (month,),
        overrides=overrides,
        customer_prices=customer_prices,
        list_price=list_price,
        average_price=average_price,
    )
    return resolved


def resolve_prices(
    months: Iterable[Month],
    *,
    overrides: Mapping[Month, int] | None = None,
    customer_prices: Iterable[CustomerPrice] = (),
    list_price: int | None = None,
    average_price: int | None = None,
) -> tuple[ResolvedPrice, ...]:
    """The prices of a whole line, one per month in the order given: `resolve_price` for each, at the cost of few."""
    newest_first = sorted(customer_prices, key=attrgetter("valid_from"), reverse=True)
    otherwise = _without_customer_price(list_price, average_price)
    said = overrides or {}
    resolved = []
    for month in months:
        if month in said:
            resolved.append(_found(said[month], PriceSource.OVERRIDE))
        else:
            agreed = _valid_on(newest_first, first_day(month)) if newest_first else None
            resolved.append(otherwise if agreed is None else _found(agreed.price, PriceSource.CUSTOMER))
    return tuple(resolved)


def average_price(value: int, quantity: int) -> int | None:
    """The average selling price of what was sold: money / quantity, half-even; None unless both are positive."""
    if value <= 0 or quantity <= 0:
        return None
    return divide_half_even(value * PRICE.factor * QUANTITY.factor, quantity * MONEY.factor)


def value_at(quantity: int | None, price: int | None) -> int | None:
    """Scaled money of a quantity at a price. None when nobody said a quantity, or when the price is missing.

    A quantity of 0 is worth 0 at any price, known or not.
    """
    if quantity is None:
        return None
    if quantity == 0:
        return 0
    return None if price is None else value_of(quantity, price)


def worth(quantity: int | None, price: int | None) -> int | None:
    """`value_at` for numbers that nobody typed: where the product is too large to be exact it is None, which counts as
    a missing price. So one absurd master never stops the opening or the close of a whole cycle."""
    try:
        return value_at(quantity, price)
    except InvalidInput:
        return None


def _without_customer_price(list_price: int | None, average: int | None) -> ResolvedPrice:
    if list_price is not None:
        return _found(list_price, PriceSource.LIST)
    if average is not None:
        return _found(average, PriceSource.AVERAGE)
    return _found(None, PriceSource.MISSING)


def _found(price: int | None, source: PriceSource) -> ResolvedPrice:
    return ResolvedPrice(price, source, _PASSED_OVER[source])


def _valid_on(newest_first: Iterable[CustomerPrice], day: date) -> CustomerPrice | None:
    for price in newest_first:
        if price.valid_from <= day and (price.valid_to is None or day <= price.valid_to):
            return price
    return None
