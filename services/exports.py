"""Exports: every kind of data as the template filled, in the scope and with the field rights of who asks.

A small export is made while its requester waits, a larger one by a worker; both go through `run`. What writes the file
is given by the caller (`reports.filled`). An export is read by who asked for it, and by managers and admins who see all
customers, as long as they may read what it holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from uuid import UUID

from core.clock import now
from core.collections import scoped, transaction
from core.errors import Conflict, Detail, InvalidInput, NotFound, NotPermitted, PayloadTooLarge
from core.listing import Listing, Window, read_page
from core.sheets import SHEET_ROWS, FileFormat, FileTable, Value
from models.customer import Customer
from models.job import Job, StoredFile
from models.product import Product
from models.user import User
from planning.access import Action, Actor, Scope, is_regional, may, sees_all
from planning.roles import Role
from services import audit, files, jobs
from services.exporting.base import Asked, Filters
from services.exporting.sources import source_of
from services.identity import Caller
from services.import_kinds.tables import TABLES, ImportKind, KindTable
from services.scopes import day_of_tenant, narrowed, scope_of
from services.templates import columns_for, described, readable

EXPORT = "export"
KEEP_DAYS = 7
"""An export is old after a week; asking again costs little."""
AT_ONCE_ROWS = 2_000
"""Up to here the requester waits for the file: about a quarter of a second."""
CONTENT_TYPES: Mapping[FileFormat, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
ROWS_PER_PROGRESS = 20_000
SEES_ALL_EXPORTS = frozenset({Role.ADMIN, Role.MANAGER})
SHOWN = dict.fromkeys(
    ("state", "params", "progress", "result", "result_file_id", "error", "requested_by", "received_at", "started_at",
     "finished_at"), 1,
)  # fmt: skip
EXPORT_NOTES = (
    "This is what is stored. Importing the file untouched changes nothing; change a cell, and the import changes it.",
    "What identifies a row is protected, because another key means another row. Add new rows below the last one; "
    "deleting a row here deletes nothing.",
    "Filters and widths work as it is. To sort, take the protection away (Review, Unprotect Sheet; it has no "
    "password): the order of rows means nothing.",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for."""

    kind: ImportKind
    file_format: FileFormat = "xlsx"
    layout: str = "long"
    filters: Filters = field(default_factory=Filters)


class RowFile(Protocol):
    """A file that takes rows column by column until it is closed; used by one thread at a time."""

    def write(self, columns: Sequence[Sequence[Value]]) -> None: ...
    def close(self) -> None: ...


OpenFile = Callable[[Path, FileFormat, FileTable], RowFile]
Progress = Callable[[int], Awaitable[None]]


async def request(caller: Caller, wanted: Wanted, at: datetime) -> Job:
    """Queue the export for the caller; go on with `run_if_small`, else start its workflow, after the commit.

    NotPermitted for a kind that they may not read, InvalidInput for filters and layouts that the kind does not have,
    for customers and products that are not there for the caller, and for more rows than a sheet holds.
    """
    readable(caller.actor, wanted.kind)
    scope = await scope_of(caller.role, caller.user_id, at, caller.regions)
    source = source_of(wanted.kind, Asked(scope, wanted.filters, wanted.layout))
    await _check_ids(wanted.filters, scope)
    rows = await source.prepare()
    if wanted.file_format == "xlsx" and rows > SHEET_ROWS:
        message = f"The table has about {rows:,} rows, a sheet holds {SHEET_ROWS:,}; filter it, or take csv"
        raise InvalidInput(details=[Detail("format", message)])
    params = {
        "kind": str(wanted.kind),
        "format": wanted.file_format,
        "layout": wanted.layout,
        "filters": _stored(wanted.filters),
        "rows": rows,
    }
    return await jobs.create(EXPORT, params)


async def run_if_small(caller: Caller, job_id: UUID, open_file: OpenFile) -> Job:
    """The export as it stands, after making it if that takes no longer than somebody waits."""
    job = await read(caller, job_id)
    if job.state not in jobs.UNFINISHED or job.params["rows"] > AT_ONCE_ROWS:
        return job
    await run(job_id, open_file)
    return await read(caller, job_id)


