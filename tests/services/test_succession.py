"""A product that another one takes over from: what the plan stands on, month by month, and what a close freezes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from bson import Decimal128

from core.collections import scoped
from core.context import tenant_scope
from models.customer import Customer
from models.cycle import Cycle
from models.forecast import Line, SnapshotMarker, SnapshotRow
from models.product import Product, ProductCost
from models.tenant import Tenant
from planning.active import ADDED
from planning.months import add_months, month_range
from services import opening, submissions
from services.grid import read_grid
from services.plan_facts import load_context, load_customers
from tests import factories
from tests.companies import (
    CLOSES,
    DURING_ENTRY,
    ENTRY_CLOSES,
    FIRST,
    UNITS,
    Company,
    close_cycle,
    make_company,
    open_cycle,
    say,
)

TAKES_OVER = "2027-03"
"""The successor's first month: the cycle plans 2027-01 to 2028-04."""
BEFORE, AFTER = "2027-02", "2027-04"


@dataclass(frozen=True, slots=True)
class Round:
    """A company whose tea (10 a month) becomes a new tea of half the size, and its open cycle."""

    company: Company
    new_tea: Product
    cycle: Cycle

    @property
    def customer(self) -> Customer:
        return self.company.customer


async def succeed(old: Product, new: Product, since: str, factor: str = "2") -> None:
    link = {"successor_id": new.id, "successor_from": since, "successor_factor": Decimal128(factor)}
    await scoped(Product).update_one({"_id": old.id}, {"$set": link})


async def a_round(since: str = TAKES_OVER, **changes: Any) -> Round:
    company = await make_company()
    new_tea = await factories.make_product("TEA-2", list_price=None, category="Food", **changes)
    await factories.allow(company.customer, new_tea)
    await succeed(company.tea, new_tea, since)
    return Round(company, new_tea, await open_cycle())


@pytest.fixture
async def made(tenant: Tenant) -> AsyncIterator[Round]:
    with tenant_scope(tenant.id):
        yield await a_round()


async def line_of(cycle: Cycle, product: Product) -> dict[str, Any] | None:
    return await scoped(Line).row({"cycle_id": cycle.id, "product_id": product.id})


def quantities(line: dict[str, Any] | None) -> dict[str, float | None]:
    assert line is not None
    return {
        cell["month"]: None if cell["quantity"] is None else cell["quantity"] / UNITS
        for cell in line["cells"]
        if cell["month"] in (BEFORE, TAKES_OVER, AFTER)
    }


async def test_the_successor_is_prefilled_from_what_it_takes_over(made: Round) -> None:
    old, new = await line_of(made.cycle, made.company.tea), await line_of(made.cycle, made.new_tea)
    assert quantities(old) == {BEFORE: 10, TAKES_OVER: None, AFTER: None}
    assert quantities(new) == {BEFORE: None, TAKES_OVER: 20, AFTER: 20}
    assert old is not None
    assert new is not None
    assert (old["active"], new["active"]) == (True, True)


async def test_its_average_price_is_that_of_what_it_takes_over(made: Round) -> None:
    line = await line_of(made.cycle, made.new_tea)
    assert line is not None
    prices = {cell["month"]: (cell["price"], cell["price_source"]) for cell in line["cells"]}
    assert prices[BEFORE] == (None, "missing")
    assert prices[AFTER] == (125_000_000, "average")  # 25.00 for 10 old units, which are 20 new ones


async def test_nothing_of_the_predecessor_must_be_filled_from_then_on(made: Round) -> None:
    check = await submissions.check(made.cycle.id, made.customer.id, DURING_ENTRY)
    missing = {(cell.product_id, cell.month) for cell in check.missing}
    assert not {key for key in missing if key[0] == made.company.tea.id}
    # The successor did not exist before: nobody knows a number for these two months.
    assert {month for product, month in missing if product == made.new_tea.id} == {"2027-01", "2027-02"}


