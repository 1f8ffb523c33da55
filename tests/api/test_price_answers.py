"""Which price counts, where it comes from, and what was passed over: one line, or a customer's whole list at once."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from core.collections import scoped
from core.context import tenant_scope
from models.customer import Customer
from models.product import Product
from models.tenant import Tenant
from planning.cells import CellChange
from planning.numbers import PRICE
from services import forecasts
from services.forecasts import LineChange
from tests import factories
from tests.api.conftest import SignIn
from tests.companies import DURING_ENTRY, FIRST, UNITS, Company, make_company, open_cycle
from tests.people import signed_in, somebody

RESOLVE = "/api/v1/prices/resolve"


@pytest.fixture
async def company(tenant: Tenant) -> Company:
    with tenant_scope(tenant.id):
        return await make_company()


def asked(company: Company, product: Product | None = None, month: str = FIRST, **more: Any) -> dict[str, Any]:
    named = {} if product is None else {"product_id": str(product.id)}
    return {"customer_id": str(company.customer.id), "month": month, **named, **more}


async def test_each_answer_names_its_source_and_what_was_passed_over(company: Company, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    answer = await manager.get(RESOLVE, params=asked(company, company.tea))
    assert answer.status_code == 200
    assert answer.json()["data"] == {
        "customer": {"id": str(company.customer.id), "code": "C1", "currency": "EUR"},
        "currency": "EUR",
        "months": [FIRST],
        "products": [
            {
                "product_id": str(company.tea.id),
                "item_code": "TEA",
                "name": "Product TEA",
                "prices": [
                    {
                        "from": FIRST,
                        "to": FIRST,
                        "price": 2.5,
                        "source": "list",
                        "problem": None,
                        "passed_over": [
                            {
                                "step": "override",
                                "why": "an own price belongs to a cycle's cell, and no cycle was named",
                            },
                            {
                                "step": "customer",
                                "why": "no price of this customer is valid on the first day of the month",
                            },
                        ],
                        "conversion": None,
                    }
                ],
            }
        ],
    }


async def test_the_whole_list_is_answered_at_once_and_like_months_are_told_together(
    company: Company, sign_in: SignIn
) -> None:
    with tenant_scope(company.customer.tenant_id):
        await factories.price(company.customer, company.cups, "7.00", valid_from="2026-06-01", valid_to="2027-02-28")
        await scoped(Product).update_many(
            {"_id": {"$in": [company.tea.id, company.dormant.id]}}, {"$set": {"list_price": None}}
        )
        other = await factories.make_product("NOT")
        await factories.allow(company.customer, other, valid_from="2030-01-01")
    manager = await sign_in("manager")
    answer = (await manager.get(RESOLVE, params=asked(company, months=16))).json()["data"]
    told = {
        row["item_code"]: [(one["from"], one["to"], one["price"], one["source"]) for one in row["prices"]]
        for row in answer["products"]
    }
    assert told == {
        "CUP": [("2027-01", "2027-02", 7, "customer"), ("2027-03", "2028-04", 8, "list")],
        "OLD": [("2027-01", "2028-04", None, "missing")],
        "TEA": [("2027-01", "2028-04", 2.5, "average")],
    }
    old = answer["products"][1]["prices"][0]
    assert old["problem"] == "There is no price for this month."
    assert [one["step"] for one in old["passed_over"]] == ["override", "customer", "list", "average"]


async def test_the_average_looks_at_twelve_complete_months_before(company: Company, sign_in: SignIn) -> None:
    with tenant_scope(company.customer.tenant_id):
        await scoped(Product).update_one({"_id": company.tea.id}, {"$set": {"list_price": None}})
        await factories.sold(company.customer, company.tea, "2026-12", 1000 * UNITS, 1)
    manager = await sign_in("manager")
    answer = (await manager.get(RESOLVE, params=asked(company, company.tea))).json()["data"]
    assert answer["products"][0]["prices"][0]["price"] == 2.5
    early = (await manager.get(RESOLVE, params=asked(company, company.tea, month="2024-12"))).json()["data"]
    assert early["products"][0]["prices"][0]["source"] == "missing"


async def test_the_average_of_a_successor_stands_on_its_predecessor(company: Company, sign_in: SignIn) -> None:
    with tenant_scope(company.customer.tenant_id):
        heir = await factories.make_product("HEIR", list_price=None)
        await factories.allow(company.customer, heir)
        await scoped(Product).update_one(
            {"_id": company.tea.id}, {"$set": {"successor_id": heir.id, "successor_from": "2027-03"}}
        )
    manager = await sign_in("manager")
    answer = (await manager.get(RESOLVE, params=asked(company, heir, months=4))).json()["data"]
    assert [(one["from"], one["to"], one["price"]) for one in answer["products"][0]["prices"]] == [
        ("2027-01", "2027-02", None),
        ("2027-03", "2027-04", 2.5),
    ]


async def test_other_currencies_show_the_rate_and_whether_it_was_taken_over(company: Company, sign_in: SignIn) -> None:
    with tenant_scope(company.customer.tenant_id):
        await scoped(Customer).update_one({"_id": company.customer.id}, {"$set": {"currency": "USD"}})
        await factories.price(company.customer, company.tea, "3.00", currency="USD")
        await factories.rate("USD", "2027-02", "0.9")
    manager = await sign_in("manager")
    answer = (await manager.get(RESOLVE, params=asked(company, company.tea, months=4))).json()["data"]
    assert answer["customer"]["currency"] == "USD"
    first, second, third = answer["products"][0]["prices"]
    assert (first["from"], first["to"], first["price"], first["source"]) == ("2027-01", "2027-01", None, "missing")
    assert first["problem"] == "There is no plan rate of USD for this month or an earlier one."
    assert first["conversion"] == {"step": "customer", "price": 3, "currency": "USD", "rate": None}
    assert [one["step"] for one in first["passed_over"]] == ["override"]
    assert (second["from"], second["to"], second["price"]) == ("2027-02", "2027-02", 2.7)
    assert second["conversion"]["rate"] == {"rate": 0.9, "given_for": "2027-02", "taken_over": False}
    assert (third["from"], third["to"], third["price"]) == ("2027-03", "2027-04", 2.7)
    assert third["conversion"]["rate"] == {"rate": 0.9, "given_for": "2027-02", "taken_over": True}


async def test_with_a_cycle_own_prices_count_and_the_answer_is_what_the_cycle_stores(
    app: FastAPI, company: Company
) -> None:
    with tenant_scope(company.customer.tenant_id):
        cycle = await open_cycle()
        change = CellChange("2027-02", 0, quantity=5 * UNITS, price=2 * PRICE.factor, reason="Promotion")
        await forecasts.save(cycle.id, company.customer.id, [LineChange(company.tea.id, change)], DURING_ENTRY)
    rep = await signed_in(app, company.rep)
    answer = await rep.get(RESOLVE, params=asked(company, company.tea, months=3, cycle_id=str(cycle.id)))
    prices = answer.json()["data"]["products"][0]["prices"]
    assert [(one["from"], one["price"], one["source"]) for one in prices] == [
        ("2027-01", 2.5, "list"),
        ("2027-02", 2, "override"),
        ("2027-03", 2.5, "list"),
    ]
    assert prices[0]["passed_over"][0] == {"step": "override", "why": "nobody has set an own price for this cell"}
    unknown = await rep.get(RESOLVE, params=asked(company, company.tea, cycle_id=str(uuid4())))
    assert unknown.status_code == 404


async def test_only_products_of_the_customers_list_are_answered(company: Company, sign_in: SignIn) -> None:
    with tenant_scope(company.customer.tenant_id):
        other = await factories.make_product("OTHER")
        ended = await factories.make_product("ENDED")
        await factories.allow(company.customer, ended, valid_to="2026-06-30")
    manager = await sign_in("manager")
    assert (await manager.get(RESOLVE, params=asked(company, other))).status_code == 404
    both = asked(company, product_id=f"{company.tea.id},{ended.id}")
    answer = (await manager.get(RESOLVE, params=both)).json()["data"]
    assert [row["item_code"] for row in answer["products"]] == ["ENDED", "TEA"]
    everything = (await manager.get(RESOLVE, params=asked(company))).json()["data"]
    assert [row["item_code"] for row in everything["products"]] == ["CUP", "OLD", "TEA"]


async def test_a_rep_asks_for_the_own_customers_only(app: FastAPI, company: Company) -> None:
    mine = await signed_in(app, company.rep)
    assert (await mine.get(RESOLVE, params=asked(company, company.tea))).status_code == 200
    _, other = await somebody(app, company.customer.tenant_id, "sales_rep")
    assert (await other.get(RESOLVE, params=asked(company, company.tea))).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"month": "2027-13"}, "month"),
        ({"months": "37"}, "months"),
        ({"months": "0"}, "months"),
        ({"product_id": "TEA"}, "product_id"),
        ({"product_id": ""}, "product_id"),
        ({"product_id": ",".join(str(uuid4()) for _ in range(501))}, "product_id"),
        ({"customer_id": "C1"}, "customer_id"),
        ({"cycle_id": "x"}, "cycle_id"),
        ({"currency": "EUR"}, "currency"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    company: Company, sign_in: SignIn, wrong: dict[str, str], field: str
) -> None:
    refused = await (await sign_in("manager")).get(RESOLVE, params=asked(company) | wrong)
    assert refused.status_code == 422
    assert [detail["field"] for detail in refused.json()["error"]["details"]] == [field]
