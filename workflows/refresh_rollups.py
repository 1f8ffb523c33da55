"""Recomputes one tenant's dirty rollups, until none is dirty."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import children, policies
    from workflows.contracts import (
        REFRESH_ROLLUPS_ACTIVITY,
        REFRESH_ROLLUPS_WORKFLOW,
        RollupsInput,
        rollups_workflow_id,
    )


@workflow.defn(name=REFRESH_ROLLUPS_WORKFLOW)
class RefreshRollups:
    """One at a time per tenant, by its id. The activity says how many customers it did."""

    @workflow.run
    async def run(self, rollups: RollupsInput) -> int:
        total = 0
        while done := await self.step(rollups):
            total += done
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(rollups)
        return total

    async def step(self, rollups: RollupsInput) -> int:
        done: int = await workflow.execute_activity(
            REFRESH_ROLLUPS_ACTIVITY, rollups, result_type=int, **policies.BATCH
        )
        return done


async def start_rollups(rollups: RollupsInput) -> None:
    """From another workflow: recompute, and let that one go on. A recomputation that runs already is fine."""
    await children.start(REFRESH_ROLLUPS_WORKFLOW, rollups, rollups_workflow_id(rollups.tenant_id))
