"""Questions about sales, made of what somebody asks: whose customers, which months, what they may see.

The answer is made by `reports.sales_statistics` and `reports.sales_charts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.errors import Detail, InvalidInput, NotPermitted
from models.customer import Customer
from models.merged import load_merged
from models.tenant import Tenant
from planning.access import Action, may
from planning.calendar import MonthRule
from planning.months import Month, add_months, month_range, months_between, zone
from planning.sales_statistics import (
    ANY_PRODUCT,
    OF_COST,
    OF_UNIT,
    TIMES,
    Dimension,
    Measure,
    ProductWanted,
    SalesQuestion,
    moving_months,
    name_key,
    year_to_date,
)
from services import calendar, months
from services.identity import Caller
from services.scopes import ids_in, narrowed, scope_of

MAX_MONTHS = 120


class Period(StrEnum):
    """Which months, when `from_month` does not say: the fiscal year up to the last month, or twelve months up to it."""

    YEAR_TO_DATE = "year_to_date"
    MOVING_12_MONTHS = "moving_12_months"


@dataclass(frozen=True, slots=True)
class CustomersWanted:
    """Which customers; None = any, an empty name = those of whom nobody said it."""

    customer_id: UUID | None = None
    region: str | None = None
    country: str | None = None
    group: str | None = None

    async def query(self) -> dict[str, Any]:
        """On customers. Names are asked for as the customers' documents spell them, so that an index answers."""
        found: dict[str, Any] = {} if self.customer_id is None else {"_id": self.customer_id}
        for name in ("region", "country", "group"):
            said = getattr(self, name)
            if said is not None:
                spelled = [None, *await scoped(Customer).distinct(name)]
                found[name] = {"$in": [text for text in spelled if name_key(text) == name_key(said)]}
        return found


ANY_CUSTOMER = CustomersWanted()


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks, as they say it. Without months: the twelve up to the one that runs now."""

    by: Dimension
    from_month: Month | None = None
    to_month: Month | None = None
    period: Period = Period.MOVING_12_MONTHS
    customers: CustomersWanted = ANY_CUSTOMER
    products: ProductWanted = ANY_PRODUCT
    top: int = 20
    rank_by: Measure | None = None
    """None = by what is drawn."""
    series: Dimension | None = None
    measure: Measure = Measure.REVENUE
    last_year: bool = False


async def question_of(caller: Caller, asked: Asked, at: datetime) -> SalesQuestion:
    """The question with scope, months and rights. NotPermitted for figures of cost that the caller may not see;
    InvalidInput for months that run backwards or are too many, and for what can't be ranked or drawn."""
    with_cost = may(caller.actor, Action.SEE_COST)
    if {asked.rank_by, asked.measure} & OF_COST and not with_cost.allowed:
        raise NotPermitted(with_cost.reason)
    _check(asked)
    tenant = await calendar.settings()
    rule, day = MonthRule.of(tenant), at.astimezone(zone(tenant.time_zone)).date()
    wanted = _months(asked, rule, rule.month_of(day))
    return SalesQuestion(
        by=asked.by,
        months=wanted,
        complete=frozenset(await months.complete_months()),
        rule=rule,
        currency=tenant.base_currency,
        day=day,
        customer_ids=await _customer_ids(caller, asked.customers, at),
        products=asked.products,
        with_cost=with_cost.allowed,
        working_days=await _working_days(tenant, rule, wanted, day),
        top=asked.top,
        rank_by=_rank_by(asked),
        series=asked.series,
        measure=asked.measure,
        last_year=asked.last_year,
    )


def _check(asked: Asked) -> None:
    problems = []
    if asked.rank_by in OF_UNIT and asked.products.unit is None:
        problems.append(Detail("rank_by", f"must not be {asked.rank_by} without a unit: units can't be compared"))
    if asked.series is not None and asked.by not in TIMES:
        problems.append(Detail("series", "must be left out unless by is month, quarter or year"))
    if asked.series in TIMES:
        problems.append(Detail("series", "must not be a time; choose what the sales are split by"))
    if problems:
        raise InvalidInput(details=problems)


def _rank_by(asked: Asked) -> Measure:
    """What is asked for, else what is drawn; revenue where units would have to be compared."""
    drawn = Measure.REVENUE if asked.measure in OF_UNIT and asked.products.unit is None else asked.measure
    return asked.rank_by or drawn


def _months(asked: Asked, rule: MonthRule, running: Month) -> tuple[Month, ...]:
    last = asked.to_month or max(running, asked.from_month or running)
    if asked.from_month is None:
        return year_to_date(rule, last) if asked.period is Period.YEAR_TO_DATE else moving_months(last)
    count = months_between(asked.from_month, last) + 1
    if count < 1:
        raise InvalidInput(details=[Detail("to_month", f"must not be before from_month ({asked.from_month})")])
    if count > MAX_MONTHS:
        farthest = add_months(asked.from_month, MAX_MONTHS - 1)
        raise InvalidInput(details=[Detail("to_month", f"must be {farthest} at the latest: {MAX_MONTHS} months")])
    return month_range(asked.from_month, count)


async def _customer_ids(caller: Caller, wanted: CustomersWanted, at: datetime) -> tuple[UUID, ...] | None:
    """Under which customers the sales are stored that the caller sees and asks for; None = under any."""
    merged = await load_merged()
    scope = await scope_of(caller.role, caller.user_id, at, caller.regions)
    if wanted.customer_id is not None:
        wanted = replace(wanted, customer_id=merged.owner(wanted.customer_id))
    query = await wanted.query()
    if query:
        rows = await scoped(Customer).rows(await narrowed(scope, query), {"_id": 1})
        ids: frozenset[UUID] | None = frozenset(row["_id"] for row in rows)
    else:
        ids = await ids_in(scope)
    return None if ids is None else tuple(sorted(merged.with_sources(merged.standing(ids))))


async def _working_days(tenant: Tenant, rule: MonthRule, some: Sequence[Month], day: date) -> dict[Month, int]:
    """How many working days of each month have begun."""
    days = await calendar.working_days(tenant, rule.first_day(some[0]), rule.last_day(some[-1]))
    return {month: days.count(rule.first_day(month), min(rule.last_day(month), day)) for month in some}
