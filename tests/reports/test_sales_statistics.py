"""Statistics of sales on a few lines that anybody can add up by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from bson import Decimal128

from core.collections import scoped
from core.context import tenant_scope
from core.errors import InvalidInput, NotPermitted
from models.customer import Customer
from models.product import Product, ProductCost
from models.sale import SalesRollup
from models.tenant import Tenant
from models.user import User
from planning.roles import Role
from planning.sales_statistics import Dimension, Measure, ProductWanted
from reports.sales_charts import chart_data
from reports.sales_statistics import statistics
from services import months, rollups
from services.identity import Caller
from services.sales_questions import Asked, CustomersWanted, Period, question_of
from tests import factories
from tests.imported import imported

HEADER = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price,line_type,unit_cost"
AT = datetime(2026, 2, 10, 12, tzinfo=UTC)
MANAGER = Caller(uuid4(), uuid4(), uuid4(), Role.MANAGER, frozenset(), "Max", "en")
VIEWER = Caller(uuid4(), uuid4(), uuid4(), Role.VIEWER, frozenset(), "Vera", "en")


class Shop:
    """Tea by the kilogram (cost 1.00, from March 2025 on 1.50), cups by the piece (cost unknown), one month open."""

    north: Customer
    south: Customer
    tea: Product
    cup: Product
    rita: User


@pytest.fixture(autouse=True)
async def shop(tenant: Tenant) -> AsyncIterator[Shop]:
    made = Shop()
    with tenant_scope(tenant.id):
        made.north = await factories.make_customer("N", region="North", country="UK", group="Retail")
        made.south = await factories.make_customer("S", region="South", country="FR", group="retail ")
        tea = {"unit": "KG", "category": "Food", "family": "Leaf", "brand": "Ess", "standard_cost": "1"}
        made.tea = await factories.make_product("TEA", **tea)
        made.cup = await factories.make_product("CUP", category="Home")
        made.rita = await factories.make_user("sales_rep", name="Rita Rep")
        await factories.assign(made.rita, made.north)
        cost = ProductCost(product_id=made.tea.id, cost=Decimal("1.5"), valid_from="2025-03-01")
        await scoped(ProductCost).insert(cost)
        await imported(
            "sales",
            HEADER,
            "I1,TEA,1,N,2025-01-05,10,2,sale,",
            "I2,TEA,1,S,2025-01-06,4,2,sale,",
            "I3,CUP,1,N,2025-03-05,3,8,sale,",
            "I3,TEA,1,N,2025-03-05,2,2,sale,",
            "I4,TEA,1,N,2026-01-05,12,2,sale,0.5",
            "I4,CUP,1,N,2026-01-05,1,8,sale,",
            "C4,TEA,1,N,2026-01-09,-1,2,return,",
            "I5,CUP,1,S,2026-02-02,2,8,sale,5",
            "F5,CUP,1,S,2026-02-02,1,8,free_goods,5",
        )
        await rollups.refresh()
        await months.complete(["2025-01", "2025-02", "2025-03", "2026-01"])
        yield made


async def asked(by: Dimension, caller: Caller = MANAGER, **more: Any) -> dict[str, Any]:
    values = {"from_month": "2026-01", "to_month": "2026-02"} | more
    return await statistics(await question_of(caller, Asked(by, **values), AT))


async def drawn(by: Dimension, caller: Caller = MANAGER, **more: Any) -> dict[str, Any]:
    values = {"from_month": "2025-12", "to_month": "2026-02"} | more
    return await chart_data(await question_of(caller, Asked(by, **values), AT))


def quantities(figures: dict[str, Any]) -> dict[str, float]:
    return {one["unit"]: one["quantity"] for one in figures["quantities"]}


def data(chart: dict[str, Any]) -> dict[tuple[str, str], list[Any]]:
    return {(one["label"], one["year"]): one["data"] for one in chart["datasets"]}


async def test_totals_keep_units_apart_and_count_what_nobody_knows_the_cost_of() -> None:
    total = (await asked(Dimension.MONTH))["total"]
    assert quantities(total) == {"EA": 4, "KG": 11}
    assert [one["average_price"] for one in total["quantities"]] == [6, 2]
    assert (total["revenue"], total["orders"], total["lines"]) == (46, 3, 5)
    # Tea: 12 at its own 0.50, one that came back at 1.50; cups: three at their own 5.00, one that nobody knows.
    assert (total["cost"], total["gross_profit"]) == (Decimal("19.50"), Decimal("18.50"))
    assert total["without_cost"] == {"lines": 1, "revenue": 8}
    assert total["margin_percent"] == Decimal("48.68")


async def test_cost_is_left_out_for_who_may_not_see_it() -> None:
    answer = await asked(Dimension.MONTH, VIEWER)
    assert {"cost", "gross_profit", "margin_percent", "without_cost"}.isdisjoint(answer["total"])
    assert answer["total"]["revenue"] == 46
    by = Dimension.CUSTOMER
    for wish in (Asked(by, rank_by=Measure.GROSS_PROFIT), Asked(by, measure=Measure.COST)):
        with pytest.raises(NotPermitted):
            await question_of(VIEWER, wish, AT)


async def test_last_year_is_compared_in_months_that_are_there_twice() -> None:
    answer = await asked(Dimension.MONTH)
    assert (answer["months_complete"], answer["months_incomplete"]) == (["2026-01"], ["2026-02"])
    assert answer["months_compared"] == ["2026-01"]
    compared = answer["total"]["last_year"]
    assert (compared["this_year"]["revenue"], compared["last_year"]["revenue"]) == (30, 28)
    assert (compared["revenue_change"], compared["revenue_change_percent"]) == (2, Decimal("7.14"))
    assert compared["quantity_changes"] == [
        {"unit": "EA", "change": 1, "change_percent": None},
        {"unit": "KG", "change": -3, "change_percent": Decimal("-21.43")},
    ]
    assert [row["last_year"] is None for row in answer["rows"]] == [False, True]


async def test_months_have_windows_and_what_is_not_there_is_null() -> None:
    answer = await asked(Dimension.MONTH, from_month="2025-02", to_month="2026-02")
    rows = {row["key"]: row for row in answer["rows"]}
    assert (rows["2025-02"]["revenue"], rows["2025-02"]["complete"]) == (0, True)
    assert (rows["2025-04"]["revenue"], rows["2025-04"]["orders"], rows["2025-04"]["complete"]) == (None, None, False)
    assert rows["2026-02"]["revenue"] == 16
    twelve = rows["2026-01"]["moving_12_months"]
    assert (twelve["from_month"], twelve["revenue"], twelve["complete"]) == ("2025-02", 58, False)
    assert rows["2025-03"]["year_to_date"]["revenue"] == 56
    assert rows["2025-03"]["year_to_date"]["complete"]
    assert rows["2026-02"]["year_to_date"]["from_month"] == "2026-01"


async def test_quarters_and_years_are_those_of_the_company(tenant: Tenant) -> None:
    await scoped(Tenant).update_one({"_id": tenant.id}, {"$set": {"fiscal_year_start_month": 2}})
    answer = await asked(Dimension.YEAR, from_month="2025-01")
    assert [(row["key"], row["revenue"]) for row in answer["rows"]] == [("2025", 28), ("2026", 58), ("2027", 16)]
    answer = await asked(Dimension.QUARTER)
    assert [(row["key"], row["revenue"], row["complete"]) for row in answer["rows"]] == [
        ("2026-Q4", 30, True),
        ("2027-Q1", 16, False),
    ]


async def test_working_days_are_those_that_have_begun() -> None:
    rows = (await asked(Dimension.MONTH))["rows"]
    assert [row["per_working_day"]["working_days"] for row in rows] == [22, 7]
    assert rows[1]["per_working_day"]["revenue"] == Decimal("2.29")
    assert rows[0]["per_working_day"]["quantities"] == [
        {"unit": "EA", "quantity": Decimal("0.045")},
        {"unit": "KG", "quantity": Decimal("0.500")},
    ]
    ahead = await asked(Dimension.MONTH, from_month="2026-03", to_month="2026-03")
    assert ahead["total"]["per_working_day"] is None


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        (Dimension.CUSTOMER, [("Customer N", 30, 1), ("Customer S", 16, 2)]),
        (Dimension.PRODUCT, [("Product CUP", 24, 3), ("Product TEA", 22, 1)]),
        (Dimension.CATEGORY, [("Home", 24, 3), ("Food", 22, 1)]),
        (Dimension.FAMILY, [("", 24, 3), ("Leaf", 22, 1)]),
        (Dimension.BRAND, [("", 24, 3), ("Ess", 22, 1)]),
        (Dimension.REGION, [("North", 30, 1), ("South", 16, 2)]),
        (Dimension.COUNTRY, [("UK", 30, 1), ("FR", 16, 2)]),
        (Dimension.GROUP, [("Retail", 46, 3)]),
        (Dimension.REP, [("Rita Rep", 30, 1), ("", 16, 2)]),
    ],
)
async def test_rows_are_the_largest_first(by: Dimension, rows: list[tuple[str, int, int]]) -> None:
    answer = await asked(by)
    found = [(row["name"].strip().replace("retail", "Retail"), row["revenue"], row["orders"]) for row in answer["rows"]]
    assert found == rows
    assert answer["total"]["orders"] == 3
    assert answer["rest"] is None


async def test_the_rest_stands_behind_the_first_ones(shop: Shop) -> None:
    answer = await asked(Dimension.CUSTOMER, top=1)
    assert [row["id"] for row in answer["rows"]] == [shop.north.id]
    assert (answer["rest"]["rows"], answer["rest"]["revenue"]) == (1, 16)
    ranked = await asked(Dimension.CUSTOMER, top=1, rank_by=Measure.ORDERS)
    assert [row["code"] for row in ranked["rows"]] == ["S"]


async def test_sales_are_chosen_by_customers_and_products(shop: Shop) -> None:
    async def revenue(**more: Any) -> Any:
        total = (await asked(Dimension.MONTH, **more))["total"]
        return total["revenue"], total["orders"]

    assert await revenue(customers=CustomersWanted(customer_id=shop.south.id)) == (16, 2)
    assert await revenue(customers=CustomersWanted(region="North", country="UK")) == (30, 1)
    assert await revenue(customers=CustomersWanted(customer_id=shop.south.id, group="Wholesale")) == (0, 0)
    assert await revenue(customers=CustomersWanted(customer_id=uuid4())) == (0, 0)
    assert await revenue(products=ProductWanted(product_id=shop.tea.id)) == (22, 1)
    assert await revenue(products=ProductWanted(category="Home", unit="EA")) == (24, 3)
    assert await revenue(products=ProductWanted(brand="Nobody's")) == (0, 0)
    assert await revenue(customers=CustomersWanted(group=" RETAIL")) == (46, 3)
    assert await revenue(customers=CustomersWanted(region="north", country="uk")) == (30, 1)
    assert await revenue(products=ProductWanted(category="home")) == (24, 3)
    by_quantity = await asked(Dimension.CUSTOMER, products=ProductWanted(unit="EA"), rank_by=Measure.QUANTITY)
    assert [row["code"] for row in by_quantity["rows"]] == ["S", "N"]


async def test_an_empty_name_asks_for_those_of_which_nobody_said_it(shop: Shop) -> None:
    await scoped(Customer).update_one({"_id": shop.south.id}, {"$set": {"region": None}})
    for row in (await asked(Dimension.REGION))["rows"]:
        chosen = await asked(Dimension.REGION, customers=CustomersWanted(region=row["key"] or ""))
        assert (chosen["rows"], chosen["total"]["revenue"]) == ([row], row["revenue"])
    for row in (await asked(Dimension.BRAND))["rows"]:
        assert (await asked(Dimension.BRAND, products=ProductWanted(brand=row["key"] or "")))["rows"] == [row]


async def test_a_cost_that_nobody_knows_is_not_0(shop: Shop) -> None:
    await imported("sales", HEADER, "I6,CUP,1,N,2025-02-05,3,8,sale,")
    await rollups.refresh()
    span: dict[str, Any] = {"from_month": "2025-01", "to_month": "2025-04"}
    shown = {row["key"]: row for row in (await asked(Dimension.MONTH, **span))["rows"]}
    figures = [[shown[month][name] for name in ("revenue", "cost", "gross_profit")] for month in sorted(shown)]
    assert figures == [[28, 14, 14], [24, None, None], [28, 3, 1], [None, None, None]]
    assert shown["2025-02"]["margin_percent"] is None
    chart = await drawn(Dimension.MONTH, measure=Measure.COST, **span)
    assert data(chart) == {("Cost", "this_year"): [14, None, 3, None]}


async def test_somebody_sees_the_own_customers_only(shop: Shop) -> None:
    rep = Caller(shop.rita.id, uuid4(), uuid4(), Role.SALES_REP, frozenset(), "Rita", "en")
    answer = await asked(Dimension.CUSTOMER, rep)
    assert [row["code"] for row in answer["rows"]] == ["N"]
    assert (answer["all_customers"], answer["total"]["revenue"], answer["total"]["orders"]) == (False, 30, 1)
    regional = Caller(uuid4(), uuid4(), uuid4(), Role.MANAGER, frozenset(), "Sue", "en", ("South",))
    assert [row["code"] for row in (await asked(Dimension.CUSTOMER, regional))["rows"]] == ["S"]


async def test_a_merged_customer_counts_as_its_target(shop: Shop) -> None:
    await scoped(Customer).update_one({"_id": shop.south.id}, {"$set": {"merged_into": shop.north.id}})
    rep = Caller(shop.rita.id, uuid4(), uuid4(), Role.SALES_REP, frozenset(), "Rita", "en")
    for caller in (MANAGER, rep):
        answer = await asked(Dimension.CUSTOMER, caller)
        assert [(row["code"], row["revenue"], row["orders"]) for row in answer["rows"]] == [("N", 46, 3)]
        assert [row["name"] for row in (await asked(Dimension.REGION, caller))["rows"]] == ["North"]
    wanted = CustomersWanted(customer_id=shop.south.id)
    assert (await asked(Dimension.MONTH, customers=wanted))["total"]["revenue"] == 46


async def test_an_invoice_from_before_and_after_a_merge_is_one_order(shop: Shop) -> None:
    await scoped(Customer).update_one({"_id": shop.south.id}, {"$set": {"merged_into": shop.north.id}})
    await imported("sales", HEADER, "I5,TEA,9,S,2026-02-02,1,2,sale,")
    await rollups.refresh()
    for by in Dimension:
        assert (await asked(by))["total"]["orders"] == 3
    rep = Caller(shop.rita.id, uuid4(), uuid4(), Role.SALES_REP, frozenset(), "Rita", "en")
    assert [(row["code"], row["orders"]) for row in (await asked(Dimension.CUSTOMER, rep))["rows"]] == [("N", 3)]
    own = CustomersWanted(customer_id=shop.north.id)
    assert (await asked(Dimension.CATEGORY, customers=own))["total"]["orders"] == 3


async def test_a_merged_customer_counts_in_the_region_of_its_target_only(shop: Shop) -> None:
    await scoped(Customer).update_one({"_id": shop.south.id}, {"$set": {"merged_into": shop.north.id}})
    for region, revenue in (("North", 46), ("South", 0)):
        regional = Caller(uuid4(), uuid4(), uuid4(), Role.MANAGER, frozenset(), "Sue", "en", (region,))
        assert (await asked(Dimension.MONTH, regional))["total"]["revenue"] == revenue
        chosen = await asked(Dimension.MONTH, customers=CustomersWanted(region=region))
        assert chosen["total"]["revenue"] == revenue


async def test_a_successor_has_what_is_sold_from_its_month_on(shop: Shop) -> None:
    mug = await factories.make_product("MUG", unit="BOX", category="Gifts")
    link = {"successor_id": mug.id, "successor_from": "2026-02", "successor_factor": Decimal128("0.5")}
    await scoped(Product).update_one({"_id": shop.cup.id}, {"$set": link})
    for by, names in ((Dimension.PRODUCT, "Product "), (Dimension.CATEGORY, "")):
        answer = await asked(by)
        rows = {row["name"].removeprefix(names): row for row in answer["rows"]}
        found = {name: (row["revenue"], quantities(row), row["orders"]) for name, row in rows.items()}
        old, new = ("CUP", "MUG") if names else ("Home", "Gifts")
        assert found[old] == (8, {"EA": 1}, 1)
        assert found[new] == (16, {"BOX": 1.5}, 2)
    one = await asked(Dimension.MONTH, products=ProductWanted(product_id=mug.id))
    assert (one["total"]["revenue"], one["total"]["cost"]) == (16, 15)


async def test_rollups_that_are_behind_are_said(shop: Shop) -> None:
    await imported("sales", HEADER, "I9,CUP,1,S,2026-02-02,2,8,sale,")
    assert (await asked(Dimension.MONTH))["rollups_pending"] == 1
    north = CustomersWanted(customer_id=shop.north.id)
    assert (await asked(Dimension.MONTH, customers=north))["rollups_pending"] == 0


async def test_rollups_from_before_lines_had_costs_are_read_as_without() -> None:
    gone = dict.fromkeys(("cost", "uncosted", "uncosted_revenue", "uncosted_lines"), "")
    await scoped(SalesRollup).update_many({}, {"$unset": gone})
    total = (await asked(Dimension.MONTH))["total"]
    assert (total["cost"], total["without_cost"]) == (Decimal("16.50"), {"lines": 3, "revenue": 24})


async def test_months_that_nobody_names() -> None:
    async def span(**more: Any) -> tuple[str, str]:
        question = await question_of(MANAGER, Asked(Dimension.MONTH, **more), AT)
        return question.months[0], question.months[-1]

    assert await span() == ("2025-03", "2026-02")
    assert await span(period=Period.YEAR_TO_DATE) == ("2026-01", "2026-02")
    assert await span(period=Period.YEAR_TO_DATE, to_month="2025-11") == ("2025-01", "2025-11")
    assert await span(from_month="2026-01") == ("2026-01", "2026-02")
    assert await span(from_month="2026-05") == ("2026-05", "2026-05")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"from_month": "2026-02", "to_month": "2026-01"}, "to_month"),
        ({"from_month": "2001-01", "to_month": "2026-01"}, "to_month"),
        ({"rank_by": Measure.QUANTITY}, "rank_by"),
        ({"series": Dimension.BRAND}, "series"),
        ({"by": Dimension.MONTH, "series": Dimension.YEAR}, "series"),
    ],
)
async def test_what_can_not_be_answered_is_refused(more: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await question_of(MANAGER, Asked(**{"by": Dimension.CUSTOMER, **more}), AT)
    assert [detail.field for detail in refused.value.details] == [field]


async def test_a_chart_has_null_where_nobody_knows_and_0_where_nothing_was_sold() -> None:
    await months.complete(["2025-02"])
    chart = await drawn(Dimension.MONTH, from_month="2025-01", to_month="2025-04")
    assert chart["labels"] == ["2025-01", "2025-02", "2025-03", "2025-04"]
    assert chart["incomplete"] == ["2025-04"]
    assert data(chart) == {("Net revenue", "this_year"): [28, 0, 28, None]}
    assert chart["axes"] == {
        "x": {"type": "time", "title": "month"},
        "y": [{"id": "y", "title": "Net revenue", "unit": "EUR"}],
    }


async def test_a_chart_of_quantities_has_a_dataset_and_an_axis_for_each_unit() -> None:
    chart = await drawn(Dimension.MONTH, measure=Measure.QUANTITY, last_year=True)
    by_unit = {(one["unit"], one["year"]): one["data"] for one in chart["datasets"]}
    assert by_unit == {
        ("EA", "this_year"): [None, 1, 3],
        ("KG", "this_year"): [None, 11, None],
        ("KG", "last_year"): [None, 14, 0],
    }
    assert [axis["id"] for axis in chart["axes"]["y"]] == ["y_EA", "y_KG"]
    prices = await drawn(Dimension.MONTH, measure=Measure.AVERAGE_PRICE)
    assert {one["unit"]: one["data"] for one in prices["datasets"]} == {
        "EUR/EA": [None, 8, Decimal("5.3333")],
        "EUR/KG": [None, 2, None],
    }


async def test_a_chart_is_split_into_series_and_the_rest() -> None:
    chart = await drawn(Dimension.MONTH, series=Dimension.CUSTOMER, top=1, measure=Measure.ORDERS)
    assert data(chart) == {("Customer S", "this_year"): [None, 0, 2], ("Others", "this_year"): [None, 1, None]}


async def test_a_chart_shows_the_largest_of_what_it_draws(shop: Shop) -> None:
    orders = await drawn(Dimension.CUSTOMER, measure=Measure.ORDERS)
    assert (orders["labels"], data(orders)) == (["Customer S", "Customer N"], {("Orders", "this_year"): [2, 1]})
    assert (await drawn(Dimension.CUSTOMER, measure=Measure.QUANTITY))["labels"] == ["Customer N", "Customer S"]
    cups = ProductWanted(unit="EA")
    by_unit = await drawn(Dimension.CUSTOMER, measure=Measure.QUANTITY, products=cups)
    assert (by_unit["labels"], data(by_unit)) == (["Customer S", "Customer N"], {("Quantity", "this_year"): [3, 1]})
    by_revenue = await drawn(Dimension.CUSTOMER, measure=Measure.ORDERS, rank_by=Measure.REVENUE)
    assert by_revenue["labels"] == ["Customer N", "Customer S"]


async def test_a_chart_of_names_may_stand_beside_last_year() -> None:
    chart = await drawn(Dimension.PRODUCT, top=1, measure=Measure.GROSS_PROFIT)
    assert chart["labels"] == ["Product TEA", "Others"]
    assert chart["axes"]["x"] == {"type": "category", "title": "product"}
    assert data(chart) == {("Gross profit", "this_year"): [Decimal("17.5"), 1]}
    beside = await drawn(Dimension.PRODUCT, last_year=True)
    assert beside["months_compared"] == ["2026-01"]
    assert {one["year"]: one["data"] for one in beside["datasets"]} == {"this_year": [8, 22], "last_year": [0, 28]}
