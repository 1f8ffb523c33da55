"""Undoing a whole import: what it would do, asking for it, and doing it.

It is refused when something newer touched any of the import's rows. What somebody changes while it runs stays as it is.
An undo is a job of its own; the import says that it was undone, when and by whom, and can't be undone again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import scoped, transaction
from core.context import current_user
from core.errors import Conflict, Detail, NotFound, Unavailable
from core.mongo import RawDocument
from models.job import Job
from planning.months import Month
from planning.undoing import NOUNS, Obstacle, refusal, undo_problem
from services import audit, jobs, months, undo_steps
from services.import_apply.writers import WRITERS
from services.import_kinds.tables import ImportKind
from services.undo_report import described
from services.undo_step import Blocked, Counts, Step, Undoing

KIND = jobs.UNDO
IMPORT = jobs.IMPORT
SHOWN = 100
"""Blocked rows that are named; the others are counted."""
IN_REFUSAL = 20
MASTERS = frozenset({ImportKind.CUSTOMERS, ImportKind.PRODUCTS})
"""Kinds that others refer to: nothing is imported while these are taken back, and the other way round."""

Heartbeat = Callable[[], None]


@dataclass(slots=True)
class Preview:
    """What undoing an import would do now. `refusal`: why it is not done; None when it can be. `blocked` names the
    first hundred rows that stand in the way."""

    counts: Counts = field(default_factory=Counts)
    blocked: list[RawDocument] = field(default_factory=list)
    refusal: str | None = None


async def preview(import_id: UUID, received_at: datetime) -> Preview:
    """What undoing would do, if it were asked for at that time. NotFound; Conflict for an import that can't be undone
    at all, with the reason."""
    job = await _undoable(import_id)
    undoing = Undoing(job.id, received_at)
    found, blocked, locked = Counts(), list[tuple[str, Blocked]](), 0
    whole = await undo_steps.whole_of(undoing)
    async for batch in undo_steps.batches(undoing):
        untouched = await undo_steps.WAYS[batch.name].untouched(undoing, batch)
        if untouched is not None:
            found = found.plus(untouched)
            continue
        step = await undo_steps.look(undoing, batch, whole)
        found = found.plus(step.counts)
        locked += sum(one.rows for one in step.blocked if one.obstacle is Obstacle.LOCKED)
        blocked += [(batch.name, one) for one in step.blocked[: SHOWN - len(blocked)]]
    why = refusal(found.blocked, found.rows, locked=locked, noun=NOUNS.get(job.params["kind"], "row"))
    return Preview(found, await described(job, blocked), why)


async def request(import_id: UUID, received_at: datetime) -> Job:
    """A queued undo of an import. Start its workflow after the commit.

    NotFound; Conflict with the reason when it can't be undone, when something newer touched its rows (counted, the
    first ones named), or while something runs that it must not meet.
    """
    found = await preview(import_id, received_at)
    if found.refusal is not None:
        details = [Detail("blocked", f"{one['label']}: {one['message']}") for one in found.blocked[:IN_REFUSAL]]
        raise Conflict(found.refusal, details=details)

    async def action() -> Job:
        job = await _undoable(import_id)
        await _demand_quiet(job)
        params = {"import_id": str(job.id), "kind": job.params["kind"], "planned": asdict(found.counts)}
        undo = await jobs.create(KIND, params, received_at=received_at)
        as_known = {"_id": job.id, "undo_id": job.undo_id, "undone_at": None}
        if (await scoped(Job).update_one(as_known, {"$set": {"undo_id": undo.id}})).matched_count == 0:
            raise Conflict("Somebody else undoes this import at this moment.")
        return undo

    return await transaction(action)


async def run(job: Job, heartbeat: Heartbeat = lambda: None) -> None:
    """Undo a claimed job's import and give the job its end. A run that was killed is gone on with."""
    progress = _Progress(job)

    async def between() -> None:
        await progress.read()
        heartbeat()

    undoing = Undoing(UUID(job.params["import_id"]), job.received_at)
    await undo_steps.set_back(undoing, progress.count, between)
    await _finish(job, progress)


