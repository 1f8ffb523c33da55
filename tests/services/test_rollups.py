"""Rollups say what the lines say, whoever recomputes when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.collections import Scoped, scoped
from core.context import tenant_scope
from models.customer import Customer
from models.product import Product
from models.sale import OrderRollup, RollupState, SalesRollup
from models.tenant import Tenant
from services import rollups
from tests import factories
from tests.imported import imported

HEADER = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price,line_type"
Figures = dict[tuple[str, str, str], tuple[int, int, int]]


@pytest.fixture(autouse=True)
async def company(tenant: Tenant) -> AsyncIterator[Tenant]:
    """Two customers and two products."""
    with tenant_scope(tenant.id):
        for number in (1, 2):
            await factories.make_customer(f"C{number}")
            await factories.make_product(f"P{number}")
        yield tenant


async def figures() -> Figures:
    """(customer, product, month) -> (quantity, revenue, lines), scaled."""
    doors: tuple[Scoped[Any], ...] = (scoped(Customer), scoped(Product))
    names = {row["_id"]: row["code"] for door in doors for row in await door.rows({}, {"code": 1})}
    found: Figures = {}
    for row in await scoped(SalesRollup).rows():
        key = (names[row["customer_id"]], names[row["product_id"]], row["month"])
        found[key] = (row["quantity"], row["revenue"], row["lines"])
    return found


async def test_quantities_are_demand_and_revenue_is_what_is_owed() -> None:
    await imported(
        "sales",
        HEADER,
        "I1,P1,1,C1,2026-01-05,3,2.5,sale",
        "I2,P1,1,C1,2026-01-09,-1,2.5,return",
        "I3,P1,1,C1,2026-01-09,2,2.5,free_goods",
        "I4,P1,1,C1,2026-01-09,-1,1.5,rebate",
        "I5,P1,1,C1,2026-02-01,1,2.5,sale",
        "I5,P2,1,C1,2026-02-01,1,1,sale",
        "I6,P2,1,C2,2026-02-01,7,1,sale",
    )
    assert await rollups.pending() == 2
    assert await rollups.refresh() == 2
    assert await rollups.pending() == 0
    assert await figures() == {
        ("C1", "P1", "2026-01"): (4_000, 35_000, 4),
        ("C1", "P1", "2026-02"): (1_000, 25_000, 1),
        ("C1", "P2", "2026-02"): (1_000, 10_000, 1),
        ("C2", "P2", "2026-02"): (7_000, 70_000, 1),
    }
    orders = [
        (row["month"], row["orders"]) for row in await scoped(OrderRollup).rows({}, sort=[("month", 1), ("orders", 1)])
    ]
    assert sorted(orders) == [("2026-01", 2), ("2026-02", 1), ("2026-02", 1)]


async def test_changed_and_moved_lines_change_the_rollups_of_both_customers() -> None:
    await imported("sales", HEADER, "I1,P1,1,C1,2026-01-05,3,2.5,", "I2,P2,1,C1,2026-01-05,1,1,")
    await rollups.refresh()
    await imported("sales", HEADER, "I1,P1,1,C2,2026-01-05,4,2.5,", "I2,P2,1,C1,2026-01-05,1,1,")
    assert await rollups.pending() == 2
    await rollups.refresh()
    assert await figures() == {
        ("C2", "P1", "2026-01"): (4_000, 100_000, 1),
        ("C1", "P2", "2026-01"): (1_000, 10_000, 1),
    }
    rows = await scoped(OrderRollup).rows()
    assert [row["orders"] for row in rows] == [1, 1]


async def test_an_import_that_changes_nothing_leaves_nothing_dirty() -> None:
    for _ in range(2):
        await imported("sales", HEADER, "I1,P1,1,C1,2026-01-05,3,2.5,")
        await rollups.refresh()
    state = await scoped(RollupState).one({})
    assert state is not None
    assert (state.marks, state.done, state.dirty, state.claim) == (2, 2, False, 1)


async def test_a_second_recomputation_rewrites_only_what_differs() -> None:
    await imported("sales", HEADER, "I1,P1,1,C1,2026-01-05,3,2.5,", "I2,P2,1,C1,2026-01-05,1,1,")
    await rollups.refresh()
    await imported("sales", HEADER, "I2,P2,1,C1,2026-01-05,2,1,")
    await rollups.refresh()
    claims = {row["quantity"]: row["claim"] for row in await scoped(SalesRollup).rows()}
    assert claims == {3_000: 1, 2_000: 2}


async def test_writers_and_recomputations_at_once_end_at_what_the_lines_say() -> None:
    async def write(invoice: int) -> None:
        await imported(
            "sales", HEADER, f"I{invoice},P1,1,C1,2026-01-05,{invoice},1,", f"J{invoice},P2,1,C2,2026-01-05,1,1,"
        )

    async def recompute() -> None:
        for _ in range(4):
            await rollups.refresh()

    await asyncio.gather(*(write(invoice) for invoice in range(1, 7)), *(recompute() for _ in range(3)))
    await rollups.refresh()
    assert await rollups.pending() == 0
    assert await figures() == {
        ("C1", "P1", "2026-01"): (21_000, 210_000, 6),
        ("C2", "P2", "2026-01"): (6_000, 60_000, 6),
    }


async def test_a_limit_leaves_the_rest_dirty() -> None:
    await imported("sales", HEADER, "I1,P1,1,C1,2026-01-05,3,2.5,", "I2,P2,1,C2,2026-01-05,1,1,")
    assert await rollups.refresh(1) == 1
    assert await rollups.pending() == 1


async def test_a_company_does_not_recompute_anothers() -> None:
    await imported("sales", HEADER, "I1,P1,1,C1,2026-01-05,3,2.5,")
    other = await factories.make_tenant()
    with tenant_scope(other.id):
        assert await rollups.refresh() == 0
    assert await rollups.pending() == 1
