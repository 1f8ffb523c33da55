"""A round of upkeep: starts everything that should run and does not, and collects garbage.

What was committed but never started (a crash lies in between) is found here, and so is what Temporal lost.
"""

from __future__ import annotations

from collections.abc import Iterator

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows import children, policies
    from workflows.contracts import (
        COLLECT_GARBAGE_ACTIVITY,
        DELIVER_MAILS_WORKFLOW,
        FIND_MISSING_ACTIVITY,
        PLANNING_CYCLE_WORKFLOW,
        REFRESH_ROLLUPS_WORKFLOW,
        RUN_JOB_WORKFLOW,
        UPKEEP_WORKFLOW,
        Input,
        Missing,
        UpkeepInput,
        cycle_workflow_id,
        job_workflow_id,
        mails_workflow_id,
        rollups_workflow_id,
    )


@workflow.defn(name=UPKEEP_WORKFLOW)
class Upkeep:
    """Returns how many workflows it had to start."""

    @workflow.run
    async def run(self, upkeep: UpkeepInput) -> int:
        missing = await workflow.execute_activity(FIND_MISSING_ACTIVITY, upkeep, result_type=Missing, **policies.ROUND)
        started = 0
        for name, workflow_id, argument in wanted(missing):
            started += await children.start(name, argument, workflow_id)
        try:
            await workflow.execute_activity(COLLECT_GARBAGE_ACTIVITY, upkeep, result_type=int, **policies.ROUND)
        except ActivityError:
            workflow.logger.warning("garbage stays until the next round", exc_info=True)
        return started


def wanted(missing: Missing) -> Iterator[tuple[str, str, Input]]:
    """Workflow, id and input of everything that should run."""
    for job in missing.jobs:
        yield RUN_JOB_WORKFLOW, job_workflow_id(job.job_id), job
    for cycle in missing.cycles:
        yield PLANNING_CYCLE_WORKFLOW, cycle_workflow_id(cycle.tenant_id, cycle.cycle_id), cycle
    for mails in missing.mails:
        yield DELIVER_MAILS_WORKFLOW, mails_workflow_id(mails.tenant_id), mails
    for rollups in missing.rollups:
        yield REFRESH_ROLLUPS_WORKFLOW, rollups_workflow_id(rollups.tenant_id), rollups
