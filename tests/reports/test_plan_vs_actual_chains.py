"""Plan against actual over a change of products: both sides meet under the successor, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128

from core.collections import scoped
from core.context import tenant_scope
from models.product import Product
from models.tenant import Tenant
from reports import plan_vs_actual
from reports.plan_vs_actual import Question
from reports.plan_vs_actual_dress import as_json
from tests import factories
from tests.reports.hand_made import MONTHS, closed_cycle, planned

AT = datetime(2026, 3, 10, 8, 30, tzinfo=UTC)
JAN, FEB, MAR, APR = MONTHS


@pytest.fixture(autouse=True)
def in_tenant(tenant: Tenant) -> Iterator[None]:
    with tenant_scope(tenant.id):
        yield


async def succeed(old: Product, new: Product, since: str, factor: str) -> None:
    link = {"successor_id": new.id, "successor_from": since, "successor_factor": Decimal128(factor)}
    await scoped(Product).update_one({"_id": old.id}, {"$set": link})


async def told(_done: int, _total: int) -> None:
    """Nobody listens."""


async def report_of(cycle_id: Any) -> dict[str, Any]:
    question = Question(cycle_id=cycle_id, close_number=1, months=MONTHS)
    return as_json(await plan_vs_actual.load(question, AT, told))


def products_of(report: dict[str, Any]) -> dict[str, Any]:
    return {row["code"]: row for row in report["by_product"]["rows"]}


def figures(row: dict[str, Any]) -> tuple[Any, ...]:
    """Unit, planned and actual quantity, planned and actual value."""
    (of_unit,) = row["quantities"]
    return of_unit["unit"], of_unit["plan"], of_unit["actual"], row["value"]["plan"], row["value"]["actual"]


async def test_a_plan_on_the_predecessor_meets_the_sales_of_the_successor() -> None:
    """Planned as a box of 12, sold as pieces from February on; a few boxes were left over."""
    customer = await factories.make_customer("A")
    box, piece = await factories.make_product("BOX", unit="BX"), await factories.make_product("PC", unit="EA")
    cycle = await closed_cycle()
    await planned(cycle, customer, box, {JAN: (10_000, 1_000_000), FEB: (10_000, 1_000_000)})
    await factories.sold(customer, box, JAN, 9_000, 900_000)
    await factories.sold(customer, box, FEB, 1_000, 100_000)
    await factories.sold(customer, piece, FEB, 100_000, 850_000)
    await factories.complete(JAN, FEB)
    apart = products_of(await report_of(cycle.id))
    assert (apart["PC"]["unplanned"]["cells"], figures(apart["BOX"])) == (1, ("BX", 20, 10, 200, 100))

    await succeed(box, piece, FEB, "12")
    report = await report_of(cycle.id)
    together = products_of(report)
    assert figures(together["BOX"]) == ("BX", 10, 9, 100, 90)
    assert figures(together["PC"]) == ("EA", 120, 112, 100, 95)
    assert together["PC"]["unplanned"] == {"cells": 0, "value": 0}
    assert report["totals"]["value"]["actual"] == 185
    assert report["by_customer"]["rows"][0]["value"] == report["totals"]["value"]


async def test_plans_of_both_are_added_and_a_missing_price_stays_counted() -> None:
    customer = await factories.make_customer("A")
    old, new = await factories.make_product("OLD"), await factories.make_product("NEW")
    cycle = await closed_cycle()
    await planned(cycle, customer, old, {JAN: (10_000, None)})
    await planned(cycle, customer, new, {JAN: (5_000, 50_000), FEB: (7_000, 70_000)})
    await factories.sold(customer, new, JAN, 14_000, 140_000)
    await factories.complete(JAN, FEB)
    await succeed(old, new, JAN, "1")
    report = await report_of(cycle.id)
    (row,) = report["by_product"]["rows"]
    assert (row["code"], *figures(row)) == ("NEW", "EA", 22, 14, 12, 14)
    assert row["missing_prices"] == 1


async def test_a_sale_meets_the_plan_of_either() -> None:
    """A null cell of the one must not make the sale unplanned when the other one was planned."""
    customer = await factories.make_customer("A")
    old, new = await factories.make_product("OLD"), await factories.make_product("NEW")
    cycle = await closed_cycle()
    await planned(cycle, customer, old, {})
    await planned(cycle, customer, new, {JAN: (5_000, 50_000)})
    await factories.sold(customer, old, JAN, 5_000, 50_000)
    await factories.complete(JAN)
    await succeed(old, new, JAN, "1")
    (row,) = (await report_of(cycle.id))["by_product"]["rows"]
    assert figures(row) == ("EA", 5, 5, 5, 5)
    assert row["unplanned"]["cells"] == 0


async def test_months_before_and_other_customers_stay_apart() -> None:
    a, b = await factories.make_customer("A"), await factories.make_customer("B")
    old, new = await factories.make_product("OLD"), await factories.make_product("NEW")
    cycle = await closed_cycle()
    await planned(cycle, a, old, {JAN: (1_000, 10_000), MAR: (3_000, 30_000)})
    await factories.sold(b, new, MAR, 2_000, 20_000)
    await factories.complete(JAN, FEB, MAR)
    await succeed(old, new, MAR, "2")
    report = await report_of(cycle.id)
    rows = products_of(report)
    assert figures(rows["OLD"]) == ("EA", 1, 0, 1, 0)
    assert figures(rows["NEW"]) == ("EA", 6, 2, 3, 2)
    assert [row["unplanned"]["cells"] for row in report["by_customer"]["rows"]] == [0, 1]
