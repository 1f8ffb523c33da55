"""The company's calendar: its settings, its months with their working days, and how days between deadlines are counted.

The rules stand in `planning.calendar`; here they get the settings, the public holidays and the company's own days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

from core.collections import scoped, transaction
from core.context import current_tenant
from core.errors import Conflict, Detail, InvalidInput, NotFound
from models.calendar import CompanyDay
from models.cycle import Cycle
from models.job import Job
from models.sale import SaleLine
from models.tenant import Tenant
from planning.calendar import DayCount, MonthPattern, MonthRule, MonthSettings, WorkingDays
from planning.months import Month, month_range, months_between
from services import holiday_table, jobs, revisions

MAX_MONTHS = 240
REACH = timedelta(days=400)
"""How far from a deadline the days off are known when days are counted from it; far more than any count goes."""

_FIXED_WITH_WEEKS = ("month_pattern", "fiscal_year_start_month")


async def settings() -> Tenant:
    """The tenant in context."""
    return await scoped(Tenant).get(current_tenant())


async def month_rule() -> MonthRule:
    """The way between dates and months of the tenant in context."""
    fields = {"_id": 0, "month_pattern": 1, "fiscal_year_start_month": 1}
    row = await scoped(Tenant).row({"_id": current_tenant()}, fields)
    if row is None:
        raise NotFound()
    return MonthRule(MonthPattern(row.get("month_pattern", MonthPattern.CALENDAR)), row["fiscal_year_start_month"])


async def working_days(tenant: Tenant, first: date, last: date) -> WorkingDays:
    """On which days of this span the company works: its weekdays, public holidays and own days."""
    off = set(_public_holidays(tenant, first, last))
    extra: set[date] = set()
    span = {"day": {"$gte": first.isoformat(), "$lte": last.isoformat()}}
    for row in await scoped(CompanyDay).rows(span, {"_id": 0, "day": 1, "working": 1}):
        (extra if row["working"] else off).add(date.fromisoformat(row["day"]))
    return WorkingDays(frozenset(tenant.working_weekdays), frozenset(off), frozenset(extra))


async def day_count(tenant: Tenant, zone_name: str, around: datetime, *, working: bool) -> DayCount:
    """How days are counted from a deadline: all of them, or working days as the calendar stands now."""
    if not working:
        return DayCount(zone_name)
    day = around.date()
    return DayCount(zone_name, await working_days(tenant, day - REACH, day + REACH))


async def overview(first: Month | None, last: Month | None, at: datetime) -> dict[str, Any]:
    """The settings, and the months of a span with their dates; what is not said is the edge of the fiscal year.

    InvalidInput for a span that runs backwards or has more than 240 months.
    """
    tenant = await settings()
    rule = MonthRule.of(tenant)
    running = rule.month_in_zone(at, tenant.time_zone)
    begin = first or rule.fiscal_year(last or running)[0]
    end = last or rule.fiscal_year(begin)[1]
    count = months_between(begin, end) + 1
    if not 1 <= count <= MAX_MONTHS:
        raise InvalidInput(details=[Detail("to_month", f"must be 1 to {MAX_MONTHS} months from from_month ({begin})")])
    days = await working_days(tenant, rule.first_day(begin), rule.last_day(end))
    return {
        "settings": tenant,
        "running_month": running,
        "months": [_shown(rule, month, days) for month in month_range(begin, count)],
    }


async def change_settings(rev: int, changes: Mapping[str, Any]) -> Tenant:
    """Change settings of the calendar from the version that was read.

    InvalidInput for what does not exist, Conflict for the base currency and the way months are cut once there are
    cycles or sales. A running cycle keeps its own copy.
    """

    async def action() -> Tenant:
        tenant = await settings()
        wanted = dict(changes)
        country = wanted.get("holiday_country", tenant.holiday_country)
        if country != tenant.holiday_country:
            wanted.setdefault("holiday_subdivision", None)
        _check(wanted, country, wanted.get("holiday_subdivision", tenant.holiday_subdivision))
        if any(wanted.get(name, getattr(tenant, name)) != getattr(tenant, name) for name in _fixed(tenant, wanted)):
            await _demand_no_facts()
        await revisions.change(Tenant, tenant.id, rev, wanted, entity="tenant", action="calendar_changed")
        return await settings()

    return await transaction(action)


async def begin_facts() -> Tenant:
    """Say, in the transaction that makes it, that something begins that fixes the base currency and the months; gives
    the tenant whose settings hold for it.

    It writes the tenant, and so does a change of settings: of two at the same time the second one sees the first.
    """
    row = await scoped(Tenant).change({"_id": current_tenant()}, {"$inc": {"facts_begun": 1}})
    if row is None:
        raise NotFound()
    return scoped(Tenant).document(row)


def _public_holidays(tenant: Tenant, first: date, last: date) -> list[date]:
    if tenant.holiday_country is None:
        return []
    years = range(first.year, last.year + 1)
    tables = [holiday_table.public_holidays(tenant.holiday_country, tenant.holiday_subdivision, year) for year in years]
    return [day for table in tables for day in table]


def _shown(rule: MonthRule, month: Month, days: WorkingDays) -> dict[str, Any]:
    first, last, fiscal = rule.first_day(month), rule.last_day(month), rule.fiscal(month)
    return {
        "month": month,
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
        "days": (last - first).days + 1,
        "working_days": days.count(first, last),
        "fiscal_year": fiscal.year,
        "fiscal_quarter": fiscal.quarter,
        "fiscal_period": fiscal.period,
    }


def _check(wanted: Mapping[str, Any], country: str | None, subdivision: str | None) -> None:
    problems = [holiday_table.problem(country, subdivision)]
    if "time_zone" in wanted and wanted["time_zone"] not in available_timezones():
        problems.append(Detail("time_zone", "must be an IANA time zone, like Europe/London"))
    found = [problem for problem in problems if problem is not None]
    if found:
        raise InvalidInput(details=found)


def _fixed(tenant: MonthSettings, wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """What can't change under facts. With calendar months the start of the year names quarters only."""
    patterns = {tenant.month_pattern, wanted.get("month_pattern", tenant.month_pattern)}
    return ("base_currency", *(() if patterns == {MonthPattern.CALENDAR} else _FIXED_WITH_WEEKS))


async def _demand_no_facts() -> None:
    unfinished = {"kind": "import", "params.kind": "sales", "params.dry_run": False, "state": {"$in": jobs.UNFINISHED}}
    reasons = [
        (await scoped(SaleLine).exists({}), "there are sales"),
        (await scoped(Cycle).exists({}), "there are cycles"),
        (await scoped(Job).exists(unfinished), "sales are being imported"),
    ]
    found = [reason for there, reason in reasons if there]
    if found:
        raise Conflict(
            f"The base currency and the way months are cut can't change any more: {' and '.join(found)}. Figures in "
            "them would mean something else."
        )