async def run(job_id: UUID, open_file: OpenFile) -> None:
    """Make the file of a queued or interrupted export and give the job its end. Idempotent: what has ended is left
    alone, what was interrupted is made anew."""
    job = await jobs.claim(job_id)
    if job is None:
        return
    at = now()
    wanted = wanted_of(job)
    actor, scope = await _requester(job, at)
    if actor is None or scope is None:
        await jobs.reject(job.id, "Whoever asked for the export is no longer an active user.")
        return
    total = job.params["rows"]

    async def progress(done: int) -> None:
        await jobs.report_progress(job.id, {"rows_done": done, "rows_total": max(total, done)})

    name = f"{wanted.kind}-{await day_of_tenant(at)}.{wanted.file_format}"
    try:
        with TemporaryDirectory(prefix="planwright-export-") as directory:
            path = Path(directory) / "file"
            rows, sensitive = await write(path, wanted, actor, scope, open_file, progress)
            content_type = CONTENT_TYPES[wanted.file_format]
            stored = await files.store(path, name=name, content_type=content_type, keep_days=KEEP_DAYS)
    except (NotPermitted, PayloadTooLarge) as refusal:
        await jobs.reject(job.id, refusal.message)
        return
    await _keep(job, wanted, stored, rows, {"all_customers": scope.all_customers, "needs": sensitive})


async def at_once(caller: Caller, wanted: Wanted, open_file: OpenFile, at: datetime) -> bytes:
    """The file alone, without a job: for what is always small."""
    scope = await scope_of(caller.role, caller.user_id, at, caller.regions)
    with TemporaryDirectory(prefix="planwright-export-") as directory:
        path = Path(directory) / "file"
        await write(path, wanted, caller.actor, scope, open_file, _tell_nobody)
        return await asyncio.to_thread(path.read_bytes)


async def write(
    path: Path, wanted: Wanted, actor: Actor, scope: Scope, open_file: OpenFile, progress: Progress
) -> tuple[int, list[str]]:
    """Write the file. How many rows it has, and what somebody must be allowed to see its columns."""
    table = readable(actor, wanted.kind)
    source = source_of(wanted.kind, Asked(scope, wanted.filters, wanted.layout))
    await source.prepare()
    table = await source.laid_out(table)
    columns = [column for column in columns_for(table, actor) if column.stored]
    notes = (*EXPORT_NOTES, *_in_words(wanted.filters))
    file_table = await described(table, columns, scope, notes=notes, locked=True)
    file = await asyncio.to_thread(open_file, path, wanted.file_format, file_table)
    try:
        rows = await _fill(file, source.columns(columns), progress)
    finally:
        await asyncio.to_thread(file.close)
    return rows, sorted({str(column.needs) for column in columns if column.needs is not None})


async def list_exports(
    caller: Caller, window: Window, at: datetime, *, kind: ImportKind | None = None, state: str | None = None
) -> Listing:
    """Raw rows (`SHOWN`) of one page of the exports that the caller may read."""
    kinds = [
        str(one) for one, table in TABLES.items() if may(caller.actor, table.reads).allowed and kind in (None, one)
    ]
    query: dict[str, Any] = {"kind": EXPORT, "params.kind": {"$in": kinds}} | jobs.still_kept(at)
    if state is not None:
        query["state"] = state
    if not _sees_all_exports(caller):
        query["requested_by"] = caller.user_id
        query["result.needs"] = {"$nin": [str(action) for action in _hidden_from(caller.actor)]}
        if not sees_all(caller.role, caller.regions):
            query["result.all_customers"] = {"$ne": True}
    return await read_page(scoped(Job), query, SHOWN, window)


async def read(caller: Caller, job_id: UUID) -> Job:
    """The job; NotFound when there is none, it is not the caller's to see, or it is no longer kept."""
    refusal = NotFound("There is no such export, or it is not yours to see.")
    try:
        job = await jobs.get(job_id)
    except NotFound as error:
        raise refusal from error
    if job.kind != EXPORT or not _may_read(caller, job):
        raise refusal
    return job


async def open_export(caller: Caller, job_id: UUID) -> tuple[StoredFile, AsyncIterator[bytes]]:
    """The file and its bytes; NotFound as `read` and after its expiry, Conflict while it is not there."""
    job = await read(caller, job_id)
    if job.result_file_id is None:
        raise Conflict(f"The export is {job.state}; there is no file to download.")
    return await files.get(job.result_file_id), files.stream(job.result_file_id)


def wanted_of(job: Job) -> Wanted:
    """What the job was asked for."""
    said = dict(job.params["filters"])
    for name in ("customer_ids", "product_ids"):
        said[name] = tuple(UUID(id) for id in said.get(name, ()))
    said["cycle_id"] = None if said.get("cycle_id") is None else UUID(said["cycle_id"])
    return Wanted(ImportKind(job.params["kind"]), job.params["format"], job.params["layout"], Filters(**said))


