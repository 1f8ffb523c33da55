"""Imports of files: accepted as a queued job that a worker runs (`services.import_runs`), read and listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.errors import Detail, InvalidInput, NotFound, NotPermitted
from core.listing import Listing, Window, read_page
from core.mongo import RawDocument
from core.uploads import FileKind
from models.job import Job, StoredFile
from planning.access import Action, Actor, may
from planning.import_modes import Mode, OnError, mode_problem, settled
from services import calendar, jobs, months, undo
from services.forecast_options import NO_OPTIONS, ForecastOptions, counted_cells
from services.identity import Caller
from services.import_kinds.tables import ImportKind
from services.import_layout import ReadingOptions, shown_errors, shown_layout
from services.import_runs import MAX_ERRORS
from services.import_tally import Counts

KIND = jobs.IMPORT
CONTENT_TYPES: Mapping[FileKind, str] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

LISTED = (
    "params", "state", "progress", "cursor.cells", "result", "error", "requested_by", "received_at", "started_at",
    "finished_at", "undone_at", "undone_by",
)  # fmt: skip
BEGIN_FACTS = frozenset({ImportKind.SALES, ImportKind.PAST_FORECASTS, ImportKind.BUDGET})
"""Kinds whose rows are in months and in the base currency, which can't change afterwards."""


def check_mode(kind: ImportKind, mode: Mode, on_error: OnError | None) -> None:
    """Raises InvalidInput with the reason where a file of this kind can't be taken like this."""
    problem = mode_problem(kind, mode, on_error)
    if problem is not None:
        raise InvalidInput(details=[Detail(problem.field, problem.message)])


async def check_allowed(
    actor: Actor, kind: ImportKind, complete_until: str | None = None, options: ForecastOptions = NO_OPTIONS
) -> None:
    """Raises NotPermitted with the reason; InvalidInput for a month that has not ended or a kind without months, and
    for options of forecasts that don't fit."""
    actions = [Action.IMPORT_FORECASTS if kind is ImportKind.FORECASTS else Action.IMPORT_FILE]
    actions += [Action.IMPORT_USERS] if kind is ImportKind.USERS else []
    actions += [Action.KEEP_ACTUALS] if complete_until is not None else []
    for action in actions:
        decision = may(actor, action)
        if not decision.allowed:
            raise NotPermitted(decision.reason)
    if complete_until is not None:
        if kind is not ImportKind.SALES:
            raise InvalidInput("Only an import of sales can complete months; leave complete_until out.")
        await months.check_ended(complete_until)
    await options.check(kind)


async def accept(
    stored: StoredFile,
    *,
    kind: ImportKind,
    file_kind: FileKind,
    dry_run: bool = False,
    complete_until: str | None = None,
    mode: Mode = Mode.UPSERT,
    on_error: OnError | None = None,
    reading: ReadingOptions | None = None,
    options: ForecastOptions = NO_OPTIONS,
    received_at: datetime | None = None,
) -> Job:
    """A queued job for a stored, sniffed file. `complete_until`: with it, all months up to this one become complete.

    `received_at`: when the request's first byte was read, which deadlines are judged by.
    """
    check_mode(kind, mode, on_error)
    params = {
        "kind": str(kind),
        "file_kind": file_kind,
        "file_name": stored.name,
        "file_size": stored.size,
        "sha256": stored.sha256,
        "dry_run": dry_run,
        "complete_until": complete_until,
        "mode": str(mode),
        "on_error": str(settled(mode, on_error)),
        "reading": (reading or ReadingOptions()).params(),
        **options.params(),
    }

    async def action() -> Job:
        if kind in BEGIN_FACTS and not dry_run:
            await calendar.begin_facts()
        return await jobs.create(KIND, params, file_id=stored.id, received_at=received_at)

    return await transaction(action)


