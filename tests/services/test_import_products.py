"""Importing products and their costs: the rules are those of the API, row by row, and say what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from core.collections import scoped
from core.context import tenant_scope
from models.product import Product, ProductCost
from models.tenant import Tenant
from services import costs, product_changes
from services.import_apply import products as product_import
from services.import_apply.costs import CostWriter
from services.import_apply.products import ProductWriter
from tests import factories
from tests.imported import counts, errors, imported
from tests.services.test_imports import only

LINKS = "item_code,name,successor,successor_from,successor_factor"
COSTS = "item_code,cost,valid_from,valid_to"


@pytest.fixture(autouse=True)
def company(tenant: Tenant) -> Iterator[Tenant]:
    with tenant_scope(tenant.id):
        yield tenant


async def product(code: str) -> Product:
    found = await scoped(Product).one({"code_key": code.casefold()})
    assert found is not None
    return found


async def test_products_arrive_with_all_that_the_file_says() -> None:
    job = await imported(
        "products",
        "item_code,name,family,brand,unit,rounding_step,launch_month,end_month",
        "P1,Lamp,Lights,Hearth,PC,12,2026-01,2027-12",
        "P2,Clock,,,,,,",
    )
    assert counts(job) == only(inserted=2)
    lamp, clock = await product("P1"), await product("P2")
    assert (lamp.family, lamp.brand, lamp.unit, lamp.rounding_step) == ("Lights", "Hearth", "PC", Decimal(12))
    assert (lamp.launch_month, lamp.end_month) == ("2026-01", "2027-12")
    assert (clock.family, clock.unit, clock.rounding_step) == (None, "EA", Decimal(1))


async def test_what_does_not_fit_is_said_by_row() -> None:
    await factories.make_product("P1", launch_month="2026-05", unit="CS2", conversions=[])
    boxed = await factories.make_product("P2", conversions=[{"unit": "CS", "factor": Decimal(12)}])
    job = await imported(
        "products",
        "item_code,name,unit,rounding_step,end_month,successor_from",
        "P1,Lamp,,,2026-04,",
        f"{boxed.code},Box,CS,,,",
        "P3,Clock,,0,,",
        "P4,Bell,,,,2026-04",
    )
    assert counts(job) == only(rejected=4)
    assert [(row, column) for row, column, _ in errors(job)] == [
        (2, "end_month"), (3, "unit"), (4, "rounding_step"), (5, "successor"),
    ]  # fmt: skip
    assert errors(job)[0][2] == "a value that must not be before the launch month, 2026-05"


async def test_the_unit_of_quantities_that_exist_stays() -> None:
    lamp = await factories.make_product("P1")
    await factories.sold(await factories.make_customer(), lamp, "2026-05", 1_000, 10_000)
    await factories.make_product("P2")
    job = await imported("products", "item_code,name,unit", "P1,Lamp,KG", "P2,Clock,KG")
    assert counts(job) == only(updated=1, rejected=1)
    assert "has sales in its unit" in errors(job)[0][2]


async def test_rows_name_each_other_as_successors_in_any_order() -> None:
    file = (LINKS, "OLD,Old tea,NEW,2027-01,0.5", "NEW,New tea,,,", "OLDER,Oldest tea,old,2026-01,")
    assert counts(await imported("products", *file)) == only(inserted=3)
    old, new, older = await product("OLD"), await product("NEW"), await product("OLDER")
    assert (old.successor_id, old.successor_from, old.successor_factor) == (new.id, "2027-01", Decimal("0.5"))
    assert (older.successor_id, older.successor_factor) == (old.id, Decimal(1))
    assert counts(await imported("products", *file)) == only(unchanged=3)
    assert counts(await imported("products", LINKS, "OLD,Old tea,,,")) == only(updated=1)
    old = await product("OLD")
    assert (old.successor_id, old.successor_from, old.successor_factor) == (None, None, Decimal(1))


async def test_a_file_without_the_column_takes_no_successor_away() -> None:
    await imported("products", LINKS, "OLD,Old tea,NEW,2027-01,2", "NEW,New tea,,,")
    assert counts(await imported("products", "item_code,name", "OLD,Older tea")) == only(updated=1)
    assert (await product("OLD")).successor_from == "2027-01"


async def test_successors_that_can_not_be_are_refused_and_what_leads_to_them() -> None:
    await factories.make_product("GONE", is_active=False)
    job = await imported(
        "products",
        LINKS,
        "A,Tea,B,2027-01,",  # B is refused, so there will be no B
        "B,Tea,C,2027-01,",  # C is refused for its factor
        "C,Tea,D,2027-01,0.0000001",
        "D,Tea,,,",
        "E,Tea,E,2027-01,",
        "F,Tea,G,2027-01,",
        "G,Tea,F,2027-01,",
        "H,Tea,GONE,2027-01,",
        "I,Tea,NOBODY,2027-01,",
        "J,Tea,D,,",
        "K,Tea,,2027-01,",
    )
    assert {row: (column, words[:34]) for row, column, words in errors(job)} == {
        2: ("successor", "the code of a product that exists "),
        3: ("successor", "the code of a product that exists "),
        4: ("successor_factor", "a value that must be above 0, at l"),
        6: ("successor", "A product can't be its own success"),
        7: ("successor", "the code of a product that exists "),
        8: ("successor", "The successor leads back to this p"),
        9: ("successor", "the code of a product that exists "),
        10: ("successor", "the code of a product that exists "),
        11: ("successor_from", "a value that must be the month fro"),
        12: ("successor", "a value that must name the product"),
    }
    assert counts(job) == only(inserted=1, rejected=10)
    assert await scoped(Product).count({"successor_id": {"$ne": None}}) == 0


async def test_a_circle_that_closes_while_the_file_is_read_is_refused_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody makes A the successor of B between the plan that allows A -> B and its writing."""
    a, b = await factories.make_product("A"), await factories.make_product("B")
    planned = ProductWriter.plan

    async def and_then(self: ProductWriter, batch: object) -> object:
        plan = await planned(self, batch)  # type: ignore[arg-type]
        await product_changes.change(b.id, 1, {"successor_id": a.id, "successor_from": "2028-01"})
        return plan

    monkeypatch.setattr(product_import.ProductWriter, "plan", and_then)
    job = await imported("products", LINKS, "A,Product A,B,2027-01,", "C,New,B,2027-01,")
    assert counts(job) == only(inserted=1, rejected=1)
    assert "circle" in errors(job)[0][2]
    assert (await product("A")).successor_id is None
    assert (await product("C")).successor_id == b.id


