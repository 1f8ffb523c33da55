"""Imports of files: accepted as a queued job, run batch by batch, told as counts and row errors in one pass.

Applying is idempotent and resumable. Each batch is first compared (a `Plan`), then its counts, its errors and the last
row of it are recorded in the job, and only then is it written. A run that was killed reads the file again, passes over
what was recorded before the last record, writes the batch of that record anew without counting it, and goes on: the
counts can't drift, whatever was killed when. The record also names the customers whose lines the batch changes: what
the killed run has written looks unchanged to the next one, which must mark those customers' rollups all the same. So it
names the months whose lines the import has changed so far: complete ones are restated (`services.months`).

Two runs at once do no harm: the record is compared and set, so that the slower one stops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from core.collections import as_binary, scoped, transaction
from core.context import current_tenant
from core.errors import InvalidInput, NotFound, NotPermitted, PayloadTooLarge, Unavailable, UnsupportedFile
from core.listing import Listing, Window, read_page
from core.mongo import RawDocument
from core.uploads import FileKind
from models.job import Job, StoredFile
from models.tenant import Tenant
from planning.access import Action, Actor, may
from planning.calendar import MonthRule
from planning.months import Month
from services import audit, calendar, jobs, months, sales_effects
from services.forecast_options import NO_OPTIONS, ForecastOptions, counted_cells
from services.identity import Caller
from services.import_apply.base import Id, ImportContext, Plan, Refused, Writer
from services.import_apply.writers import WRITERS
from services.import_kinds.tables import ImportKind
from services.import_kinds.validation import FileValidator, RowError
from services.import_layout import ReadingOptions, options_of, positions_of, shown_errors, shown_layout, writing_of
from services.sales_effects import SalesEffect

KIND = jobs.IMPORT
CONTENT_TYPES: Mapping[FileKind, str] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MAX_ERRORS = 10_000
"""Row errors that a job keeps; further rows are counted only."""

MAX_LEFT_OUT = 100
"""Totals that an answer names; further ones are counted only."""

LISTED = (
    "params", "state", "progress", "cursor.cells", "result", "error", "requested_by", "received_at", "started_at",
    "finished_at",
)  # fmt: skip
BEGIN_FACTS = frozenset({ImportKind.SALES, ImportKind.PAST_FORECASTS, ImportKind.BUDGET})
"""Kinds whose rows are in months and in the base currency, which can't change afterwards."""

Heartbeat = Callable[[], None]
Annotate = Callable[[Sequence[Mapping[str, Any]]], Awaitable[UUID | None]]
"""Stores a copy of the file with these errors marked; None when that can't be made."""


class SheetBatch(Protocol):
    """Consecutive rows of a table as a spreadsheet reader gives them, column by column."""

    @property
    def header(self) -> list[str]: ...
    @property
    def rows(self) -> list[int]: ...
    @property
    def columns(self) -> Sequence[Sequence[Any]]: ...
    @property
    def overlong(self) -> list[int]: ...


@dataclass(slots=True)
class Counts:
    """Rows by what became of them; `rows` is their sum, `errors` counts what is wrong (a row may have several)."""

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    errors: int = 0


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
    reading: ReadingOptions | None = None,
    options: ForecastOptions = NO_OPTIONS,
    received_at: datetime | None = None,
) -> Job:
    """A queued job for a stored, sniffed file. `complete_until`: with it, all months up to this one become complete.

    Deadlines are judged by `received_at`, the time at which the request began (None = now).
    """
    params = {
        "kind": str(kind),
        "file_kind": file_kind,
        "file_name": stored.name,
        "file_size": stored.size,
        "sha256": stored.sha256,
        "dry_run": dry_run,
        "complete_until": complete_until,
        "reading": (reading or ReadingOptions()).params(),
        **options.params(),
    }

    async def action() -> Job:
        if kind in BEGIN_FACTS and not dry_run:
            await calendar.begin_facts()
        return await jobs.create(KIND, params, file_id=stored.id, received_at=received_at)

    return await transaction(action)


async def run(
    job: Job,
    batches: AsyncIterator[SheetBatch],
    heartbeat: Heartbeat = lambda: None,
    annotate: Annotate | None = None,
) -> None:
    """Apply a claimed job's file and give the job its end: succeeded (also with rejected rows) or rejected.

    `batches` must come in the same pieces at every try. Other errors than refusals of the file pass through: the job
    stays running, and a later run goes on where this one stopped. `annotate` makes the file of what is wrong.
    """
    work = _Run(job, annotate)
    try:
        async for batch in batches:
            await work.take(batch)
            heartbeat()
    except (InvalidInput, PayloadTooLarge, UnsupportedFile) as refusal:
        await work.refuse(refusal)
    else:
        await work.finish()


