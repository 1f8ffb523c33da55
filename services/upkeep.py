"""What is unfinished, over all tenants: the database's word on what should be at work. Bounded; only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from core.clock import now
from core.collections import Filter, scoped
from core.context import system_scope
from models.cycle import Cycle
from models.job import Job, Mail
from models.sale import RollupState
from models.tenant import Tenant
from planning.stages import Stage
from services.jobs import UNFINISHED

# Whoever queued a job starts it right after the commit; only what is older was left behind.
START_WITHIN = timedelta(seconds=5)
MOST_JOBS = 200
MOST_CYCLES = 500
MOST_TENANTS = 200

RUNNING_STAGES = (Stage.ENTRY.value, Stage.REVIEW.value, Stage.CLOSING.value)


@dataclass(frozen=True, slots=True)
class UnfinishedJob:
    id: UUID
    tenant_id: UUID
    user_id: UUID | None
    kind: str


@dataclass(frozen=True, slots=True)
class UnfinishedCycle:
    id: UUID
    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class Unfinished:
    jobs: Sequence[UnfinishedJob]
    cycles: Sequence[UnfinishedCycle]
    tenants_with_mails: Sequence[UUID]
    tenants_with_dirty_rollups: Sequence[UUID]


async def find_unfinished() -> Unfinished:
    """The oldest unfinished jobs, the cycles that a clock moves, the tenants with due mails or dirty rollups.

    Of tenants that are not active nothing counts as unfinished.
    """
    at = now()
    with system_scope("upkeep looks for unfinished work"):
        active = {"tenant_id": {"$nin": await scoped(Tenant).distinct("_id", {"is_active": False})}}
        due = await scoped(Mail).distinct("tenant_id", {**active, "state": "queued", "next_try_at": {"$lte": at}})
        dirty = await scoped(RollupState).distinct("tenant_id", {**active, "dirty": True})
        return Unfinished(
            jobs=await _jobs(active, at),
            cycles=await _cycles(active),
            tenants_with_mails=due[:MOST_TENANTS],
            tenants_with_dirty_rollups=dirty[:MOST_TENANTS],
        )


async def _jobs(active: Filter, at: datetime) -> list[UnfinishedJob]:
    rows = await scoped(Job).rows(
        {**active, "state": {"$in": UNFINISHED}, "received_at": {"$lte": at - START_WITHIN}},
        {"tenant_id": 1, "requested_by": 1, "kind": 1},
        sort=[("received_at", 1)],
        limit=MOST_JOBS,
    )
    return [UnfinishedJob(row["_id"], row["tenant_id"], row["requested_by"], row["kind"]) for row in rows]


async def _cycles(active: Filter) -> list[UnfinishedCycle]:
    moved_by_the_clock = {"$or": [{"stage": {"$in": RUNNING_STAGES}}, {"stage": "draft", "opens_at": {"$ne": None}}]}
    rows = await scoped(Cycle).rows({**active, **moved_by_the_clock}, {"tenant_id": 1}, limit=MOST_CYCLES)
    return [UnfinishedCycle(row["_id"], row["tenant_id"]) for row in rows]
