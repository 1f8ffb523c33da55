"""A round of upkeep: starts everything that should run and does not, and collects garbage.

What was committed but never started (a crash lies in between) is found here, and so is what Temporal lost.
"""

from __future__ import annotations

from collections.abc import Iterator

from temporalio import workflow
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from workflows import policies
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
            started += await start(name, workflow_id, argument)
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


async def start(name: str, workflow_id: str, argument: Input) -> int:
    """1 when it was started, 0 when it runs already.

    An id may be used again after any end: a job that Temporal ended without its document knowing (terminated, restored
    from a backup) must run again, and one that ended meanwhile is turned away by its own compare-and-set.
    """
    try:
        await workflow.start_child_workflow(
            name, argument, id=workflow_id, parent_close_policy=workflow.ParentClosePolicy.ABANDON
        )
    except WorkflowAlreadyStartedError:
        return 0
    return 1