async def test_costs_arrive_by_item_code_and_day() -> None:
    lamp = await factories.make_product("P1")
    file = (COSTS, "p1,1.25,2026-01-01,2026-12-31", "P1,1.5,2027-01-01,")
    assert counts(await imported("costs", *file)) == only(inserted=2)
    assert counts(await imported("costs", *file)) == only(unchanged=2)
    assert counts(await imported("costs", "item_code,cost,valid_from", "P1,1.3,2026-01-01")) == only(updated=1)
    first, second = await scoped(ProductCost).documents({"product_id": lamp.id}, sort=[("valid_from", 1)])
    assert (first.cost, first.valid_to, first.rev) == (Decimal("1.3"), "2026-12-31", 2)
    assert (second.cost, second.valid_to, second.rev) == (Decimal("1.5"), None, 1)


async def test_no_day_has_two_costs_in_a_file_or_with_what_is_stored() -> None:
    await factories.make_product("P1")
    await factories.make_product("P2")
    await factories.make_product("P3", is_active=False)
    await imported("costs", COSTS, "P1,1,2026-01-01,")
    job = await imported(
        "costs",
        COSTS + ",currency",
        "P1,2,2026-06-01,,EUR",
        "P2,2,2026-06-01,,",
        "P2,2,2026-07-01,,",
        "P3,2,2026-07-01,,",
        "P2,2,2025-07-01,2025-06-01,",
        "P2,2,2025-07-01,,USD",
        "P9,2,2025-07-01,,",
        "P2,-2,2025-07-01,,",
    )
    assert counts(job) == only(inserted=1, rejected=7)
    assert [(row, column) for row, column, _ in errors(job)] == [
        (2, "valid_from"), (4, "valid_from"), (5, "item_code"), (6, "valid_to"), (7, "currency"), (8, "item_code"),
        (9, "cost"),
    ]  # fmt: skip
    assert errors(job)[0][2] == (
        "days that are free: a stored cost of this product holds from 2026-01-01; give that one a valid_to"
    )
    assert "row 3 of this product holds from 2026-06-01" in errors(job)[1][2]


async def test_a_row_that_ends_a_stored_cost_makes_room_wherever_it_stands() -> None:
    await factories.make_product("P1")
    await imported("costs", COSTS, "P1,1,2026-01-01,")
    file = (COSTS, "P1,2,2026-07-01,", "P1,1,2026-01-01,2026-06-30")
    checked = await imported("costs", *file, dry_run=True)
    assert counts(checked) == only(inserted=1, updated=1)
    assert await scoped(ProductCost).count() == 1
    assert counts(await imported("costs", *file)) == only(inserted=1, updated=1)


async def test_days_that_somebody_took_while_the_file_is_read_are_refused_late(monkeypatch: pytest.MonkeyPatch) -> None:
    lamp, clock = await factories.make_product("P1"), await factories.make_product("P2")
    planned = CostWriter.plan

    async def and_then(self: CostWriter, batch: object) -> object:
        plan = await planned(self, batch)  # type: ignore[arg-type]
        await costs.add(lamp.id, {"cost": Decimal(1), "valid_from": "2026-06-01"})
        return plan

    monkeypatch.setattr(CostWriter, "plan", and_then)
    job = await imported("costs", COSTS, "P1,2,2026-01-01,", "P2,2,2026-01-01,")
    assert counts(job) == only(inserted=1, rejected=1)
    assert [(row, column) for row, column, _ in errors(job)] == [(2, "valid_from")]
    assert [entry.product_id for entry in await scoped(ProductCost).documents({"valid_from": "2026-01-01"})] == [
        clock.id
    ]
