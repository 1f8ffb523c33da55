"""The life of a month: completed, restated by later lines, looked at, reopened; and finance's control totals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from core.collections import scoped, scoped_binary
from core.context import tenant_scope
from core.errors import Conflict, InvalidInput, NotFound, StaleVersion
from core.listing import Window
from models.audit import AuditEvent
from models.customer import Customer
from models.job import Job
from models.sale import MonthStatus, SaleLine
from models.tenant import Tenant
from planning.actuals import MonthState
from planning.roles import Role
from services import calendar, import_runs, jobs, month_figures, months
from services.identity import Caller
from services.import_apply.base import Plan, Refused
from services.import_apply.sales_lines import SalesWriter
from services.import_kinds.tables import ImportKind
from services.sale_sums import REVENUE
from tests import factories
from tests.imported import accepted, counts, errors, imported
from tests.interrupted import Killed
from tests.services.test_imports_resume import HEADER, run_again

SALES = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price"
NOVEMBER = datetime(2026, 11, 20, 9, tzinfo=UTC)
MONEY = 10_000
NEWEST_FIRST = Window(sort=[("month", -1)])


@pytest.fixture(autouse=True)
async def company(tenant: Tenant) -> AsyncIterator[Tenant]:
    with tenant_scope(tenant.id):
        await factories.make_customer("C1")
        await factories.make_product("P1")
        yield tenant


def caller(role: Role = Role.ADMIN, *grants: str, regions: tuple[str, ...] = ()) -> Caller:
    return Caller(uuid4(), uuid4(), uuid4(), role, frozenset(grants), "A name", "en", regions)


async def state(month: str) -> str:
    return (await months.read(month)).status


async def told(month: str) -> list[str]:
    """What the audit trail says of a month, in order."""
    events = await scoped(AuditEvent).documents({"entity": "month", "entity_id": month}, sort=[("at", 1), ("_id", 1)])
    return [event.action.removeprefix("month.") for event in events]


async def sell(*days: str, price: str = "2.5") -> Job:
    """One line of 4 units on each of these days; the same day again is the same line."""
    return await imported("sales", SALES, *(f"I-{day},P1,1,C1,{day},4,{price}" for day in days))


async def test_a_month_becomes_complete_once() -> None:
    first = await months.complete_one("2026-10", NOVEMBER)
    again = await months.complete_one("2026-10", NOVEMBER)
    assert (first.status, first.completed_at, first.rev) == ("complete", NOVEMBER, 1)
    assert again == first
    assert await told("2026-10") == ["completed"]


async def test_a_month_that_has_not_ended_is_refused_in_the_zone_and_months_of_the_company() -> None:
    end = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    with pytest.raises(Conflict, match="has not ended yet"):
        await months.complete_one("2026-11", end)
    await calendar.change_settings(1, {"time_zone": "Europe/Berlin"})
    assert (await months.complete_one("2026-11", end)).status == "complete"


async def test_in_weeks_a_month_ends_on_its_last_sunday() -> None:
    await calendar.change_settings(1, {"month_pattern": "4-4-5"})
    with pytest.raises(Conflict):
        await months.complete_one("2026-11", datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert (await months.complete_one("2026-11", datetime(2026, 11, 23, 12, tzinfo=UTC))).status == "complete"
    with pytest.raises(InvalidInput):
        await months.check_ended(await months.running_month(datetime.now(UTC)))


async def test_lines_that_come_later_restate_a_complete_month_and_no_other() -> None:
    await sell("2026-01-05", "2026-02-05", "2026-03-05")
    await months.complete(["2026-01", "2026-02"])
    job = await sell("2026-01-06", "2026-03-06")
    assert [await state(month) for month in ("2026-01", "2026-02", "2026-03")] == ["restated", "complete", "open"]
    assert job.result is not None
    assert job.result["restated_months"] == ["2026-01"]
    assert await told("2026-01") == ["completed", "restated"]
    (event,) = await scoped(AuditEvent).documents({"action": "month.restated"})
    assert event.reason is not None
    assert str(job.id) in event.reason
    assert (await months.read("2026-01")).restated_at is not None


async def test_the_same_file_again_restates_nothing() -> None:
    await sell("2026-01-05")
    await months.complete(["2026-01"])
    job = await sell("2026-01-05")
    assert job.result is not None
    assert (await state("2026-01"), job.result["restated_months"]) == ("complete", [])


async def test_a_line_that_moves_restates_the_month_that_it_leaves_too() -> None:
    await sell("2026-01-05")
    await months.complete(["2026-01", "2026-02"])
    await imported("sales", SALES, "I-2026-01-05,P1,1,C1,2026-02-05,4,2.5")
    assert [await state("2026-01"), await state("2026-02")] == ["restated", "restated"]


async def test_a_dry_run_says_what_would_be_restated_and_restates_nothing() -> None:
    await months.complete(["2026-01"])
    job = await imported("sales", SALES, "I1,P1,1,C1,2026-01-05,4,2.5", dry_run=True)
    assert job.result is not None
    assert (await state("2026-01"), job.result["restated_months"]) == ("complete", ["2026-01"])


async def test_restated_counts_as_complete_everywhere_and_a_person_ends_it() -> None:
    await sell("2026-01-05")
    await months.complete(["2026-01"])
    await sell("2026-01-06")
    assert await months.complete_months() == ("2026-01",)
    assert await months.complete(["2026-01"]) == []
    assert await months.complete_sold_until("2026-01") == []
    assert await state("2026-01") == "restated"
    looked_at = await months.complete_one("2026-01", NOVEMBER)
    assert (looked_at.status, looked_at.restated_at is not None) == ("complete", True)
    await sell("2026-01-07")
    assert await told("2026-01") == ["completed", "restated", "completed", "restated"]


async def test_a_month_is_reopened_with_a_reason() -> None:
    await months.complete(["2026-01"])
    status = await months.reopen("2026-01", "Credit notes are missing.")
    assert (status.status, status.completed_at) == ("open", None)
    with pytest.raises(Conflict, match="open already"):
        await months.reopen("2026-01", "again")
    with pytest.raises(Conflict):
        await months.reopen("2026-02", "never completed")
    (event,) = await scoped(AuditEvent).documents({"action": "month.reopened"})
    assert event.reason == "Credit notes are missing."
    assert await months.complete_months() == ()


class DiesInWrite(SalesWriter):
    """Dies before its write, or after it."""

    after = False

    async def write(self, plan: Plan) -> list[Refused]:
        if self.after:
            await super().write(plan)
        raise Killed


@pytest.mark.parametrize("after", [False, True])
async def test_a_killed_import_restates_all_the_same_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Also a month that was completed between the write and the crash: the next run finds its lines unchanged."""
    await months.complete(["2026-01"])
    job = await accepted("sales", ",".join(HEADER))
    with monkeypatch.context() as patch:
        patch.setattr(import_runs, "WRITERS", {ImportKind.SALES: type("Dying", (DiesInWrite,), {"after": after})})
        with pytest.raises(Killed):
            await run_again(job)
    if after:
        assert await state("2026-01") == "restated"
        await months.complete_one("2026-01", NOVEMBER)
    ended = await run_again(job)
    assert ended.result is not None
    assert (await state("2026-01"), ended.result["restated_months"]) == ("restated", ["2026-01"])


