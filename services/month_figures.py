"""Months as finance looks at them: their state, what is posted by source, and whether it agrees with control totals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.collections import scoped
from core.errors import Detail, InvalidInput
from core.listing import Listing, Window
from core.mongo import RawDocument
from models.sale import FROM_FILES, ControlTotal, MonthStatus, MonthTotals, SaleLine
from models.tenant import Tenant
from planning.access import Action, may
from planning.actuals import Compared, Control, MonthState, Posted, compare_sources, judge_completion
from planning.calendar import MonthRule
from planning.months import Month, month_range, months_between
from planning.numbers import MONEY, round_to_minor
from services import calendar, months
from services.identity import Caller
from services.month_totals import totals_of
from services.sale_sums import REVENUE
from services.sales_effects import compared
from services.scopes import scope_of

Sources = dict[str, Posted]


async def list_months(
    caller: Caller, first: Month | None, last: Month | None, state: MonthState | None, window: Window, at: datetime
) -> Listing:
    """One page of months, by default from the first to the last that holds anything or runs now.

    `window.sort` decides only whether the newest come first.
    """
    tenant = await calendar.settings()
    known = await _span(first, last, MonthRule.of(tenant).month_in_zone(at, tenant.time_zone))
    statuses = {one.month: one for one in await scoped(MonthStatus).documents({"month": {"$in": known}})}
    chosen = [month for month in known if state in (None, statuses[month].status if month in statuses else "open")]
    if window.sort[0][1] < 0:
        chosen.reverse()
    page = chosen[window.skip : window.skip + window.limit]
    missing = {month: months.nothing_said(month) for month in page if month not in statuses}
    rows = await _show(caller, tenant, [(statuses | missing)[month] for month in page], at)
    total = None if window.count is False else len(chosen)
    return Listing(rows, window.skip + len(page) < len(chosen), total)


async def show(caller: Caller, status: MonthStatus, at: datetime) -> RawDocument:
    """One month as `list_months` shows it."""
    (row,) = await _show(caller, await calendar.settings(), [status], at)
    return row


async def _span(first: Month | None, last: Month | None, running: Month) -> list[Month]:
    edges = [await _edge(1), await _edge(-1)]
    begin = first or min([running, *filter(None, edges)])
    end = last or max([running, *filter(None, edges)])
    if first and last and last < first:
        raise InvalidInput(details=[Detail("to_month", f"must not be before from_month ({first})")])
    return list(month_range(begin, max(0, months_between(begin, end) + 1)))


async def _edge(direction: int) -> Month | None:
    """The first or the last month with lines or a document."""
    found = [
        await scoped(model).row({}, {"_id": 0, "month": 1}, sort=[("month", direction)])
        for model in (SaleLine, MonthStatus)
    ]
    known: list[Month] = sorted(row["month"] for row in found if row is not None)
    return known[0 if direction > 0 else -1] if known else None


async def _show(caller: Caller, tenant: Tenant, statuses: Sequence[MonthStatus], at: datetime) -> list[RawDocument]:
    rule = MonthRule.of(tenant)
    running = rule.month_in_zone(at, tenant.time_zone)
    rows = [_plain(rule, status, running) for status in statuses]
    if not await _sees_figures(caller, at):
        return rows
    posted = await _posted([status.month for status in statuses])
    restated = {status.month: status.totals for status in statuses if status.status == MonthState.RESTATED}
    now = await totals_of(restated)
    for row, status in zip(rows, statuses, strict=True):
        row |= _figures(status, posted[status.month], tenant.base_currency)
        before = restated.get(status.month)
        if before is not None:
            row["restatement"] = compared(before, now.get(status.month, MonthTotals()))
    return rows


async def _sees_figures(caller: Caller, at: datetime) -> bool:
    """A month's revenue is that of all customers: for those who see all, and for those who keep the actuals."""
    if may(caller.actor, Action.KEEP_ACTUALS).allowed:
        return True
    return (await scope_of(caller.role, caller.user_id, at, caller.regions)).all_customers


async def _posted(of_months: Sequence[Month]) -> dict[Month, Sources]:
    """Lines and revenue by month and source, from the index `tenant_month_source` alone."""
    pipeline: list[dict[str, Any]] = [
        {"$match": {"month": {"$in": list(of_months)}}},
        {"$group": {"_id": {"month": "$month", "source": "$source"}, "rows": {"$sum": 1}, "revenue": REVENUE}},
    ]
    found: dict[Month, Sources] = defaultdict(dict)
    async for row in scoped(SaleLine).aggregate(pipeline):
        found[row["_id"]["month"]][row["_id"].get("source") or FROM_FILES] = Posted(row["rows"], row["revenue"])
    return found


def _plain(rule: MonthRule, status: MonthStatus, running: Month) -> RawDocument:
    return {
        "month": status.month,
        "first_day": rule.first_day(status.month).isoformat(),
        "last_day": rule.last_day(status.month).isoformat(),
        "status": status.status,
        "ended": judge_completion(status.month, running).allowed,
        "completed_at": status.completed_at,
        "completed_by": status.completed_by,
        "restated_at": status.restated_at,
        "rev": status.rev,
    }


def _figures(status: MonthStatus, posted: Sources, currency: str) -> RawDocument:
    entered = {total.source: total for total in status.control_totals}
    controls = {source: Control(total.revenue, total.rows) for source, total in entered.items()}
    compared = compare_sources(posted, controls, currency)
    answers = [one.agrees for one in compared if one.agrees is not None]
    return {
        "currency": currency,
        "rows": sum(one.posted.rows for one in compared),
        "revenue": round_to_minor(sum(one.posted.revenue for one in compared), currency),
        "agrees": all(answers) if answers else None,
        "sources": [_source(one, entered.get(one.source), currency) for one in compared],
    }


def _source(one: Compared, entered: ControlTotal | None, currency: str) -> RawDocument:
    return {
        "source": one.source,
        "rows": one.posted.rows,
        "revenue": round_to_minor(one.posted.revenue, currency),
        "control_total": None
        if entered is None
        else {
            "revenue": MONEY.to_number(entered.revenue),
            "rows": entered.rows,
            "entered_by": entered.entered_by,
            "entered_at": entered.entered_at,
        },
        "difference": None if one.difference is None else MONEY.to_number(one.difference),
        "rows_difference": one.rows_difference,
        "agrees": one.agrees,
    }
