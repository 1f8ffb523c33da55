"""Importing canonical files in this process: accepted as import jobs, and run with the code of the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from activities.imports import LIMITS, run_import_job
from core.errors import PlanwrightError, Unavailable
from models.job import Job
from planning.months import Month
from services import files, imports, jobs, rollups
from services.import_kinds.tables import ImportKind

RETRY_SECONDS = 1.0
CUSTOMERS_PER_STEP = 200

Step = Callable[[str, int, int | None], None]
"""Told (what is done, how much of it, of how much or None) again and again."""


async def import_table(
    kind: ImportKind, path: Path, rows: int, tell: Step, *, complete_until: Month | None = None
) -> dict[str, int]:
    """Import a csv of `rows` rows; returns how many were inserted, updated, unchanged and rejected.

    The same file again changes nothing. Raises PlanwrightError when the file is refused as a whole.
    """
    stored = await files.store(path, name=path.name, content_type="text/csv")
    job = await imports.accept(stored, kind=kind, file_kind="csv", complete_until=complete_until)
    done = 0

    def batch_done() -> None:
        nonlocal done
        done = min(rows, done + LIMITS.batch_rows)
        tell(f"importing {kind}", done, rows)

    tell(f"importing {kind}", 0, rows)
    while True:
        try:
            await run_import_job(job.id, batch_done)
            break
        except Unavailable:  # a worker has taken the job over, and is ahead
            await asyncio.sleep(RETRY_SECONDS)
    return _counts(await jobs.get(job.id))


async def refresh_rollups(tell: Step) -> int:
    """Bring all rollups up to date; returns how many customers were behind."""
    customers = await rollups.pending()
    done = 0
    while await rollups.pending():
        done += await rollups.refresh(CUSTOMERS_PER_STEP)
        tell("computing rollups", min(done, customers), customers)
    return done


def _counts(job: Job) -> dict[str, int]:
    if job.state != "succeeded" or job.result is None:
        raise PlanwrightError(f"The import of {job.params['kind']} ended as {job.state}: {job.error}")
    return {name: job.result[name] for name in ("inserted", "updated", "unchanged", "rejected")}
