"""Products through the API: made, read, changed, taken out of use and back; what fits together and what does not."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from core.collections import scoped
from core.context import tenant_scope
from models.audit import AuditEvent
from models.product import Product
from models.tenant import Tenant
from tests import factories
from tests.api.conftest import SignIn
from tests.companies import make_company, open_cycle
from tests.people import somebody

PRODUCTS = "/api/v1/products"
TEA: dict[str, Any] = {
    "code": "TEA-1",
    "name": "Green tea",
    "category": "Food",
    "family": "Hot drinks",
    "brand": "Leaf",
    "unit": "EA",
    "conversions": [{"unit": "CS", "factor": 12}, {"unit": "PAL", "factor": 480}],
    "rounding_step": 12,
    "list_price": 2.5,
    "currency": "GBP",
    "standard_cost": 1.25,
    "launch_month": "2026-03",
    "end_month": "2028-12",
}


@pytest.fixture
async def manager(sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in("manager")


async def made(client: httpx.AsyncClient, code: str, **said: Any) -> dict[str, Any]:
    answer = await client.post(PRODUCTS, json={"code": code, "name": f"Product {code}", **said})
    assert answer.status_code == 201, answer.text
    product: dict[str, Any] = answer.json()["data"]
    return product


async def patched(client: httpx.AsyncClient, product: dict[str, Any], **said: Any) -> httpx.Response:
    return await client.patch(f"{PRODUCTS}/{product['id']}", json=said, headers={"If-Match": str(product["rev"])})


def named(answer: httpx.Response) -> list[str]:
    """The fields that a refusal names."""
    return [detail["field"] for detail in answer.json()["error"]["details"]]


async def test_a_product_is_read_as_it_was_made(tenant: Tenant, manager: httpx.AsyncClient) -> None:
    answer = await manager.post(PRODUCTS, json=TEA)
    assert answer.status_code == 201
    product = answer.json()["data"]
    assert {name: product[name] for name in TEA} == TEA
    assert product["planning_item_id"] == product["id"]
    assert (product["successor_id"], product["successor_factor"], product["is_active"]) == (None, 1, True)
    assert (answer.headers["ETag"], answer.headers["Location"]) == ('"1"', f"{PRODUCTS}/{product['id']}")
    read = await manager.get(answer.headers["Location"])
    assert (read.json()["data"], read.headers["ETag"]) == (product, '"1"')
    assert (await manager.get(PRODUCTS, params={"search": "gree"})).json()["data"] == [product]
    with tenant_scope(tenant.id):
        event = await scoped(AuditEvent).one({"entity_id": product["id"]})
    assert event is not None
    assert event.action == "product.created"
    assert event.after is not None
    assert event.after["conversions"] == [{"unit": "CS", "factor": "12"}, {"unit": "PAL", "factor": "480"}]


async def test_code_and_name_are_enough(manager: httpx.AsyncClient) -> None:
    product = await made(manager, " P1 ")
    assert (product["code"], product["currency"], product["unit"]) == ("P1", "EUR", "EA")
    assert (product["rounding_step"], product["list_price"], product["conversions"]) == (1, None, [])


async def test_an_item_code_belongs_to_one_product_whatever_its_case(manager: httpx.AsyncClient) -> None:
    first = await made(manager, "Straße")
    answer = await manager.post(PRODUCTS, json={"code": "STRASSE ", "name": "Another"})
    assert answer.status_code == 409
    assert first["name"] in answer.json()["error"]["message"]
    assert first["id"] in answer.json()["error"]["details"][0]["message"]
    await manager.delete(f"{PRODUCTS}/{first['id']}", headers={"If-Match": "1"})
    answer = await manager.post(PRODUCTS, json={"code": "strasse", "name": "Another"})
    assert answer.status_code == 409
    assert "restore it" in answer.json()["error"]["message"]


async def test_of_50_parallel_creations_one_succeeds(tenant: Tenant, manager: httpx.AsyncClient) -> None:
    codes = ["Same-Code", "same-code", "SAME-CODE"]
    bodies = [{"code": codes[number % 3], "name": f"Try {number}"} for number in range(50)]
    answers = await asyncio.gather(*(manager.post(PRODUCTS, json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    with tenant_scope(tenant.id):
        assert await scoped(Product).count() == 1
        assert await scoped(AuditEvent).count({"action": "product.created"}) == 1


async def test_the_same_key_makes_one_product(manager: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first, second = [await manager.post(PRODUCTS, json=TEA, headers=key) for _ in range(2)]
    assert first.content == second.content
    assert second.headers["ETag"] == '"1"'


async def test_a_change_says_only_what_it_names(tenant: Tenant, manager: httpx.AsyncClient) -> None:
    product = (await manager.post(PRODUCTS, json=TEA)).json()["data"]
    answer = await patched(manager, product, name="Black tea", category=None)
    assert answer.status_code == 200
    after = answer.json()["data"]
    assert after == {**product, "name": "Black tea", "category": None, "rev": 2, "updated_at": after["updated_at"]}
    assert answer.headers["ETag"] == '"2"'
    assert len((await manager.get(PRODUCTS, params={"search": "black"})).json()["data"]) == 1
    with tenant_scope(tenant.id):
        event = await scoped(AuditEvent).one({"action": "product.changed"})
    assert event is not None
    assert event.after is not None
    assert event.after["name"] == "Black tea"


async def test_a_change_needs_the_version_that_was_read(manager: httpx.AsyncClient) -> None:
    product = await made(manager, "P1")
    path = f"{PRODUCTS}/{product['id']}"
    assert (await manager.patch(path, json={"name": "A"})).status_code == 428
    assert (await manager.delete(path)).status_code == 428
    assert (await patched(manager, product, name="A")).status_code == 200
    assert (await patched(manager, product, name="B")).status_code == 412
    assert (await manager.delete(path, headers={"If-Match": "1"})).status_code == 412


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"code": "P2"}, "code"),
        ({"name": None}, "name"),
        ({"name": " "}, "name"),
        ({"unit": ""}, "unit"),
        ({}, "body"),
        ({"list_price": -1}, "list_price"),
        ({"list_price": "2.5"}, "list_price"),
        ({"currency": "eur"}, "currency"),
        ({"rounding_step": 0}, "rounding_step"),
        ({"conversions": [{"unit": "CS", "factor": 0}]}, "conversions.0.factor"),
        ({"conversions": [{"unit": "CS", "factor": 2_000_000}]}, "conversions.0.factor"),
        ({"conversions": [{"unit": "ea", "factor": 12}]}, "conversions.0.unit"),
        ({"conversions": [{"unit": "CS", "factor": 12}, {"unit": "cs", "factor": 6}]}, "conversions.1.unit"),
        ({"conversions": [{"unit": f"U{n}", "factor": 1} for n in range(21)]}, "conversions"),
        ({"launch_month": "2026-13"}, "launch_month"),
        ({"launch_month": "2026-05", "end_month": "2026-04"}, "end_month"),
        ({"successor_from": "2026-05"}, "successor_id"),
        ({"successor_id": str(uuid4())}, "successor_from"),
        ({"successor_id": str(uuid4()), "successor_from": "2026-05"}, "successor_id"),
        ({"successor_factor": 0}, "successor_factor"),
        ({"planning_item_id": str(uuid4())}, "planning_item_id"),
        ({"is_active": False}, "is_active"),
        ({"tenant_id": str(uuid4())}, "tenant_id"),
    ],
)
async def test_what_does_not_fit_is_named(manager: httpx.AsyncClient, said: dict[str, Any], field: str) -> None:
    product = await made(manager, "P1")
    answer = await patched(manager, product, **said)
    assert answer.status_code == 422
    assert named(answer) == [field]
    if said and "code" not in said and said.get("name") is not None:
        refused = await manager.post(PRODUCTS, json={"code": "P9", "name": "New", **said})
        assert (refused.status_code, named(refused)) == (422, [field])


async def test_an_end_month_is_held_against_the_stored_launch(manager: httpx.AsyncClient) -> None:
    product = await made(manager, "P1", launch_month="2026-05")
    answer = await patched(manager, product, end_month="2026-04")
    assert (answer.status_code, named(answer)) == (422, ["end_month"])


async def test_a_deleted_product_is_hidden_and_comes_back_as_it_was(manager: httpx.AsyncClient) -> None:
    product = await made(manager, "P1", family="Hot drinks")
    path = f"{PRODUCTS}/{product['id']}"
    answer = await manager.delete(path, headers={"If-Match": "1"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await manager.get(PRODUCTS)).json()["data"] == []
    assert [row["code"] for row in (await manager.get(PRODUCTS, params={"is_active": "false"})).json()["data"]] == [
        "P1"
    ]
    assert (await manager.get(path)).json()["data"]["is_active"] is False
    for _ in range(2):
        restored = await manager.post(f"{path}/restore")
        assert restored.status_code == 200
        after = restored.json()["data"]
        assert after == {**product, "rev": 3, "updated_at": after["updated_at"]}
        assert restored.headers["ETag"] == '"3"'


async def test_the_base_unit_stays_once_there_are_quantities_in_it(tenant: Tenant, manager: httpx.AsyncClient) -> None:
    fresh = await made(manager, "P1")
    changed = await patched(manager, fresh, unit="KG")
    assert changed.json()["data"]["unit"] == "KG"
    with tenant_scope(tenant.id):
        customer = await factories.make_customer()
        await factories.sold(customer, await scoped(Product).get(UUID(fresh["id"])), "2026-05", 1_000, 10_000)
    refused = await patched(manager, changed.json()["data"], unit="EA")
    assert refused.status_code == 409
    assert "has sales in its unit" in refused.json()["error"]["message"]
    assert (await patched(manager, changed.json()["data"], unit="KG", name="Same unit")).status_code == 200


async def test_planned_quantities_hold_the_base_unit_too(tenant: Tenant, manager: httpx.AsyncClient) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        await open_cycle()
    row = (await manager.get(f"{PRODUCTS}/{company.tea.id}")).json()["data"]
    refused = await patched(manager, row, unit="KG")
    assert refused.status_code == 409
    assert "sales and plans" in refused.json()["error"]["message"]


async def test_a_successor_takes_over_from_a_month_at_a_factor(manager: httpx.AsyncClient) -> None:
    old, new = await made(manager, "OLD"), await made(manager, "NEW")
    answer = await patched(manager, old, successor_id=new["id"], successor_from="2027-01", successor_factor=0.5)
    after = answer.json()["data"]
    assert (after["successor_id"], after["successor_from"], after["successor_factor"]) == (new["id"], "2027-01", 0.5)

    async def found(**query: Any) -> list[str]:
        return [row["code"] for row in (await manager.get(PRODUCTS, params=query)).json()["data"]]

    assert await found(has_successor="true") == ["OLD"]
    assert await found(has_successor="false") == ["NEW"]
    assert await found(successor_id=new["id"]) == ["OLD"]
    cleared = (await patched(manager, after, successor_id=None)).json()["data"]
    assert (cleared["successor_id"], cleared["successor_from"], cleared["successor_factor"]) == (None, None, 1)


async def test_successors_run_in_no_circle(manager: httpx.AsyncClient) -> None:
    a, b = await made(manager, "A"), await made(manager, "B")
    itself = await patched(manager, a, successor_id=a["id"], successor_from="2027-01")
    assert (itself.status_code, named(itself)) == (422, ["successor_id"])
    assert (await patched(manager, a, successor_id=b["id"], successor_from="2027-01")).status_code == 200
    back = await patched(manager, b, successor_id=a["id"], successor_from="2028-01")
    assert back.status_code == 422
    assert "circle" in back.json()["error"]["message"]


async def test_two_links_that_would_close_a_circle_together_do_not_both_pass(manager: httpx.AsyncClient) -> None:
    ring = [await made(manager, f"P{number}") for number in range(8)]
    answers = await asyncio.gather(
        *(
            patched(manager, one, successor_id=next_one["id"], successor_from="2027-01")
            for one, next_one in zip(ring, [*ring[1:], ring[0]], strict=True)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [422]


async def test_an_inactive_product_succeeds_nobody(manager: httpx.AsyncClient) -> None:
    a, b = await made(manager, "A"), await made(manager, "B")
    await manager.delete(f"{PRODUCTS}/{b['id']}", headers={"If-Match": "1"})
    for said in ({"successor_id": b["id"], "successor_from": "2027-01"}, {"planning_item_id": b["id"]}):
        answer = await patched(manager, a, **said)
        assert answer.status_code == 422
        assert "restore B first" in answer.json()["error"]["message"]


async def test_planning_nodes_are_one_level_deep(manager: httpx.AsyncClient) -> None:
    node, part, other = await made(manager, "NODE"), await made(manager, "PART"), await made(manager, "OTHER")
    planned = (await patched(manager, part, planning_item_id=node["id"])).json()["data"]
    assert planned["planning_item_id"] == node["id"]
    listed = await manager.get(PRODUCTS, params={"planning_item_id": node["id"], "sort_by": "code"})
    assert [row["code"] for row in listed.json()["data"]] == ["NODE", "PART"]
    below = await patched(manager, other, planning_item_id=part["id"])
    assert (below.status_code, named(below)) == (422, ["planning_item_id"])
    above = await patched(manager, node, planning_item_id=other["id"])
    assert (above.status_code, named(above)) == (422, ["planning_item_id"])
    for said in (None, part["id"]):
        back = (await patched(manager, planned, planning_item_id=said)).json()["data"]
        assert back["planning_item_id"] == part["id"]
        planned = (await patched(manager, back, planning_item_id=node["id"])).json()["data"]


async def test_lists_are_filtered_and_sorted(manager: httpx.AsyncClient) -> None:
    await made(manager, "A", category="Food", family="Tea", brand="Leaf", unit="KG", currency="GBP")
    b = await made(manager, "B", category="Food", family="Coffee", brand="Bean")
    await made(manager, "C", category="Home", family="Tea", brand="Clay")

    async def found(**query: Any) -> list[str]:
        answer = await manager.get(PRODUCTS, params=query)
        assert answer.status_code == 200, answer.text
        return [row["code"] for row in answer.json()["data"]]

    assert await found(category="Food") == ["A", "B"]
    assert await found(family="Tea", brand="Clay") == ["C"]
    assert await found(unit="KG") == await found(currency="GBP") == ["A"]
    assert await found(sort_by="code", order="desc") == ["C", "B", "A"]
    await patched(manager, b, brand="Roast")
    assert (await found(sort_by="updated_at", order="desc"))[0] == "B"
    assert await found(search="product a b", has_successor="false", planning_item_id=b["id"]) == []
    assert await found(search="product b", planning_item_id=b["id"]) == ["B"]
    assert (await manager.get(PRODUCTS, params={"sort_by": "cost"})).status_code == 422


async def test_a_rep_reads_the_products_of_the_own_customers_only(app: FastAPI, tenant: Tenant) -> None:
    rep, client = await somebody(app, tenant.id, "sales_rep")
    with tenant_scope(tenant.id):
        own, other = await factories.make_customer("C1"), await factories.make_customer("C2")
        await factories.assign(rep, own)
        mine, theirs = await factories.make_product("P1", standard_cost="1"), await factories.make_product("P2")
        await factories.allow(own, mine)
        await factories.allow(other, theirs)
    answer = await client.get(f"{PRODUCTS}/{mine.id}")
    assert answer.status_code == 200
    assert "standard_cost" not in answer.json()["data"]
    assert (await client.get(f"{PRODUCTS}/{theirs.id}")).status_code == 404
    refused = await client.patch(f"{PRODUCTS}/{mine.id}", json={"name": "X"}, headers={"If-Match": "1"})
    assert refused.status_code == 403


async def test_first_pages_come_from_an_index(tenant: Tenant, manager: httpx.AsyncClient) -> None:
    """Each filter and sort of the list walks an index of the tenant and sorts nothing in memory."""
    with tenant_scope(tenant.id):
        for query, field in (
            ({}, "name"), ({}, "code_key"), ({}, "updated_at"),
            ({"category": "Food"}, "name"), ({"family": "Tea"}, "name"), ({"brand": "Leaf"}, "name"),
        ):  # fmt: skip
            door = scoped(Product)
            where = door.where({"is_active": True, **query})
            plan = await door.raw.find(where, sort=[(field, 1), ("_id", 1)], limit=51).explain()
            assert "SORT" not in stages(plan["queryPlanner"]["winningPlan"])
            assert "IXSCAN" in stages(plan["queryPlanner"]["winningPlan"])


def stages(plan: dict[str, Any]) -> list[str]:
    inner = plan.get("inputStage")
    return [plan["stage"], *(stages(inner) if inner else [])]
