"""Running an export that is too large to wait for."""

from __future__ import annotations

from temporalio import activity

from reports.filled import open_file
from services import exports
from workflows.contracts import RUN_JOB_ACTIVITY, JobInput


@activity.defn(name=RUN_JOB_ACTIVITY.format(kind=exports.EXPORT))
async def run_export(asked: JobInput) -> None:
    """Idempotent: an export that has ended is left alone, one that was interrupted is made anew."""
    await exports.run(asked.job_id, open_file)
