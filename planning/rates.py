"""Exchange rates by month: what one unit of a currency is worth in the company's own.

Finance plans, budgets and looks back with different rates. A month without a rate of its own takes over the last one
before it, and says so; a month before the first rate has none: a price without a rate is missing, never 0 and never
taken as it is. Rates and prices are scaled by 10^8.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter

from core.errors import InvalidInput
from planning.months import Month
from planning.numbers import MAX_DIGITS, PRICE, divide_half_even

LARGEST_PRICE = 10**18
"""Prices stay below it, so that they fit where they are stored."""


class RateKind(StrEnum):
    """What a rate is for: what it came to be, what plans count with, what the budget counts with."""

    ACTUAL = "actual"
    PLAN = "plan"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class MonthRate:
    """The rate that holds in a month. `taken_over` = it was given for an earlier month, because nobody has given one
    for this month yet; `given_for` names the month that it was given for."""

    currency: str
    given_for: Month
    rate: int
    taken_over: bool


class Rates:
    """The rates of one kind by currency and month. A currency that nobody gave a rate for has none in any month."""

    def __init__(self, known: Mapping[str, Mapping[Month, int]]) -> None:
        self._own = {
            currency: [MonthRate(currency, month, rate, taken_over=False) for month, rate in sorted(rates.items())]
            for currency, rates in known.items()
        }
        self._found: dict[tuple[str, Month], MonthRate | None] = {}
        self._taken_over: dict[MonthRate, MonthRate] = {}

    def of_month(self, currency: str, month: Month) -> MonthRate | None:
        """The month's own rate, else the last one before it; None before the first. Months that take over the same
        rate get the same object."""
        asked = (currency, month)
        if asked not in self._found:
            self._found[asked] = self._find(currency, month)
        return self._found[asked]

    def _find(self, currency: str, month: Month) -> MonthRate | None:
        rates = self._own.get(currency, ())
        place = bisect_right(rates, month, key=attrgetter("given_for"))
        if place == 0:
            return None
        latest = rates[place - 1]
        if latest.given_for == month:
            return latest
        return self._taken_over.setdefault(latest, replace(latest, taken_over=True))


NO_RATES = Rates({})


def convert(price: int, rate: int) -> int | None:
    """The price in the company's currency, half-even to 1/10^8; None when it gets too large to be stored."""
    converted = divide_half_even(price * rate, PRICE.factor)
    return converted if converted < LARGEST_PRICE else None


def rate_of_sale(actual: Rates, plan: Rates, currency: str, month: Month) -> MonthRate | None:
    """What a sale of a month is converted at: the rate that the month came to have, else what plans count with."""
    came_to_be = actual.of_month(currency, month)
    if came_to_be is not None and not came_to_be.taken_over:
        return came_to_be
    return plan.of_month(currency, month)


def convert_money(money: int, rate: int) -> int:
    """Scaled money in the company's currency, half-even to 1/10000. InvalidInput from 10^11 on."""
    converted = divide_half_even(money * rate, PRICE.factor)
    if abs(converted) >= 10**MAX_DIGITS:
        raise InvalidInput("The amount is too large in the company's currency.")
    return converted
