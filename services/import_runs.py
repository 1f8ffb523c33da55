"""Running an import: batch by batch, told as counts and row errors in one pass.

Applying is idempotent and resumable. Each batch is first compared (a `Plan`), then its counts, its errors and the last
row of it are recorded in the job, and only then is it written. A run that was killed reads the file again, passes over
what was recorded before the last record, writes the batch of that record anew without counting it, and goes on: the
counts can't drift, whatever was killed when. The record also names the customers whose lines the batch changes: what
the killed run has written looks unchanged to the next one, which must mark those customers' rollups all the same. So it
names the months whose lines the import has changed so far: complete ones are restated (`services.months`).

A file that is taken whole or not at all (`on_error` reject_file) is read twice: the first pass checks it as a dry run
does, the second one writes. What turns out to be wrong only then, because somebody changed what the file refers to,
ends the import too: what it wrote is taken back by its journal.

Two runs at once do no harm: the record is compared and set, so that the slower one stops.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, Protocol
from uuid import UUID

from core.collections import as_binary, scoped, transaction
from core.context import current_tenant
from core.errors import InvalidInput, Overtaken, PayloadTooLarge, Unavailable, UnsupportedFile
from models.job import Job
from models.tenant import Tenant
from planning.calendar import MonthRule
from planning.import_modes import Mode, OnError
from planning.undoing import NOUNS
from services import audit, jobs, months, sales_effects, undo, undo_steps
from services.import_apply.base import Id, ImportContext, Plan, Refused, Writer
from services.import_apply.leftovers import Leftovers, Removal
from services.import_apply.writers import WRITERS
from services.import_journal import Journal
from services.import_kinds.tables import ImportKind
from services.import_kinds.validation import FileValidator, RowError, ValidBatch
from services.import_layout import options_of, positions_of, shown_errors, writing_of
from services.import_tally import Tally
from services.undo_step import Undoing

MAX_ERRORS = 10_000
"""Row errors that a job keeps; further rows are counted only."""
MAX_LEFT_OUT = 100
"""Totals that an answer names; further ones are counted only."""

CHECKING, WRITING, BACK = "check", "write", "back"
"""The passes of a file that is taken whole or not at all; the last one takes back what the second one wrote."""
AHEAD = "Another run of this import is ahead; it will be looked at again."

TRIES = 5
"""How often a batch is compared again, before it is left to a later run."""

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


async def run(
    job: Job,
    batches: AsyncIterator[SheetBatch],
    heartbeat: Heartbeat = lambda: None,
    annotate: Annotate | None = None,
) -> bool:
    """Pass once over a claimed job's file; False when the job has its end: succeeded (also with rejected rows) or
    rejected. True when the file was checked and another pass, with the same job, must write it.

    `batches` must come in the same pieces at every try. Other errors than refusals of the file pass through: the job
    stays running, and a later run goes on where this one stopped. `annotate` makes the file of what is wrong.
    """
    await undo.demand_no_masters_undone()
    work = _Run(job, heartbeat, annotate)
    if work.step == BACK:
        await work.reject_whole()
        return False
    try:
        async for batch in batches:
            await work.take(batch)
            heartbeat()
        return await work.finish()
    except (InvalidInput, PayloadTooLarge, UnsupportedFile) as refusal:
        await work.refuse(refusal)
    return False


class _Run:
    """One try at one file."""

    def __init__(self, job: Job, heartbeat: Heartbeat, annotate: Annotate | None = None) -> None:
        self.job = job
        self.heartbeat = heartbeat
        self.annotate = annotate
        self.kind = ImportKind(job.params["kind"])
        self.mode = Mode(job.params.get("mode", Mode.UPSERT))
        self.whole = job.params.get("on_error") == OnError.REJECT_FILE
        self.dry_run: bool = job.params["dry_run"]
        self.step: str = job.cursor.get("pass", CHECKING if self.whole else WRITING)
        self.checking = self.step == CHECKING and not self.dry_run
        self.writes = not self.dry_run and not self.checking
        self.written: int = job.progress.get("written", 0)
        self.recorded: int = job.cursor.get("row", 0)
        self.tally = Tally.stored(job.cursor)
        self.touched: set[Id] = set(map(as_binary, job.cursor.get("touched", ())))
        self.findings: list[dict[str, Any]] = list(job.findings)
        self.late: list[RowError] = []
        self.journal = Journal(job.id)
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
            if self.mode is Mode.REPLACE_PERIOD:
                await self.writer.plan(valid)  # only to know what the file names
            return
        plan = await self.writer.plan(valid)
        again = last == self.recorded
        if again:
            plan.touched |= self.touched
            plan.months |= self.tally.months
        else:
            errors += plan.errors
            self.tally.add(count, plan, len(errors), len({error.row for error in errors}))
            await self._record(last, errors, plan)
        if self.writes:
            await self.journal.begin(last, again=again)
            self._refused_late(await self._write(valid, plan))
            self.written = self.tally.counts.inserted + self.tally.counts.updated

    async def _write(self, valid: ValidBatch, plan: Plan) -> list[Refused]:
        """Write a batch; compare it anew as often as others are faster."""
        assert self.writer is not None
        refused: list[Refused] = []
        for _ in range(TRIES):
            try:
                refused += await self.writer.write(plan)
                if refused or self.journal.again:
                    await self.journal.settle()
                return refused
            except Overtaken:
                await self.journal.begin(self.journal.row, again=True)
                known = {error.row for error in plan.errors}
                fresh = await self.writer.plan(valid)
                counted: Literal["inserted", "updated"] = "updated" if self.tally.counts.updated else "inserted"
                refused += [Refused(counted, error) for error in fresh.errors if error.row not in known]
                fresh.touched |= plan.touched
                fresh.months |= plan.months
                self.tally.months |= fresh.months
                plan = fresh
        raise Overtaken()

    async def finish(self) -> bool:
        """The file is read to its end: what `run` returns."""
        if self.mode is Mode.REPLACE_PERIOD:
            await self._clear_period()
        if self.whole and self.tally.counts.errors:
            await self.reject_whole()
            return False
        if self.checking:
            await self._begin_writing()
            return True
        if self.writer is not None and self.writes:
            await self.writer.finish()
        await self._succeed()
        return False

    async def _succeed(self) -> None:
        """The result, completed months and the audit event in one transaction."""
        until = self.job.params["complete_until"]
        marked = await self._marked()

        async def action() -> None:
            if (await jobs.get(self.job.id)).state not in jobs.UNFINISHED:
                return
            restated = await months.counting_as_complete(self.tally.months)
            completed = await months.complete_sold_until(until) if until and not self.dry_run else []
            effect = await sales_effects.told(self.tally.effect, restated, dry_run=self.dry_run)
            result = self._result() | {"completed_months": completed, "restated_months": restated, "sales": effect}
            await jobs.report_progress(self.job.id, self._progress())
            await jobs.succeed(self.job.id, result, findings=self._shown(), result_file_id=marked)
            await self._audit("import.checked" if self.dry_run else "import.applied")

        await transaction(action)

    async def _begin_writing(self) -> None:
        """The check found nothing wrong: the next pass writes, and counts anew."""
        await self._set_cursor({"pass": WRITING}, anew=True)
        self.job.progress = self._progress()

    async def _set_cursor(self, values: Mapping[str, Any], *, anew: bool = False) -> None:
        """Keep where the run stands, with all that it has counted and found so far; compared and set."""
        cursor = {**({} if anew else self._counted()), **values}
        change = {"cursor": cursor, "progress": self._progress(), "findings": self._shown()}
        as_known = {"_id": self.job.id, "state": "running", "cursor.row": self.recorded or None}
        if (await scoped(Job).update_one(as_known, {"$set": change})).matched_count == 0:
            raise Unavailable(AHEAD)
        self.job.cursor = cursor

    def _counted(self) -> dict[str, Any]:
        """What a cursor holds besides its place."""
        return {"row": self.recorded, "pass": self.step, **self.tally.plain()}

    def _progress(self) -> dict[str, int]:
        """How far the run is: rows read, checked and written, and what became of them."""
        before, rows = self.job.progress, self.tally.counts.rows
        far = {name: max(rows, before.get(name, 0)) for name in ("read", "checked")}
        return {**far, "written": self.written, **self.tally.rows()}

    async def _clear_period(self) -> None:
        """Remove what the file does not name of the period that it stands for; a dry run counts it."""
        leftovers = None if self.writer is None else self.writer.leftovers
        if leftovers is None:
            return
        await self.journal.begin(self.recorded + 1, again=True)
        async for found in leftovers.steps():
            removal = await leftovers.removal_of(found)
            if self.writes:
                await self._set_cursor({"touched": list(removal.touched)})
                removal = await self._remove(leftovers, removal, found)
            self.tally.add_removal(removal)
            self.heartbeat()

    async def _remove(self, leftovers: Leftovers[Any], planned: Removal, found: Sequence[Any]) -> Removal:
        """Remove these, journaled and counted in one transaction."""

        async def action() -> Removal:
            removal = await leftovers.removal_of(found)
            await leftovers.remove(removal)
            counted = Tally.stored(self.tally.plain())
            counted.add_removal(removal)
            in_cursor = {f"cursor.{name}": value for name, value in counted.plain().items()}
            await scoped(Job).update_one({"_id": self.job.id, "state": "running"}, {"$set": in_cursor})
            return removal

        async with leftovers.around(planned):
            return await transaction(action)

    async def reject_whole(self) -> None:
        """Some row is wrong, so nothing of the file is taken."""
        what = "nothing was written; correct them, or send the file with on_error skip_rows"
        if self.writes:
            await self._set_cursor({"pass": BACK})
            if WRITERS[self.kind].journaled:
                # Judged as the rows themselves were, so that what could be written can be taken back.
                kept = await undo_steps.take_back(Undoing(self.job.id, self.job.received_at), self.heartbeat)
                what = (
                    f"{kept:,} {NOUNS.get(self.kind, 'row')}s that somebody changed since stay as they are"
                    if kept
                    else what
                )
            else:
                what = f"{self.written:,} rows were taken over before that was known"
        wrong = f"{self.tally.counts.rejected:,} of {self.tally.counts.rows:,} rows are wrong"
        await self._reject(f"{wrong}, and the file was to be taken whole or not at all: {what}.")

    async def refuse(self, refusal: InvalidInput | PayloadTooLarge | UnsupportedFile) -> None:
        """Rejected: the file itself can't be taken. What was written before the bad place stays, and is said."""
        message = refusal.message
        written = self.tally.counts.inserted + self.tally.counts.updated
        if written and self.writes:
            message += f" {written:,} rows before that place have been taken over; the corrected file may repeat them."
        row = self.job.layout["header_rows"][-1] if self.job.layout else 1
        self._find([RowError(row, detail.field, "", detail.message) for detail in refusal.details])
        await self._reject(message)

    async def _reject(self, message: str) -> None:
        marked = await self._marked()

        async def action() -> None:
            if (await jobs.get(self.job.id)).state not in jobs.UNFINISHED:
                return
            await jobs.report_progress(self.job.id, self._progress())
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
        said = {"kind": str(self.kind), "file": self.job.params["file_name"], **asdict(self.tally.counts)}
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
        context = ImportContext(
            self.job.id, *rules, validator.titles, self.journal, dry_run=not self.writes, mode=self.mode
        )
        writer = WRITERS[self.kind](context)
        await writer.prepare()
        return validator, writer

    async def _record(self, last: int, errors: Sequence[RowError], plan: Plan) -> None:
        """Counts, errors and place in one write, before the batch itself is written."""
        fresh = self._find([*self.late, *errors])
        self.late = []
        touched = list(plan.touched) if self.writes else []
        cursor = {**self._counted(), "row": last, "touched": touched}
        change: dict[str, Any] = {"$set": {"progress": self._progress(), "cursor": cursor}}
        if fresh:
            change["$push"] = {"findings": {"$each": fresh}}
        # Compared and set: of two runs (one of them thought dead) only the one that is ahead goes on.
        as_known = {"_id": self.job.id, "state": "running", "cursor.row": self.recorded or None}
        done = await scoped(Job).update_one(as_known, change)
        if done.matched_count == 0:
            raise Unavailable(AHEAD)
        self.recorded = last

    def _refused_late(self, refused: list[Refused]) -> None:
        """Rows that a write refused were recorded as written; the next record, or the end, corrects that."""
        for one in refused:
            self.tally.refuse(one)
            self.late.append(one.error)

    def _find(self, errors: Sequence[RowError]) -> list[dict[str, Any]]:
        fresh = [asdict(error) for error in errors[: max(0, MAX_ERRORS - len(self.findings))]]
        self.findings += fresh
        return fresh

    def _shown(self) -> list[dict[str, Any]]:
        self._find(self.late)
        self.late = []
        return sorted(self.findings, key=lambda finding: finding["row"])

    def _result(self) -> dict[str, Any]:
        ignored = self.validator.ignored if self.validator else []
        totals = self.validator.left_out if self.validator else []
        left_out = self.tally.counts.errors - len(self.findings) - len(self.late)
        result = {
            **self.tally.rows(),
            "errors_left_out": max(0, left_out),
            "ignored_columns": ignored,
            "totals": len(totals),
            "left_out": [asdict(one) for one in totals[:MAX_LEFT_OUT]],
        }
        return result | ({"cells": dict(self.tally.cells)} if self.kind is ImportKind.FORECASTS else {})