async def test_a_launch_month_asks_for_nothing_before_it(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        made = await a_round(launch_month=TAKES_OVER)
        check = await submissions.check(made.cycle.id, made.customer.id, DURING_ENTRY)
    assert check.missing == ()


async def test_a_predecessor_without_a_month_left_gets_no_line(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        made = await a_round(since=FIRST)
        assert await line_of(made.cycle, made.company.tea) is None
        new = await line_of(made.cycle, made.new_tea)
    assert set(quantities(new).values()) == {20}


async def test_a_product_that_has_ended_is_planned_no_further(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        await scoped(Product).update_one({"_id": company.tea.id}, {"$set": {"end_month": BEFORE}})
        await scoped(Product).update_one({"_id": company.cups.id}, {"$set": {"end_month": "2026-12"}})
        cycle = await open_cycle()
        assert quantities(await line_of(cycle, company.tea)) == {BEFORE: 10, TAKES_OVER: None, AFTER: None}
        assert await line_of(cycle, company.cups) is None
        assert (await submissions.check(cycle.id, company.customer.id, DURING_ENTRY)).missing == ()
        await close_cycle(cycle.id)
        for stream in ("naive", "approved"):
            row = await scoped(SnapshotRow).row({"stream": stream, "product_id": company.tea.id})
            assert quantities(row) == {BEFORE: 10, TAKES_OVER: None, AFTER: None}


async def test_a_product_that_sold_before_keeps_its_own_history_until_it_takes_over(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        await succeed(company.tea, company.cups, TAKES_OVER, "0.5")
        cycle = await open_cycle()
        assert quantities(await line_of(cycle, company.cups)) == {BEFORE: 4, TAKES_OVER: 9, AFTER: 9}


async def test_the_last_plan_of_the_predecessor_is_carried_over(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        first = await open_cycle()
        for month, units in ((BEFORE, 11), (TAKES_OVER, 12)):
            await say(first, company, company.tea, month, units)
        await close_cycle(first.id)
        new_tea = await factories.make_product("TEA-2")
        await factories.allow(company.customer, new_tea)
        await succeed(company.tea, new_tea, TAKES_OVER)
        later = timedelta(days=31)
        second = await open_cycle(
            "January", start_month="2027-02", entry_closes_at=ENTRY_CLOSES + later, closes_at=CLOSES + later
        )
        old, new = await line_of(second, company.tea), await line_of(second, new_tea)
    assert quantities(old) == {BEFORE: 11, TAKES_OVER: None, AFTER: None}
    assert quantities(new) == {BEFORE: None, TAKES_OVER: 24, AFTER: 20}
    assert new is not None
    assert {cell["origin"] for cell in new["cells"] if cell["month"] in (TAKES_OVER, AFTER)} == {"copied"}


async def test_a_save_stands_on_the_same_history(made: Round) -> None:
    """A save loads its own lines only, and the history behind them."""
    context = await load_context(made.cycle, {made.new_tea.id})
    facts = (await load_customers(context, [made.customer.id], {made.new_tea.id}))[made.customer.id]
    line = opening.prefilled_line(
        context,
        made.customer.id,
        facts,
        context.products[made.new_tea.id],
        ADDED,
    )
    assert quantities(line) == {BEFORE: None, TAKES_OVER: 20, AFTER: 20}


async def test_the_grid_shows_last_year_with_the_heir(made: Round) -> None:
    customer = {"_id": made.customer.id, "code": "C1", "name": "Customer C1", "is_active": True}
    grid = await read_grid(made.cycle.id, customer, DURING_ENTRY, dormant=False, search=None)
    lines = {line["item_code"]: line for line in grid["lines"]}
    last_year = {code: dict(zip(made.cycle.months, line["last_year"], strict=True)) for code, line in lines.items()}
    assert (last_year["TEA"][BEFORE], last_year["TEA"][AFTER]) == (10, 0)
    assert (last_year["TEA-2"][BEFORE], last_year["TEA-2"][AFTER]) == (0, 20)
    assert (lines["TEA"]["planned_from"], lines["TEA"]["planned_until"]) == (None, BEFORE)
    assert (lines["TEA-2"]["planned_from"], lines["TEA-2"]["planned_until"]) == (None, None)
    assert grid["totals"]["months"][0]["last_year_value"] == 57


async def test_a_close_freezes_the_naive_of_the_chain_and_the_cost_of_the_first_month(made: Round) -> None:
    tea, cups = made.company.tea, made.company.cups
    await scoped(Product).update_one({"_id": cups.id}, {"$set": {"standard_cost": Decimal128("3")}})
    for cost, first, last in (("0.9", "2026-01-01", "2026-12-31"), ("1.1", "2027-01-01", None)):
        await scoped(ProductCost).insert(ProductCost(product_id=tea.id, cost=cost, valid_from=first, valid_to=last))
    await close_cycle(made.cycle.id)
    rows = {
        row["product_id"]: row for row in await scoped(SnapshotRow).rows({"cycle_id": made.cycle.id, "stream": "naive"})
    }
    assert quantities(rows[tea.id]) == {BEFORE: 10, TAKES_OVER: None, AFTER: None}
    assert quantities(rows[made.new_tea.id]) == {BEFORE: None, TAKES_OVER: 20, AFTER: 20}
    costs = {product: row["cost"] for product, row in rows.items()}
    assert costs == {tea.id: 110_000_000, cups.id: 300_000_000, made.new_tea.id: None}
    marker = await scoped(SnapshotMarker).one({"cycle_id": made.cycle.id})
    assert marker is not None
    assert marker.missing_costs == 1


async def test_a_chain_of_three_stands_on_all_of_it(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        middle, last = await factories.make_product("MID"), await factories.make_product("LAST")
        for product in (middle, last):
            await factories.allow(company.customer, product)
        for month in month_range(add_months("2026-11", -5), 6):
            await factories.sold(company.customer, middle, month, 1 * UNITS, 10_000)
        await succeed(company.tea, middle, "2026-06", "2")
        await succeed(middle, last, TAKES_OVER, "0.25")
        cycle = await open_cycle()
        assert await line_of(cycle, company.tea) is None
        # A year before, only tea was sold: 10 of it are 20 of the middle one, which are 5 of the last one.
        assert quantities(await line_of(cycle, middle)) == {BEFORE: 20, TAKES_OVER: None, AFTER: None}
        assert quantities(await line_of(cycle, last)) == {BEFORE: None, TAKES_OVER: 5, AFTER: 5}
