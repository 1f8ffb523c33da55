"""Running imports and their undos. A stored file is opened in the reader process, and its batches go to the service."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from temporalio import activity

from core.errors import PlanwrightError
from integrations.spreadsheets.limits import ReadLimits
from integrations.spreadsheets.tables import read_batches, read_cells
from models.job import Job
from reports.marked_cells import MarkedCopy
from services import files, import_errors, import_layout, import_runs, imports, jobs, undo
from workflows.contracts import RUN_JOB_ACTIVITY, JobInput

LIMITS = ReadLimits(batch_rows=5_000)
"""Never change `batch_rows` while imports run: a resumed one must see the same batches."""

_BEAT_SECONDS = 2.0

Heartbeat = Callable[[], None]
_log = structlog.get_logger(__name__)


@activity.defn(name=RUN_JOB_ACTIVITY.format(kind=imports.KIND))
async def run_import(job: JobInput) -> None:
    """Idempotent: an import that has ended is left alone, one that was interrupted goes on at its record."""
    await run_import_job(job.job_id, activity.heartbeat)


@activity.defn(name=RUN_JOB_ACTIVITY.format(kind=undo.KIND))
async def undo_import(job: JobInput) -> None:
    """Idempotent: an undo that has ended is left alone, one that was interrupted goes on with the next batch."""
    await undo_import_job(job.job_id, activity.heartbeat)


async def undo_import_job(job_id: UUID, heartbeat: Heartbeat = lambda: None) -> None:
    """Run a queued or interrupted undo in this process; `heartbeat` is called after each batch."""
    job = await jobs.claim(job_id)
    if job is not None:
        await undo.run(job, heartbeat)


async def run_import_job(job_id: UUID, heartbeat: Heartbeat = lambda: None) -> None:
    """Run a queued or interrupted import in this process; `heartbeat` is called after each batch of 5,000 rows."""
    job = await jobs.claim(job_id)
    if job is None or job.file_id is None:
        return
    with tempfile.TemporaryDirectory(prefix="planwright-import-") as directory:
        path = Path(directory) / "file"
        await files.open_to_path(job.file_id, path)
        again = True
        while again:
            rows = read_batches(
                path,
                file_kind=job.params["file_kind"],
                limits=LIMITS,
                sheet=import_layout.options_of(job).sheet,
                choose=partial(import_layout.settle, job),
            )
            async with aclosing(rows) as batches:
                annotate = partial(mark_errors, job, path, heartbeat)
                again = await import_runs.run(job, batches, heartbeat, annotate)


async def mark_errors(job: Job, path: Path, heartbeat: Heartbeat, errors: Sequence[Mapping[str, Any]]) -> UUID | None:
    """Store a copy of the file with these errors marked. None where it can't be read to its end a second time."""
    layout = job.layout or {}
    marked = path.with_name("marked.xlsx")
    copy = MarkedCopy(marked, layout["sheet"], errors, layout["header_rows"][-1])
    cells = read_cells(
        path,
        file_kind=job.params["file_kind"],
        sheet_number=layout["sheet_number"],
        sheet=import_layout.options_of(job).sheet,
        limits=LIMITS,
    )
    try:
        async with aclosing(cells) as batches:
            async for batch in batches:
                # In a thread: a batch takes a tenth of a second, and the worker has other things to do meanwhile.
                await asyncio.to_thread(copy.add, batch)
                heartbeat()
    except PlanwrightError as refusal:
        _log.info("import.not_marked", import_id=str(job.id), reason=refusal.message)
        return None
    finally:
        await _meanwhile(heartbeat, copy.close)
    return await import_errors.keep(job, marked)


async def _meanwhile(heartbeat: Heartbeat, work: Callable[[], None]) -> None:
    """Do something long in a thread, and go on telling that this activity lives."""
    done = asyncio.ensure_future(asyncio.to_thread(work))
    while not done.done():
        await asyncio.wait([done], timeout=_BEAT_SECONDS)
        heartbeat()
    await done
