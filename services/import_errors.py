"""The copy of an imported file in which what is wrong is marked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from core.errors import Conflict, NotFound
from models.job import Job, StoredFile
from planning.access import Action, may
from services import files, imports, jobs
from services.identity import Caller

KEEP_DAYS = jobs.KEPT_FOR.days


async def keep(job: Job, workbook: Path) -> UUID:
    """Store the marked copy for as long as the job is kept. A second run stores anew; what it replaces expires."""
    stem = str(job.params["file_name"]).rpartition(".")[0]
    content_type = imports.CONTENT_TYPES["xlsx"]
    stored = await files.store(workbook, name=f"{stem}-errors.xlsx", content_type=content_type, keep_days=KEEP_DAYS)
    return stored.id


async def open_marked(caller: Caller, import_id: UUID) -> tuple[StoredFile, AsyncIterator[bytes]]:
    """The marked copy and its bytes. It holds all that was sent, so it is for its sender and for those who import.

    NotFound for everybody else and where nothing is marked; Conflict while the import runs.
    """
    job = await jobs.get(import_id)
    is_importer = may(caller.actor, Action.IMPORT_FILE).allowed
    if job.kind != imports.KIND or not (is_importer or job.requested_by == caller.user_id):
        raise NotFound()
    if job.state in jobs.UNFINISHED:
        raise Conflict("The import is still running; what is wrong is marked at its end.")
    if job.result_file_id is None:
        raise NotFound("The import has no errors that could be marked in a copy of its file.")
    return await files.get(job.result_file_id), files.stream(job.result_file_id)
