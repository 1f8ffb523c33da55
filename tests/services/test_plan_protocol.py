"""The plan's protocol where it is easily broken: steps that meet, steps that run twice, and what changes meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128

from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import Conflict, InvalidInput, Locked, NotFound
from core.mongo import Mongo
from models.audit import AuditEvent
from models.customer import Assignment, Customer
from models.cycle import Cycle
from models.forecast import Line, Sheet, SnapshotMarker, SnapshotRow, Version
from models.job import Mail
from models.product import Product
from models.sale import SalesRollup
from models.tenant import Tenant
from planning.cells import CellChange, CellStatus
from services import closing, cycle_moves, cycles, forecasts, opening, share, submissions
from services import grid as grid_service
from services.cycles import CycleDraft
from services.forecasts import LineChange
from services.grid import read_grid
from tests import factories
from tests.companies import (
    CLOSES,
    DAY,
    DURING_ENTRY,
    ENTRY_CLOSES,
    FIRST,
    NOW,
    OPENS,
    UNITS,
    Company,
    close_cycle,
    draft_cycle,
    ignore,
    make_company,
    open_cycle,
    say,
    submit,
)

Step = Callable[..., Awaitable[Any]]


async def late_customer(company: Company, code: str = "LATE") -> Company:
    """The company as its rep sees it after another customer came with tea and cups."""
    late = await factories.make_customer(code)
    await factories.assign(company.rep, late)
    for product in (company.tea, company.cups):
        await factories.allow(late, product)
    return replace(company, customer=late)


def meanwhile(monkeypatch: pytest.MonkeyPatch, module: object, step: str, deed: Callable[[], Awaitable[Any]]) -> None:
    """The first time that this step of the module runs, somebody does the deed just before it."""
    original: Step = getattr(module, step)
    first = True

    async def interrupted(*args: Any, **options: Any) -> Any:
        nonlocal first
        if first:
            first = False
            await deed()
        return await original(*args, **options)

    monkeypatch.setattr(module, step, interrupted)


class Stalled:
    """The first run of a step waits until `go_on`; later ones pass. That is what a frozen worker looks like."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: object, step: str) -> None:
        original: Step = getattr(module, step)
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

        async def stalled(*args: Any, **options: Any) -> Any:
            answer = await original(*args, **options)
            if not self.reached.is_set():
                self.reached.set()
                await self.go_on.wait()
            return answer

        monkeypatch.setattr(module, step, stalled)


# --- moves that meet somebody else's write ---------------------------------------------------------------------------


@pytest.mark.parametrize("move", ["lock_entry", "begin_closing"])
async def test_a_sheet_made_while_the_cycle_moves_neither_stops_the_move_nor_stays_open(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, move: str
) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        late = await late_customer(company)
        meanwhile(monkeypatch, cycle_moves, "_move", lambda: say(cycle, late, late.tea, FIRST, 5))
        if move == "lock_entry":
            moved = await cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES)
        else:
            moved = await cycle_moves.begin_closing(cycle.id, CLOSES, None, None)
        assert moved.cycle.stage == ("review" if move == "lock_entry" else "closing")
        assert await scoped(Sheet).count({}) == 2
        assert await scoped(Sheet).count({"entry_open": True}) == 0


@pytest.mark.parametrize("lead", range(0, 24, 3))
async def test_a_first_save_that_races_with_the_close_is_in_the_snapshot_or_refused(tenant: Tenant, lead: int) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        late = [await late_customer(company, f"LATE{number}") for number in range(4)]

        async def save_soon(one: Company) -> object:
            for _ in range(lead):
                await asyncio.sleep(0)
            return await say(cycle, one, one.tea, FIRST, 77)

        *answers, closed = await asyncio.gather(
            *(save_soon(one) for one in late), close_cycle(cycle.id), return_exceptions=True
        )
        assert isinstance(closed, Cycle)
        for one, answer in zip(late, answers, strict=True):
            row = await scoped(SnapshotRow).one(
                {"stream": "approved", "customer_id": one.customer.id, "product_id": one.tea.id}
            )
            held = row is not None and row.cells[0].quantity == 77 * UNITS
            assert held == isinstance(answer, forecasts.SavedCell)
            assert held or isinstance(answer, Locked)


