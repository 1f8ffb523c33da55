"""Modes of imports, files that are taken whole or not at all, and dry runs that tell what a real run will."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from activities.imports import LIMITS, run_import_job
from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.errors import InvalidInput
from integrations.spreadsheets.limits import ReadLimits
from models.customer import Customer, MatrixEntry
from models.imports import JournalBatch
from models.job import Job
from models.product import Product, ProductCost
from models.sale import SaleLine, SalesRollup
from models.tenant import Tenant
from models.user import User
from planning.import_modes import Mode, OnError
from services import import_runs, jobs, months, revisions, rollups, undo
from services.import_apply import leftovers
from services.import_apply.base import Plan, Refused
from services.import_apply.costs import CostWriter
from services.import_apply.sales_lines import SalesWriter
from services.import_kinds.tables import ImportKind
from services.import_kinds.validation import ValidBatch
from tests import factories
from tests.imported import accepted, counts, errors, imported, undone
from tests.interrupted import Killed

SALES = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price,source"
WHOLE = {"on_error": OnError.REJECT_FILE}
REPLACE = {"mode": Mode.REPLACE_PERIOD}
ADD = {"mode": Mode.INSERT_ONLY}


@pytest.fixture(autouse=True)
async def company(tenant: Tenant) -> AsyncIterator[Tenant]:
    with tenant_scope(tenant.id):
        await factories.make_customer("C1")
        await factories.make_product("P1")
        await factories.make_product("P2")
        yield tenant


def report(job: Job) -> dict[str, Any]:
    """What an import tells, besides whether it was a dry run."""
    shown = job.result or job.progress
    names = ("rows", "inserted", "updated", "unchanged", "rejected", "errors", "removed")
    return {"errors": job.findings, "state": job.state, "message": job.error, **{name: shown[name] for name in names}}


# insert_only ----------------------------------------------------------------------------------------------------------


def add_only(slug: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Kind, what is there, and a file of a changed, a known and a new row."""
    user = "email,name,role"
    yield "users", [user, f"a@{slug}.x.com,A,viewer", f"b@{slug}.x.com,B,viewer"], [
        user, f"a@{slug}.x.com,Other,viewer", f"b@{slug}.x.com,B,viewer", f"c@{slug}.x.com,C,viewer",
    ]  # fmt: skip
    yield "customers", ["customer_code,name", "N1,A", "N2,B"], ["customer_code,name", "N1,Other", "N2,B", "N3,C"]
    yield "products", ["item_code,name", "N1,A", "N2,B"], ["item_code,name", "N1,Other", "N2,B", "N3,C"]
    entry = "customer_code,item_code,valid_to"
    yield "matrix", [entry, "C1,P1,2026-01-31", "C1,P2,2026-01-31"], [entry, "C1,P1,2026-12-31", "C1,P2,2026-01-31"]
    cost = "item_code,cost,valid_from"
    yield "costs", [cost, "P1,1,2026-01-01", "P2,1,2026-01-01"], [cost, "P1,2,2026-01-01", "P2,1,2026-01-01"]
    yield "sales", [SALES, "I1,P1,1,C1,2026-01-05,3,2.5,", "I2,P1,1,C1,2026-01-05,3,2.5,"], [
        SALES, "I1,P1,1,C1,2026-01-05,4,2.5,", "I2,P1,1,C1,2026-01-05,3,2.5,", "I3,P1,1,C1,2026-01-05,3,2.5,",
    ]  # fmt: skip
    days, rep = "email,customer_code,valid_from,valid_to", f"rep@{slug}.x.com,C1,2026-01-01"
    yield "assignments", [days, f"{rep},"], [days, f"{rep},2026-02-01"]


async def test_a_file_that_may_only_add_refuses_what_would_change(company: Tenant) -> None:
    await factories.make_user("sales_rep", email=f"rep@{company.slug}.x.com")
    for kind, there, rows in add_only(company.slug):
        await imported(kind, *there)
        for dry_run in (True, False):
            job = await imported(kind, *rows, **ADD, dry_run=dry_run)
            assert [(row, column) for row, column, _ in errors(job)] == [(2, "")], kind
            assert "the mode upsert would change" in errors(job)[0][2]
            known = min(1, len(rows) - 2)
            new = len(rows) - 2 - known
            assert counts(job) == {"inserted": new, "updated": 0, "unchanged": known, "rejected": 1}, kind


