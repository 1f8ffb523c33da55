"""Merging a customer into the one that it really is: drafts, history, closed plans, and whatever meets it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from core.collections import dump, scoped
from core.context import acting_as, tenant_scope
from core.errors import Conflict, Locked, NotFound, PlanwrightError
from models.audit import AuditEvent
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.cycle import Cycle
from models.forecast import Line, Sheet, SnapshotRow, Version
from models.product import Product
from models.sale import SalesRollup
from models.tenant import Tenant
from planning.cells import CellChange
from planning.roles import Role
from services import customer_changes, cycle_moves, forecasts, merges, opening, share
from services.customers import shown
from services.forecasts import LineChange
from services.grid import read_grid
from services.identity import Caller
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


@dataclass(frozen=True, slots=True)
class Pair:
    """C1 sells 10 tea and 4 cups a month. DUP, the same customer really, sells 3 tea and 2 coffee."""

    one: Company
    dup: Company
    coffee: Product
    manager: Caller


async def make_pair() -> Pair:
    one = await make_company()
    dup = await factories.make_customer("DUP", name="Duplicate & Sons", region="South", aliases=["Old Dup"])
    coffee = await factories.make_product("COF", list_price="4.00", category="Food")
    await factories.assign(one.rep, dup)
    for product, units, revenue in ((one.tea, 3, 6), (coffee, 2, 8)):
        await factories.allow(dup, product)
        for row in await scoped(SalesRollup).rows({"product_id": one.tea.id, "customer_id": one.customer.id}):
            await factories.sold(dup, product, row["month"], units * UNITS, revenue * 10_000)
    manager = Caller(one.manager.id, one.manager.tenant_id, one.manager.id, Role.MANAGER, frozenset(), "Max", "en")
    return Pair(one, replace(one, customer=dup), coffee, manager)


@pytest.fixture
async def pair(tenant: Tenant) -> AsyncIterator[Pair]:
    with tenant_scope(tenant.id):
        made = await make_pair()
        with acting_as(made.manager.user_id):
            yield made


async def merge(pair: Pair, **parties: UUID) -> merges.Preview:
    parties = {"source": pair.dup.customer.id, "target": pair.one.customer.id, **parties}
    return await merges.merge(pair.manager, parties["source"], parties["target"], DURING_ENTRY)


async def cells_of(cycle: Cycle, customer: Customer, product: Product, stream: str = "sales") -> list[Any]:
    line = await scoped(Line).one(
        {"cycle_id": cycle.id, "stream": stream, "customer_id": customer.id, "product_id": product.id}
    )
    return [] if line is None else line.cells


async def sheet_of(cycle: Cycle, customer: Customer) -> Sheet | None:
    return await scoped(Sheet).one({"cycle_id": cycle.id, "customer_id": customer.id})


async def approved(cycle: Cycle, close_number: int = 1) -> dict[str, int]:
    """Units approved for the first month by customer and product code."""
    codes = {row["_id"]: row["code"] for model in (Customer, Product) for row in await scoped(model).rows()}
    rows = await scoped(SnapshotRow).documents(
        {"cycle_id": cycle.id, "close_number": close_number, "stream": "approved"}
    )
    return {
        f"{codes[row.customer_id]} {codes[row.product_id]}": row.cells[0].quantity // UNITS
        for row in rows
        if row.cells[0].quantity is not None
    }


# --- open cycles -----------------------------------------------------------------------------------------------------


async def test_two_drafts_become_one(pair: Pair) -> None:
    cycle = await open_cycle()
    await say(cycle, pair.one, pair.one.tea, FIRST, 20)
    await say(cycle, pair.dup, pair.one.tea, FIRST, 5)
    await say(cycle, pair.dup, pair.one.tea, "2027-02", None)
    await say(cycle, pair.one, pair.one.tea, "2027-02", None)
    await say(cycle, pair.one, pair.one.tea, "2027-03", None)
    done = await merge(pair)
    [told] = done.plan.sheets
    assert (told.lines_moved, told.lines_summed, told.cells.moved, told.cells.summed) == (1, 1, 17, 14)

    tea = await cells_of(cycle, pair.one.customer, pair.one.tea)
    assert [cell.quantity for cell in tea[:4]] == [25 * UNITS, None, 3 * UNITS, 13 * UNITS]
    assert (tea[0].value, tea[0].price_source, tea[0].rev, tea[0].reviewed) == (625_000, "list", 2, True)
    assert (tea[3].origin, tea[3].rev, tea[3].reviewed) == ("baseline", 1, False)
    coffee = await cells_of(cycle, pair.one.customer, pair.coffee)
    assert {cell.quantity for cell in coffee} == {2 * UNITS}
    cups = await cells_of(cycle, pair.one.customer, pair.one.cups)
    assert {(cell.quantity, cell.rev) for cell in cups} == {(4 * UNITS, 0)}

    sheet = await sheet_of(cycle, pair.one.customer)
    assert sheet is not None
    assert (sheet.state, sheet.lines, sheet.mandatory_lines, sheet.rev) == ("draft", 3, 3, 4)
    assert await sheet_of(cycle, pair.dup.customer) is None
    kept = await cells_of(cycle, pair.dup.customer, pair.one.tea, merges.MERGED)
    assert kept[0].quantity == 5 * UNITS


async def test_the_source_is_out_of_use_and_the_target_is_found_by_its_names(pair: Pair) -> None:
    await merge(pair)
    gone = await shown(pair.dup.customer.id)
    assert (gone["status"], gone["is_active"], gone["merged_into"]) == ("inactive", False, pair.one.customer.id)
    target = await scoped(Customer).get(pair.one.customer.id)
    assert target.aliases == ["DUP", "Duplicate & Sons", "Old Dup"]
    assert {"dup", "duplicate", "sons", "old"} <= set(target.search)
    assert target.rev == 2
    events = await scoped(AuditEvent).documents({"entity": "customer"}, sort=[("at", 1)])
    assert {(event.action, event.entity_id) for event in events} == {
        ("customer.merged", str(pair.dup.customer.id)),
        ("customer.took_over", str(pair.one.customer.id)),
    }
    with pytest.raises(Conflict, match="was merged into C1"):
        await customer_changes.restore(pair.manager, pair.dup.customer.id, NOW)


async def test_a_submitted_plan_is_a_draft_again_and_counts_as_the_sum(pair: Pair) -> None:
    cycle = await open_cycle()
    await say(cycle, pair.one, pair.one.tea, FIRST, 20)
    await submit(cycle, pair.one)
    await say(cycle, pair.dup, pair.one.tea, FIRST, 5)
    await submit(cycle, pair.dup)
    await merge(pair)
    sheet = await sheet_of(cycle, pair.one.customer)
    assert sheet is not None
    assert (sheet.state, sheet.version, sheet.superseded, sheet.submitted_at) == ("draft", 1, 1, None)
    assert await scoped(Version).count({"cycle_id": cycle.id}) == 2
    await close_cycle(cycle.id)
    assert await approved(cycle) == {"C1 TEA": 25, "C1 CUP": 4, "C1 COF": 2}


async def test_after_the_merge_the_sheet_is_submitted_anew(pair: Pair) -> None:
    cycle = await open_cycle()
    await submit(cycle, pair.one)
    await merge(pair)
    answer = await say(cycle, pair.one, pair.one.tea, FIRST, 30, base_rev=1)
    assert answer.status == "saved"
    assert (await submit(cycle, pair.one)).version.number == 2
    await close_cycle(cycle.id)
    assert await approved(cycle) == {"C1 TEA": 30, "C1 CUP": 4, "C1 COF": 2}


async def test_in_review_what_was_submitted_comes_back_returned(pair: Pair) -> None:
    cycle = await open_cycle()
    await submit(cycle, pair.one)
    await cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES)
    await merge(pair)
    later = ENTRY_CLOSES + timedelta(hours=1)
    assert (await submit(cycle, pair.one, at=later)).version.number == 2


async def test_who_wrote_before_the_merge_reads_again(pair: Pair) -> None:
    cycle = await open_cycle()
    await say(cycle, pair.one, pair.one.tea, FIRST, 20)
    await merge(pair)
    with pytest.raises(Conflict):
        await say(cycle, pair.one, pair.one.tea, FIRST, 21, base_rev=1)
    with pytest.raises(Conflict, match="not active"):
        await say(cycle, pair.dup, pair.one.tea, FIRST, 1)


async def test_a_target_that_came_late_gets_the_sources_numbers_once(pair: Pair) -> None:
    cycle = await open_cycle()
    await say(cycle, pair.dup, pair.one.tea, FIRST, 5)
    late = await factories.make_customer("LATE")
    await factories.allow(late, pair.one.cups)
    done = await merge(pair, target=late.id)
    assert [sheet.target for sheet in done.plan.sheets] == [None]
    assert [cell.quantity for cell in (await cells_of(cycle, late, pair.one.tea))[:2]] == [5 * UNITS, 3 * UNITS]
    assert {cell.quantity for cell in await cells_of(cycle, late, pair.one.cups)} == {None}
    sheet = await sheet_of(cycle, late)
    assert sheet is not None
    assert (sheet.state, sheet.entry_open, sheet.lines, sheet.mandatory_lines) == ("draft", True, 3, 2)


async def test_a_source_without_a_plan_leaves_the_targets_submission_alone(pair: Pair) -> None:
    cycle = await open_cycle()
    await submit(cycle, pair.one)
    prospect = await factories.make_customer("PRO", status="prospect")
    done = await merge(pair, source=prospect.id)
    assert [sheet.state_after for sheet in done.plan.sheets] == ["submitted"]
    sheet = await sheet_of(cycle, pair.one.customer)
    assert sheet is not None
    assert (sheet.state, sheet.version, sheet.superseded) == ("submitted", 1, 0)


async def test_the_preview_tells_what_the_merge_does_and_writes_nothing(pair: Pair) -> None:
    cycle = await open_cycle()
    await say(cycle, pair.dup, pair.one.tea, FIRST, 5)
    said = await merges.preview(pair.manager, pair.dup.customer.id, pair.one.customer.id, DURING_ENTRY)
    assert (await scoped(Customer).get(pair.dup.customer.id)).is_active
    assert await sheet_of(cycle, pair.dup.customer) is not None
    assert (await cells_of(cycle, pair.one.customer, pair.one.tea))[0].rev == 0
    done = await merge(pair)
    for before, after in zip(said.plan.sheets, done.plan.sheets, strict=True):
        assert (before.lines_moved, before.lines_summed, before.cells) == (
            after.lines_moved,
            after.lines_summed,
            after.cells,
        )
    assert (said.kept, said.plan.fresh_aliases) == (done.kept, done.plan.fresh_aliases)
    for moves in ("assignments", "matrix", "prices"):
        assert getattr(said.plan, moves) == getattr(done.plan, moves)


# --- what is read as the target's ------------------------------------------------------------------------------------


async def test_history_and_the_last_plan_are_the_targets_in_the_next_cycle(pair: Pair) -> None:
    first = await open_cycle()
    await say(first, pair.one, pair.one.tea, FIRST, 20)
    await say(first, pair.dup, pair.one.tea, FIRST, 5)
    await close_cycle(first.id)
    await merge(pair)
    rows = await scoped(SnapshotRow).count({"cycle_id": first.id, "customer_id": pair.dup.customer.id})
    assert rows > 0
    later = {"opens_at": OPENS + 31 * DAY, "entry_closes_at": ENTRY_CLOSES + 31 * DAY, "closes_at": CLOSES + 31 * DAY}
    second = await open_cycle("January 2027", start_month="2027-01", base_month="2027-01", **later)
    assert await scoped(Sheet).count({"cycle_id": second.id}) == 1
    tea = await cells_of(second, pair.one.customer, pair.one.tea)
    assert [(cell.quantity, cell.origin) for cell in tea[:2]] == [(25 * UNITS, "copied"), (13 * UNITS, "copied")]
    assert {cell.quantity for cell in await cells_of(second, pair.one.customer, pair.coffee)} == {2 * UNITS}
    grid = await read_grid(second.id, dump_customer(pair.one.customer), DURING_ENTRY, dormant=False, search=None)
    by_code = {line["item_code"]: line for line in grid["lines"]}
    assert by_code["TEA"]["last_year"][0] == 13


def dump_customer(customer: Customer) -> dict[str, Any]:
    return {**dump(customer), "_id": customer.id}


async def test_a_cycle_that_was_closed_before_and_is_open_again_counts_nothing_twice(pair: Pair) -> None:
    cycle = await open_cycle()
    await say(cycle, pair.one, pair.one.tea, FIRST, 20)
    await close_cycle(cycle.id)
    before = await approved(cycle)
    await merge(pair)
    deadlines = {"closes_at": CLOSES + 9 * DAY, "entry_closes_at": CLOSES + 5 * DAY}
    await cycle_moves.reopen(cycle.id, CLOSES + DAY, deadlines, None, "an order was missing")
    await close_cycle(cycle.id, CLOSES + 9 * DAY)
    assert await approved(cycle, 2) == before == {"C1 TEA": 20, "C1 CUP": 4, "DUP TEA": 3, "DUP COF": 2}


async def test_the_share_is_of_the_sum_and_the_source_is_not_due(pair: Pair) -> None:
    cycle = await open_cycle()
    before = await share.measure(cycle.id, ignore)
    await merge(pair)
    after = await share.measure(cycle.id, ignore)
    # The duplicate's tea cost 2.00 on average, but both have the list price.
    assert after.total_value == before.total_value
    await submit(cycle, pair.one)
    assert (await share.measure(cycle.id, ignore)).share == 1


# --- what is tied to them --------------------------------------------------------------------------------------------


async def test_lists_prices_and_reps_move_where_the_target_says_nothing(pair: Pair) -> None:
    other = await factories.make_user("sales_rep", name="Olaf Other")
    mine, theirs = pair.one.customer, pair.dup.customer
    await factories.assign(other, theirs, valid_to="2027-12-31")
    await factories.price(mine, pair.one.tea, "2.40", valid_from="2026-01-01", valid_to="2026-12-31")
    long = await factories.price(theirs, pair.one.tea, "2.30", valid_from="2026-06-01", valid_to="2027-06-30")
    fresh = await factories.price(theirs, pair.coffee, "3.90")
    inside = await factories.price(theirs, pair.one.tea, "2.20", valid_from="2026-02-01", valid_to="2026-02-28")
    done = await merge(pair)
    assert (done.plan.assignments.moved, done.plan.assignments.kept) == (1, 1)
    assert (done.plan.matrix.moved, done.plan.matrix.kept) == (1, 1)
    assert (done.plan.prices.moved, done.plan.prices.kept) == (2, 1)

    reps = await scoped(Assignment).documents({"customer_id": mine.id})
    assert {(one.user_id, one.primary, one.valid_to) for one in reps} == {
        (pair.one.rep.id, True, None),
        (other.id, False, "2027-12-31"),
    }
    assert set(await scoped(MatrixEntry).distinct("product_id", {"customer_id": mine.id})) == {
        pair.one.tea.id,
        pair.one.cups.id,
        pair.one.dormant.id,
        pair.coffee.id,
    }
    prices = await scoped(CustomerPrice).documents({"customer_id": mine.id}, sort=[("valid_from", 1)])
    assert [(str(one.price), one.valid_from, one.valid_to) for one in prices] == [
        ("3.90", "2020-01-01", None),
        ("2.40", "2026-01-01", "2026-12-31"),
        ("2.30", "2027-01-01", "2027-06-30"),
    ]
    assert {one.id for one in prices} & {long.id, fresh.id, inside.id} == {fresh.id}
    left = await scoped(CustomerPrice).distinct("_id", {"customer_id": theirs.id})
    assert set(left) == {long.id, inside.id}


async def test_chains_and_planning_nodes_lead_to_the_target(pair: Pair) -> None:
    mine, theirs = pair.one.customer, pair.dup.customer
    older = await factories.make_customer("OLDER")
    branch = await factories.make_customer("BRANCH", planning_customer_id=theirs.id)
    await scoped(Customer).update_one({"_id": mine.id}, {"$set": {"planning_customer_id": theirs.id}})
    await merge(pair, source=older.id, target=theirs.id)
    done = await merge(pair)
    assert (done.plan.flattened, done.plan.planned_as) == ((older.id,), 1)
    assert (await shown(older.id))["merged_into"] == mine.id
    assert (await shown(branch.id))["planning_customer_id"] == mine.id
    assert (await shown(mine.id))["planning_customer_id"] == mine.id


async def test_what_stands_in_the_way_is_said_and_nothing_happens(pair: Pair) -> None:
    with pytest.raises(Conflict, match="into itself"):
        await merge(pair, source=pair.one.customer.id)
    gone = await factories.make_customer("GONE", status="inactive", is_active=False)
    with pytest.raises(Conflict, match="GONE is inactive"):
        await merge(pair, target=gone.id)
    with pytest.raises(NotFound):
        await merge(pair, target=UUID(int=1))
    pounds = await factories.make_customer("GBP", currency="GBP")
    await factories.price(pounds, pair.one.tea, "2.00", currency="GBP")
    with pytest.raises(Conflict, match="1 prices in GBP"):
        await merge(pair, source=pounds.id)
    cycle = await open_cycle()
    await cycle_moves.begin_closing(cycle.id, CLOSES, None, None)
    with pytest.raises(Conflict, match="is being closed"):
        await merge(pair)
    assert not await scoped(AuditEvent).exists({"action": "customer.merged"})
    assert (await scoped(Customer).get(pair.dup.customer.id)).is_active


# --- what meets a merge ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", range(0, 40, 8))
async def test_saves_that_race_with_a_merge_are_in_the_sum_or_refused(pair: Pair, lead: int) -> None:
    cycle = await open_cycle()

    async def soon(company: Company, month: str) -> object:
        for _ in range(lead):
            await asyncio.sleep(0)
        change = LineChange(pair.one.tea.id, CellChange(month, 0, quantity=50 * UNITS))
        return await forecasts.save(cycle.id, company.customer.id, [change], DURING_ENTRY)

    months = cycle.months[:4]
    saves = [soon(company, month) for month in months for company in (pair.one, pair.dup)]
    *answers, done = await asyncio.gather(*saves, merge(pair), return_exceptions=True)
    assert isinstance(done, merges.Preview)
    tea = {cell.month: cell.quantity for cell in await cells_of(cycle, pair.one.customer, pair.one.tea)}
    for at, month in enumerate(months):
        mine, theirs = answers[2 * at : 2 * at + 2]
        assert all(isinstance(one, list | Conflict | Locked) for one in (mine, theirs))
        expected = (50 if isinstance(mine, list) else 10) + (50 if isinstance(theirs, list) else 3)
        assert tea[month] == expected * UNITS
    assert await sheet_of(cycle, pair.dup.customer) is None


@pytest.mark.parametrize("lead", range(0, 40, 8))
async def test_a_submission_that_races_with_a_merge_is_before_it_or_after_it(pair: Pair, lead: int) -> None:
    cycle = await open_cycle()

    async def soon(company: Company) -> object:
        for _ in range(lead):
            await asyncio.sleep(0)
        return await submit(cycle, company)

    *_, done = await asyncio.gather(soon(pair.one), soon(pair.dup), merge(pair), return_exceptions=True)
    assert isinstance(done, merges.Preview)
    await close_cycle(cycle.id)
    assert await approved(cycle) == {"C1 TEA": 13, "C1 CUP": 4, "C1 COF": 2}


@pytest.mark.parametrize("lead", range(0, 40, 8))
@pytest.mark.parametrize("move", ["lock", "close"])
async def test_a_lock_or_close_that_races_with_a_merge_never_meets_half_of_it(pair: Pair, move: str, lead: int) -> None:
    cycle = await open_cycle()
    await say(cycle, pair.dup, pair.one.tea, FIRST, 5)

    async def soon() -> object:
        for _ in range(lead):
            await asyncio.sleep(0)
        return await (cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES) if move == "lock" else close_cycle(cycle.id))

    done, moved = await asyncio.gather(merge(pair), soon(), return_exceptions=True)
    assert not isinstance(moved, BaseException)
    assert isinstance(done, merges.Preview | Conflict)
    if move == "lock":
        assert isinstance(done, merges.Preview)
        assert await scoped(Sheet).count({"cycle_id": cycle.id, "entry_open": True}) == 0
        await close_cycle(cycle.id)
    found = await approved(cycle)
    tea = (
        {"C1 TEA": 15} if isinstance(done, merges.Preview) and "DUP TEA" not in found else {"C1 TEA": 10, "DUP TEA": 5}
    )
    assert {name: units for name, units in found.items() if name.endswith("TEA")} == tea
    assert sum(found.values()) == 15 + 4 + 2


@pytest.mark.parametrize("lead", range(0, 60, 6))
async def test_an_opening_that_races_with_a_merge_lays_out_the_one_or_the_two(pair: Pair, lead: int) -> None:
    draft = await draft_cycle()

    async def soon() -> object:
        for _ in range(lead):
            await asyncio.sleep(0)
        return await merge(pair)

    _, done = await asyncio.gather(opening.prepare(draft.id, ignore), soon(), return_exceptions=True)
    cycle = (await cycle_moves.open_entry(draft.id, OPENS, None)).cycle
    if isinstance(done, Conflict):
        assert "is being opened" in done.message
        await merge(pair)
    assert await sheet_of(cycle, pair.dup.customer) is None
    assert (await cells_of(cycle, pair.one.customer, pair.one.tea))[0].quantity == 13 * UNITS


async def test_of_two_who_merge_each_way_one_wins(pair: Pair) -> None:
    mine, theirs = pair.one.customer.id, pair.dup.customer.id
    answers = await asyncio.gather(
        merge(pair, source=mine, target=theirs), merge(pair, source=theirs, target=mine), return_exceptions=True
    )
    assert sorted(isinstance(one, PlanwrightError) for one in answers) == [False, True]
    assert await scoped(Customer).count({"merged_into": {"$ne": None}}) == 1


# --- size ------------------------------------------------------------------------------------------------------------


async def test_two_thousand_lines_are_merged_in_one_transaction(pair: Pair) -> None:
    """The time is printed (`pytest -s`), not asserted."""
    cycle = await open_cycle()
    theirs = await scoped(Line).one({"customer_id": pair.dup.customer.id, "product_id": pair.one.tea.id})
    assert theirs is not None
    products = [Product(code=f"P{n}", code_key=f"p{n}", name=f"Product {n}", currency="EUR") for n in range(2_000)]
    await scoped(Product).insert_rows([dump(product) for product in products])
    for customer, some in ((pair.one.customer, products[:1_500]), (pair.dup.customer, products)):
        await scoped(Line).insert_rows(
            [
                {**dump(theirs), "_id": product.id if customer is pair.dup.customer else UUID(int=product.id.int ^ 1),
                 "customer_id": customer.id, "product_id": product.id}
                for product in some
            ]
        )  # fmt: skip
    began = time.perf_counter()
    done = await merge(pair)
    print(f"\n2,000 lines merged in {time.perf_counter() - began:.2f} s")
    [sheet] = done.plan.sheets
    assert (sheet.lines_summed, sheet.lines_moved) == (1_501, 501)
    after = await sheet_of(cycle, pair.one.customer)
    assert after is not None
    assert after.lines == 2_003
    merged = await scoped(Line).documents({"customer_id": pair.one.customer.id, "product_id": products[0].id})
    assert {cell.quantity for cell in merged[0].cells} == {6 * UNITS}
