"""Importing a table in tests: through the stored file and the reader process, as the worker does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from activities.imports import run_import_job, undo_import_job
from core.clock import now
from core.collections import scoped
from models.job import Job
from planning.roles import Role
from services import files, imports, undo
from services.identity import Caller
from services.import_kinds.tables import ImportKind


def csv_of(*lines: str) -> bytes:
    """A csv of these lines, the first being the header."""
    return "\n".join(lines).encode() + b"\n"


async def accepted(kind: str, *lines: str, **options: Any) -> Job:
    """A queued import of the lines."""
    stored = await files.store(csv_of(*lines), name=f"{kind}.csv", content_type="text/csv")
    return await imports.accept(stored, kind=ImportKind(kind), file_kind="csv", **options)


async def imported(kind: str, *lines: str, **options: Any) -> Job:
    """A finished import of the lines, as the database shows it afterwards."""
    job = await accepted(kind, *lines, **options)
    await run_import_job(job.id)
    return await scoped(Job).get(job.id)


def counts(job: Job) -> dict[str, int]:
    """What became of the rows."""
    shown = job.result or job.progress
    return {name: shown[name] for name in ("inserted", "updated", "unchanged", "rejected")}


def errors(job: Job) -> Sequence[tuple[int, str, str]]:
    """(row, column, expected) of each error."""
    return [(one["row"], one["column"], one["expected"]) for one in job.findings]


async def undone(import_id: UUID) -> Job:
    """The finished undo of an import, as the database shows it afterwards."""
    job = await undo.request(import_id, now())
    await undo_import_job(job.id)
    return await scoped(Job).get(job.id)


def a_caller(role: Role = Role.ADMIN, user_id: UUID | None = None) -> Caller:
    """Somebody with this role."""
    return Caller(user_id or uuid4(), uuid4(), uuid4(), role, frozenset(), "A name", "en")