async def test_who_completes_while_lines_are_written_gets_a_restated_month(monkeypatch: pytest.MonkeyPatch) -> None:
    original = type(scoped_binary(SaleLine)).insert_rows

    async def completed_in_between(door: Any, rows: Any, **options: Any) -> Any:
        if door.model is SaleLine:
            await months.complete(["2026-01"])
        return await original(door, rows, **options)

    with monkeypatch.context() as patch:
        patch.setattr(type(scoped_binary(SaleLine)), "insert_rows", completed_in_between)
        await sell("2026-01-05")
    assert await state("2026-01") == "restated"


async def test_of_many_imports_and_completions_at_once_none_is_lost() -> None:
    days = [f"2026-01-{day:02}" for day in range(1, 9)]
    await months.complete(["2026-01"])
    done = await asyncio.gather(*(sell(day) for day in days))
    assert [job.state for job in done] == ["succeeded"] * 8
    assert await told("2026-01") == ["completed", "restated"]


async def test_lines_name_the_system_they_came_from() -> None:
    header = f"{SALES},Source System"
    job = await imported(
        "sales", header,
        "I1,P1,1,C1,2026-01-05,4,2.5,Web Shop", "I2,P1,1,C1,2026-01-05,4,2.5,", "I3,P1,1,C1,2026-01-05,4,1,a/b",
    )  # fmt: skip
    assert counts(job) == {"inserted": 2, "updated": 0, "unchanged": 0, "rejected": 1}
    assert errors(job)[0][:2] == (4, "Source System")
    assert sorted(await scoped(SaleLine).distinct("source")) == ["file", "web-shop"]
    silent = await imported("sales", SALES, "I1,P1,1,C1,2026-01-05,4,2.5")
    assert counts(silent)["unchanged"] == 1, "a file that names no source leaves it as it is"
    moved = await imported("sales", header, "I1,P1,1,C1,2026-01-05,4,2.5,erp")
    assert counts(moved)["updated"] == 1


