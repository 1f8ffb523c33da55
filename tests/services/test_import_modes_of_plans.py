"""Modes of imports of forecasts, past forecasts and budgets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from activities.imports import run_import_job, undo_import_job
from core.clock import now
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import InvalidInput
from models.budget import BudgetEntry
from models.forecast import Line, SnapshotRow
from models.job import Job
from models.tenant import Tenant
from planning.import_modes import NO_PERIOD, WITH_A_PERIOD, Mode
from services import import_runs, undo
from services.forecast_options import ForecastOptions
from services.import_apply import leftovers
from services.import_kinds.tables import ImportKind
from tests.companies import DURING_ENTRY, FIRST, UNITS, Company, make_company, open_cycle, say
from tests.exported import exported
from tests.imported import accepted, counts, errors, imported, undone
from tests.interrupted import Killed

ADD = {"mode": Mode.INSERT_ONLY}
REPLACE = {"mode": Mode.REPLACE_PERIOD}
STANDS = "the mode upsert would change"


@pytest.fixture
async def company(tenant: Tenant) -> AsyncIterator[Company]:
    with tenant_scope(tenant.id):
        company = await make_company()
        with acting_as(company.manager.id):
            yield company


def test_every_kind_has_a_period_or_a_reason() -> None:
    assert WITH_A_PERIOD | NO_PERIOD.keys() == set(ImportKind)
    assert WITH_A_PERIOD.isdisjoint(NO_PERIOD)


# insert_only ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("layout", ["wide", "long"])
async def test_forecasts_that_may_only_add_leave_what_somebody_said(
    company: Company, layout: str, overwrite: bool
) -> None:
    cycle = await open_cycle()
    await say(cycle, company, company.tea, FIRST, 12)
    await say(cycle, company, company.tea, "2027-02", None)
    said = {FIRST: 13, "2027-02": 5, "2027-03": 7}
    if layout == "wide":
        lines = [",".join(("customer_code", "item_code", *said)), ",".join(("C1", "TEA", *map(str, said.values())))]
        rows, columns = [2, 2], [FIRST, "2027-02"]
    else:
        lines = ["customer_code,item_code,month,quantity,base_rev"]
        lines += [f"C1,TEA,{month},{quantity},1" for month, quantity in said.items()]
        rows, columns = [2, 3], ["quantity", "quantity"]
    options = ForecastOptions(cycle.id, overwrite)
    job = await imported("forecasts", *lines, **ADD, options=options, received_at=DURING_ENTRY)
    assert [(row, column) for row, column, _ in errors(job)] == list(zip(rows, columns, strict=True))
    assert all(STANDS in words for _, _, words in errors(job))
    assert job.result is not None
    assert {status: count for status, count in job.result["cells"].items() if count} == {"saved": 1, "refused": 2}
    line = await scoped(Line).one({"product_id": company.tea.id})
    assert line is not None
    assert [cell.quantity for cell in line.cells[:3]] == [12 * UNITS, None, 7 * UNITS]


PAST = "base_month,customer_code,item_code,month,quantity,stream"


async def test_past_forecasts_that_may_only_add_leave_what_stands(company: Company) -> None:
    await imported("past-forecasts", PAST, "2025-11,C1,TEA,2025-12,7,", "2025-11,C1,TEA,2026-01,8,")
    lines = (PAST, "2025-11,C1,TEA,2025-12,9,", "2025-11,C1,TEA,2026-01,8,", "2025-11,C1,TEA,2026-02,9,")
    for dry_run in (True, False):
        job = await imported("past-forecasts", *lines, **ADD, dry_run=dry_run)
        assert [(row, STANDS in words) for row, _, words in errors(job)] == [(2, True)]
        assert counts(job) == {"inserted": 1, "updated": 0, "unchanged": 1, "rejected": 1}
    (row,) = await scoped(SnapshotRow).documents()
    assert [cell.quantity for cell in row.cells] == [7 * UNITS, 8 * UNITS, 9 * UNITS]
    assert company.tea.is_active


BUDGET = "fiscal_year,version,month,customer_code,value"


@pytest.mark.usefixtures("company")
async def test_budgets_that_may_only_add_leave_what_stands() -> None:
    await imported("budget", BUDGET, "2027,1,2027-01,C1,7", "2027,1,2027-02,C1,8")
    lines = (BUDGET, "2027,1,2027-01,C1,9", "2027,1,2027-02,C1,8", "2027,1,2027-03,C1,9")
    job = await imported("budget", *lines, **ADD)
    assert [(row, STANDS in words) for row, _, words in errors(job)] == [(2, True)]
    assert counts(job) == {"inserted": 1, "updated": 0, "unchanged": 1, "rejected": 1}


# replace_period -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("company")
async def test_forecasts_have_no_period_and_say_what_to_do() -> None:
    with pytest.raises(InvalidInput) as refused:
        await accepted("forecasts", "a,b", **REPLACE)
    assert "write clear" in refused.value.details[0].message


STOOD = (
    BUDGET, "2027,1,2027-01,C1,1", "2027,1,2027-02,C1,2", "2027,1,2027-03,C1,3", "2027,1,2027-02,,4",
    "2027,Low,2027-02,C1,5", "2026,1,2026-02,C1,6",
)  # fmt: skip


async def values() -> list[int]:
    return sorted(value // 10_000 for value in await scoped(BudgetEntry).distinct("value"))


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize(
    ("rows", "left"),
    [
        (["2027,1,2027-02,C1,2"], [1, 2, 3, 5, 6]),
        (["2027,1,2027-01,C1,9"], [2, 3, 4, 5, 6, 9]),
        (["2027,1,2027-01,C1,1", "2027,1,2027-03,C1,9"], [1, 5, 6, 9]),
        (["2027,LOW,2027-02,,9"], [1, 2, 3, 4, 6, 9]),
        (["2027,low,2027-02,,9", "2026,1,2026-01,C1,8"], [1, 2, 3, 4, 6, 8, 9]),
        (["2027,1,2027-01,,9", "2027,1,2027-03,,8"], [5, 6, 8, 9]),
    ],
)
async def test_a_budget_stands_for_its_months_by_year_and_version(rows: list[str], left: list[int]) -> None:
    await imported("budget", *STOOD)
    before = await exported(ImportKind.BUDGET)
    checked = await imported("budget", BUDGET, *rows, **REPLACE, dry_run=True)
    job = await imported("budget", BUDGET, *rows, **REPLACE)
    assert await values() == left
    assert checked.result is not None
    assert job.result is not None
    assert checked.result["removed"] == job.result["removed"] == 6 + counts(job)["inserted"] - len(left)
    if counts(job)["inserted"] or counts(job)["updated"] or job.result["removed"]:
        ended = await undone(job.id)
        assert ended.progress["put_back"] == job.result["removed"]
    assert await exported(ImportKind.BUDGET) == before


PAST_STOOD = (
    PAST, "2025-11,C1,TEA,2025-12,1,", "2025-11,C1,TEA,2026-01,2,", "2025-11,C1,TEA,2026-02,3,",
    "2025-11,C1,CUP,2026-01,4,", "2025-11,C1,TEA,2026-01,5,approved", "2025-12,C1,TEA,2026-01,6,",
)  # fmt: skip


async def quantities() -> list[int]:
    rows = await scoped(SnapshotRow).documents()
    return sorted((cell.quantity or 0) // UNITS for row in rows for cell in row.cells)


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize(
    ("rows", "left"),
    [
        (["2025-11,C1,TEA,2026-01,2,"], [1, 2, 3, 5, 6]),
        (["2025-11,C1,CUP,2026-01,4,"], [1, 3, 4, 5, 6]),
        (["2025-11,C1,OLD,2025-12,9,", "2025-11,C1,OLD,2026-02,8,"], [5, 6, 8, 9]),
        (["2025-11,C1,CUP,2026-01,9,approved"], [1, 2, 3, 4, 6, 9]),
        (["2025-12,C1,TEA,2026-01,9,"], [1, 2, 3, 4, 5, 9]),
    ],
)
async def test_past_forecasts_stand_for_their_months_by_cycle_and_stream(rows: list[str], left: list[int]) -> None:
    await imported("past-forecasts", *PAST_STOOD)
    before = await exported(ImportKind.PAST_FORECASTS)
    checked = await imported("past-forecasts", PAST, *rows, **REPLACE, dry_run=True)
    job = await imported("past-forecasts", PAST, *rows, **REPLACE)
    assert await quantities() == left
    assert checked.result is not None
    assert job.result is not None
    assert checked.result["removed"] == job.result["removed"] == 6 + counts(job)["inserted"] - len(left)
    ended = await undone(job.id) if counts(job)["unchanged"] < len(rows) or job.result["removed"] else None
    assert ended is None or ended.progress["put_back"] == job.result["removed"]
    assert await exported(ImportKind.PAST_FORECASTS) == before


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize("kind", ["budget", "past-forecasts"])
async def test_a_wrong_row_removes_nothing(kind: str) -> None:
    title, row, wrong, stood = {
        "budget": (BUDGET, "2027,1,2027-01,,9", "2027,1,2027-03,C9,9", STOOD),
        "past-forecasts": (PAST, "2025-11,C1,OLD,2025-12,9,", "2025-11,C9,OLD,2026-02,9,", PAST_STOOD),
    }[kind]
    await imported(kind, *stood)
    before = await exported(ImportKind(kind))
    job = await imported(kind, title, row, wrong, **REPLACE)
    assert job.state == "rejected"
    assert await exported(ImportKind(kind)) == before


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("kind", ["budget", "past-forecasts"])
async def test_a_killed_removal_is_gone_on_with(monkeypatch: pytest.MonkeyPatch, kind: str, where: str) -> None:
    title, rows, stood = {
        "budget": (BUDGET, ["2027,1,2027-01,,9", "2027,1,2027-03,,9"], STOOD),
        "past-forecasts": (PAST, ["2025-11,C1,OLD,2025-12,9,", "2025-11,C1,OLD,2026-02,9,"], PAST_STOOD),
    }[kind]
    await imported(kind, *stood)
    before = await exported(ImportKind(kind))
    monkeypatch.setattr(leftovers, "PER_STEP", 2)
    job = await accepted(kind, title, *rows, **REPLACE)
    removing, calls = import_runs._Run._remove, 0

    async def dying(self: Any, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2 and where == "before":
            raise Killed
        done = await removing(self, *arguments)
        if calls == 2:
            raise Killed
        return done

    with monkeypatch.context() as patch:
        patch.setattr(import_runs._Run, "_remove", dying)
        with pytest.raises(Killed):
            await run_import_job(job.id)
    await run_import_job(job.id)
    ended = await scoped(Job).get(job.id)
    assert ended.state == "succeeded"
    assert (ended.result or {})["removed"] == 4
    queued = await undo.request(job.id, now())
    assert queued.params["planned"] == {"removed": 2, "restored": 0, "put_back": 4, "blocked": 0}
    await undo_import_job(queued.id)
    assert await exported(ImportKind(kind)) == before
