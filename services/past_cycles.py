"""Cycles that were run elsewhere and whose forecasts were imported: close 1, sealed anew whenever its rows change.

A snapshot without its marker does not exist for readers. Whoever changes rows takes the marker away before and after
(`changing`), and every import seals at its end what has none (`seal_open`): the revision of the cycle tells a seal
whether rows changed while it read them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from pymongo.errors import DuplicateKeyError

from core.clock import now
from core.collections import dump, scoped, transaction
from core.context import current_tenant, current_user
from core.errors import Unavailable
from models.cycle import Cycle
from models.forecast import SnapshotMarker, SnapshotRow
from models.keys import NAMESPACE
from models.tenant import Tenant
from planning.calendar import MonthRule
from planning.months import Month, add_months, month_range, months_between
from planning.stages import Stage
from services import audit
from services.closing import digest_snapshot

CLOSE = 1


@dataclass(frozen=True, slots=True)
class PastCycle:
    """What a file says of one: when it was run, how it was called, and the months that it planned."""

    base_month: Month
    name: str | None
    months: frozenset[Month]


def past_cycle_id(base_month: Month) -> UUID:
    """There is one of each month, so it is found before it is stored."""
    return uuid5(NAMESPACE, f"past|{current_tenant()}|{base_month}")


async def run_here(base_months: Collection[Month]) -> set[Month]:
    """Those of the months in which a cycle was run in this system."""
    query = {"base_month": {"$in": list(base_months)}, "stage": {"$ne": Stage.CANCELLED}, "imported": {"$ne": True}}
    return set(await scoped(Cycle).distinct("base_month", query))


async def names_of_past() -> Mapping[str, Month]:
    """The months of the imported cycles, by folded name."""
    rows = await scoped(Cycle).rows({"imported": True}, {"name": 1, "base_month": 1})
    return {row["name"].strip().casefold(): row["base_month"] for row in rows}


@asynccontextmanager
async def changing(cycles: Collection[PastCycle]) -> AsyncIterator[None]:
    """Inside, the snapshot rows of these cycles may be written; the cycles are there, with all their months."""
    await _lay_out(cycles)
    ids = [past_cycle_id(cycle.base_month) for cycle in cycles]
    await _open(ids)
    yield
    await _open(ids)


async def seal_open() -> None:
    """Seal every imported cycle that has rows and no marker."""
    sealed = await scoped(SnapshotMarker).distinct("cycle_id", {"close_number": CLOSE})
    for row in await scoped(Cycle).rows({"imported": True, "_id": {"$nin": sealed}}, {"rev": 1}):
        await _seal(row["_id"], row["rev"])


async def _seal(cycle_id: UUID, rev: int) -> None:
    streams, digest = await digest_snapshot(cycle_id, CLOSE)
    if not streams:
        return
    rows = sum(streams.values())
    missing = await scoped(SnapshotRow).count({"cycle_id": cycle_id, "close_number": CLOSE, "cost": None})
    marker = SnapshotMarker(
        cycle_id=cycle_id,
        close_number=CLOSE,
        streams=streams,
        rows=rows,
        sha256=digest,
        missing_costs=missing,
        approved_by=current_user(),
        approved_at=now(),
    )

    async def write() -> None:
        if await scoped(Cycle).change({"_id": cycle_id, "rev": rev}, {"$inc": {"rev": 1}}) is None:
            raise Unavailable("Another import changes the same cycle at this moment; it will be tried again.")
        await scoped(SnapshotMarker).insert(marker)
        await audit.record("cycle.imported", "cycle", cycle_id, after={"rows": rows, "sha256": digest})

    try:
        await transaction(write)
    except DuplicateKeyError:
        return


async def _open(cycle_ids: Collection[UUID]) -> None:
    """Take the markers away. Before rows change, so that nobody reads half of them; after it, because another import
    may have sealed what it found in between."""
    for cycle_id in cycle_ids:
        await transaction(partial(_open_one, cycle_id))


async def _open_one(cycle_id: UUID) -> None:
    await scoped(Cycle).update_one({"_id": cycle_id}, {"$inc": {"rev": 1}})
    await scoped(SnapshotMarker).delete({"cycle_id": cycle_id, "close_number": CLOSE})


async def _lay_out(cycles: Collection[PastCycle]) -> None:
    """Make the cycles that are missing, and have the others hold all months."""
    tenant = await scoped(Tenant).get(current_tenant())
    await scoped(Cycle).insert_missing([dump(_new(cycle, tenant)) for cycle in cycles])
    ids = [past_cycle_id(cycle.base_month) for cycle in cycles]
    stored = {row["base_month"]: row for row in await scoped(Cycle).rows({"_id": {"$in": ids}})}
    for cycle in cycles:
        row = stored[cycle.base_month]
        spread = _span(cycle.months | set(row["months"]))
        if spread["months"] == row["months"]:
            continue
        done = await scoped(Cycle).update_one(
            {"_id": row["_id"], "rev": row["rev"]}, {"$set": spread, "$inc": {"rev": 1}}
        )
        if done.matched_count == 0:
            raise Unavailable("Another import changes the same cycle at this moment; it will be tried again.")


def _span(months: Collection[Month]) -> dict[str, Any]:
    first, last = min(months), max(months)
    horizon = months_between(first, last) + 1
    return {
        "start_month": first,
        "horizon": horizon,
        "months": list(month_range(first, horizon)),
        "mandatory_until": last,
    }


def _new(cycle: PastCycle, tenant: Tenant) -> Cycle:
    """It counts as closed since its month was over."""
    over = datetime.combine(MonthRule.of(tenant).first_day(add_months(cycle.base_month, 1)), time(), UTC)
    return Cycle(
        id=past_cycle_id(cycle.base_month),
        name=cycle.name or f"{cycle.base_month} (imported)",
        stage=Stage.CLOSED,
        base_month=cycle.base_month,
        **_span(cycle.months),
        entry_closes_at=over,
        closes_at=over,
        currency=tenant.base_currency,
        time_zone=tenant.time_zone,
        month_pattern=tenant.month_pattern,
        fiscal_year_start_month=tenant.fiscal_year_start_month,
        sheet_scope=tenant.sheet_scope,
        imported=True,
        close_number=CLOSE,
        graded_close=CLOSE,
        created_by=current_user(),
        entry_closed_at=over,
        closed_at=over,
    )