class _Progress:
    """How far an undo is: written in the transaction of each batch, and read again when that is committed."""

    def __init__(self, job: Job) -> None:
        self.job_id = job.id
        self._take(job.cursor)

    def _take(self, cursor: Mapping[str, Any]) -> None:
        self.steps: int = cursor.get("steps", 0)
        self.counts = Counts(**cursor.get("counts", {}))
        self.months: set[Month] = set(cursor.get("months", ()))

    async def read(self) -> None:
        self._take((await jobs.get(self.job_id)).cursor)

    async def count(self, step: Step) -> None:
        """Add what a batch did. A transaction that is tried again adds it anew to what there was before."""
        counts = asdict(self.counts.plus(step.counts))
        cursor = {"steps": self.steps + 1, "counts": counts, "months": sorted(self.months | step.months)}
        as_known = {"_id": self.job_id, "state": "running", "cursor.steps": self.steps or None}
        change = {"$set": {"cursor": cursor, "progress": counts}}
        if (await scoped(Job).update_one(as_known, change)).matched_count == 0:
            raise Unavailable("Another run of this undo is ahead; it will be looked at again.")


async def demand_no_masters_undone() -> None:
    """Raises Unavailable while new customers or products are taken back: what refers to them must wait."""
    running = {"kind": KIND, "state": {"$in": jobs.UNFINISHED}, "params.kind": {"$in": sorted(MASTERS)}}
    if await scoped(Job).exists(running):
        raise Unavailable("An import of customers or products is being undone; this one waits until that has ended.")


async def undo_of(import_job: Job) -> RawDocument | None:
    """The undo of an import as its answer shows it; None when nobody asked for one."""
    if import_job.undo_id is None:
        return None
    job = await scoped(Job).one({"_id": import_job.undo_id})
    if job is None:
        return None
    far = Counts(**(job.cursor.get("counts") or {}))
    return {
        "id": job.id,
        "state": job.state,
        "requested_by": job.requested_by,
        "received_at": job.received_at,
        "finished_at": job.finished_at,
        "rows": Counts(**job.params["planned"]).rows,
        "counts": asdict(far),
        "restated_months": (job.result or {}).get("restated_months", []),
        "message": (job.error or {}).get("message"),
    }


async def _undoable(import_id: UUID) -> Job:
    job = await jobs.get(import_id)
    if job.kind != IMPORT:
        raise NotFound()
    kind = job.params["kind"]
    journaled = "mode" in job.params and WRITERS[ImportKind(kind)].journaled
    problem = undo_problem(kind, job.state, dry_run=job.params["dry_run"], journaled=journaled)
    if problem is None and job.undone_at is not None:
        problem = f"The import was undone already, on {job.undone_at:%Y-%m-%d at %H:%M} UTC."
    if problem is None and job.undo_id is not None:
        unfinished = {"_id": job.undo_id, "state": {"$in": jobs.UNFINISHED}}
        problem = "The import is being undone." if await scoped(Job).exists(unfinished) else None
    if problem is not None:
        raise Conflict(problem)
    return job


async def _demand_quiet(job: Job) -> None:
    """Raises Conflict while another undo runs or, for masters, an import, which may refer to what is taken back."""
    kinds = [KIND, IMPORT] if job.params["kind"] in MASTERS else [KIND]
    other = await scoped(Job).one({"kind": {"$in": kinds}, "state": {"$in": jobs.UNFINISHED}})
    if other is not None:
        what = "Another import is being undone" if other.kind == KIND else "An import is running"
        raise Conflict(f"{what}; ask again when that has ended.")


async def _finish(job: Job, progress: _Progress) -> None:
    """The end of the job, the mark on the import and the audit event in one transaction."""
    import_id = UUID(job.params["import_id"])

    async def action() -> None:
        if (await jobs.get(job.id)).state not in jobs.UNFINISHED:
            return
        restated = await months.counting_as_complete(progress.months)
        await jobs.succeed(job.id, asdict(progress.counts) | {"restated_months": restated})
        undone = {"undone_at": now(), "undone_by": current_user()}
        await scoped(Job).update_one({"_id": import_id}, {"$set": undone})
        told = {"kind": job.params["kind"], **asdict(progress.counts)}
        await audit.record("import.undone", "import", import_id, after=told)

    await transaction(action)