async def test_control_totals_are_entered_replaced_and_removed() -> None:
    first = await months.set_control_total("2026-01", "erp", 20 * MONEY, None, NOVEMBER)
    same = await months.set_control_total("2026-01", "erp", 20 * MONEY, None, NOVEMBER)
    assert (first.status, first.rev, same.rev) == ("open", 1, 1)
    await months.set_control_total("2026-01", "erp", 25 * MONEY, 2, NOVEMBER)
    both = await months.set_control_total("2026-01", "abc", MONEY, None, NOVEMBER)
    assert [(one.source, one.revenue, one.rows) for one in both.control_totals] == [
        ("abc", MONEY, None), ("erp", 25 * MONEY, 2),
    ]  # fmt: skip
    with pytest.raises(StaleVersion):
        await months.remove_control_total("2026-01", "erp", 1)
    left = await months.remove_control_total("2026-01", "erp", 3)
    assert [one.source for one in left.control_totals] == ["abc"]
    with pytest.raises(NotFound):
        await months.remove_control_total("2026-01", "erp", 4)
    assert await told("2026-01") == ["control_total_set"] * 3 + ["control_total_removed"]


async def test_a_month_holds_so_many_control_totals_and_no_more() -> None:
    for at in range(months.MAX_CONTROL_TOTALS):
        await months.set_control_total("2026-01", f"s{at}", MONEY, None, NOVEMBER)
    with pytest.raises(Conflict, match="at most 50"):
        await months.set_control_total("2026-01", "one-more", MONEY, None, NOVEMBER)
    await months.set_control_total("2026-01", "s1", 2 * MONEY, None, NOVEMBER)


async def test_a_mismatch_is_shown_and_blocks_nothing() -> None:
    await sell("2026-01-05", "2026-01-06")
    await months.set_control_total("2026-01", "file", 25 * MONEY, 3, NOVEMBER)
    status = await months.complete_one("2026-01", NOVEMBER)
    shown = await month_figures.show(caller(), status, NOVEMBER)
    assert (shown["status"], shown["rows"], shown["agrees"]) == ("complete", 2, False)
    (source,) = shown["sources"]
    assert (source["difference"], source["rows_difference"], source["agrees"]) == (-5, -1, False)
    await months.set_control_total("2026-01", "file", 20 * MONEY, 2, NOVEMBER)
    agreed = await month_figures.show(caller(), await months.read("2026-01"), NOVEMBER)
    assert (agreed["agrees"], agreed["sources"][0]["difference"]) == (True, 0)


async def test_revenue_is_what_counts_as_revenue() -> None:
    header = f"{SALES},line_type,source"
    await imported(
        "sales", header,
        "I1,P1,1,C1,2026-01-05,4,2.5,sale,erp", "I2,P1,1,C1,2026-01-05,-1,2.5,return,erp",
        "I3,P1,1,C1,2026-01-05,4,2.5,free_goods,erp", "I4,P1,1,C1,2026-01-05,1,3.333,service,web",
    )  # fmt: skip
    shown = await month_figures.show(caller(), await months.read("2026-01"), NOVEMBER)
    assert [(one["source"], one["rows"], float(one["revenue"])) for one in shown["sources"]] == [
        ("erp", 3, 7.5), ("web", 1, 3.33),
    ]  # fmt: skip
    assert (shown["rows"], float(shown["revenue"]), shown["agrees"]) == (4, 10.83, None)