async def test_a_lock_that_died_after_its_move_is_made_good(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        cycle = await open_cycle()
        await cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES)
        await scoped(Sheet).update_many({}, {"$set": {"entry_open": True}})
        await cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES)
        assert await scoped(Sheet).count({"entry_open": True}) == 0


async def test_a_frozen_worker_that_wakes_after_the_opening_takes_nothing_back(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        draft = await draft_cycle()
        stalled = Stalled(monkeypatch, opening, "load_customers")
        frozen = asyncio.create_task(opening.prepare(draft.id, ignore))
        await stalled.reached.wait()
        await opening.prepare(draft.id, ignore)
        cycle = (await cycle_moves.open_entry(draft.id, OPENS, None)).cycle
        await say(cycle, company, company.tea, FIRST, 41)
        stalled.go_on.set()
        with pytest.raises(Conflict):
            await frozen
        line = await scoped(Line).one({"product_id": company.tea.id})
        sheet = await scoped(Sheet).one({})
        assert line is not None
        assert sheet is not None
        assert (line.cells[0].quantity, sheet.rev) == (41 * UNITS, 1)


async def test_a_frozen_worker_that_wakes_after_the_seal_changes_no_snapshot(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        await cycle_moves.begin_closing(cycle.id, CLOSES, None, None)
        stalled = Stalled(monkeypatch, closing, "load_customers")
        frozen = asyncio.create_task(closing.copy_snapshot(cycle.id, ignore))
        await stalled.reached.wait()
        await scoped(Customer).update_one({"_id": company.customer.id}, {"$set": {"region": "South"}})
        await closing.copy_snapshot(cycle.id, ignore)
        await closing.seal(cycle.id, CLOSES)
        await scoped(Customer).update_one({"_id": company.customer.id}, {"$set": {"region": "East"}})
        stalled.go_on.set()
        await frozen
        marker = await scoped(SnapshotMarker).one({})
        assert marker is not None
        assert (await closing.digest_snapshot(cycle.id, 1))[1] == marker.sha256
        assert await scoped(SnapshotRow).distinct("region", {}) == ["South"]


# --- laying out ------------------------------------------------------------------------------------------------------


async def test_an_opening_that_goes_on_after_a_crash_leaves_no_customer_out(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "CUSTOMERS_PER_CHUNK", 1)
    with tenant_scope(tenant.id):
        await make_company()
        for code in ("C2", "C3"):
            await factories.make_customer(code)
        draft = await draft_cycle()

        def crash(done: int) -> None:
            if done == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await opening.prepare(draft.id, crash)
        done = (await scoped(Sheet).rows({}, {"customer_id": 1}))[0]["customer_id"]
        await scoped(Customer).update_one({"_id": done}, {"$set": {"is_active": False}})
        await opening.prepare(draft.id, ignore, done=2)
        with_sheet = set(await scoped(Sheet).distinct("customer_id", {}))
        assert with_sheet >= set(await scoped(Customer).distinct("_id", {"is_active": True}))


async def test_a_draft_deleted_while_it_is_laid_out_leaves_nothing_behind(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        draft = await draft_cycle()
        meanwhile(monkeypatch, opening, "load_customers", lambda: cycles.delete_draft(draft.id))
        with pytest.raises((NotFound, Conflict)):
            await opening.prepare(draft.id, ignore)
        assert await scoped(Line).count({}) == 0
        assert await scoped(Sheet).count({}) == 0


async def test_one_absurd_price_stops_neither_the_opening_nor_the_close(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        await scoped(Product).update_one({"_id": company.tea.id}, {"$set": {"list_price": Decimal128("9999999999")}})
        await scoped(SalesRollup).update_many({"product_id": company.tea.id}, {"$set": {"quantity": 11 * UNITS}})
        cycle = await open_cycle()
        line = await scoped(Line).one({"product_id": company.tea.id})
        measured = await share.measure(cycle.id, ignore)
        closed = await close_cycle(cycle.id)
        assert line is not None
        assert (line.cells[0].quantity, line.cells[0].value) == (11 * UNITS, None)
        assert measured.missing_prices == 16
        assert closed.stage == "closed"


async def test_the_plan_starts_from_the_last_graded_close_also_while_that_cycle_is_reopened(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        first = await open_cycle("first", base_month="2026-11", start_month="2026-12")
        await say(first, company, company.tea, FIRST, 50)
        await close_cycle(first.id)
        await cycle_moves.reopen(first.id, CLOSES + DAY, {"closes_at": CLOSES + 9 * DAY}, None, "a wrong order")
        second = await open_cycle("second")
        assert second.reference_cycle_id == first.id


async def test_only_reps_with_sheets_hear_of_the_opening_and_of_how_many(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        gone = await factories.make_customer("GONE", is_active=False)
        other = await factories.make_user("sales_rep")
        for rep in (company.rep, other):
            await factories.assign(rep, gone)
        await open_cycle()
        (mail,) = await scoped(Mail).documents({"template": "cycle-opened"})
        assert (mail.user_id, mail.data["customers"]) == (company.rep.id, 1)


# --- customers who come later ----------------------------------------------------------------------------------------


async def test_a_customer_who_comes_later_finds_all_lines_and_none_is_demanded(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        late = await late_customer(company)
        customer = {"_id": late.customer.id, "code": "LATE", "name": "Customer LATE", "is_active": True}
        before = await read_grid(cycle.id, customer, DURING_ENTRY, dormant=False, search=None)
        await say(cycle, late, late.tea, FIRST, 3)
        after = await read_grid(cycle.id, customer, DURING_ENTRY, dormant=False, search=None)
        for grid in (before, after):
            shown = [(line["item_code"], line["active"], line["mandatory"]) for line in grid["lines"]]
            assert shown == [("CUP", True, False), ("TEA", True, False)]
        submitted = await submit(cycle, late)
        assert (submitted.version.lines, submitted.sheet.mandatory_lines) == (2, 0)


async def test_a_search_finds_what_a_sheet_of_too_many_lines_cant_show(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid_service, "MAX_LINES", 1)
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        customer = {"_id": company.customer.id, "code": "C1", "name": "Customer C1", "is_active": True}
        with pytest.raises(InvalidInput, match="search"):
            await read_grid(cycle.id, customer, DURING_ENTRY, dormant=False, search=None)
        found = await read_grid(cycle.id, customer, DURING_ENTRY, dormant=False, search="tea")
        assert [line["item_code"] for line in found["lines"]] == ["TEA"]


async def test_a_customer_who_comes_later_can_be_submitted_at_once(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        late = await late_customer(company)
        answers = await asyncio.gather(*(submit(cycle, late) for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(answer, submissions.Submitted) for answer in answers) == 1
        assert sum(isinstance(answer, Locked) for answer in answers) == 4
        assert await scoped(Version).count({"customer_id": late.customer.id, "lines": 2}) == 1


async def test_many_first_saves_of_a_customer_who_comes_later_all_survive(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        late = await late_customer(company)
        await asyncio.gather(*(say(cycle, late, late.tea, month, 7) for month in cycle.months))
        line = await scoped(Line).one({"customer_id": late.customer.id, "product_id": late.tea.id})
        assert line is not None
        assert {(cell.quantity, cell.rev) for cell in line.cells} == {(7 * UNITS, 1)}
        assert await scoped(Sheet).count({"customer_id": late.customer.id, "lines": 2}) == 1


async def test_a_customer_who_comes_in_review_is_told_that_entry_is_over(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        await cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES)
        late = await late_customer(company)
        for attempt in (say(cycle, late, late.tea, FIRST, 3), submit(cycle, late)):
            with pytest.raises(Locked, match="Entry is over"):
                await attempt
        assert await scoped(Sheet).count({"customer_id": late.customer.id}) == 0


async def test_an_added_line_counts_as_mandatory_on_its_sheet(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        await say(cycle, company, company.dormant, FIRST, 5)
        sheet = await scoped(Sheet).one({})
        assert sheet is not None
        assert (sheet.lines, sheet.mandatory_lines) == (3, 3)


async def test_a_product_that_is_no_longer_sold_cant_be_added_but_its_line_stays(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        for product in (company.tea, company.dormant):
            await scoped(Product).update_one({"_id": product.id}, {"$set": {"is_active": False}})
        changes = [LineChange(one.id, CellChange(FIRST, 0, quantity=UNITS)) for one in (company.tea, company.dormant)]
        with acting_as(company.rep.id):
            answers = await forecasts.save(cycle.id, company.customer.id, changes, DURING_ENTRY)
        assert [answer.status for answer in answers] == [CellStatus.SAVED, CellStatus.REFUSED]


# --- what counts, and what a close freezes ---------------------------------------------------------------------------


async def test_a_line_of_a_product_that_left_counts_in_the_share_as_it_does_in_the_close(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        before = await share.measure(cycle.id, ignore)
        await scoped(Product).update_one({"_id": company.tea.id}, {"$set": {"is_active": False}})
        assert await share.measure(cycle.id, ignore) == before


async def test_a_row_freezes_the_category_of_the_opening_and_the_rep_of_that_category(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        tea_rep, helper = await factories.make_user("sales_rep"), await factories.make_user("sales_rep")
        await factories.assign(tea_rep, company.customer, category="Food")
        await factories.assign(helper, company.customer, primary=False, valid_from="2026-12-01")
        cycle = await open_cycle()
        await scoped(Product).update_one({"_id": company.tea.id}, {"$set": {"category": "Drinks"}})
        await close_cycle(cycle.id)
        rows = await scoped(SnapshotRow).documents({"stream": "approved"})
        frozen = {row.product_id: (row.category, row.rep_id) for row in rows}
        assert frozen[company.tea.id] == ("Food", tea_rep.id)
        assert frozen[company.cups.id] == ("Home", company.rep.id)


async def test_the_rep_of_the_last_day_of_entry_is_the_one_of_that_day_in_the_companys_zone(mongo: Mongo) -> None:
    overseas = await factories.make_tenant(time_zone="America/New_York")
    with tenant_scope(overseas.id):
        company = await make_company()
        leaving, coming = await factories.make_user("sales_rep"), await factories.make_user("sales_rep")
        await scoped(Assignment).delete({})
        await factories.assign(leaving, company.customer, valid_to="2026-12-11")
        await factories.assign(coming, company.customer, valid_from="2026-12-12")
        midnight = datetime(2026, 12, 12, 5, tzinfo=UTC)
        cycle = await open_cycle(entry_closes_at=midnight - timedelta(seconds=1))
        await cycle_moves.lock_entry(cycle.id, midnight + timedelta(seconds=29))
        await close_cycle(cycle.id)
        assert await scoped(SnapshotRow).distinct("rep_id", {}) == [leaving.id]


# --- deadlines -------------------------------------------------------------------------------------------------------


async def test_reopened_for_entry_a_cycle_has_no_end_of_entry_until_it_ends_again(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        cycle = await open_cycle()
        await cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES)
        await close_cycle(cycle.id)
        later = {"entry_closes_at": CLOSES + 5 * DAY, "closes_at": CLOSES + 9 * DAY}
        reopened = await cycle_moves.reopen(cycle.id, CLOSES + DAY, later, None, "a wrong order")
        assert reopened.cycle.entry_closed_at is None
        moved = await cycle_moves.begin_closing(cycle.id, CLOSES + 3 * DAY, None, None)
        assert moved.cycle.entry_closed_at == CLOSES + 3 * DAY


async def test_managers_hear_again_when_a_moved_deadline_is_missed_too(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        cycle = await open_cycle(auto_close=True)
        await cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES)
        for _ in range(2):
            await cycle_moves.note_below_share(cycle.id, "12.0")
        assert await scoped(Mail).count({"template": "cycle-below-share"}) == 1
        await cycle_moves.reschedule(cycle.id, CLOSES + DAY, {"name": "December"}, None)
        await cycle_moves.note_below_share(cycle.id, "12.0")
        assert await scoped(Mail).count({"template": "cycle-below-share"}) == 1
        await cycle_moves.reschedule(cycle.id, CLOSES + DAY, {"closes_at": CLOSES + 2 * DAY}, None)
        for _ in range(2):
            await cycle_moves.note_below_share(cycle.id, "12.0")
        assert await scoped(Mail).count({"template": "cycle-below-share"}) == 2


async def test_a_cycle_that_is_to_open_later_waits_for_nobody(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        await open_cycle("first")
        second = await draft_cycle("second")
        await cycle_moves.open_entry(second.id, OPENS, None)
        moved = await cycle_moves.reschedule(second.id, OPENS, {"opens_at": OPENS + DAY}, None)
        assert moved.cycle.waiting_for is None


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (CycleDraft("x", ENTRY_CLOSES, opens_at=NOW - DAY), "opens_at"),
        (CycleDraft("x", ENTRY_CLOSES, closes_at=ENTRY_CLOSES - DAY), "closes_at"),
    ],
)
async def test_a_deadline_that_does_not_fit_is_named(tenant: Tenant, draft: CycleDraft, field: str) -> None:
    with tenant_scope(tenant.id), pytest.raises(InvalidInput) as refusal:
        await cycles.create(draft, NOW)
    assert [detail.field for detail in refusal.value.details] == [field]


async def test_a_moved_deadline_that_does_not_fit_is_named(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        cycle = await open_cycle()
        with pytest.raises(InvalidInput) as refusal:
            await cycle_moves.reschedule(cycle.id, OPENS, {"closes_at": OPENS}, None)
        assert [detail.field for detail in refusal.value.details] == ["closes_at"]
        await close_cycle(cycle.id)
        with pytest.raises(InvalidInput) as refusal:
            await cycle_moves.reopen(cycle.id, CLOSES + DAY, {"closes_at": CLOSES}, None, "why not")
        assert [detail.field for detail in refusal.value.details] == ["closes_at"]


async def test_entry_of_a_cycle_opened_early_may_end_before_it_was_to_open(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        draft = await draft_cycle()
        await opening.prepare(draft.id, ignore)
        await cycle_moves.open_entry(draft.id, OPENS - 5 * DAY, None)
        moved = await cycle_moves.reschedule(draft.id, OPENS - 4 * DAY, {"entry_closes_at": OPENS - DAY}, None)
        assert moved.cycle.entry_closes_at == OPENS - DAY


async def test_a_cycle_that_cant_open_now_is_not_laid_out(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        first = await open_cycle("first")
        second = await draft_cycle("second")
        for _ in range(2):
            waiting = await cycle_moves.before_opening(second.id, OPENS, None)
            assert waiting is not None
            assert (waiting.waits_for, waiting.cycle.waiting_for) == (first.id, first.id)
        mails = await scoped(Mail).documents({"template": "cycle-waiting"})
        assert [mail.user_id for mail in mails] == [company.manager.id]
        assert await scoped(AuditEvent).count({"action": "cycle.waiting"}) == 1

        await cycle_moves.lock_entry(first.id, ENTRY_CLOSES)
        with pytest.raises(Conflict, match="over at once"):
            await cycle_moves.before_opening(second.id, ENTRY_CLOSES + timedelta(hours=1), None)
        assert await cycle_moves.before_opening(second.id, OPENS, None) is None
        opened: Cycle = (await cycle_moves.open_entry(second.id, OPENS, None)).cycle
        assert opened.waiting_for is None
