"""Cycles as documents: creating, reading and deleting them. Their stages are moved in `services.cycle_moves`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.context import current_user
from core.errors import Conflict, Detail, InvalidInput, NotFound
from core.listing import Listing, Window, read_page
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.tenant import Tenant
from planning.calendar import MonthRule
from planning.months import Month, add_months, month_range
from planning.stages import Deadlines, Stage, Verdict, in_words, judge_deadlines, status_of
from services import audit, calendar


@dataclass(frozen=True, slots=True)
class CycleDraft:
    """What a person says of a new cycle; None = the tenant's default."""

    name: str
    entry_closes_at: datetime | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    base_month: Month | None = None
    start_month: Month | None = None
    horizon: int | None = None
    mandatory_until: Month | None = None
    auto_close: bool | None = None
    auto_close_share_percent: int | None = None
    reminder_offsets_days: tuple[int, ...] | None = None
    count_working_days: bool | None = None


async def create(draft: CycleDraft, at: datetime) -> Cycle:
    """Write a draft with everything that settings decide copied into it.

    By default entry closes `entry_days` after it opens and the cycle `review_days` after that, at the same local time
    and, if asked, counting working days; it starts with the month after entry closes in the tenant's zone, and is run
    in the month before that. InvalidInput names the field that does not fit.
    """

    async def write() -> Cycle:
        cycle = await _compose(draft, await calendar.begin_facts())
        _check(cycle, at)
        await scoped(Cycle).insert(cycle)
        await audit.record("cycle.created", "cycle", cycle.id, after={"name": cycle.name, "months": cycle.months})
        return cycle

    return await transaction(write)


async def delete_draft(cycle_id: UUID) -> None:
    """Remove a draft with what was laid out for it; Conflict for any other stage."""

    async def remove() -> None:
        cycle = await scoped(Cycle).get(cycle_id)
        if cycle.stage != Stage.DRAFT:
            raise Conflict(
                f"The cycle is {in_words(Stage(cycle.stage))}; only drafts can be deleted. Cancel it instead."
            )
        await scoped(Cycle).delete({"_id": cycle_id, "stage": Stage.DRAFT})
        await audit.record("cycle.deleted", "cycle", cycle_id, before={"name": cycle.name})

    await transaction(remove)
    await scoped(Line).delete({"cycle_id": cycle_id})
    await scoped(Sheet).delete({"cycle_id": cycle_id})


async def get(cycle_id: UUID) -> Cycle:
    """The cycle, or NotFound."""
    cycle = await scoped(Cycle).one({"_id": cycle_id})
    if cycle is None:
        raise NotFound("There is no such cycle.")
    return cycle


async def list_page(status: str | None, search: str | None, fields: Mapping[str, Any], window: Window) -> Listing:
    """A page of cycles by status and by a part of the name."""
    query: dict[str, Any] = {}
    if status is not None:
        query["stage"] = {"$in": [stage for stage in Stage if status_of(stage) == status]}
    if search:
        query["name"] = {"$regex": re.escape(search), "$options": "i"}
    return await read_page(scoped(Cycle), query, fields, window)


def deadlines_of(cycle: Cycle) -> Deadlines:
    return Deadlines(cycle.opens_at, cycle.entry_closes_at, cycle.closes_at)


def refused_deadline(verdict: Verdict) -> InvalidInput:
    """What the verdict says, with the field that does not fit."""
    return InvalidInput(verdict.reason, details=[Detail(verdict.field, verdict.reason)] if verdict.field else [])


async def reminder_times(cycle: Cycle, deadlines: Deadlines, offsets: Iterable[int]) -> list[datetime]:
    """When reps of the cycle are reminded, with these deadlines and offsets, by the calendar as it stands now."""
    tenant = await calendar.settings()
    around = deadlines.entry_closes_at
    count = await calendar.day_count(tenant, cycle.time_zone, around, working=cycle.count_working_days)
    return count.reminders(around, offsets, deadlines.opens_at)


async def _deadlines(draft: CycleDraft, tenant: Tenant, *, working: bool) -> Deadlines:
    """What the person says, and the rest counted from it."""
    begin = draft.entry_closes_at or draft.opens_at
    if begin is None:
        said = "is required; or send opens_at, and entry closes the tenant's entry_days after it"
        raise InvalidInput(details=[Detail("entry_closes_at", said)])
    count = await calendar.day_count(tenant, tenant.time_zone, begin, working=working)
    entry_closes_at = draft.entry_closes_at or count.after(begin, tenant.entry_days)
    closes_at = draft.closes_at or count.after(entry_closes_at, tenant.review_days)
    return Deadlines(draft.opens_at, entry_closes_at, closes_at)


async def _compose(draft: CycleDraft, tenant: Tenant) -> Cycle:
    working = tenant.count_working_days if draft.count_working_days is None else draft.count_working_days
    deadlines = await _deadlines(draft, tenant, working=working)
    rule = MonthRule.of(tenant)
    start = draft.start_month or add_months(rule.month_in_zone(deadlines.entry_closes_at, tenant.time_zone), 1)
    horizon = draft.horizon or tenant.horizon
    months = list(month_range(start, horizon))
    last_mandatory = months[min(tenant.mandatory_months, horizon) - 1]
    offsets = draft.reminder_offsets_days
    share = draft.auto_close_share_percent
    cycle = Cycle(
        name=draft.name,
        base_month=draft.base_month or add_months(start, -1),
        start_month=start,
        horizon=horizon,
        months=months,
        mandatory_until=draft.mandatory_until or last_mandatory,
        opens_at=deadlines.opens_at,
        entry_closes_at=deadlines.entry_closes_at,
        closes_at=deadlines.closes_at,
        auto_close=tenant.auto_close if draft.auto_close is None else draft.auto_close,
        auto_close_share_percent=tenant.auto_close_share_percent if share is None else share,
        reminder_offsets_days=list(tenant.reminder_offsets_days if offsets is None else offsets),
        currency=tenant.base_currency,
        count_working_days=working,
        time_zone=tenant.time_zone,
        month_pattern=tenant.month_pattern,
        fiscal_year_start_month=tenant.fiscal_year_start_month,
        sheet_scope=tenant.sheet_scope,
        created_by=current_user(),
    )
    cycle.reminder_times = await reminder_times(cycle, deadlines, cycle.reminder_offsets_days)
    return cycle


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _check(cycle: Cycle, at: datetime) -> None:
    if cycle.base_month > cycle.start_month:
        raise InvalidInput(details=[Detail("base_month", "must not be after start_month")])
    if not cycle.months[0] <= cycle.mandatory_until <= cycle.months[-1]:
        span = f"{cycle.months[0]} to {cycle.months[-1]}"
        raise InvalidInput(details=[Detail("mandatory_until", f"must be one of the planned months, {span}")])
    before = Deadlines(None, _LONG_AGO, _LONG_AGO)
    verdict = judge_deadlines(Stage.DRAFT, before, deadlines_of(cycle), at)
    if not verdict.allowed:
        raise refused_deadline(verdict)
