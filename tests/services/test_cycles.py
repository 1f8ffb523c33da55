"""A cycle from draft to sealed snapshot, on a real database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.collections import scoped
from core.context import tenant_scope
from core.errors import Conflict, InvalidInput, NotFound
from models.audit import AuditEvent
from models.customer import Customer
from models.cycle import Cycle
from models.forecast import Line, Sheet, SnapshotMarker, SnapshotRow
from models.job import Mail
from models.tenant import Tenant
from services import closing, cycle_moves, cycles, opening
from services.cycles import CycleDraft
from tests import factories
from tests.companies import (
    CLOSES,
    ENTRY_CLOSES,
    FIRST,
    LAST,
    NOW,
    OPENS,
    UNITS,
    close_cycle,
    draft_cycle,
    ignore,
    make_company,
    open_cycle,
    say,
    submit,
)


async def test_a_draft_copies_what_settings_decide(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        cycle = await cycles.create(CycleDraft("December 2026", ENTRY_CLOSES), NOW)
    assert (cycle.base_month, cycle.start_month, cycle.horizon) == ("2026-12", FIRST, 16)
    assert (cycle.months[0], cycle.months[-1], cycle.mandatory_until) == (FIRST, LAST, "2027-12")
    assert cycle.closes_at == ENTRY_CLOSES + timedelta(days=5)
    assert (cycle.currency, cycle.time_zone, cycle.stage) == ("EUR", "Europe/London", "draft")


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (CycleDraft("x", ENTRY_CLOSES, base_month="2027-02"), "base_month"),
        (CycleDraft("x", ENTRY_CLOSES, mandatory_until="2030-01"), "mandatory_until"),
        (CycleDraft("x", NOW), "entry_closes_at"),
        (CycleDraft("x", ENTRY_CLOSES, opens_at=ENTRY_CLOSES), "entry_closes_at"),
    ],
)
async def test_a_draft_that_does_not_fit_names_the_field(tenant: Tenant, draft: CycleDraft, field: str) -> None:
    with tenant_scope(tenant.id), pytest.raises(InvalidInput) as refusal:
        await cycles.create(draft, NOW)
    assert [detail.field for detail in refusal.value.details] == [field]


async def test_opening_lays_out_prefilled_active_lines(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        lines = await scoped(Line).documents({"cycle_id": cycle.id}, sort=[("product_id", 1)])
        sheet = await scoped(Sheet).one({"cycle_id": cycle.id})

        assert cycle.stage == "entry"
        assert {line.product_id for line in lines} == {company.tea.id, company.cups.id}
        tea = next(line for line in lines if line.product_id == company.tea.id)
        assert [cell.month for cell in tea.cells] == cycle.months
        assert {(cell.quantity, cell.origin, cell.rev, cell.reviewed) for cell in tea.cells} == {
            (10 * UNITS, "baseline", 0, False)
        }
        assert {(cell.price, cell.price_source, cell.value) for cell in tea.cells} == {(250_000_000, "list", 250_000)}
        assert sheet is not None
        assert (sheet.lines, sheet.mandatory_lines, sheet.entry_open, sheet.state) == (2, 2, True, "draft")


async def test_opening_tells_each_rep_once(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        mails = await scoped(Mail).documents({"template": "cycle-opened"})
        await cycle_moves.open_entry(cycle.id, OPENS, None)

        assert [mail.user_id for mail in mails] == [company.rep.id]
        assert await scoped(Mail).count({"template": "cycle-opened"}) == 1
        assert await scoped(AuditEvent).count({"action": "cycle.opened"}) == 1


async def test_preparing_again_after_a_crash_writes_the_same(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        for number in range(2, 5):
            await factories.make_customer(f"C{number}")
        cycle = await draft_cycle()
        await opening.prepare(cycle.id, ignore)
        once = await scoped(Line).rows({}, sort=[("_id", 1)])
        assert await opening.prepare(cycle.id, ignore) == 4
        assert await opening.prepare(cycle.id, ignore, done=4) == 4
        assert await scoped(Line).rows({}, sort=[("_id", 1)]) == once
        assert await scoped(Sheet).count({}) == 4


async def test_a_second_cycle_waits_until_entry_is_free_and_managers_hear_it_once(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        first = await open_cycle("first")
        second = await draft_cycle("second")
        for _ in range(2):
            moved = await cycle_moves.open_entry(second.id, OPENS, None)
            assert moved.waits_for == first.id
        waiting = await scoped(Mail).documents({"template": "cycle-waiting"})
        assert [mail.user_id for mail in waiting] == [company.manager.id]

        await cycle_moves.lock_entry(first.id, ENTRY_CLOSES)
        assert (await cycle_moves.open_entry(second.id, OPENS, None)).cycle.stage == "entry"


async def test_locking_entry_closes_every_sheet_before_review(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        cycle = await open_cycle()
        moved = await cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES)
        assert moved.cycle.stage == "review"
        assert await scoped(Sheet).count({"entry_open": True}) == 0
        again = await cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES)
        assert again.cycle.rev == moved.cycle.rev


async def test_closing_freezes_every_stream_and_names_the_fallback_step(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        await say(cycle, company, company.tea, FIRST, 33)
        closed = await close_cycle(cycle.id)
        rows = await scoped(SnapshotRow).documents({"product_id": company.tea.id})
        by_stream = {row.stream: row for row in rows}
        marker = await scoped(SnapshotMarker).one({"cycle_id": cycle.id})

        assert (closed.stage, closed.close_number, closed.graded_close) == ("closed", 1, 1)
        assert set(by_stream) == {"sales", "naive", "approved"}
        approved = by_stream["approved"].cells
        assert (approved[0].quantity, approved[0].step) == (33 * UNITS, "draft")
        assert (approved[1].quantity, approved[1].step) == (10 * UNITS, "naive")
        assert by_stream["sales"].cells[1].quantity == 10 * UNITS
        assert by_stream["naive"].cells[0].quantity == 10 * UNITS
        assert by_stream["approved"].rep_id == company.rep.id
        assert (by_stream["approved"].region, by_stream["approved"].category) == ("North", "Food")
        assert marker is not None
        assert marker.streams == {"approved": 2, "naive": 2, "sales": 2}
        assert marker.sha256 == (await closing.digest_snapshot(cycle.id, 1))[1]
        assert await scoped(Mail).count({"template": "cycle-closed"}) == 1


async def test_the_submitted_version_counts_not_what_was_prefilled(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        await say(cycle, company, company.cups, FIRST, 7)
        await submit(cycle, company)
        await close_cycle(cycle.id)
        row = await scoped(SnapshotRow).one({"stream": "approved", "product_id": company.cups.id})
        assert row is not None
        assert [(cell.quantity, cell.step) for cell in row.cells[:2]] == [
            (7 * UNITS, "submitted"),
            (4 * UNITS, "submitted"),
        ]


async def test_the_last_approved_plan_is_copied_and_is_the_fallback(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        first = await open_cycle("first", base_month="2026-11", start_month="2026-12")
        await say(first, company, company.tea, FIRST, 50)
        await close_cycle(first.id)
        second = await open_cycle("second")
        line = await scoped(Line).one({"cycle_id": second.id, "product_id": company.tea.id})
        await close_cycle(second.id)
        row = await scoped(SnapshotRow).one({"cycle_id": second.id, "stream": "approved", "product_id": company.tea.id})
        assert second.reference_cycle_id == first.id
        assert line is not None
        assert (line.cells[0].quantity, line.cells[0].origin) == (50 * UNITS, "copied")
        assert line.cells[-1].origin == "baseline"
        assert row is not None
        assert (row.cells[0].quantity, row.cells[0].step) == (50 * UNITS, "last_approved")


async def test_a_copy_that_runs_twice_leaves_one_snapshot_with_the_same_hash(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        cycle = await open_cycle()
        await cycle_moves.begin_closing(cycle.id, CLOSES, None, None)
        await closing.copy_snapshot(cycle.id, ignore)
        first = await closing.digest_snapshot(cycle.id, 1)
        await closing.copy_snapshot(cycle.id, ignore)
        assert await closing.digest_snapshot(cycle.id, 1) == first
        await closing.seal(cycle.id, CLOSES)
        await closing.seal(cycle.id, CLOSES)
        assert await scoped(SnapshotMarker).count({}) == 1
        assert await scoped(Mail).count({"template": "cycle-closed"}) == 1


async def test_reopening_writes_the_next_close_and_the_first_stays_graded(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        await close_cycle(cycle.id)
        later = {"entry_closes_at": CLOSES + timedelta(days=2), "closes_at": CLOSES + timedelta(days=3)}
        moved = await cycle_moves.reopen(cycle.id, CLOSES + timedelta(days=1), later, None, "a wrong order")
        assert moved.cycle.stage == "entry"
        await say(moved.cycle, company, company.tea, FIRST, 12)
        closed = await close_cycle(cycle.id, CLOSES + timedelta(days=4))
        assert (closed.close_number, closed.graded_close) == (2, 1)
        assert await scoped(SnapshotMarker).count({}) == 2
        row = await scoped(SnapshotRow).one({"close_number": 2, "stream": "approved", "product_id": company.tea.id})
        assert row is not None
        assert row.cells[0].quantity == 12 * UNITS


async def test_reopening_is_refused_without_future_deadlines(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        cycle = await open_cycle()
        await close_cycle(cycle.id)
        with pytest.raises(InvalidInput, match="closes_at in the future"):
            await cycle_moves.reopen(cycle.id, CLOSES + timedelta(days=9), {}, None, "why not")


async def test_only_drafts_can_be_deleted(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        cycle = await draft_cycle()
        await cycles.delete_draft(cycle.id)
        with pytest.raises(NotFound):
            await cycles.get(cycle.id)
        running = await open_cycle()
        with pytest.raises(Conflict, match="only drafts"):
            await cycles.delete_draft(running.id)
        assert await scoped(Cycle).count({}) == 1


async def test_a_customer_who_comes_later_gets_a_sheet_with_the_first_save(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        late: Customer = await factories.make_customer("LATE")
        await factories.allow(late, company.tea)
        from_late = company.__class__(company.rep, company.manager, late, company.tea, company.cups, company.dormant)
        answer = await say(cycle, from_late, company.tea, FIRST, 3)
        sheet = await scoped(Sheet).one({"customer_id": late.id})
        assert answer.status == "saved"
        assert sheet is not None
        assert (sheet.lines, sheet.rev) == (1, 1)
