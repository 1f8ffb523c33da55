"""Job documents: what long work was asked for, how far it is, how it ended. A workflow runs them; callers poll them.

    queued -> running -> succeeded | rejected (the input is refused) | failed (we could not do it)

The end of a job is compared and set, so that an end told twice is told once and a late run can't overwrite it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import scoped, transaction
from core.context import current_user
from core.errors import Conflict, NotFound
from models.job import Job
from services import audit

IMPORT = "import"
UNDO = "import-undo"
UNFINISHED = ("queued", "running")
KEPT_FOR = timedelta(days=90)


async def create(
    kind: str, params: dict[str, Any], *, file_id: UUID | None = None, received_at: datetime | None = None
) -> Job:
    """A queued job of the person in context, with its audit event. Start its workflow after the commit.

    `received_at`: when the request's first byte was read, where something is judged by it.
    """
    at = received_at or now()

    async def insert() -> Job:
        job = await scoped(Job).insert(
            Job(kind=kind, params=params, file_id=file_id, requested_by=current_user(), received_at=at)
        )
        await audit.record("job.queued", "job", job.id, after={"kind": kind})
        return job

    return await transaction(insert)


async def get(job_id: UUID) -> Job:
    """The job; raises NotFound when there is none or it is no longer kept."""
    job = await scoped(Job).get(job_id)
    if job.expires_at is not None and job.expires_at <= now():
        raise NotFound("The job is no longer kept.")
    return job


def still_kept(at: datetime) -> dict[str, Any]:
    """The query for jobs that are kept at that time: lists must not show what `get` no longer finds."""
    return {"$or": [{"expires_at": None}, {"expires_at": {"$gt": at}}]}


async def claim(job_id: UUID) -> Job | None:
    """Take an unfinished job to run it, or to go on where its cursor stands; None when it has ended already.

    Raises NotFound when there is no such job.
    """
    at = now()
    row = await scoped(Job).change(
        {"_id": job_id, "state": {"$in": UNFINISHED}},
        [{"$set": {"state": "running", "started_at": {"$ifNull": ["$started_at", at]}}}],
    )
    if row is None:
        await scoped(Job).get(job_id)
    return None if row is None else Job.model_validate(row)


async def report_progress(job_id: UUID, progress: Mapping[str, int], cursor: Mapping[str, Any] | None = None) -> None:
    """Show how far it is and, with `cursor`, where a later run goes on; raises Conflict when the job has ended."""
    change: dict[str, Any] = {"progress": dict(progress)}
    if cursor is not None:
        change["cursor"] = dict(cursor)
    done = await scoped(Job).update_one({"_id": job_id, "state": "running"}, {"$set": change})
    if done.matched_count == 0:
        raise Conflict("The job is not running any more.")


async def succeed(
    job_id: UUID,
    result: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]] = (),
    result_file_id: UUID | None = None,
) -> None:
    """The work is done; joins the caller's transaction. Saying it twice is fine; raises Conflict after another end."""
    rows = [dict(finding) for finding in findings]
    await _finish(job_id, "succeeded", result=dict(result), findings=rows, result_file_id=result_file_id)


async def reject(
    job_id: UUID,
    message: str,
    findings: Sequence[Mapping[str, Any]] = (),
    result_file_id: UUID | None = None,
) -> None:
    """The input is refused, nothing was changed; `message` says to a person what to do. Twice is fine."""
    error = {"code": "invalid_input", "message": message}
    rows = [dict(finding) for finding in findings]
    await _finish(job_id, "rejected", error=error, findings=rows, result_file_id=result_file_id)


async def fail(job_id: UUID, message: str, code: str = "planwright_error") -> None:
    """We could not do it; no retry will follow. A job that has ended otherwise keeps its end."""
    await _end(job_id, "failed", error={"code": code, "message": message})


async def _finish(job_id: UUID, state: str, **values: Any) -> None:
    if await _end(job_id, state, **values):
        return
    job = await scoped(Job).get(job_id)
    if job.state != state:
        raise Conflict(f"The job has ended already: {job.state}.")


async def _end(job_id: UUID, state: str, **values: Any) -> bool:
    at = now()
    change = {**values, "state": state, "finished_at": at, "expires_at": at + KEPT_FOR}
    done = await scoped(Job).update_one({"_id": job_id, "state": {"$in": UNFINISHED}}, {"$set": change})
    return done.matched_count == 1