@dataclass(frozen=True, slots=True)
class ImportFilter:
    """Which imports: those received from a moment to before another one, sent by somebody, and so on.

    `source` is the name of the saved mapping that a file was sent with.
    """

    kind: ImportKind | None = None
    state: str | None = None
    mode: Mode | None = None
    source: str | None = None
    requested_by: UUID | None = None
    received_from: datetime | None = None
    received_before: datetime | None = None
    undone: bool | None = None

    def query(self) -> dict[str, Any]:
        """As the jobs are found."""
        said = {
            "params.kind": self.kind and str(self.kind),
            "state": self.state,
            "params.mode": self.mode and str(self.mode),
            "params.reading.source": self.source,
            "requested_by": self.requested_by,
        }
        query: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        span = {"$gte": self.received_from, "$lt": self.received_before}
        if found := {name: value for name, value in span.items() if value is not None}:
            query["received_at"] = found
        if self.undone is not None:
            query["undone_at"] = {"$ne": None} if self.undone else None
        return query


def only_of(caller: Caller) -> UUID | None:
    """Whose imports somebody sees: everybody's (None) who may import all kinds, else their own."""
    return None if may(caller.actor, Action.IMPORT_FILE).allowed else caller.user_id


async def read(import_id: UUID, only_of: UUID | None = None) -> RawDocument:
    """One import with its row errors, and its undo if there is one; raises NotFound, also when it is not one of that
    person (None = of anybody)."""
    job = await jobs.get(import_id)
    if job.kind != KIND or only_of not in (None, job.requested_by):
        raise NotFound()
    shown_undo = await undo.undo_of(job)
    if shown_undo is not None:
        job = await jobs.get(import_id)  # not older than its undo: both end together
    errors = job.findings if job.state not in jobs.UNFINISHED else sorted(job.findings, key=lambda one: one["row"])
    return {
        **_view(job.model_dump(by_alias=False)),
        **shown_layout(job),
        "errors": shown_errors(errors, job.layout),
        "undo": shown_undo,
    }


async def list_imports(wanted: ImportFilter, window: Window, at: datetime, only_of: UUID | None = None) -> Listing:
    """One page of the imports that are still kept at that time, without their row errors; only those of a person."""
    own = {} if only_of is None else {"requested_by": only_of}
    query: dict[str, Any] = {"kind": KIND, "$and": [wanted.query(), own]} | jobs.still_kept(at)
    listing = await read_page(scoped(Job), query, dict.fromkeys(LISTED, 1), window)
    return Listing([_view(row) for row in listing.rows], listing.has_next, listing.total)


def _view(row: Mapping[str, Any]) -> RawDocument:
    params, result, error = row["params"], row.get("result") or {}, row.get("error") or {}
    progress = row.get("progress") or {}
    counts = result or progress
    return {
        "id": row["id"],
        "kind": params["kind"],
        "state": row["state"],
        "dry_run": params["dry_run"],
        "complete_until": params["complete_until"],
        "cycle_id": params.get("cycle_id"),
        "overwrite": params.get("overwrite", False),
        "mode": params.get("mode", Mode.UPSERT),
        "on_error": params.get("on_error", OnError.SKIP_ROWS),
        "file": {"name": params["file_name"], "size": params["file_size"], "sha256": params["sha256"]},
        "counts": {one.name: counts.get(one.name, 0) for one in fields(Counts)},
        "progress": {f"rows_{name}": progress.get(name, 0) for name in ("read", "checked", "written")},
        "removed": counts.get("removed", 0),
        "errors_left_out": result.get("errors_left_out", max(0, counts.get("errors", 0) - MAX_ERRORS)),
        "ignored_columns": result.get("ignored_columns", []),
        "completed_months": result.get("completed_months", []),
        "restated_months": result.get("restated_months", []),
        "sales": result.get("sales") if params["kind"] == ImportKind.SALES else None,
        "cells": counted_cells(row) if params["kind"] == ImportKind.FORECASTS else None,
        "message": error.get("message"),
        "requested_by": row["requested_by"],
        "received_at": row["received_at"],
        "started_at": row.get("started_at"),
        "finished_at": row.get("finished_at"),
        "undone_at": row.get("undone_at"),
        "undone_by": row.get("undone_by"),
    }
