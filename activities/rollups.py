"""Recomputing rollups."""

from __future__ import annotations

from temporalio import activity

from services import rollups
from workflows.contracts import REFRESH_ROLLUPS_ACTIVITY, RollupsInput

CUSTOMERS_PER_CALL = 2_000


@activity.defn(name=REFRESH_ROLLUPS_ACTIVITY)
async def refresh_rollups(_: RollupsInput) -> int:
    """Recompute dirty customers of the tenant, at most 2,000; returns how many it did, 0 = none was dirty.

    Idempotent: each step is one transaction, and a customer that is not done stays dirty.
    """
    return await rollups.refresh(CUSTOMERS_PER_CALL, activity.heartbeat)
