"""Cycles that were run elsewhere and whose forecasts were imported: close 1, sealed anew whenever its rows change.

A snapshot without its marker does not exist for readers. Whoever changes rows takes the marker away in the same
transaction (`open_for_rows`), and every import and every undo seals at its end what has none (`seal_open`): the
revision of the cycle, which both raise, tells a seal whether rows changed while it read them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from pymongo.errors import DuplicateKeyError

from core.clock import now
from core.collections import dump, scoped, transaction
from core.context import current_tenant, current_user
from core.errors import Overtaken, Unavailable
from core.text import code_key
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
    return {code_key(row["name"]): row["base_month"] for row in rows}


async def changed(cycles: Collection[PastCycle], action: Callable[[], Awaitable[None]]) -> None:
    """Run `action`, which writes snapshot rows of these cycles, in a transaction; the cycles are there, with all their
    months. Overtaken when one of them was removed meanwhile."""
    await _lay_out(cycles)

    async def write() -> None:
        await open_for_rows([past_cycle_id(cycle.base_month) for cycle in cycles])
        await action()

    await transaction(write)


async def open_for_rows(cycle_ids: Collection[UUID]) -> None:
    """Take the markers away, in the transaction that writes rows of these cycles; it conflicts with every other one
    that does. Overtaken when a cycle is not there any more."""
    of_these = {"$in": list(cycle_ids)}
    done = await scoped(Cycle).update_many({"_id": of_these}, {"$inc": {"rev": 1}})
    if done.matched_count != len(cycle_ids):
        raise Overtaken()
    await scoped(SnapshotMarker).delete({"cycle_id": of_these, "close_number": CLOSE})


async def settle_open() -> None:
    """What an undo leaves to do: cycles whose rows are all gone go as well, the others plan the months that their rows
    have, and are sealed."""
    for cycle_id in await _open_cycles():
        await transaction(partial(_settle, cycle_id))
    await seal_open()


async def _settle(cycle_id: UUID) -> None:
    cycle = await scoped(Cycle).row({"_id": cycle_id}, {"months": 1, "rev": 1})
    if cycle is None:
        return
    months = await scoped(SnapshotRow).distinct("cells.month", {"cycle_id": cycle_id, "close_number": CLOSE})
    as_read = {"_id": cycle_id, "rev": cycle["rev"]}
    if not months:
        await scoped(Cycle).delete(as_read)
        await audit.record("cycle.import_undone", "cycle", cycle_id)
        return
    spread = _span(months)
    if spread["months"] != cycle["months"]:
        await scoped(Cycle).update_one(as_read, {"$set": spread, "$inc": {"rev": 1}})


async def seal_open() -> None:
    """Seal every imported cycle that has rows and no marker."""
    for cycle_id, rev in (await _open_cycles()).items():
        await _seal(cycle_id, rev)


async def _open_cycles() -> dict[UUID, int]:
    """The imported cycles without a marker, with their revisions."""
    sealed = await scoped(SnapshotMarker).distinct("cycle_id", {"close_number": CLOSE})
    rows = await scoped(Cycle).rows({"imported": True, "_id": {"$nin": sealed}}, {"rev": 1})
    return {row["_id"]: row["rev"] for row in rows}


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
