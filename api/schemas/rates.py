"""Exchange rates at the edge."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Strict

from api.numbers import Factor
from api.paging import PageQuery
from api.texts import Body, Currency, Month
from models.rate import FxRate
from planning.months import month_range
from planning.numbers import PRICE
from planning.rates import MonthRate, RateKind
from services.rates import RateDraft, RateFilter

MAX_RATES = 2_000
Kind = Annotated[RateKind, Strict(False)]


class RateSort(StrEnum):
    """What rates are sorted by; ties follow kind, currency and month."""

    CURRENCY = "currency"
    MONTH = "month"

    @property
    def fields(self) -> tuple[str, ...]:
        """The stored fields, in the order of the index where there is one."""
        return ("kind", "currency", "month") if self is RateSort.CURRENCY else ("month", "kind", "currency")


class RateQuery(PageQuery):
    """Exact kind and currency; months from and to, both included."""

    sort_by: RateSort = RateSort.CURRENCY
    kind: RateKind | None = None
    currency: Currency | None = None
    month_from: Month | None = None
    month_to: Month | None = None

    def filter(self) -> RateFilter:
        """What the service is asked for."""
        return RateFilter(self.kind, self.currency, self.month_from, self.month_to)


class NewRate(Body):
    """What one unit of the currency is worth in the company's own."""

    kind: Annotated[Kind, Field(description="plan: what plans count with; actual; budget.")] = RateKind.PLAN
    currency: Annotated[Currency, Field(examples=["USD"])]
    month: Month
    rate: Annotated[Factor, Field(examples=[0.92])]

    def draft(self) -> RateDraft:
        """What the service is asked for."""
        return RateDraft(self.kind, self.currency, self.month, self.rate)


class RateList(Body):
    """Many rates at once: each is stored, or takes the place of the one that is there."""

    rates: Annotated[list[NewRate], Field(min_length=1, max_length=MAX_RATES)]

    def drafts(self) -> list[RateDraft]:
        """What the service is asked for."""
        return [rate.draft() for rate in self.rates]


class RatePatch(Body):
    """Another rate for the same month."""

    rate: Annotated[Factor, Field(examples=[0.93])]


class RateView(BaseModel):
    """A rate. One unit of `currency` is `rate` units of the company's own."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    kind: RateKind = Field(examples=["plan"])
    currency: str = Field(examples=["USD"])
    month: str = Field(examples=["2027-01"])
    rate: float = Field(examples=[0.92])
    rev: int = Field(examples=[1])
    updated_at: datetime


class RatesSaved(BaseModel):
    """How many of the rates were new, changed, and already so."""

    inserted: int = Field(examples=[12])
    updated: int = Field(examples=[3])
    unchanged: int = Field(examples=[1])


class RatesOfMonthsQuery(BaseModel):
    """Which months, and of which kind."""

    model_config = ConfigDict(extra="forbid")

    month: Annotated[Month, Field(description="The first month.")]
    months: Annotated[int, Field(ge=1, le=36, description="How many months, beginning with `month`.")] = 1
    kind: RateKind = RateKind.PLAN
    currency: Currency | None = None

    def span(self) -> tuple[str, ...]:
        """The months asked for."""
        return month_range(self.month, self.months)


class MonthRateView(BaseModel):
    """The rate that counts in a month; `rate` null = there is none for it or an earlier month."""

    month: str = Field(examples=["2027-01"])
    rate: float | None = Field(examples=[0.92])
    given_for: str | None = Field(examples=["2026-12"], description="The month that the rate was given for.")
    taken_over: bool = Field(description="The month has no rate of its own, so the last one counts.")


class CurrencyRates(BaseModel):
    """The rates of one currency, month by month."""

    currency: str = Field(examples=["USD"])
    months: list[MonthRateView]


class RatesOfMonths(BaseModel):
    """What counts in each month. The company's own currency is always 1 and not named."""

    base_currency: str = Field(examples=["EUR"])
    kind: RateKind = Field(examples=["plan"])
    currencies: list[CurrencyRates]


def show_rate(rate: FxRate) -> dict[str, Any]:
    """One rate."""
    return {
        "id": rate.id,
        "kind": rate.kind,
        "currency": rate.currency,
        "month": rate.month,
        "rate": rate.rate,
        "rev": rate.rev,
        "updated_at": rate.updated_at,
    }


def show_months(
    base: str, kind: RateKind, months: tuple[str, ...], found: dict[str, list[MonthRate | None]]
) -> dict[str, Any]:
    """What counts in each month, by currency."""
    currencies = [
        {"currency": currency, "months": [_month(*pair) for pair in zip(months, rates, strict=True)]}
        for currency, rates in found.items()
    ]
    return {"base_currency": base, "kind": kind, "currencies": currencies}


def _month(month: str, rate: MonthRate | None) -> dict[str, Any]:
    return {
        "month": month,
        "rate": None if rate is None else rate.rate / PRICE.factor,
        "given_for": None if rate is None else rate.given_for,
        "taken_over": rate is not None and rate.taken_over,
    }