# reject_file ----------------------------------------------------------------------------------------------------------


async def test_one_wrong_row_rejects_the_whole_file_with_all_errors() -> None:
    rows = [SALES, "I1,P1,1,C1,2026-01-05,3,2.5,", "I2,P9,1,C1,2026-01-05,3,2.5,", "I3,P1,1,C1,x,3,2.5,"]
    checked = await imported("sales", *rows, **WHOLE, dry_run=True)
    job = await imported("sales", *rows, **WHOLE)
    assert job.state == "rejected"
    assert [(row, column) for row, column, _ in errors(job)] == [(3, "item_code"), (4, "invoice_date")]
    assert (job.error or {})["message"].startswith("2 of 3 rows are wrong")
    assert report(job) == report(checked)
    assert not await scoped(SaleLine).exists({})
    assert not await scoped(JournalBatch).exists({})
    assert job.progress["written"] == 0


async def test_a_file_without_wrong_rows_is_checked_and_then_written() -> None:
    rows = [SALES, "I1,P1,1,C1,2026-01-05,3,2.5,", "I2,P1,1,C1,2026-01-05,3,2.5,"]
    checked = await imported("sales", *rows, **WHOLE, dry_run=True)
    job = await imported("sales", *rows, **WHOLE)
    assert job.state == checked.state == "succeeded"
    assert report(job) == report(checked)
    assert await scoped(SaleLine).count() == 2
    assert {name: job.progress[name] for name in ("read", "checked", "written")} == {
        "read": 2,
        "checked": 2,
        "written": 2,
    }


@pytest.mark.parametrize("die_at", range(1, 5))
async def test_a_killed_run_of_a_whole_file_goes_on_in_its_pass(monkeypatch: pytest.MonkeyPatch, die_at: int) -> None:
    """Two batches, each planned in both passes."""
    monkeypatch.setattr("activities.imports.LIMITS", import_limits(2))
    job = await accepted("sales", SALES, *(f"I{at},P1,1,C1,2026-01-05,3,2.5," for at in range(4)), **WHOLE)
    calls = 0

    class Dying(SalesWriter):
        async def plan(self, batch: ValidBatch) -> Plan:
            nonlocal calls
            calls += 1
            if calls == die_at:
                raise Killed
            return await super().plan(batch)

    with monkeypatch.context() as patch:
        patch.setattr(import_runs, "WRITERS", {ImportKind.SALES: Dying})
        with pytest.raises(Killed):
            await run_import_job(job.id)
    await run_import_job(job.id)
    ended = await scoped(Job).get(job.id)
    assert ended.state == "succeeded"
    assert counts(ended) == {"inserted": 4, "updated": 0, "unchanged": 0, "rejected": 0}
    assert await scoped(SaleLine).count() == 4


def import_limits(rows: int) -> ReadLimits:
    return replace(LIMITS, batch_rows=rows)


class TakesDays(CostWriter):
    """Somebody takes the days of the last row between the two passes, just before its batch is written."""

    async def write(self, plan: Plan) -> list[Refused]:
        product = await scoped(Product).one({"code": "P2"})
        assert product is not None
        await imported("costs", "item_code,cost,valid_from", "P2,9,2025-06-01")
        return await super().write(plan)


