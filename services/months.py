"""Which months' actuals are all there. A month without a document is open."""

from __future__ import annotations

from collections.abc import Iterable

from core.clock import now
from core.collections import scoped, transaction
from core.context import current_tenant, current_user
from core.errors import InvalidInput
from models.sale import COUNTS_AS_COMPLETE, MonthStatus, SaleLine
from models.tenant import Tenant
from planning.months import Month, add_months, month_in_zone, months_between, parse_month
from services import audit

COMPLETE = "complete"


async def complete_months() -> tuple[Month, ...]:
    """The months whose actuals are all there (restated ones count), oldest first."""
    rows = await scoped(MonthStatus).rows(COUNTS_AS_COMPLETE, {"_id": 0, "month": 1}, sort=[("month", 1)])
    return tuple(row["month"] for row in rows)


async def complete(months: Iterable[Month]) -> list[Month]:
    """Mark ended months complete; returns those that were not complete before.

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
    tenant = await scoped(Tenant).get(current_tenant())
    running = month_in_zone(now(), tenant.time_zone)
    for month in months:
        if parse_month(month) >= running:
            raise InvalidInput(f"The month {month} has not ended yet; only ended months can be complete.")


async def _complete(months: list[Month]) -> list[Month]:
    door = scoped(MonthStatus)
    of_these = {"month": {"$in": months}}
    complete = await door.distinct("month", {**of_these, **COUNTS_AS_COMPLETE})
    known = await door.distinct("month", of_these)
    fresh = [month for month in months if month not in known]
    reopened = [month for month in known if month not in complete]
    at, by = now(), current_user()
    for month in fresh:
        await door.insert(MonthStatus(month=month, status=COMPLETE, completed_at=at, completed_by=by))
    if reopened:
        changes = {"status": COMPLETE, "completed_at": at, "completed_by": by}
        await door.update_many({"month": {"$in": reopened}}, {"$set": changes})
    done = sorted(fresh + reopened)
    for month in done:
        await audit.record("month.completed", "month", month, after={"status": COMPLETE})
    return done
