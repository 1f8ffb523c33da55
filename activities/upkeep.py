"""What a round of upkeep looks at: what should run, and what nobody needs any more."""

from __future__ import annotations

from temporalio import activity

from services import files, passwords, upkeep
from workflows.contracts import (
    COLLECT_GARBAGE_ACTIVITY,
    FIND_MISSING_ACTIVITY,
    CycleInput,
    JobInput,
    MailsInput,
    Missing,
    RollupsInput,
    UpkeepInput,
)


@activity.defn(name=FIND_MISSING_ACTIVITY)
async def find_missing(_: UpkeepInput) -> Missing:
    """Everything of all tenants that a workflow should be at work on.

    First, mails are made of the requests for new passwords, which nobody looks at while the person waits. Idempotent.
    """
    await passwords.settle_requests()
    found = await upkeep.find_unfinished()
    return Missing(
        jobs=tuple(
            JobInput(tenant_id=job.tenant_id, user_id=job.user_id, job_id=job.id, kind=job.kind) for job in found.jobs
        ),
        cycles=tuple(CycleInput(tenant_id=cycle.tenant_id, cycle_id=cycle.id) for cycle in found.cycles),
        mails=tuple(MailsInput(tenant_id=tenant_id) for tenant_id in found.tenants_with_mails),
        rollups=tuple(RollupsInput(tenant_id=tenant_id) for tenant_id in found.tenants_with_dirty_rollups),
    )


@activity.defn(name=COLLECT_GARBAGE_ACTIVITY)
async def collect_garbage(_: UpkeepInput) -> int:
    """Delete expired files, a bounded number; returns how many. Idempotent: what is gone is gone."""
    return await files.delete_expired()
