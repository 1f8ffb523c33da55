"""One job, of whatever kind: run its activity; when that fails for good, say so in the job's document."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from core.errors import PlanwrightError, error_by_code
    from workflows import policies
    from workflows.contracts import (
        FAIL_JOB_ACTIVITY,
        RUN_JOB_ACTIVITY,
        RUN_JOB_WORKFLOW,
        FailedJob,
        JobInput,
        MailsInput,
        RollupsInput,
    )
    from workflows.deliver_mails import start_mails
    from workflows.refresh_rollups import start_rollups

# These leave set-up mails and dirty rollups behind; waiting for upkeep would cost up to half a minute.
LEAVES_WORK = frozenset({"import", "import-undo"})


@workflow.defn(name=RUN_JOB_WORKFLOW)
class RunJob:
    """The activity writes progress and result into the document; this run sees to it that the job gets an end."""

    @workflow.run
    async def run(self, job: JobInput) -> None:
        try:
            await workflow.execute_activity(RUN_JOB_ACTIVITY.format(kind=job.kind), job, **policies.JOB)
        except ActivityError as error:
            failed = FailedJob(**job.model_dump(), message=message_for_people(error))
            await workflow.execute_activity(FAIL_JOB_ACTIVITY, failed, **policies.QUICK)
            raise
        if job.kind in LEAVES_WORK:
            await start_mails(MailsInput(tenant_id=job.tenant_id))
            await start_rollups(RollupsInput(tenant_id=job.tenant_id))


def message_for_people(error: ActivityError) -> str:
    """What a refusal said; of anything else only that it went wrong, the rest stands in the worker's log."""
    cause = error.cause
    ours = isinstance(cause, ApplicationError) and error_by_code(cause.type or "") is not PlanwrightError
    return cause.message if ours and isinstance(cause, ApplicationError) else PlanwrightError.default_message
