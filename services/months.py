"""Which months' actuals are all there. A month without a document is open.

    open -> complete -> restated (lines came or changed afterwards) -> complete (somebody looked);  back to open, too

Every change of a state is a compare-and-set with its audit event; the rules stand in `planning.actuals`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from core.clock import now
from core.collections import scoped, transaction
from core.context import current_user
from core.errors import Conflict, InvalidInput, NotFound, StaleVersion
from models.sale import COUNTS_AS_COMPLETE, ControlTotal, MonthStatus, MonthTotals, SaleLine
from planning.actuals import MonthState, judge_completion, judge_reopening
from planning.calendar import MonthRule
from planning.months import Month, add_months, months_between, parse_month
from services import audit, calendar
from services.month_totals import totals_of

MAX_CONTROL_TOTALS = 50
"""Sources a month that finance enters control totals for."""


async def complete_months() -> tuple[Month, ...]:
    """The months whose actuals are all there (restated ones count), oldest first."""
    rows = await scoped(MonthStatus).rows(COUNTS_AS_COMPLETE, {"_id": 0, "month": 1}, sort=[("month", 1)])
    return tuple(row["month"] for row in rows)


async def complete(months: Iterable[Month]) -> list[Month]:
    """Mark ended months complete; returns those that were not complete before (restated ones were).

    InvalidInput for a month that has not ended in the tenant's zone.
    """
    wanted = sorted({parse_month(month) for month in months})
    await check_ended(*wanted[-1:])
    return await transaction(lambda: _complete(wanted))


async def complete_sold_until(last: Month) -> list[Month]:
    """Mark every month from the first with sales up to `last` complete; returns those that were not before."""
    await check_ended(last)
    first = await scoped(SaleLine).row({}, {"_id": 0, "month": 1}, sort=[("month", 1)])
    if first is None:
        return []
    span = months_between(first["month"], last)
    return await complete([add_months(first["month"], step) for step in range(span + 1)]) if span >= 0 else []


async def check_ended(*months: Month) -> None:
    """Raises InvalidInput for a month that has not ended in the tenant's zone."""
    running = await running_month(now())
    for month in months:
        verdict = judge_completion(parse_month(month), running)
        if not verdict.allowed:
            raise InvalidInput(verdict.reason)


async def running_month(at: datetime) -> Month:
    """The tenant's month of an instant, by its zone and pattern."""
    tenant = await calendar.settings()
    return MonthRule.of(tenant).month_in_zone(at, tenant.time_zone)


async def complete_one(month: Month, at: datetime) -> MonthStatus:
    """A person says that a month's actuals are all there, or has looked at a restated one; twice is once.

    Conflict for a month that has not ended at that time.
    """
    verdict = judge_completion(month, await running_month(at))
    if not verdict.allowed:
        raise Conflict(verdict.reason)

    async def action() -> MonthStatus:
        status = await _standing(month)
        if status.status == MonthState.COMPLETE:
            return status
        changes = {"status": MonthState.COMPLETE, "completed_at": at, "completed_by": current_user()}
        return await _change(status, changes | (await _posted([month]))[month], "completed")

    return await transaction(action)


async def reopen(month: Month, reason: str) -> MonthStatus:
    """A complete or restated month is open again; Conflict for an open one."""

    async def action() -> MonthStatus:
        status = await read(month)
        verdict = judge_reopening(month, MonthState(status.status))
        if not verdict.allowed:
            raise Conflict(verdict.reason)
        changes = {"status": MonthState.OPEN, "completed_at": None, "completed_by": None}
        return await _change(status, changes, "reopened", reason)

    return await transaction(action)


async def restate(months: Collection[Month], reason: str | None = None) -> None:
    """Lines of these months change: those that are complete become restated, with one audit event each.

    Twice is once, so whoever writes lines says it before and after (`services.sales.lines_of`).
    """
    of_these = {"month": {"$in": sorted(months)}, "status": MonthState.COMPLETE}
    if not months or not await scoped(MonthStatus).exists(of_these):
        return

    async def action() -> None:
        for status in await scoped(MonthStatus).documents(of_these):
            await _change(status, {"status": MonthState.RESTATED, "restated_at": now()}, "restated", reason)

    await transaction(action)


