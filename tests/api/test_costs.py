"""Dated costs of products: who sees them, which days they hold on, and what a close freezes."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from core.collections import scoped
from core.context import tenant_scope
from models.audit import AuditEvent
from models.product import Product, ProductCost
from models.tenant import Tenant
from tests import factories
from tests.api.conftest import SignIn
from tests.people import somebody


@pytest.fixture
async def manager(sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in("manager")


@pytest.fixture
async def product(tenant: Tenant) -> Product:
    with tenant_scope(tenant.id):
        return await factories.make_product("P1", standard_cost="1.10")


@pytest.fixture
def costs(product: Product) -> str:
    return f"/api/v1/products/{product.id}/costs"


async def added(client: httpx.AsyncClient, path: str, cost: float, first: str, last: str | None) -> dict[str, Any]:
    answer = await client.post(path, json={"cost": cost, "valid_from": first, "valid_to": last})
    assert answer.status_code == 201, answer.text
    entry: dict[str, Any] = answer.json()["data"]
    return entry


async def test_a_cost_is_added_read_changed_and_removed(
    tenant: Tenant, manager: httpx.AsyncClient, costs: str, product: Product
) -> None:
    answer = await manager.post(costs, json={"cost": 1.25, "valid_from": "2026-01-01"})
    assert answer.status_code == 201
    entry = answer.json()["data"]
    assert (entry["product_id"], entry["cost"], entry["valid_from"], entry["valid_to"]) == (
        str(product.id), 1.25, "2026-01-01", None,
    )  # fmt: skip
    path = answer.headers["Location"]
    assert path == f"{costs}/{entry['id']}"
    assert (await manager.get(path)).json()["data"] == entry
    changed = await manager.patch(path, json={"valid_to": "2026-06-30"}, headers={"If-Match": answer.headers["ETag"]})
    assert (changed.json()["data"]["valid_to"], changed.headers["ETag"]) == ("2026-06-30", '"2"')
    assert (await manager.patch(path, json={"cost": 1}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await manager.patch(path, json={"cost": 1})).status_code == 428
    assert (await manager.delete(path, headers={"If-Match": '"1"'})).status_code == 412
    assert (await manager.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    assert (await manager.get(path)).status_code == 404
    with tenant_scope(tenant.id):
        events = await scoped(AuditEvent).documents({"entity": "product_cost"}, sort=[("_id", 1)])
    assert {event.action for event in events} == {
        "product_cost.created", "product_cost.changed", "product_cost.removed",
    }  # fmt: skip


async def test_no_day_has_two_costs(manager: httpx.AsyncClient, costs: str) -> None:
    spring = await added(manager, costs, 1.2, "2026-03-01", "2026-05-31")
    await added(manager, costs, 1.3, "2026-06-01", None)
    for first, last in (("2026-05-31", "2026-05-31"), ("2026-01-01", None), ("2026-03-01", "2026-03-01")):
        answer = await manager.post(costs, json={"cost": 9, "valid_from": first, "valid_to": last})
        assert answer.status_code == 409
        assert "1.2 (2026-03-01 to 2026-05-31)" in answer.json()["error"]["message"]
        assert spring["id"] in answer.json()["error"]["details"][0]["message"]
    for said in ({"valid_to": None}, {"valid_from": "2026-06-01", "valid_to": None}):
        stretched = await manager.patch(f"{costs}/{spring['id']}", json=said, headers={"If-Match": "1"})
        assert stretched.status_code == 409
        assert "1.3 (from 2026-06-01)" in stretched.json()["error"]["message"]
    assert (
        await manager.patch(f"{costs}/{spring['id']}", json={"valid_from": "2026-04-01"}, headers={"If-Match": "1"})
    ).status_code == 200


async def test_of_parallel_entries_for_the_same_days_one_passes(
    tenant: Tenant, manager: httpx.AsyncClient, costs: str
) -> None:
    days = [f"2026-01-{number + 1:02}" for number in range(20)]
    answers = await asyncio.gather(
        *(manager.post(costs, json={"cost": 1, "valid_from": day, "valid_to": "2026-02-01"}) for day in days)
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    with tenant_scope(tenant.id):
        assert await scoped(ProductCost).count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"cost": 1, "valid_from": "2026-02-01", "valid_to": "2026-01-31"}, "valid_to"),
        ({"cost": -1, "valid_from": "2026-02-01"}, "cost"),
        ({"cost": "1", "valid_from": "2026-02-01"}, "cost"),
        ({"cost": 1, "valid_from": "2026-02-30"}, "valid_from"),
        ({"cost": 1, "valid_from": None}, "valid_from"),
        ({"cost": 1}, "valid_from"),
        ({"cost": 1, "valid_from": "2026-02-01", "currency": "EUR"}, "currency"),
    ],
)
async def test_what_does_not_fit_is_named(
    manager: httpx.AsyncClient, costs: str, body: dict[str, Any], field: str
) -> None:
    answer = await manager.post(costs, json=body)
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


async def test_a_change_may_not_run_backwards_or_say_nothing(manager: httpx.AsyncClient, costs: str) -> None:
    entry = await added(manager, costs, 1.2, "2026-03-01", "2026-05-31")
    for said in ({"valid_to": "2026-02-01"}, {}, {"cost": None}, {"valid_from": None}):
        answer = await manager.patch(f"{costs}/{entry['id']}", json=said, headers={"If-Match": "1"})
        assert answer.status_code == 422


async def test_lists_are_newest_first_and_filtered_by_day(manager: httpx.AsyncClient, costs: str) -> None:
    for month in (1, 2, 3):
        await added(manager, costs, month, f"2026-{month:02}-01", f"2026-{month:02}-28")

    async def found(**query: Any) -> list[float]:
        answer = await manager.get(costs, params=query)
        assert answer.status_code == 200, answer.text
        return [row["cost"] for row in answer.json()["data"]]

    assert await found() == [3, 2, 1]
    assert await found(order="asc", limit=2) == [1, 2]
    assert await found(valid_on="2026-02-28") == [2]
    assert await found(valid_on="2026-01-29") == []
    assert (await manager.get(costs, params={"sort_by": "cost"})).status_code == 422


async def test_cost_is_for_those_who_may_see_it(app: FastAPI, tenant: Tenant, product: Product, costs: str) -> None:
    rep, client = await somebody(app, tenant.id, "sales_rep", grants=["see_cost"])
    _, viewer = await somebody(app, tenant.id, "viewer")
    with tenant_scope(tenant.id):
        own = await factories.make_customer("C1")
        await factories.assign(rep, own)
        hidden = await factories.make_product("P2")
        await factories.allow(own, product)
    assert (await viewer.get(costs)).status_code == 403
    assert (await client.get(costs)).status_code == 200
    assert (await client.get(f"/api/v1/products/{hidden.id}/costs")).status_code == 404
    assert (await client.post(costs, json={"cost": 1, "valid_from": "2026-01-01"})).status_code == 403


async def test_a_cost_belongs_to_its_product(tenant: Tenant, manager: httpx.AsyncClient, costs: str) -> None:
    entry = await added(manager, costs, 1.2, "2026-03-01", None)
    with tenant_scope(tenant.id):
        other = await factories.make_product("P2")
    path = f"/api/v1/products/{other.id}/costs/{entry['id']}"
    assert (await manager.get(path)).status_code == 404
    assert (await manager.patch(path, json={"cost": 1}, headers={"If-Match": "1"})).status_code == 404
    assert (await manager.delete(path, headers={"If-Match": "1"})).status_code == 404
    nowhere = await manager.post(f"/api/v1/products/{uuid4()}/costs", json={"cost": 1, "valid_from": "2026-01-01"})
    assert nowhere.status_code == 404


async def test_an_inactive_product_gets_no_new_cost(manager: httpx.AsyncClient, product: Product, costs: str) -> None:
    await manager.delete(f"/api/v1/products/{product.id}", headers={"If-Match": "1"})
    answer = await manager.post(costs, json={"cost": 1, "valid_from": "2026-01-01"})
    assert answer.status_code == 409
    assert "restore it first" in answer.json()["error"]["message"]