@pytest.mark.parametrize("killed", [False, True])
async def test_what_turns_out_to_be_wrong_while_it_is_written_takes_everything_back(
    monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    await imported("costs", "item_code,cost,valid_from,valid_to", "P1,1,2026-01-01,2026-12-31")
    job = await accepted("costs", "item_code,cost,valid_from", "P1,2,2026-01-01", "P2,3,2026-01-01", **WHOLE)
    with monkeypatch.context() as patch:
        patch.setattr(import_runs, "WRITERS", {ImportKind.COSTS: once(TakesDays)})
        if killed:
            patch.setattr("services.undo_steps.take_back", dying)
            with pytest.raises(Killed):
                await run_import_job(job.id)
        else:
            await run_import_job(job.id)
    if killed:
        await run_import_job(job.id)
    ended = await scoped(Job).get(job.id)
    assert ended.state == "rejected"
    assert "nothing was written" in (ended.error or {})["message"]
    assert [(row, column) for row, column, _ in errors(ended)] == [(3, "valid_from")]
    stored = await scoped(ProductCost).documents(sort=[("cost", 1)])
    assert [(int(one.cost), one.valid_to) for one in stored] == [(1, "2026-12-31"), (9, None)]


async def dying(*_: Any) -> int:
    raise Killed


def once(writer: type[CostWriter]) -> Any:
    """The writer for the first import that asks for it; the plain one for imports that happen inside."""
    made: list[type[CostWriter]] = []

    def make(context: Any) -> CostWriter:
        made.append(writer)
        return CostWriter(context) if len(made) == 3 else writer(context)

    make.journaled = True  # type: ignore[attr-defined]
    return make


# replace_period -------------------------------------------------------------------------------------------------------

JANUARY_TO_MARCH = (
    SALES,
    "I1,P1,1,C1,2026-01-05,1,2.5,erp", "I2,P1,1,C1,2026-02-05,2,2.5,erp", "I3,P1,1,C1,2026-03-05,3,2.5,erp",
    "S1,P1,1,C1,2026-02-05,4,2.5,shop", "F1,P1,1,C1,2026-02-05,5,2.5,",
)  # fmt: skip


async def invoices() -> list[str]:
    return sorted(await scoped(SaleLine).distinct("invoice"))


@pytest.mark.parametrize(
    ("rows", "left", "removed"),
    [
        (["I1,P1,1,C1,2026-01-05,1,2.5,erp"], ["F1", "I1", "I2", "I3", "S1"], 0),
        (["I2,P1,1,C1,2026-02-05,2,2.5,erp"], ["F1", "I1", "I2", "I3", "S1"], 0),
        (["I9,P1,1,C1,2026-02-05,2,2.5,erp"], ["F1", "I1", "I3", "I9", "S1"], 1),
        (["I1,P1,1,C1,2026-01-05,1,2.5,erp", "I9,P1,1,C1,2026-03-05,2,2.5,erp"], ["F1", "I1", "I9", "S1"], 2),
        (["S9,P1,1,C1,2026-02-05,2,2.5,shop"], ["F1", "I1", "I2", "I3", "S9"], 1),
        (["F9,P1,1,C1,2026-02-05,2,2.5,"], ["F9", "I1", "I2", "I3", "S1"], 1),
        (
            ["S9,P1,1,C1,2026-01-05,2,2.5,shop", "I9,P1,1,C1,2026-02-05,2,2.5,erp"],
            ["F1", "I1", "I3", "I9", "S1", "S9"], 1,
        ),
    ],
)  # fmt: skip
async def test_a_file_stands_for_its_months_source_by_source(rows: list[str], left: list[str], removed: int) -> None:
    await imported("sales", *JANUARY_TO_MARCH)
    before = await scoped(SaleLine).rows(sort=[("_id", 1)])
    checked = await imported("sales", SALES, *rows, **REPLACE, dry_run=True)
    job = await imported("sales", SALES, *rows, **REPLACE)
    assert await invoices() == left
    assert report(job) == report(checked)
    assert report(job)["removed"] == removed
    await rollups.refresh()
    lines = await scoped(SaleLine).rows()
    assert sum(one["quantity"] for one in await scoped(SalesRollup).rows()) == sum(one["quantity"] for one in lines)
    if not (counts(job)["inserted"] or removed):
        return
    await undone(job.id)
    after = await scoped(SaleLine).rows(sort=[("_id", 1)])
    assert [{**one, "rev": 0} for one in after] == [{**one, "rev": 0} for one in before]


async def test_replacing_restates_complete_months_and_tells_the_difference() -> None:
    await imported("sales", *JANUARY_TO_MARCH)
    await months.complete(["2026-02"])
    rows = ["I9,P1,1,C1,2026-02-05,7,2.5,erp"]
    checked = await imported("sales", SALES, *rows, **REPLACE, dry_run=True)
    job = await imported("sales", SALES, *rows, **REPLACE)
    assert (job.result or {})["restated_months"] == ["2026-02"]
    assert (job.result or {})["sales"] == (checked.result or {})["sales"]
    (change,) = (job.result or {})["sales"]["restated"]
    assert (change["before"]["rows"], change["after"]["rows"]) == (3, 3)
    assert change["difference"]["quantities"] == [{"unit": "EA", "quantity": 5}]


async def test_a_wrong_row_removes_nothing() -> None:
    await imported("sales", *JANUARY_TO_MARCH)
    job = await imported(
        "sales", SALES, "I9,P1,1,C1,2026-02-05,7,2.5,erp", "I2,P1,1,C9,2026-02-05,2,2.5,erp", **REPLACE
    )
    assert job.state == "rejected"
    assert await invoices() == ["F1", "I1", "I2", "I3", "S1"]


@pytest.mark.parametrize("where", ["before", "in", "after"])
async def test_a_killed_removal_is_gone_on_with(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    await imported("sales", SALES, *(f"I{at},P1,1,C1,2026-01-05,1,2.5," for at in range(6)))
    monkeypatch.setattr(leftovers, "PER_STEP", 2)
    job = await accepted("sales", SALES, "I0,P1,1,C1,2026-01-05,1,2.5,", **REPLACE)
    await rollups.refresh()
    removing = import_runs._Run._remove
    calls = 0

    async def dying_remove(self: Any, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2 and where == "before":
            raise Killed
        done = await removing(self, *arguments)
        if calls == 2 and where == "after":
            raise Killed
        return done

    async def dying_note(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if where == "in":
            patch.setattr("services.import_journal.Journal.note_removed", dying_note)
        else:
            patch.setattr(import_runs._Run, "_remove", dying_remove)
        with pytest.raises(Killed):
            await run_import_job(job.id)
    await rollups.refresh()
    await run_import_job(job.id)
    ended = await scoped(Job).get(job.id)
    assert report(ended)["removed"] == 5
    assert await invoices() == ["I0"]
    await rollups.refresh()
    assert await scoped(SalesRollup).distinct("quantity") == [1_000]
    queued = await undo.request(job.id, now())
    assert queued.params["planned"] == {"removed": 0, "restored": 0, "put_back": 5, "blocked": 0}


@pytest.mark.parametrize(("kind", "on_error"), [("customers", None), ("prices", None), ("sales", OnError.SKIP_ROWS)])
async def test_what_can_not_be_taken_like_this_is_refused(kind: str, on_error: OnError | None) -> None:
    with pytest.raises(InvalidInput):
        await accepted(kind, "a,b", **REPLACE, on_error=on_error)


# Dry runs -------------------------------------------------------------------------------------------------------------


async def test_a_dry_run_knows_what_earlier_batches_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.imports.LIMITS", import_limits(1))
    named = "item_code,name,successor,successor_from"
    rows = [
        "N1,One,,",
        "N2,Two,N1,2027-01",
        "N1x,Three,N2,2027-01",
        "P1,Product P1,P2,2027-01",
        "P2,Product P2,P1,2027-01",
    ]
    checked = await imported("products", named, *rows, dry_run=True)
    job = await imported("products", named, *rows)
    assert report(checked) == report(job)
    assert [row for row, _, _ in errors(job)] == [6]


async def test_a_dry_run_refuses_to_leave_the_company_without_an_admin(company: Tenant) -> None:
    for name in ("a", "b"):
        admin = await factories.make_user("admin", email=f"{name}@{company.slug}.x.com")
        await revisions.change(User, admin.id, None, {"password_hash": "x"}, entity="user")
    rows = ["email,name,role", *(f"{name}@{company.slug}.x.com,A admin,viewer" for name in ("a", "b"))]
    checked = await imported("users", *rows, dry_run=True)
    assert await scoped(User).count({"role": "admin"}) == 2
    whole = await imported("users", *rows, **WHOLE)
    assert report(whole)["rejected"] == 1
    assert await scoped(User).count({"role": "admin"}) == 2
    job = await imported("users", *rows)
    assert report(checked) == report(job)
    assert [row for row, _, _ in errors(job)] == [3]


async def test_progress_moves_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.imports.LIMITS", import_limits(2))
    job = await accepted("customers", "customer_code,name", *(f"N{at},New" for at in range(5)))
    seen: list[tuple[int, int, int]] = []
    writing = import_runs._Run._write

    async def looking(self: Any, *arguments: Any) -> Any:
        progress = (await scoped(Job).get(job.id)).progress
        seen.append((progress["read"], progress["checked"], progress["written"]))
        return await writing(self, *arguments)

    monkeypatch.setattr(import_runs._Run, "_write", looking)
    await run_import_job(job.id)
    assert seen == [(2, 2, 0), (4, 4, 2), (5, 5, 4)]
    ended = await scoped(Job).get(job.id)
    assert [ended.progress[name] for name in ("read", "checked", "written")] == [5, 5, 5]
    assert await scoped(Customer).count() == 6
    assert await scoped(MatrixEntry).count() == 0
    assert await jobs.claim(job.id) is None
