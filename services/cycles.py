"""Cycles as documents: creating, reading and deleting them. Their stages are moved in `services.cycle_moves`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.context import current_tenant, current_user
from core.errors import Conflict, Detail, InvalidInput, NotFound
from core.listing import Listing, Window, read_page
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.tenant import Tenant
from planning.months import Month, add_months, month_in_zone, month_range
from planning.stages import Deadlines, Stage, Verdict, in_words, judge_deadlines, status_of
from services import audit


@dataclass(frozen=True, slots=True)
class CycleDraft:
    """What a person says of a new cycle; None = the tenant's default."""

    name: str
    entry_closes_at: datetime
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    base_month: Month | None = None
    start_month: Month | None = None
    horizon: int | None = None
    mandatory_until: Month | None = None
    auto_close: bool | None = None
    auto_close_share_percent: int | None = None
    reminder_offsets_days: tuple[int, ...] | None = None


async def create(draft: CycleDraft, at: datetime) -> Cycle:
    """Write a draft with everything that settings decide copied into it.

    By default it starts with the month after entry closes in the tenant's zone, is run in the month before that, and
    closes `review_days` after entry. InvalidInput names the field that does not fit.
    """
    tenant = await scoped(Tenant).get(current_tenant())
    cycle = _compose(draft, tenant)
    _check(cycle, at)

    async def write() -> Cycle:
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


def _compose(draft: CycleDraft, tenant: Tenant) -> Cycle:
    start = draft.start_month or add_months(month_in_zone(draft.entry_closes_at, tenant.time_zone), 1)
    horizon = draft.horizon or tenant.horizon
    months = list(month_range(start, horizon))
    last_mandatory = months[min(tenant.mandatory_months, horizon) - 1]
    offsets = draft.reminder_offsets_days
    share = draft.auto_close_share_percent
    return Cycle(
        name=draft.name,
        base_month=draft.base_month or add_months(start, -1),
        start_month=start,
        horizon=horizon,
        months=months,
        mandatory_until=draft.mandatory_until or last_mandatory,
        opens_at=draft.opens_at,
        entry_closes_at=draft.entry_closes_at,
        closes_at=draft.closes_at or draft.entry_closes_at + timedelta(days=tenant.review_days),
        auto_close=tenant.auto_close if draft.auto_close is None else draft.auto_close,
        auto_close_share_percent=tenant.auto_close_share_percent if share is None else share,
        reminder_offsets_days=list(tenant.reminder_offsets_days if offsets is None else offsets),
        currency=tenant.base_currency,
        time_zone=tenant.time_zone,
        sheet_scope=tenant.sheet_scope,
        created_by=current_user(),
    )


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