class _Run:
    """One try at one file."""

    def __init__(self, job: Job, annotate: Annotate | None = None) -> None:
        self.job = job
        self.annotate = annotate
        self.kind = ImportKind(job.params["kind"])
        self.dry_run: bool = job.params["dry_run"]
        self.recorded: int = job.cursor.get("row", 0)
        self.counts = Counts(**job.cursor.get("counts", {}))
        self.touched: set[Id] = set(map(as_binary, job.cursor.get("touched", ())))
        self.months: set[Month] = set(job.cursor.get("months", ()))
        self.effect = SalesEffect.stored(job.cursor.get("effect"))
        self.cells: Counter[str] = Counter(job.cursor.get("cells", {}))
        self.findings: list[dict[str, Any]] = list(job.findings)
        self.late: list[RowError] = []
        self.validator: FileValidator | None = None
        self.writer: Writer | None = None

    async def take(self, batch: SheetBatch) -> None:
        """Check, compare, record and write one batch."""
        if self.validator is None or self.writer is None:
            self.validator, self.writer = await self._begin(batch.header)
        left_out = len(self.validator.left_out)
        valid, errors = self.validator.validate(batch.rows, batch.columns, batch.overlong)
        count = len(batch.rows) - (len(self.validator.left_out) - left_out)
        last = batch.rows[-1]
        if last < self.recorded:
            return
        plan = await self.writer.plan(valid)
        if last > self.recorded:
            errors += plan.errors
            rejected = len({error.row for error in errors})
            self._add(Counts(count, plan.inserted, plan.updated, plan.unchanged, rejected, len(errors)))
            self.months |= plan.months
            self.effect.merge(plan.effect)
            self.cells.update(plan.cells)
            await self._record(last, errors, plan)
        else:
            plan.touched |= self.touched
            plan.months |= self.months
        if not self.dry_run:
            self._refused_late(await self.writer.write(plan))

    async def finish(self) -> None:
        """Succeeded: the result, completed months and the audit event in one transaction."""
        until = self.job.params["complete_until"]
        if self.writer is not None and not self.dry_run:
            await self.writer.finish()
        marked = await self._marked()

        async def action() -> None:
            if (await jobs.get(self.job.id)).state not in jobs.UNFINISHED:
                return
            restated = await months.counting_as_complete(self.months)
            completed = await months.complete_sold_until(until) if until and not self.dry_run else []
            effect = await sales_effects.told(self.effect, restated, dry_run=self.dry_run)
            result = self._result() | {"completed_months": completed, "restated_months": restated, "sales": effect}
            await jobs.succeed(self.job.id, result, findings=self._shown(), result_file_id=marked)
            said = {"kind": str(self.kind), "file": self.job.params["file_name"], **asdict(self.counts)}
            await audit.record(
                "import.checked" if self.dry_run else "import.applied", "import", self.job.id, after=said
            )

        await transaction(action)

    async def refuse(self, refusal: InvalidInput | PayloadTooLarge | UnsupportedFile) -> None:
        """Rejected: the file itself can't be taken. What was written before the bad place stays, and is said."""
        message = refusal.message
        written = self.counts.inserted + self.counts.updated
        if written and not self.dry_run:
            message += f" {written:,} rows before that place have been taken over; the corrected file may repeat them."
        row = self.job.layout["header_rows"][-1] if self.job.layout else 1
        self._find([RowError(row, detail.field, "", detail.message) for detail in refusal.details])
        marked = await self._marked()

        async def action() -> None:
            if (await jobs.get(self.job.id)).state not in jobs.UNFINISHED:
                return
            await jobs.reject(self.job.id, message, findings=self._shown(), result_file_id=marked)
            await self._audit("import.rejected", message)

        await transaction(action)

    async def _marked(self) -> UUID | None:
        """The file with its errors marked, made before the end is told, so that whoever hears of the end can get it."""
        findings = self._shown()
        if not findings or self.annotate is None or self.job.layout is None:
            return None
        return await self.annotate(shown_errors(findings, self.job.layout))

    async def _audit(self, action: str, reason: str | None = None) -> None:
        said = {"kind": str(self.kind), "file": self.job.params["file_name"], **asdict(self.counts)}
        await audit.record(action, "import", self.job.id, after=said, reason=reason)

    async def _begin(self, header: list[str]) -> tuple[FileValidator, Writer]:
        tenant = await scoped(Tenant).get(current_tenant())
        validator = FileValidator(
            self.kind,
            header,
            base_currency=tenant.base_currency,
            positions=positions_of(self.job.layout),
            writing=writing_of(options_of(self.job), self.job.layout, tenant.base_currency),
        )
        rules = (tenant.base_currency, tenant.actuals_basis, MonthRule.of(tenant))
        context = ImportContext(self.job.id, *rules, validator.titles, self.dry_run)
        writer = WRITERS[self.kind](context)
        await writer.prepare()
        return validator, writer

    async def _record(self, last: int, errors: Sequence[RowError], plan: Plan) -> None:
        """Counts, errors and place in one write, before the batch itself is written."""
        fresh = self._find([*self.late, *errors])
        self.late = []
        counts = asdict(self.counts)
        touched = [] if self.dry_run else list(plan.touched)
        cursor = {"row": last, "counts": counts, "touched": touched, "months": sorted(self.months)}
        cursor |= {"effect": self.effect.plain()} if self.kind is ImportKind.SALES else {}
        cursor |= {"cells": dict(self.cells)} if self.cells else {}
        change: dict[str, Any] = {"$set": {"progress": counts, "cursor": cursor}}
        if fresh:
            change["$push"] = {"findings": {"$each": fresh}}
        # Compared and set: of two runs (one of them thought dead) only the one that is ahead goes on.
        as_known = {"_id": self.job.id, "state": "running", "cursor.row": self.recorded or None}
        done = await scoped(Job).update_one(as_known, change)
        if done.matched_count == 0:
            raise Unavailable("Another run of this import is ahead; it will be looked at again.")
        self.recorded = last

    def _refused_late(self, refused: list[Refused]) -> None:
        """Rows that a write refused were recorded as written; the next record, or the end, corrects that."""
        for one in refused:
            setattr(self.counts, one.counted_as, getattr(self.counts, one.counted_as) - 1)
            self.counts.rejected += 1
            self.counts.errors += 1
            self.cells.update(one.cells)
            self.late.append(one.error)

    def _find(self, errors: Sequence[RowError]) -> list[dict[str, Any]]:
        fresh = [asdict(error) for error in errors[: max(0, MAX_ERRORS - len(self.findings))]]
        self.findings += fresh
        return fresh

    def _add(self, more: Counts) -> None:
        for one in fields(Counts):
            setattr(self.counts, one.name, getattr(self.counts, one.name) + getattr(more, one.name))

    def _shown(self) -> list[dict[str, Any]]:
        self._find(self.late)
        self.late = []
        return sorted(self.findings, key=lambda finding: finding["row"])

    def _result(self) -> dict[str, Any]:
        ignored = self.validator.ignored if self.validator else []
        totals = self.validator.left_out if self.validator else []
        left_out = self.counts.errors - len(self.findings) - len(self.late)
        result = {
            **asdict(self.counts),
            "errors_left_out": max(0, left_out),
            "ignored_columns": ignored,
            "totals": len(totals),
            "left_out": [asdict(one) for one in totals[:MAX_LEFT_OUT]],
        }
        return result | ({"cells": dict(self.cells)} if self.kind is ImportKind.FORECASTS else {})


