"""Undoing imports of forecasts: cell by cell, as an edit of the plan that nobody's later word is lost by."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from activities.imports import LIMITS, run_import_job, undo_import_job
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import Conflict
from models.audit import AuditEvent
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.imports import JournalBatch
from models.job import Job
from models.tenant import Tenant
from planning.cells import CellChange, CellStatus
from planning.import_modes import Mode, OnError
from services import cycle_moves, forecast_options, forecasts, import_runs, jobs, merges, undo
from services.forecasts import LineChange
from services.import_apply.base import Plan, Refused
from services.import_apply.forecasts import ForecastWriter
from services.import_kinds.tables import ImportKind
from services.undo_plans import Plans, PlanStep
from services.undo_step import Undoing
from tests import factories
from tests.companies import (
    DURING_ENTRY,
    ENTRY_CLOSES,
    FIRST,
    UNITS,
    Company,
    close_cycle,
    make_company,
    open_cycle,
    say,
    submit,
)
from tests.exported import exported
from tests.imported import a_caller, accepted, counts, errors, imported
from tests.interrupted import Killed

MONTHS = (FIRST, "2027-02", "2027-03")
WIDE = ",".join(("customer_code", "item_code", *MONTHS))
VALUES = "customer_code,item_code,month,value"
SECOND = "2027-02"
LATER = DURING_ENTRY + timedelta(hours=1)
NOTHING = {"removed": 0, "restored": 0, "put_back": 0, "blocked": 0}


@pytest.fixture
async def company(tenant: Tenant) -> AsyncIterator[Company]:
    with tenant_scope(tenant.id):
        company = await make_company()
        with acting_as(company.rep.id):
            yield company


@pytest.fixture
async def cycle(company: Company) -> Cycle:
    """In entry. Of tea the rep has said January, and a price and a value for February and March."""
    cycle = await open_cycle()
    await say(cycle, company, company.tea, FIRST, 12)
    changes = [
        CellChange(SECOND, 0, price=3 * 10**8, reason="Deal"),
        CellChange("2027-03", 0, value=100 * 10_000 + 3_333),
    ]
    own = [LineChange(company.tea.id, change) for change in changes]
    await forecasts.save(cycle.id, company.customer.id, own, DURING_ENTRY)
    return cycle


async def sent(*lines: str, **options: Any) -> Job:
    return await imported("forecasts", *lines, **{"received_at": DURING_ENTRY, **options})


async def undone(job: Job) -> Job:
    queued = await undo.request(job.id, LATER)
    await undo_import_job(queued.id)
    return await scoped(Job).get(queued.id)


async def contents() -> dict[str, Any]:
    """Lines and sheets, besides revisions."""
    lines = await scoped(Line).rows({}, sort=[("_id", 1)])
    for line in lines:
        for cell in line["cells"]:
            del cell["rev"]
    sheets = await scoped(Sheet).rows({}, {"rev": 0, "rev_floor": 0}, sort=[("_id", 1)])
    return {"lines": lines, "sheets": sheets}


async def revisions() -> dict[tuple[Any, str], int]:
    return {(row["_id"], cell["month"]): cell["rev"] for row in await scoped(Line).rows() for cell in row["cells"]}


async def exports() -> list[list[list[str]]]:
    """The plan as files hold it, without the base revisions."""
    files = []
    for layout in ("wide", "long"):
        content = await exported(ImportKind.FORECASTS, "csv", layout=layout)
        rows = [*csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))]
        kept = [at for at, title in enumerate(rows[0]) if not title.startswith("base_rev")]
        files.append([[row[at] for at in kept] for row in rows])
    return files


async def save(cycle: Cycle, company: Company, product: Any, month: str, units: int, base_rev: int) -> CellStatus:
    change = LineChange(product.id, CellChange(month, base_rev, quantity=units * UNITS))
    (answer,) = await forecasts.save(cycle.id, company.customer.id, [change], DURING_ENTRY)
    return answer.status


@pytest.mark.usefixtures("company", "cycle")
@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((WIDE, "C1,CUP,20,30,clear"), {"restored": 3}),
        ((WIDE, "C1,OLD,20,,30"), {"removed": 2}),
        ((WIDE, "C1,CUP,20,4,30", "C1,OLD,1,2,3"), {"restored": 2, "removed": 3}),
        ((VALUES, "C1,CUP,2027-01,99", "C1,OLD,2027-05,7"), {"restored": 1, "removed": 1}),
    ],
)  # fmt: skip
async def test_after_an_undo_the_plan_is_as_before(lines: tuple[str, ...], expected: dict[str, int]) -> None:
    before, files, read = await contents(), await exports(), await revisions()
    job = await sent(*lines)
    assert counts(job)["rejected"] == 0, job.findings
    assert await exports() != files
    planned = await undo.preview(job.id, LATER)
    assert (planned.refusal, planned.blocked) == (None, [])
    ended = await undone(job)
    assert (ended.state, ended.progress) == ("succeeded", NOTHING | expected)
    assert await contents() == before
    assert await exports() == files
    after = await revisions()
    assert after.keys() == read.keys()
    assert all(after[cell] in (rev, rev + 2) for cell, rev in read.items())


async def test_own_prices_values_and_reasons_come_back(company: Company, cycle: Cycle) -> None:
    before = await contents()
    job = await sent(
        "customer_code,item_code,month,quantity,price,base_rev",
        "C1,TEA,2027-01,clear,,1", "C1,TEA,2027-02,5,clear,1", "C1,TEA,2027-03,7,,1",
    )  # fmt: skip
    assert errors(job) == []
    ended = await undone(job)
    assert ended.progress == NOTHING | {"restored": 3}
    assert await contents() == before
    (event,) = await scoped(AuditEvent).documents({"action": "forecast.import_undone"})
    assert event.after == {"import_id": str(job.id), "cells": 3, "lines_removed": 0}
    sheet = await scoped(Sheet).get(UUID(event.entity_id))
    assert (sheet.customer_id, sheet.cycle_id, sheet.rev) == (company.customer.id, cycle.id, 4)
    (journal,) = await scoped(JournalBatch).documents()
    assert journal.sheet_id == sheet.id


async def test_a_cell_that_somebody_changed_since_stands_in_the_way(company: Company, cycle: Cycle) -> None:
    job = await sent(WIDE, "C1,CUP,20,30,40", "C1,OLD,1,,")
    assert await save(cycle, company, company.cups, SECOND, 31, 1) is CellStatus.SAVED
    found = await undo.preview(job.id, LATER)
    assert found.refusal == "1 cell of 4 can't be set back, because something newer touched them; see the preview."
    assert (found.counts.restored, found.counts.removed, found.counts.blocked) == (2, 1, 1)
    (cell,) = found.blocked
    assert (cell["entity"], cell["label"]) == ("forecast", "C1 CUP December 2026 2027-02")
    assert (cell["obstacle"], cell["action"], cell["by"]) == ("changed", "forecast.saved", company.rep.id)
    assert (cell["by_name"], cell["at"] is None) == ("Rita Rep", False)
    with pytest.raises(Conflict) as refused:
        await undo.request(job.id, LATER)
    assert [detail.message for detail in refused.value.details] == ["C1 CUP December 2026 2027-02: was changed since"]
    assert await save(cycle, company, company.cups, SECOND, 30, 2) is CellStatus.SAVED
    assert (await undo.preview(job.id, LATER)).counts.blocked == 1, "whoever types it again stands behind it"


async def test_newer_imports_are_named_and_undone_first(company: Company, cycle: Cycle) -> None:
    before = await contents()
    first = await sent(WIDE, "C1,CUP,20,30,40")
    between = await contents()
    second = await sent("customer_code,item_code,month,quantity,base_rev", "C1,CUP,2027-02,31,1", "C1,CUP,2027-04,7,0")
    (cell,) = (await undo.preview(first.id, LATER)).blocked
    assert (cell["label"], cell["action"], cell["import_id"]) == ("C1 CUP December 2026 2027-02", "import", second.id)
    await undone(second)
    assert await contents() == between
    await undone(first)
    assert await contents() == before
    assert (cycle.stage, company.customer.code) == ("entry", "C1")


async def test_a_line_in_which_somebody_said_something_stays(company: Company, cycle: Cycle) -> None:
    job = await sent(WIDE, "C1,OLD,20,,")
    assert await save(cycle, company, company.dormant, "2027-05", 9, 0) is CellStatus.SAVED
    ended = await undone(job)
    assert ended.progress == NOTHING | {"removed": 1}
    line = await scoped(Line).one({"product_id": company.dormant.id})
    assert line is not None
    cells = {cell.month: cell for cell in line.cells}
    assert (cells[FIRST].quantity, cells[FIRST].rev, cells[FIRST].reviewed) == (None, 2, False)
    assert cells["2027-05"].quantity == 9 * UNITS
    sheet = await scoped(Sheet).one({"customer_id": company.customer.id})
    assert sheet is not None
    assert (sheet.lines, sheet.mandatory_lines) == (3, 3)


@pytest.mark.usefixtures("company", "cycle")
@pytest.mark.parametrize("batch_rows", [1, 2])
async def test_a_line_that_came_in_several_batches_goes_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    monkeypatch.setattr("activities.imports.LIMITS", replace(LIMITS, batch_rows=batch_rows))
    before = await contents()
    cells = [f"C1,{code},2027-{month:02},20" for code in ("OLD", "CUP") for month in range(4, 7)]
    job = await sent("customer_code,item_code,month,quantity", *cells)
    assert counts(job) == {"inserted": batch_rows, "updated": 6 - batch_rows, "unchanged": 0, "rejected": 0}
    assert (await undone(job)).progress == NOTHING | {"removed": 3, "restored": 3}
    assert await contents() == before


async def test_who_read_a_line_that_went_overwrites_nobody_in_the_one_that_came(company: Company, cycle: Cycle) -> None:
    job = await sent(WIDE, "C1,OLD,20,,")
    line = await scoped(Line).one({"product_id": company.dormant.id})
    assert line is not None
    read = line.cells[0].rev
    await undone(job)
    again = await sent(WIDE, "C1,OLD,25,,")
    assert counts(again)["inserted"] == 1
    with pytest.raises(Conflict, match="since you read them"):
        await save(cycle, company, company.dormant, FIRST, 1, read)
    await undone(again)
    change = LineChange(company.dormant.id, CellChange(FIRST, 0, quantity=3 * UNITS))
    (answer,) = await forecasts.save(cycle.id, company.customer.id, [change], DURING_ENTRY)
    stored = await scoped(Line).one({"product_id": company.dormant.id})
    assert stored is not None
    assert answer.cell is not None
    assert answer.cell.rev == stored.cells[0].rev > read


@pytest.mark.usefixtures("company", "cycle")
async def test_what_was_undone_can_be_sent_again_without_revisions() -> None:
    job = await sent(WIDE, "C1,CUP,20,30,40", "C1,OLD,1,2,3")
    after = await contents()
    await undone(job)
    again = await sent(WIDE, "C1,CUP,20,30,40", "C1,OLD,1,2,3", mode=Mode.INSERT_ONLY)
    assert (counts(again), errors(again)) == (counts(job), [])
    assert await contents() == after


# Locks ----------------------------------------------------------------------------------------------------------------

Lock = Callable[[Cycle, Company], Awaitable[Any]]


LOCKS: dict[str, tuple[Lock, str]] = {
    "submitted": (lambda cycle, company: submit(cycle, company, confirm_zero=True), "This sheet is submitted"),
    "entry closed": (lambda cycle, _: cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES), "Entry is"),
    "closing": (lambda cycle, _: cycle_moves.begin_closing(cycle.id, ENTRY_CLOSES, None, None), "being closed"),
    "closed": (lambda cycle, _: close_cycle(cycle.id), "The cycle is closed"),
}


@pytest.mark.parametrize("lock", sorted(LOCKS))
async def test_a_sheet_that_can_not_be_written_is_not_undone(lock: str, company: Company, cycle: Cycle) -> None:
    job = await sent(WIDE, "C1,CUP,20,30,40", "C1,OLD,1,,")
    close, words = LOCKS[lock]
    await close(cycle, company)
    before = await contents()
    found = await undo.preview(job.id, LATER)
    assert (
        found.refusal == "4 cells of 4 can't be set back, because their sheets can't be written now; see the preview."
    )
    (sheet,) = found.blocked
    assert (sheet["entity"], sheet["label"], sheet["obstacle"]) == ("sheet", "C1 December 2026", "locked")
    assert sheet["message"].startswith("can't be written now: ")
    assert words in sheet["message"]
    with pytest.raises(Conflict, match="sheets can't be written now"):
        await undo.request(job.id, LATER)
    assert await contents() == before


@pytest.mark.usefixtures("company")
async def test_it_is_judged_by_the_time_of_the_request(cycle: Cycle) -> None:
    job = await sent(WIDE, "C1,CUP,20,30,40")
    late = ENTRY_CLOSES + timedelta(seconds=1)
    assert "Entry closed at" in (await undo.preview(job.id, late)).blocked[0]["message"]
    queued = await undo.request(job.id, ENTRY_CLOSES)
    assert await forecast_options.forecasts_pending(cycle.id, ENTRY_CLOSES)
    await undo_import_job(queued.id)
    assert not await forecast_options.forecasts_pending(cycle.id, ENTRY_CLOSES)
    assert (await scoped(Job).get(queued.id)).progress == NOTHING | {"restored": 3}


async def test_what_is_locked_while_it_waits_stays_and_is_counted(company: Company, cycle: Cycle) -> None:
    job = await sent(WIDE, "C1,CUP,20,30,40")
    queued = await undo.request(job.id, LATER)
    await submit(cycle, company)
    before = await contents()
    await undo_import_job(queued.id)
    assert (await scoped(Job).get(queued.id)).progress == NOTHING | {"blocked": 3}
    assert await contents() == before


async def test_the_plan_of_a_customer_who_was_merged_since_stays(company: Company) -> None:
    other = await factories.make_customer("C2")
    await open_cycle()
    job = await sent(WIDE, "C1,CUP,20,30,40")
    await merges.merge(a_caller(user_id=company.manager.id), company.customer.id, other.id, LATER)
    before = await contents()
    found = await undo.preview(job.id, LATER)
    assert found.counts.blocked == 3
    assert {(cell["label"], cell["obstacle"]) for cell in found.blocked} == {
        (f"C1 CUP December 2026 {month}", "removed") for month in MONTHS
    }
    with pytest.raises(Conflict, match="something newer"):
        await undo.request(job.id, LATER)
    assert await contents() == before


# Taken whole or not at all --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("race", ["save", "submit"])
async def test_a_file_in_whose_way_somebody_gets_while_it_is_written_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, company: Company, cycle: Cycle, race: str, killed: bool
) -> None:
    """Two batches: when the second one is written, the rep has said something else, or is done with the other sheet."""
    monkeypatch.setattr("activities.imports.LIMITS", replace(LIMITS, batch_rows=1))
    other = await factories.make_customer("X1")
    await factories.assign(company.rep, other)
    await factories.allow(other, company.tea)
    job = await accepted(
        "forecasts", WIDE, "X1,TEA,1,2,3", "C1,CUP,20,30,40", on_error=OnError.REJECT_FILE, received_at=DURING_ENTRY
    )
    before: list[Any] = []

    class Meeting(ForecastWriter):
        async def write(self, plan: Plan) -> list[Refused]:
            if not before and await scoped(AuditEvent).exists({"action": "forecast.imported"}):
                await (say(cycle, company, company.cups, SECOND, 9) if race == "save" else submit(cycle, company))
                before.append(None)
            return await super().write(plan)

    with monkeypatch.context() as patch:
        patch.setattr(import_runs, "WRITERS", {ImportKind.FORECASTS: Meeting})
        if killed:
            patch.setattr("services.undo_steps.take_back", dying)
            with pytest.raises(Killed):
                await run_import_job(job.id)
        else:
            await run_import_job(job.id)
    await run_import_job(job.id)
    ended = await scoped(Job).get(job.id)
    assert ended.state == "rejected"
    assert (ended.error or {})["message"].startswith("1 of 2 rows are wrong")
    assert "nothing was written" in (ended.error or {})["message"]
    assert [row for row, _, _ in errors(ended)] == [3]
    cells = [(line, cell) for line in await scoped(Line).documents() for cell in line.cells]
    assert not [cell for line, cell in cells if line.customer_id == other.id and cell.reviewed]
    said = {cell.month: cell.quantity for line, cell in cells if line.product_id == company.cups.id and cell.reviewed}
    assert said == ({SECOND: 9 * UNITS} if race == "save" else {})
    with pytest.raises(Conflict):
        await undo.request(job.id, LATER)


async def dying(*_: Any) -> int:
    raise Killed


# Killed ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["before", "in", "after"])
@pytest.mark.parametrize("sheet", [1, 2, 3])
async def test_a_killed_undo_is_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, company: Company, sheet: int, where: str
) -> None:
    for code in ("X1", "X2"):
        customer = await factories.make_customer(code)
        await factories.assign(company.rep, customer)
        await factories.allow(customer, company.tea)
    await open_cycle()
    before = await contents()
    job = await sent(WIDE, "C1,CUP,20,30,40", "X1,TEA,1,2,3", "C1,OLD,1,,", "X2,TEA,1,2,3")
    queued = await undo.request(job.id, LATER)
    original, calls = Plans.write, 0

    async def dying(self: Plans, undoing: Undoing, step: PlanStep) -> None:
        nonlocal calls
        calls += 1
        if calls == sheet and where == "before":
            raise Killed
        await original(self, undoing, step)
        if calls == sheet and where == "in":
            raise Killed

    async def dying_after(self: undo._Progress) -> None:
        if calls == sheet:
            raise Killed
        await read(self)

    read = undo._Progress.read
    with monkeypatch.context() as patch:
        patch.setattr(Plans, "write", dying)
        if where == "after":
            patch.setattr(undo._Progress, "read", dying_after)
        with pytest.raises(Killed):
            await undo_import_job(queued.id)
    await undo_import_job(queued.id)
    ended = await scoped(Job).get(queued.id)
    assert (ended.state, ended.progress) == ("succeeded", NOTHING | {"restored": 9, "removed": 1})
    assert await contents() == before
    assert await scoped(AuditEvent).count({"action": "forecast.import_undone"}) == 3
    assert await jobs.claim(queued.id) is None