async def counting_as_complete(months: Collection[Month]) -> list[Month]:
    """Which of these months are complete or restated, in order."""
    found: list[Month] = await scoped(MonthStatus).distinct(
        "month", {"month": {"$in": sorted(months)}, **COUNTS_AS_COMPLETE}
    )
    return sorted(found)


async def set_control_total(month: Month, source: str, revenue: int, rows: int | None, at: datetime) -> MonthStatus:
    """What finance says a source holds for a month, in place of what was said before. Scaled money."""
    said = ControlTotal(source=source, revenue=revenue, rows=rows, entered_by=current_user(), entered_at=at)

    async def action() -> MonthStatus:
        status = await _standing(month)
        others = [total for total in status.control_totals if total.source != source]
        before = next((total for total in status.control_totals if total.source == source), None)
        if before is not None and (before.revenue, before.rows) == (revenue, rows):
            return status
        if len(others) >= MAX_CONTROL_TOTALS:
            raise Conflict(f"A month has at most {MAX_CONTROL_TOTALS} control totals; remove one first.")
        return await _set_totals(status, [*others, said], source, before, said)

    return await transaction(action)


async def remove_control_total(month: Month, source: str, rev: int) -> MonthStatus:
    """Forget what finance said of a source: NotFound when nothing was, StaleVersion when the month changed since."""

    async def action() -> MonthStatus:
        status = await read(month)
        before = next((total for total in status.control_totals if total.source == source), None)
        if before is None:
            raise NotFound(f"The month {month} has no control total of the source {source}.")
        if status.rev != rev:
            raise StaleVersion()
        others = [total for total in status.control_totals if total.source != source]
        return await _set_totals(status, others, source, before, None)

    return await transaction(action)


async def read(month: Month) -> MonthStatus:
    """The state of a month; one that nobody said anything of is open, at revision 0."""
    return await scoped(MonthStatus).one({"month": month}) or nothing_said(month)


def nothing_said(month: Month) -> MonthStatus:
    """What a month without a document is."""
    return MonthStatus(month=month, status=MonthState.OPEN, rev=0)


async def _set_totals(
    status: MonthStatus,
    totals: list[ControlTotal],
    source: str,
    before: ControlTotal | None,
    after: ControlTotal | None,
) -> MonthStatus:
    stored = [total.model_dump() for total in sorted(totals, key=lambda total: total.source)]
    told = {"before": _told(source, before), "after": _told(source, after)}
    return await _write(
        status, {"control_totals": stored}, "control_total_set" if after else "control_total_removed", **told
    )


def _told(source: str, total: ControlTotal | None) -> dict[str, Any] | None:
    return None if total is None else {"source": source, "revenue": total.revenue, "rows": total.rows}


async def _complete(months: list[Month]) -> list[Month]:
    done = sorted(set(months).difference(await counting_as_complete(months)))
    changes = {"status": MonthState.COMPLETE, "completed_at": now(), "completed_by": current_user()}
    posted = await _posted(done)
    for month in done:
        await _change(await _standing(month), changes | posted[month], "completed")
    return done


async def _posted(of_months: Collection[Month]) -> dict[Month, dict[str, Any]]:
    """What is posted in each of these months, as a month that becomes complete keeps it: when it is restated later, it
    is held against that. A line that is written meanwhile restates the month again (`services.sales.lines_of`)."""
    found = await totals_of(of_months)
    return {month: {"totals": found.get(month, MonthTotals()).model_dump()} for month in of_months}


async def _standing(month: Month) -> MonthStatus:
    """The month's document, made in the caller's transaction where there is none yet."""
    status = await read(month)
    return status if status.rev else await scoped(MonthStatus).insert(status)


async def _change(status: MonthStatus, changes: dict[str, Any], action: str, reason: str | None = None) -> MonthStatus:
    """Another state, told as such."""
    told = {"before": {"status": status.status}, "after": {"status": changes["status"]}}
    return await _write(status, changes, action, reason=reason, **told)


async def _write(status: MonthStatus, changes: dict[str, Any], action: str, **told: Any) -> MonthStatus:
    """Compare and set, with the audit event `month.<action>`; inside the caller's transaction."""
    row = await scoped(MonthStatus).change({"_id": status.id, "rev": status.rev}, {"$set": changes, "$inc": {"rev": 1}})
    if row is None:
        raise Conflict()
    await audit.record(f"month.{action}", "month", status.month, **told)
    return scoped(MonthStatus).document(row)