async def read(import_id: UUID, only_of: UUID | None = None) -> RawDocument:
    """One import with its row errors; raises NotFound, also when it is not one of that person (None = of anybody)."""
    job = await jobs.get(import_id)
    if job.kind != KIND or only_of not in (None, job.requested_by):
        raise NotFound()
    errors = job.findings if job.state not in jobs.UNFINISHED else sorted(job.findings, key=lambda one: one["row"])
    return {
        **_view(job.model_dump(by_alias=False)),
        **shown_layout(job),
        "errors": shown_errors(errors, job.layout),
    }


def only_of(caller: Caller) -> UUID | None:
    """Whose imports somebody sees: everybody's (None) who may import all kinds, else their own."""
    return None if may(caller.actor, Action.IMPORT_FILE).allowed else caller.user_id


async def list_imports(
    kind: ImportKind | None, state: str | None, window: Window, at: datetime, only_of: UUID | None = None
) -> Listing:
    """One page of the imports that are still kept at that time, without their row errors; only those of a person."""
    query: dict[str, Any] = {"kind": KIND} | jobs.still_kept(at)
    if only_of is not None:
        query["requested_by"] = only_of
    if kind is not None:
        query["params.kind"] = str(kind)
    if state is not None:
        query["state"] = state
    listing = await read_page(scoped(Job), query, dict.fromkeys(LISTED, 1), window)
    return Listing([_view(row) for row in listing.rows], listing.has_next, listing.total)


def _view(row: Mapping[str, Any]) -> RawDocument:
    params, result, error = row["params"], row.get("result") or {}, row.get("error") or {}
    counts = result or row.get("progress") or {}
    return {
        "id": row["id"],
        "kind": params["kind"],
        "state": row["state"],
        "dry_run": params["dry_run"],
        "complete_until": params["complete_until"],
        "cycle_id": params.get("cycle_id"),
        "overwrite": params.get("overwrite", False),
        "file": {"name": params["file_name"], "size": params["file_size"], "sha256": params["sha256"]},
        "counts": {one.name: counts.get(one.name, 0) for one in fields(Counts)},
        "errors_left_out": result.get("errors_left_out", 0),
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
    }