async def _tell_nobody(_: int) -> None:
    """Progress that nobody polls."""


async def _keep(job: Job, wanted: Wanted, stored: StoredFile, rows: int, seen: dict[str, Any]) -> None:
    """End the job with its file. A second run stores anew; what it replaces expires."""
    file = {"name": stored.name, "size": stored.size, "sha256": stored.sha256, "expires_at": stored.expires_at}

    async def action() -> None:
        await jobs.succeed(job.id, {"rows": rows, "file": file, **seen}, result_file_id=stored.id)
        said = {"kind": str(wanted.kind), "format": wanted.file_format, "rows": rows, **_stored(wanted.filters)}
        await audit.record("export.made", "export", job.id, after=said)

    await transaction(action)


async def _fill(file: RowFile, pieces: AsyncGenerator[list[list[Value]], None], progress: Progress) -> int:
    """Read the next piece while a thread writes this one. How many rows there were."""
    done = told = 0
    writing: asyncio.Task[None] | None = None
    try:
        async with aclosing(pieces) as every:
            async for columns in every:
                if writing is not None:
                    await writing
                writing = asyncio.create_task(asyncio.to_thread(file.write, columns))
                done += len(columns[0])
                if done - told >= ROWS_PER_PROGRESS:
                    told = done
                    await progress(done)
    finally:
        # Whatever happened, nobody may close the file under the thread's hands.
        if writing is not None:
            await writing
    return done


async def _check_ids(filters: Filters, scope: Scope) -> None:
    """Raises InvalidInput when one of the customers or products is not there, or not the caller's to see."""
    problems: list[Detail] = []
    customers, products = set(filters.customer_ids), set(filters.product_ids)
    if customers:
        query = await narrowed(scope, {"_id": {"$in": list(customers)}})
        if await scoped(Customer).count(query) < len(customers):
            problems.append(Detail("filters.customer_ids", "names a customer that is not among yours"))
    if products and await scoped(Product).count({"_id": {"$in": list(products)}}) < len(products):
        problems.append(Detail("filters.product_ids", "names a product that does not exist"))
    if problems:
        raise InvalidInput(details=problems)


async def _requester(job: Job, at: datetime) -> tuple[Actor | None, Scope | None]:
    """Who asked, with the rights and the customers of this moment; nobody when they are gone or not active."""
    shown = {"role": 1, "grants": 1, "regions": 1}
    user = await scoped(User).row({"_id": job.requested_by, "is_active": True}, shown)
    if user is None:
        return None, None
    role, regions = Role(user["role"]), user.get("regions", ())
    actor = Actor(role, frozenset(user.get("grants", ())), is_regional(role, regions))
    return actor, await scope_of(role, user["_id"], at, regions)


def _may_read(caller: Caller, job: Job) -> bool:
    table: KindTable = TABLES[ImportKind(job.params["kind"])]
    result = job.result or {}
    if not may(caller.actor, table.reads).allowed:
        return False
    if _sees_all_exports(caller):
        return True
    if job.requested_by != caller.user_id or not _hidden_from(caller.actor).isdisjoint(result.get("needs", ())):
        return False
    return sees_all(caller.role, caller.regions) or not result.get("all_customers")


def _sees_all_exports(caller: Caller) -> bool:
    return caller.role in SEES_ALL_EXPORTS and sees_all(caller.role, caller.regions)


def _hidden_from(actor: Actor) -> frozenset[Action]:
    """What some columns need and this person may not see."""
    needed = {column.needs for table in TABLES.values() for column in table.columns}
    return frozenset(action for action in needed if action is not None and not may(actor, action).allowed)


def _stored(filters: Filters) -> dict[str, Any]:
    """The filters that say something, as they are kept and shown."""
    said = {name: value for name, value in asdict(filters).items() if name in filters.named()}
    return {name: _plain(value) for name, value in said.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [str(id) for id in value]
    return str(value) if isinstance(value, UUID) else value


def _in_words(filters: Filters) -> list[str]:
    """What narrows the export, and what widens it."""
    said = _stored(filters)
    part = [
        f"{len(value)} {name.removesuffix('_ids')}s chosen" if isinstance(value, list) else f"{_WORDS[name]} {value}"
        for name, value in said.items()
        if name in _WORDS or isinstance(value, list)
    ]
    words = [f"Only a part: {', '.join(part)}."] if part else []
    return words + (["Also what is out of use."] if filters.include_inactive else [])


_WORDS = {
    "region": "region",
    "category": "category",
    "from_month": "from",
    "to_month": "to",
    "valid_on": "what holds on",
}
