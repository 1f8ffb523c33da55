"""What every kind of job has in common. The activity that does the work of a kind stands beside its noun."""

from __future__ import annotations

from temporalio import activity

from services import jobs
from workflows.contracts import FAIL_JOB_ACTIVITY, FailedJob


@activity.defn(name=FAIL_JOB_ACTIVITY)
async def fail_job(failed: FailedJob) -> None:
    """Give the job its end. Idempotent: a job that has ended keeps its end."""
    await jobs.fail(failed.job_id, failed.message)
