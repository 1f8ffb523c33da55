"""Running an import: the stored file is opened in the reader process, and its batches go to the service."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from uuid import UUID

from temporalio import activity

from integrations.spreadsheets.limits import ReadLimits
from integrations.spreadsheets.tables import read_batches
from services import files, imports, jobs
from workflows.contracts import RUN_JOB_ACTIVITY, JobInput

LIMITS = ReadLimits(batch_rows=5_000)
"""Never change `batch_rows` while imports run: a resumed one must see the same batches."""


@activity.defn(name=RUN_JOB_ACTIVITY.format(kind=imports.KIND))
async def run_import(job: JobInput) -> None:
    """Idempotent: an import that has ended is left alone, one that was interrupted goes on at its record."""
    await run_import_job(job.job_id, activity.heartbeat)


async def run_import_job(job_id: UUID, heartbeat: Callable[[], None] = lambda: None) -> None:
    """Run a queued or interrupted import in this process; `heartbeat` is called after each batch of 5,000 rows."""
    job = await jobs.claim(job_id)
    if job is None or job.file_id is None:
        return
    with tempfile.TemporaryDirectory(prefix="planwright-import-") as directory:
        path = Path(directory) / "file"
        await files.open_to_path(job.file_id, path)
        async with aclosing(read_batches(path, file_kind=job.params["file_kind"], limits=LIMITS)) as batches:
            await imports.run(job, batches, heartbeat)
