"""The price chain: which price values a month of a line, and where it came from.

Override -> customer price valid on the month's first day -> list price -> the customer's average selling price ->
missing. A missing price is null, flagged and counted; it never becomes 0. Prices are scaled by 10^8.

A price in another currency than the plan's is converted by the plan rate of the month. The step that has a price is the
one that counts: where there is no rate for it the price is missing, and no later step is asked, because what was agreed
or listed is known and only its worth is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from operator import attrgetter

from core.errors import InvalidInput
from planning.calendar import CALENDAR_MONTHS, MonthRule
from planning.months import Month
from planning.numbers import MONEY, PRICE, QUANTITY, divide_half_even, value_of
from planning.rates import NO_RATES, MonthRate, Rates, convert


class PriceSource(StrEnum):
    """The step of the chain that gave the price, in the order in which they are asked."""

    OVERRIDE = "override"
    CUSTOMER = "customer"
    LIST = "list"
    AVERAGE = "average"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class CustomerPrice:
    """A price agreed with a customer for a product, from the first to the last day, both included; None = open end.

    `currency` None = the plan's own.
    """

    valid_from: date
    valid_to: date | None
    price: int
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """How the price of a step in another currency was converted. `rate` None = there is no rate up to that month."""

    step: PriceSource
    price: int
    currency: str
    rate: MonthRate | None


@dataclass(frozen=True, slots=True)
class ResolvedPrice:
    """The price of one month (scaled, None when missing), its source, and the steps that had nothing to say.

    `conversion` is there when the price was one in another currency, also when it is missing because of that.
    """

    price: int | None
    source: PriceSource
    passed_over: tuple[str, ...] = ()
    conversion: Conversion | None = None

    @property
    def problem(self) -> str | None:
        """Why the price is missing, as a sentence; None when it is there."""
        if self.price is not None:
            return None
        if self.conversion is None:
            return "There is no price for this month."
        if self.conversion.rate is None:
            return f"There is no plan rate of {self.conversion.currency} for this month or an earlier one."
        return f"The price in {self.conversion.currency} is too large to be converted."


_ORDER = tuple(PriceSource)
_PASSED_OVER = {source: _ORDER[:place] for place, source in enumerate(_ORDER)}

WHY_PASSED_OVER: Mapping[str, str] = {
    PriceSource.OVERRIDE: "nobody has set an own price for this cell",
    PriceSource.CUSTOMER: "no price of this customer is valid on the first day of the month",
    PriceSource.LIST: "the product has no list price",
    PriceSource.AVERAGE: "the customer bought nothing in the last 12 complete months",
}
"""Why a step had nothing to say, in the words that people read."""


def resolve_price(
    month: Month,
    *,
    override: int | None = None,
    customer_prices: Iterable[CustomerPrice] = (),
    list_price: int | None = None,
    list_currency: str | None = None,
    average_price: int | None = None,
    rates: Rates = NO_RATES,
    rule: MonthRule = CALENDAR_MONTHS,
) -> ResolvedPrice:
    """The price of one month. Of several customer prices valid on its first day, the one that began last wins."""
    overrides = {} if override is None else {month: override}
    (resolved,) = resolve_prices(
        (month,),
        overrides=overrides,
        customer_prices=customer_prices,
        list_price=list_price,
        list_currency=list_currency,
        average_price=average_price,
        rates=rates,
        rule=rule,
    )
    return resolved


def resolve_prices(
    months: Sequence[Month],
    *,
    overrides: Mapping[Month, int] | None = None,
    customer_prices: Iterable[CustomerPrice] = (),
    list_price: int | None = None,
    list_currency: str | None = None,
    average_price: int | None = None,
    rates: Rates = NO_RATES,
    rule: MonthRule = CALENDAR_MONTHS,
) -> tuple[ResolvedPrice, ...]:
    """The prices of a whole line, one per month in the order given: `resolve_price` for each, at the cost of few.

    Overrides and average prices are in the plan's currency, like every result; `list_currency` None = in that too.
    `rule` says which day a month begins on.
    """
    newest_first = sorted(customer_prices, key=attrgetter("valid_from"), reverse=True)
    otherwise = _without_customer_price(list_price, list_currency, average_price)
    same = _same_for_all(months, newest_first, otherwise, rule)
    if same is not None and not overrides:
        return (same,) * len(months)
    agreed = [(one.valid_from, one.valid_to or date.max, _agreed(one)) for one in newest_first]
    said = overrides or {}
    resolved = []
    for month in months:
        if month in said:
            resolved.append(_found(said[month], PriceSource.OVERRIDE))
            continue
        day, answer = rule.first_day(month), otherwise
        for first, last, price in agreed:
            if first <= day <= last:
                answer = price
                break
        if isinstance(answer, _Foreign):
            answer = answer.at(rates.of_month(answer.currency, month))
        resolved.append(answer)
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


class _Foreign:
    """A price in another currency: a rate decides what it is, month by month."""

    __slots__ = ("currency", "latest", "price", "rate", "source")

    def __init__(self, source: PriceSource, price: int, currency: str) -> None:
        self.source = source
        self.price = price
        self.currency = currency
        self.rate: MonthRate | None = None
        self.latest = self._converted()

    def at(self, rate: MonthRate | None) -> ResolvedPrice:
        """The answer in a month with this rate: the same object as for the month before, if that has the same rate."""
        if rate is not self.rate:
            self.rate = rate
            self.latest = self._converted()
        return self.latest

    def _converted(self) -> ResolvedPrice:
        price = None if self.rate is None else convert(self.price, self.rate.rate)
        source = PriceSource.MISSING if price is None else self.source
        conversion = Conversion(self.source, self.price, self.currency, self.rate)
        return ResolvedPrice(price, source, _PASSED_OVER[self.source], conversion)


_Answer = ResolvedPrice | _Foreign


def _same_for_all(
    months: Sequence[Month], newest_first: Sequence[CustomerPrice], otherwise: _Answer, rule: MonthRule
) -> ResolvedPrice | None:
    """The answer for every month, where that can be told at once: most lines have one price, or none of their own."""
    answer = otherwise
    if newest_first and months:
        newest = newest_first[0]
        first, last = rule.first_day(min(months)), rule.first_day(max(months))
        if newest.valid_from > first or (newest.valid_to is not None and newest.valid_to < last):
            return None
        answer = _agreed(newest)
    return answer if isinstance(answer, ResolvedPrice) else None


def _agreed(price: CustomerPrice) -> _Answer:
    return _answer(PriceSource.CUSTOMER, price.price, price.currency)


def _answer(source: PriceSource, price: int, currency: str | None) -> _Answer:
    return _found(price, source) if currency is None else _Foreign(source, price, currency)


def _without_customer_price(list_price: int | None, list_currency: str | None, average: int | None) -> _Answer:
    if list_price is not None:
        return _answer(PriceSource.LIST, list_price, list_currency)
    if average is not None:
        return _found(average, PriceSource.AVERAGE)
    return _found(None, PriceSource.MISSING)


def _found(price: int | None, source: PriceSource) -> ResolvedPrice:
    return ResolvedPrice(price, source, _PASSED_OVER[source])
