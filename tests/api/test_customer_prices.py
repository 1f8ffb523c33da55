"""Customer prices: in the customer's currency, dated, and no two that share a day."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.collections import scoped
from core.context import tenant_scope
from models.audit import AuditEvent
from models.customer import Customer, CustomerPrice
from models.product import Product
from models.tenant import Tenant
from tests import factories
from tests.api.conftest import SignIn

Masters = tuple[Customer, Product]


@pytest.fixture
async def masters(tenant: Tenant) -> Masters:
    with tenant_scope(tenant.id):
        return await factories.make_customer("C1", currency="USD"), await factories.make_product("LAMP")


def path(customer: Customer, price: str = "") -> str:
    return f"/api/v1/customers/{customer.id}/prices" + (f"/{price}" if price else "")


def price(product: Product, amount: float, first: str, last: str | None = None, **more: Any) -> dict[str, Any]:
    return {"product_id": str(product.id), "price": amount, "valid_from": first, "valid_to": last, **more}


async def test_prices_are_in_the_customers_currency(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp = masters
    manager = await sign_in("manager")
    entries = [price(lamp, 2.55, "2026-01-01", "2026-12-31"), price(lamp, 2.6, "2027-01-01", currency="USD")]
    added = await manager.post(path(customer), json={"entries": entries})
    assert added.status_code == 201
    rows = (await manager.get(path(customer))).json()["data"]
    assert [(row["item_code"], row["price"], row["currency"], row["valid_from"]) for row in rows] == [
        ("LAMP", 2.55, "USD", "2026-01-01"),
        ("LAMP", 2.6, "USD", "2027-01-01"),
    ]
    refused = await manager.post(path(customer), json={"entries": [price(lamp, 2, "2025-01-01", currency="EUR")]})
    assert refused.status_code == 422
    assert refused.json()["error"]["details"] == [
        {
            "field": "entries.0.currency",
            "message": "must be USD, the currency of the customer C1; or leave it out",
        }
    ]


async def test_an_overlap_is_refused_and_names_the_price(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp = masters
    manager = await sign_in("manager")
    added = await manager.post(path(customer), json={"entries": [price(lamp, 2.55, "2026-01-01")]})
    there = added.json()["data"][0]["id"]
    refused = await manager.post(path(customer), json={"entries": [price(lamp, 2.6, "2027-01-01")]})
    assert refused.status_code == 409
    (detail,) = refused.json()["error"]["details"]
    assert there in detail["message"]
    assert "from 2026-01-01" in detail["message"]


@pytest.mark.parametrize("days", [{"valid_from": "2026-01-01", "valid_to": "2026-06-30"}, {"valid_from": "2026-03-01"}])
async def test_a_price_is_not_moved_onto_another_one(masters: Masters, sign_in: SignIn, days: dict[str, str]) -> None:
    """Also not onto the same first day, which the index knows as well."""
    customer, lamp = masters
    manager = await sign_in("manager")
    entries = [price(lamp, 2.55, "2026-01-01", "2026-06-30"), price(lamp, 2.65, "2026-07-01")]
    first, second = (await manager.post(path(customer), json={"entries": entries})).json()["data"]
    refused = await manager.patch(path(customer, second["id"]), json=days, headers={"If-Match": '"1"'})
    assert refused.status_code == 409
    assert first["id"] in refused.json()["error"]["details"][0]["message"]


async def test_a_price_is_changed_and_removed_from_the_version_that_was_read(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp = masters
    manager = await sign_in("manager")
    added = await manager.post(path(customer), json={"entries": [price(lamp, 2.55, "2026-01-01")]})
    one = path(customer, added.json()["data"][0]["id"])
    assert (await manager.get(one)).headers["etag"] == '"1"'
    changed = await manager.patch(one, json={"price": 2.6}, headers={"If-Match": '"1"'})
    assert (changed.json()["data"]["price"], changed.headers["etag"]) == (2.6, '"2"')
    assert (await manager.patch(one, json={"price": 2.7}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await manager.patch(one, json={"price": None}, headers={"If-Match": '"2"'})).status_code == 422
    assert (await manager.patch(one, json={}, headers={"If-Match": '"2"'})).status_code == 422
    assert (await manager.delete(one, headers={"If-Match": '"2"'})).status_code == 204
    with tenant_scope(customer.tenant_id):
        events = await scoped(AuditEvent).documents({"entity": "price"}, sort=[("at", 1)])
    assert [event.action for event in events] == ["price.changed", "price.removed"]
    assert (events[0].before, events[0].after) == ({"price": "2.55"}, {"price": "2.6"})


@pytest.mark.parametrize("amount", [-1, "2.55", 1e300, 0.000000001, True, None])
async def test_amounts_that_no_price_can_be_are_refused(masters: Masters, sign_in: SignIn, amount: Any) -> None:
    customer, lamp = masters
    refused = await (await sign_in("manager")).post(
        path(customer), json={"entries": [price(lamp, amount, "2026-01-01")]}
    )
    assert refused.status_code == 422
    assert [detail["field"] for detail in refused.json()["error"]["details"]] == ["entries.0.price"]


async def test_of_fifty_who_add_overlapping_prices_at_once_one_succeeds(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp = masters
    manager = await sign_in("manager")
    answers = await asyncio.gather(
        *(
            manager.post(path(customer), json={"entries": [price(lamp, at, f"20{26 + at % 50:02d}-01-01")]})
            for at in range(50)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    with tenant_scope(customer.tenant_id):
        assert await scoped(CustomerPrice).count({"customer_id": customer.id}) == 1


async def test_a_price_keeps_its_currency_when_the_customers_changes(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp = masters
    manager = await sign_in("manager")
    await manager.post(path(customer), json={"entries": [price(lamp, 2.55, "2026-01-01", "2026-12-31")]})
    with tenant_scope(customer.tenant_id):
        await scoped(Customer).update_one({"_id": customer.id}, {"$set": {"currency": "GBP"}})
    await manager.post(path(customer), json={"entries": [price(lamp, 2, "2027-01-01")]})
    rows = (await manager.get(path(customer))).json()["data"]
    assert [row["currency"] for row in rows] == ["USD", "GBP"]