async def test_totals_are_read_from_the_index_alone() -> None:
    await sell(*(f"2026-01-{day:02}" for day in range(1, 29)), "2026-02-01")
    door = scoped_binary(SaleLine)
    pipeline = [
        {"$match": door.where()},
        {"$match": {"month": {"$in": ["2026-01"]}}},
        {"$group": {"_id": {"m": "$month", "s": "$source"}, "n": {"$sum": 1}, "r": REVENUE}},
    ]
    command = {"aggregate": "sales", "pipeline": pipeline, "cursor": {}}
    plan = await door.raw.database.command("explain", command, verbosity="executionStats")
    stats = plan["stages"][0]["$cursor"]["executionStats"] if "stages" in plan else plan["executionStats"]
    assert (stats["totalDocsExamined"], stats["totalKeysExamined"]) == (0, 28)


async def test_months_are_listed_newest_first_from_the_first_to_the_running_one() -> None:
    await sell("2026-09-05")
    await months.complete(["2026-09"])
    listing = await month_figures.list_months(caller(), None, None, None, NEWEST_FIRST, NOVEMBER)
    assert [(row["month"], row["status"], row["ended"]) for row in listing.rows] == [
        ("2026-11", "open", False), ("2026-10", "open", True), ("2026-09", "complete", True),
    ]  # fmt: skip
    assert (listing.total, listing.has_next) == (3, False)
    page = Window(skip=1, limit=1, sort=[("month", 1)], count=False)
    second = await month_figures.list_months(caller(), None, None, None, page, NOVEMBER)
    assert ([row["month"] for row in second.rows], second.total, second.has_next) == (["2026-10"], None, True)
    complete = await month_figures.list_months(caller(), None, None, MonthState.COMPLETE, NEWEST_FIRST, NOVEMBER)
    assert [row["month"] for row in complete.rows] == ["2026-09"]
    span = await month_figures.list_months(caller(), "2026-08", "2026-09", None, NEWEST_FIRST, NOVEMBER)
    assert [row["month"] for row in span.rows] == ["2026-09", "2026-08"]
    later = await month_figures.list_months(caller(), "2027-05", None, None, NEWEST_FIRST, NOVEMBER)
    assert later.rows == []


@pytest.mark.parametrize(("first", "last"), [("2026-09", "2026-08")])
async def test_a_span_of_months_runs_forwards(first: str, last: str) -> None:
    with pytest.raises(InvalidInput):
        await month_figures.list_months(caller(), first, last, None, NEWEST_FIRST, NOVEMBER)


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        (caller(Role.ADMIN), True),
        (caller(Role.MANAGER), True),
        (caller(Role.MANAGER, regions=("North",)), False),
        (caller(Role.VIEWER), True),
        (caller(Role.SALES_REP), False),
        (caller(Role.SALES_REP, "keep_actuals"), True),
    ],
    ids=["admin", "manager", "manager of a region", "viewer", "rep", "rep who keeps actuals"],
)
async def test_figures_of_all_customers_are_for_those_who_see_all(who: Caller, sees: bool) -> None:
    await sell("2026-01-05")
    shown = await month_figures.show(who, await months.read("2026-01"), NOVEMBER)
    assert ("revenue" in shown, "sources" in shown) == (sees, sees)
    assert shown["status"] == "open"


async def test_another_companys_months_are_others() -> None:
    await sell("2026-01-05")
    await months.complete(["2026-01"])
    other = await factories.make_tenant()
    with tenant_scope(other.id):
        assert await state("2026-01") == "open"
        shown = await month_figures.show(caller(), await months.read("2026-01"), NOVEMBER)
        assert (shown["rows"], shown["sources"]) == (0, [])
        assert await scoped(MonthStatus).count() == 0
        assert await scoped(Customer).count() == 0


async def test_an_import_in_between_is_still_found() -> None:
    """The cursor of an import that is running names the months of its lines."""
    job = await sell("2026-01-05", "2026-03-05")
    assert (await jobs.get(job.id)).cursor["months"] == ["2026-01", "2026-03"]
