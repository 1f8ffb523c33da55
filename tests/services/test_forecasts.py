"""Saving and submitting: nothing is lost, nothing passes a lock, conflicts exist on the same cell only."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import Conflict, Locked, MandatoryCellsMissing, NotFound
from models.audit import AuditEvent
from models.forecast import Line, Sheet, SnapshotRow, Version, VersionLine
from models.tenant import Tenant
from planning.cells import CellChange, CellStatus
from services import cycle_moves, forecasts, submissions
from services.forecasts import LineChange
from services.grid import read_grid
from tests import factories
from tests.companies import (
    CLOSES,
    DURING_ENTRY,
    ENTRY_CLOSES,
    FIRST,
    UNITS,
    Company,
    close_cycle,
    draft_cycle,
    make_company,
    open_cycle,
    say,
    submit,
)


async def stored(company: Company, product_id: object, month: str = FIRST) -> tuple[int | None, int]:
    line = await scoped(Line).one({"product_id": product_id, "customer_id": company.customer.id})
    assert line is not None
    cell = next(cell for cell in line.cells if cell.month == month)
    return cell.quantity, cell.rev


async def test_a_save_is_stored_valued_and_audited(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        answer = await say(cycle, company, company.tea, FIRST, 20)
        assert (answer.status, answer.cell and answer.cell.value) == (CellStatus.SAVED, 50 * 10_000)
        assert await stored(company, company.tea.id) == (20 * UNITS, 1)
        (event,) = await scoped(AuditEvent).documents({"action": "forecast.saved"})
        assert event.actor_id == company.rep.id


async def test_the_same_save_twice_changes_nothing(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        await say(cycle, company, company.tea, FIRST, 20)
        assert (await say(cycle, company, company.tea, FIRST, 20)).status == CellStatus.UNCHANGED
        assert await stored(company, company.tea.id) == (20 * UNITS, 1)


async def test_a_product_outside_the_list_is_refused_and_the_rest_saved(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        stranger = await factories.make_product("NEW")
        cycle = await open_cycle()
        changes = [
            LineChange(stranger.id, CellChange(FIRST, 0, quantity=UNITS)),
            LineChange(company.tea.id, CellChange(FIRST, 0, quantity=UNITS)),
            LineChange(company.cups.id, CellChange("2031-01", 0, quantity=UNITS)),
        ]
        with acting_as(company.rep.id):
            answers = await forecasts.save(cycle.id, company.customer.id, changes, DURING_ENTRY)
        assert [answer.status for answer in answers] == ["refused", "saved", "refused"]
        assert "list" in answers[0].reason
        assert "not a month of this cycle" in answers[2].reason


async def test_a_dormant_line_is_stored_with_its_first_save(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        assert await scoped(Line).count({"product_id": company.dormant.id}) == 0
        await say(cycle, company, company.dormant, FIRST, 5)
        line = await scoped(Line).one({"product_id": company.dormant.id})
        assert line is not None
        assert (line.active, line.cells[0].quantity, line.cells[1].quantity) == (True, 5 * UNITS, None)


async def test_fifty_saves_of_different_cells_all_survive(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle(horizon=36)
        cells = [(company.tea, month) for month in cycle.months] + [(company.cups, m) for m in cycle.months[:14]]
        answers = await asyncio.gather(
            *(say(cycle, company, product, month, 100 + number) for number, (product, month) in enumerate(cells))
        )
        assert {answer.status for answer in answers} == {CellStatus.SAVED}
        for number, (product, month) in enumerate(cells):
            assert await stored(company, product.id, month) == ((100 + number) * UNITS, 1)
        sheet = await scoped(Sheet).one({"customer_id": company.customer.id})
        assert sheet is not None
        assert sheet.rev == 50


async def test_of_fifty_saves_of_one_cell_one_wins(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        answers = await asyncio.gather(
            *(say(cycle, company, company.tea, FIRST, 100 + number) for number in range(50)), return_exceptions=True
        )
        won = [answer for answer in answers if isinstance(answer, forecasts.SavedCell)]
        assert len(won) == 1
        assert sum(isinstance(answer, Conflict) for answer in answers) == 49
        assert await stored(company, company.tea.id) == (won[0].cell and won[0].cell.quantity, 1)


async def test_of_fifty_submits_one_wins(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        answers = await asyncio.gather(*(submit(cycle, company) for _ in range(50)), return_exceptions=True)
        assert sum(isinstance(answer, submissions.Submitted) for answer in answers) == 1
        assert sum(isinstance(answer, Locked) for answer in answers) == 49
        assert await scoped(Version).count({}) == 1
        assert await scoped(AuditEvent).count({"action": "forecast.submitted"}) == 1


async def test_submitting_lists_empty_mandatory_cells_until_they_are_confirmed(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        await say(cycle, company, company.tea, FIRST, None)
        with pytest.raises(MandatoryCellsMissing) as refusal:
            await submit(cycle, company)
        assert [detail.field for detail in refusal.value.details] == [f"{company.tea.id}.{FIRST}"]
        submitted = await submit(cycle, company, confirm_zero=True)
        assert (submitted.version.number, submitted.version.confirmed_zero) == (1, 1)
        assert await stored(company, company.tea.id) == (0, 2)
        frozen = await scoped(VersionLine).one({"product_id": company.tea.id})
        assert frozen is not None
        assert frozen.cells[0].quantity == 0


async def test_submitting_says_what_is_unreviewed_and_which_prices_moved(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        await say(cycle, company, company.tea, FIRST, 3)
        await factories.price(company.customer, company.cups, "9.00")
        found = await submissions.check(cycle.id, company.customer.id, DURING_ENTRY)
        assert (found.unreviewed, found.lines, found.missing) == (31, 2, ())
        assert {(change.stored, change.current) for change in found.prices_changed} == {(800_000_000, 900_000_000)}


async def test_after_the_submission_saving_is_locked_with_the_reason(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        await submit(cycle, company)
        with pytest.raises(Locked, match="submitted"):
            await say(cycle, company, company.tea, FIRST, 1)


async def test_a_request_received_after_the_deadline_is_locked_even_if_entry_is_still_open(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        change = [LineChange(company.tea.id, CellChange(FIRST, 0, quantity=UNITS))]
        with pytest.raises(Locked, match="came later"):
            await forecasts.save(cycle.id, company.customer.id, change, ENTRY_CLOSES + timedelta(milliseconds=1))
        (answer,) = await forecasts.save(cycle.id, company.customer.id, change, ENTRY_CLOSES)
        assert answer.status == CellStatus.SAVED


async def test_a_draft_cycle_is_not_open_yet(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await draft_cycle()
        with pytest.raises(Locked, match="not open yet"):
            await say(cycle, company, company.tea, FIRST, 1)


@pytest.mark.parametrize("lead", range(12))
async def test_a_save_that_races_with_the_close_is_in_the_snapshot_or_refused(tenant: Tenant, lead: int) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()

        async def save_soon() -> object:
            for _ in range(lead):
                await asyncio.sleep(0)
            try:
                return await say(cycle, company, company.tea, FIRST, 77)
            except Locked as refusal:
                return refusal

        saves = [save_soon() for _ in range(4)]
        saved, *_ = await asyncio.gather(*saves, close_cycle(cycle.id), return_exceptions=True)
        row = await scoped(SnapshotRow).one({"stream": "approved", "product_id": company.tea.id})
        assert row is not None
        held = row.cells[0].quantity == 77 * UNITS
        line = await stored(company, company.tea.id)
        assert held == (line[0] == 77 * UNITS)
        assert held or isinstance(saved, Locked | Conflict)


async def test_a_save_that_races_with_the_entry_lock_is_in_or_refused(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        months = cycle.months
        answers = await asyncio.gather(
            *(say(cycle, company, company.tea, month, 77) for month in months[:8]),
            cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES),
            *(say(cycle, company, company.tea, month, 77) for month in months[8:]),
            return_exceptions=True,
        )
        cells = [answer for answer in answers if not isinstance(answer, cycle_moves.Moved)]
        for month, answer in zip(months, cells, strict=True):
            held = await stored(company, company.tea.id, month) == (77 * UNITS, 1)
            assert held == isinstance(answer, forecasts.SavedCell)
            assert held or isinstance(answer, Locked)


async def test_the_grid_shows_lines_prices_last_year_and_totals(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
        await say(cycle, company, company.tea, FIRST, 20)
        customer = {"_id": company.customer.id, "code": "C1", "name": "Customer C1", "is_active": True}
        grid = await read_grid(cycle.id, customer, DURING_ENTRY, dormant=True, search=None)
        codes = [(line["item_code"], line["active"], line["saved"]) for line in grid["lines"]]
        assert codes == [("CUP", True, True), ("TEA", True, True), ("OLD", False, False)]
        tea = grid["lines"][1]
        assert (tea["cells"][0]["quantity"], tea["cells"][0]["value"], tea["cells"][0]["price"]) == (20, 50, 2.5)
        assert tea["last_year"][:3] == [10, 10, 10]
        assert tea["last_year"][-1] is None
        assert grid["totals"]["months"][0] == {
            "month": FIRST,
            "value": 50 + 32,
            "missing_prices": 0,
            "last_year_value": 57,
        }
        assert grid["sheet"]["writable"] is True
        found = await read_grid(cycle.id, customer, DURING_ENTRY, dormant=False, search="old")
        assert [line["item_code"] for line in found["lines"]] == ["OLD"]


async def test_another_tenants_cycle_does_not_exist(tenant: Tenant, mongo: object) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await open_cycle()
    other = await factories.make_tenant()
    with tenant_scope(other.id), pytest.raises(NotFound):
        await forecasts.save(cycle.id, company.customer.id, [], CLOSES)
