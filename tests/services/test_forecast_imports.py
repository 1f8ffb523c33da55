"""Forecasts from files: what changes, what does not, and what somebody else changed meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from activities.cycles import grace, move_cycle
from activities.imports import run_import_job
from core.collections import scoped
from core.context import acting_as, tenant_scope
from models.audit import AuditEvent
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.job import Job
from models.tenant import Tenant
from planning.stages import FILES_WITHIN, Move
from services import cycle_moves, forecast_options
from services.forecast_options import ForecastOptions
from services.import_kinds.tables import ImportKind
from services.import_layout import ReadingOptions
from services.mappings import mapping_problems
from tests import factories
from tests.companies import (
    DURING_ENTRY,
    ENTRY_CLOSES,
    FIRST,
    LAST,
    UNITS,
    Company,
    close_cycle,
    make_company,
    open_cycle,
    say,
    submit,
)
from tests.imported import accepted, counts, errors, imported
from workflows.contracts import MoveAt

LONG = "customer_code,item_code,month,quantity"


@pytest.fixture
async def company(tenant: Tenant) -> AsyncIterator[Company]:
    with tenant_scope(tenant.id):
        company = await make_company()
        with acting_as(company.rep.id):
            yield company


@pytest.fixture
async def cycle(company: Company) -> Cycle:
    return await open_cycle()


async def sent(*lines: str, **options: Any) -> Job:
    """A finished import of forecasts that were received during entry."""
    return await imported("forecasts", *lines, **{"received_at": DURING_ENTRY, **options})


def cells(job: Job) -> dict[str, int]:
    assert job.result is not None
    found: dict[str, int] = {name: count for name, count in job.result["cells"].items() if count}
    return found


async def stored(company: Company, product: Any, month: str = FIRST) -> dict[str, Any]:
    line = await scoped(Line).row({"product_id": product.id, "customer_id": company.customer.id})
    assert line is not None
    found: dict[str, Any] = next(cell for cell in line["cells"] if cell["month"] == month)
    return found


@pytest.mark.usefixtures("cycle")
async def test_a_wide_file_says_months_side_by_side(company: Company) -> None:
    job = await sent("customer_code,item_code,2027-01,Feb 2027,note", "C1,TEA,20,,x", "c1,cup,4.5,7,y")
    assert counts(job) == {"inserted": 0, "updated": 2, "unchanged": 0, "rejected": 0}
    assert cells(job) == {"saved": 3}
    assert job.result is not None
    assert job.result["ignored_columns"] == ["note"]
    cell = await stored(company, company.tea)
    assert (cell["quantity"], cell["value"], cell["origin"], cell["rev"], cell["reviewed"]) == (
        20 * UNITS, 50 * 10_000, "imported", 1, True,
    )  # fmt: skip
    assert (await stored(company, company.tea, "2027-02"))["rev"] == 0
    assert (await stored(company, company.cups, "2027-02"))["quantity"] == 7 * UNITS
    sheet = await scoped(Sheet).one({"customer_id": company.customer.id})
    assert sheet is not None
    assert sheet.rev == 1
    (event,) = await scoped(AuditEvent).documents({"action": "forecast.imported"})
    assert event.actor_id == company.rep.id
    assert event.after is not None
    assert (event.after["cells"], event.after["import_id"]) == (3, str(job.id))


@pytest.mark.usefixtures("cycle")
async def test_the_same_file_again_changes_nothing(company: Company) -> None:
    lines = ("customer_code,item_code,2027-01", "C1,TEA,20", "C1,CUP,4")
    first = await sent(*lines)
    assert cells(first) == {"saved": 1, "unchanged": 1}
    again = await sent(*lines)
    assert counts(again) == {"inserted": 0, "updated": 0, "unchanged": 2, "rejected": 0}
    assert (await stored(company, company.tea))["rev"] == 1
    assert (await stored(company, company.cups))["reviewed"] is False


@pytest.mark.usefixtures("cycle")
async def test_a_long_file_says_quantity_value_price_and_reason(company: Company) -> None:
    job = await sent(
        "customer_code,item_code,month,quantity,value,price,reason,base_rev",
        "C1,TEA,2027-01,20,,,,0",
        "C1,TEA,2027-02,,100,,Promotion,0",
        "C1,TEA,2027-03,,,2,Deal,0",
        "C1,CUP,2027-01,10,80,,,0",
        "C1,CUP,2027-02,10,81,,,0",
        "C1,CUP,2027-03,,,2,,0",
    )
    assert cells(job) == {"saved": 4, "refused": 2}
    assert [(row, column) for row, column, _ in errors(job)] == [(6, "quantity"), (7, "price")]
    by_value = await stored(company, company.tea, "2027-02")
    assert (by_value["quantity"], by_value["entered_in"], by_value["reason"]) == (40 * UNITS, "value", "Promotion")
    own = await stored(company, company.tea, "2027-03")
    assert (own["quantity"], own["price_source"], own["value"]) == (10 * UNITS, "override", 20 * 10_000)
    again = await sent(
        "customer_code,item_code,month,quantity,value,price,reason,base_rev",
        "C1,TEA,2027-02,40,100,,Promotion,1",
        "C1,TEA,2027-03,clear,,CLEAR,,1",
    )
    assert cells(again) == {"unchanged": 1, "saved": 1}
    cleared = await stored(company, company.tea, "2027-03")
    assert (cleared["quantity"], cleared["price_source"], cleared["reason"]) == (None, "list", None)


@pytest.mark.usefixtures("cycle")
async def test_a_blank_cell_says_nothing(company: Company) -> None:
    job = await sent("customer_code,item_code,2027-01", "C1,TEA,")
    assert counts(job)["unchanged"] == 1
    assert cells(job) == {}
    assert (await stored(company, company.tea))["rev"] == 0


async def test_what_somebody_changed_meanwhile_is_a_conflict_on_that_cell(company: Company, cycle: Cycle) -> None:
    await say(cycle, company, company.tea, FIRST, 12)
    job = await sent("customer_code,item_code,base_revs,2027-01,2027-02", "C1,TEA,0,30,31", "C1,CUP,0,5,")
    assert counts(job) == {"inserted": 0, "updated": 1, "unchanged": 0, "rejected": 1}
    assert cells(job) == {"saved": 2, "conflict": 1}
    (finding,) = job.findings
    assert (finding["row"], finding["column"], finding["value"], finding["conflict"]) == (2, "2027-01", "30", True)
    assert "stands now, 12:" in finding["expected"]
    assert (await stored(company, company.tea))["quantity"] == 12 * UNITS
    assert (await stored(company, company.tea, "2027-02"))["quantity"] == 31 * UNITS


async def test_a_file_with_the_revision_that_stands_changes_the_cell(company: Company, cycle: Cycle) -> None:
    await say(cycle, company, company.tea, FIRST, 12)
    assert cells(await sent("customer_code,item_code,base_revs,2027-01", "C1,TEA,2027-01:1,30")) == {"saved": 1}
    assert cells(await sent(LONG + ",base_rev", "C1,TEA,2027-01,31,2")) == {"saved": 1}


async def test_without_revisions_nothing_that_was_saved_is_overwritten_unless_asked(
    company: Company, cycle: Cycle
) -> None:
    await say(cycle, company, company.tea, FIRST, 12)
    lines = (LONG, "C1,TEA,2027-01,30", "C1,TEA,2027-02,31", "C1,TEA,2027-01,30")
    job = await sent(*lines[:3])
    assert cells(job) == {"saved": 1, "refused": 1}
    assert "nobody saved before" in errors(job)[0][2]
    again = await sent(*lines[:3], options=ForecastOptions(overwrite=True))
    assert cells(again) == {"saved": 1, "unchanged": 1}
    assert (await stored(company, company.tea))["quantity"] == 30 * UNITS


async def test_what_is_not_the_senders_or_not_there_is_named(company: Company, cycle: Cycle) -> None:
    other = await factories.make_customer("C2")
    stranger = await factories.make_product("NEW")
    await factories.allow(other, company.tea)
    gone = await factories.make_product("GONE", is_active=False)
    await factories.allow(company.customer, gone)
    job = await sent(
        "cycle,customer_code,item_code,2027-01,2026-12,2031-01",
        ",C2,TEA,1,,",
        ",C9,TEA,1,,",
        ",C1,NOPE,1,,",
        ",C1,NEW,1,,",
        ",C1,GONE,1,,",
        ",C1,TEA,1,2,3",
        "Nothing,C1,CUP,1,,",
        f"{cycle.id},C1,CUP,1,,",
        "december 2026,C1,OLD,1,,",
    )
    assert [(row, column) for row, column, _ in errors(job)] == [
        (2, "customer_code"), (3, "customer_code"), (4, "item_code"), (5, "item_code"), (6, "item_code"),
        (7, "2026-12"), (7, "2031-01"), (8, "cycle"),
    ]  # fmt: skip
    said = [expected for _, _, expected in errors(job)]
    assert said[0] == said[1]
    assert "list" in said[3]
    assert "inactive" in said[4]
    assert said[5] == f"a month of the cycle, {FIRST} to {LAST}"
    assert counts(job) == {"inserted": 1, "updated": 1, "unchanged": 0, "rejected": 7}
    assert stranger.is_active


async def test_what_is_locked_says_why(company: Company, cycle: Cycle) -> None:
    await submit(cycle, company, confirm_zero=True)
    job = await sent(LONG, "C1,TEA,2027-01,30", "C1,CUP,2027-01,30")
    assert [row for row, _, _ in errors(job)] == [2, 3]
    assert "submitted" in errors(job)[0][2]
    assert cells(job) == {"refused": 2}


async def test_a_file_received_in_time_is_taken_until_entry_is_locked(company: Company, cycle: Cycle) -> None:
    late = await sent(LONG, "C1,TEA,2027-01,30", received_at=ENTRY_CLOSES + timedelta(seconds=1))
    assert "this came later" in errors(late)[0][2]
    in_time = await sent(LONG, "C1,TEA,2027-01,30", received_at=ENTRY_CLOSES)
    assert cells(in_time) == {"saved": 1}
    await cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES)
    after = await sent(LONG, "C1,TEA,2027-02,30", options=ForecastOptions(cycle.id))
    assert "in review" in errors(after)[0][2]
    assert (await sent(LONG, "C1,TEA,2027-02,30")).state == "rejected"
    await close_cycle(cycle.id)
    closed = await sent("cycle," + LONG, "December 2026,C1,TEA,2027-02,30")
    assert "closed" in errors(closed)[0][2]


@pytest.mark.usefixtures("cycle")
async def test_a_dry_run_tells_and_writes_nothing(company: Company) -> None:
    job = await sent(LONG, "C1,TEA,2027-01,30", "C1,TEA,2030-01,1", dry_run=True)
    assert cells(job) == {"saved": 1, "refused": 1}
    assert (await stored(company, company.tea))["rev"] == 0
    assert await scoped(AuditEvent).count({"action": "forecast.imported"}) == 0


@pytest.mark.usefixtures("cycle")
async def test_a_customer_who_came_after_the_opening_gets_a_sheet(company: Company) -> None:
    late = await factories.make_customer("C2")
    await factories.assign(company.rep, late)
    await factories.allow(late, company.tea)
    job = await sent(LONG, "C2,TEA,2027-01,3")
    assert counts(job)["inserted"] == 1
    assert await scoped(Sheet).count({"customer_id": late.id}) == 1
    inactive = await factories.make_customer("C3", is_active=False)
    await factories.assign(company.rep, inactive)
    await factories.allow(inactive, company.tea)
    assert "inactive" in errors(await sent(LONG, "C3,TEA,2027-01,3"))[0][2]


@pytest.mark.usefixtures("cycle")
@pytest.mark.parametrize(
    ("lines", "field"),
    [
        (("customer_code,item_code,2027-01,Jan 2027", "C1,TEA,1,2"), "2027-01"),
        (("customer_code,item_code", "C1,TEA"), "month"),
        (("customer_code,item_code,month", "C1,TEA,2027-01"), ""),
    ],
)
async def test_a_header_that_says_nothing_or_too_much_is_refused(lines: tuple[str, ...], field: str) -> None:
    job = await sent(*lines)
    assert job.state == "rejected"
    assert [finding["column"] for finding in job.findings] == ([field] if field else [])


def test_a_mapping_may_name_months_where_a_kind_has_them() -> None:
    assert mapping_problems(ImportKind.FORECASTS, [("Plan A", "2027-01")], "mapping") == []
    (unknown,) = mapping_problems(ImportKind.FORECASTS, [("Plan A", "2027-13")], "mapping")
    assert unknown.message.endswith("value and months like 2027-01.")
    assert len(mapping_problems(ImportKind.PRICES, [("Plan A", "2027-01")], "mapping")) == 1


@pytest.mark.usefixtures("cycle")
@pytest.mark.parametrize("how", ["mapping", "saved"])
async def test_a_title_can_be_given_a_month(company: Company, how: str) -> None:
    lines = ("customer_code,item_code,Plan A,2027-02 actual,2027-02", "C1,TEA,30,9,31")
    said = {"plan a": FIRST, "2027-02 actual": None, "Plan B": "2027-03"}
    reading = ReadingOptions(mapping=said) if how == "mapping" else ReadingOptions(saved=said)
    job = await sent(*lines, reading=reading)
    if how == "mapping":
        assert (job.state, [one["expected"] for one in job.findings]) == (
            "rejected", ["The file has no column titled 'Plan B'."],
        )  # fmt: skip
        job = await sent(*lines, reading=ReadingOptions(mapping={"Plan A": FIRST}))
    assert job.state == "succeeded", job.error
    assert cells(job) == {"saved": 2}
    assert (await stored(company, company.tea))["quantity"] == 30 * UNITS
    only = ("customer_code,item_code,Plan A", "C1,TEA,32")
    assert cells(await sent(*only, reading=ReadingOptions(mapping={"Plan A": "2027-04"}))) == {"saved": 1}


async def test_a_deadline_waits_for_files_that_were_received_before_it(company: Company, cycle: Cycle) -> None:
    lines = (LONG, "C1,TEA,2027-01,30")
    assert not await forecast_options.forecasts_pending(cycle.id, ENTRY_CLOSES)
    job = await accepted("forecasts", *lines, received_at=ENTRY_CLOSES)
    for others in (
        {"received_at": ENTRY_CLOSES + timedelta(seconds=1)},
        {"received_at": ENTRY_CLOSES, "dry_run": True},
    ):
        await accepted("forecasts", *lines, **others)
    assert await forecast_options.forecasts_pending(cycle.id, ENTRY_CLOSES)
    lock = MoveAt(tenant_id=cycle.tenant_id, cycle_id=cycle.id, move=Move.LOCK_ENTRY, at=ENTRY_CLOSES)
    waiting = await move_cycle(lock)
    assert (waiting.done, waiting.view.stage) == (False, "entry")
    await run_import_job(job.id)
    assert (await stored(company, company.tea))["quantity"] == 30 * UNITS
    locked = await move_cycle(lock)
    assert (locked.done, locked.view.stage) == (True, "review")


async def test_a_deadline_does_not_wait_for_ever(company: Company, cycle: Cycle) -> None:
    job = await accepted("forecasts", LONG, "C1,TEA,2027-01,30", received_at=DURING_ENTRY)
    at = ENTRY_CLOSES + grace() + FILES_WITHIN
    locked = await move_cycle(MoveAt(tenant_id=cycle.tenant_id, cycle_id=cycle.id, move=Move.LOCK_ENTRY, at=at))
    assert (locked.done, locked.view.stage) == (True, "review")
    await run_import_job(job.id)
    ended = await scoped(Job).get(job.id)
    assert ended.error is not None
    assert "No cycle is in entry" in ended.error["message"]
