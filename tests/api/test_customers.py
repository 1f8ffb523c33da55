"""Customers from creation to restoring: who may, from which version, under which code, planned as whom."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from core.collections import dump, scoped
from core.context import tenant_scope
from models.audit import AuditEvent
from models.customer import Customer
from models.tenant import Tenant
from tests import factories
from tests.api.conftest import SignIn
from tests.people import somebody

CUSTOMERS = "/api/v1/customers"


async def created(client: httpx.AsyncClient, code: str = "C-1", **body: Any) -> dict[str, Any]:
    answer = await client.post(CUSTOMERS, json={"code": code, "name": f"Customer {code}", **body})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def changed(client: httpx.AsyncClient, customer: dict[str, Any], **body: Any) -> httpx.Response:
    return await client.patch(f"{CUSTOMERS}/{customer['id']}", json=body, headers={"If-Match": f'"{customer["rev"]}"'})


async def found(client: httpx.AsyncClient, **params: Any) -> list[str]:
    return [row["code"] for row in (await client.get(CUSTOMERS, params=params)).json()["data"]]


async def test_a_customer_is_created_read_and_found(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    said = {
        "name": " Northwind Traders ",
        "group": "Retail",
        "region": "North",
        "country": "United Kingdom",
        "currency": "GBP",
        "aliases": ["NWT", "Nordwind", "nwt"],
        "status": "prospect",
    }
    answer = await manager.post(CUSTOMERS, json={"code": "C-1001", **said})
    assert answer.status_code == 201
    row = answer.json()["data"]
    assert answer.headers["location"] == f"{CUSTOMERS}/{row['id']}"
    assert answer.headers["etag"] == '"1"'
    assert row | {"name": "Northwind Traders", "aliases": ["NWT", "Nordwind"], "planning_customer_id": row["id"]} == row
    assert (row["status"], row["is_active"], row["rev"], row["merged_into"]) == ("prospect", True, 1, None)
    again = await manager.get(answer.headers["location"])
    assert (again.json()["data"], again.headers["etag"]) == (row, '"1"')
    assert await found(manager, search="nordw") == await found(manager, search="c-1001 trad") == ["C-1001"]


async def test_without_a_currency_it_has_the_companys(sign_in: SignIn) -> None:
    assert (await created(await sign_in("admin")))["currency"] == "EUR"


async def test_the_same_key_creates_once(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    body, headers = {"code": "C-1", "name": "Acme"}, {"Idempotency-Key": "k-1"}
    first, second = [await manager.post(CUSTOMERS, json=body, headers=headers) for _ in range(2)]
    assert first.content == second.content
    assert first.headers["location"] == second.headers["location"]
    assert second.headers["idempotent-replayed"] == "true"


async def test_a_code_belongs_to_one_customer_in_any_case(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    first = await created(manager, "Straße 1", name="Bäckerei")
    answer = await manager.post(CUSTOMERS, json={"code": " STRASSE 1 ", "name": "Another"})
    assert answer.status_code == 409
    assert "Bäckerei" in answer.json()["error"]["message"]
    assert first["id"] in answer.json()["error"]["details"][0]["message"]
    other = await created(manager, "C-2")
    assert (await changed(manager, other, code="strasse 1")).status_code == 409
    assert (await changed(manager, other, code="c-2")).json()["data"]["code"] == "c-2"
    with tenant_scope(tenant.id):
        assert await scoped(Customer).count() == 2


async def test_of_50_parallel_creations_one_succeeds_and_the_others_name_it(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    codes = ["C-77", "c-77", " C-77"]
    answers = await asyncio.gather(
        *(manager.post(CUSTOMERS, json={"code": codes[n % 3], "name": f"Number {n}"}) for n in range(50))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    [winner] = [answer.json()["data"] for answer in answers if answer.status_code == 201]
    assert all(winner["name"] in a.json()["error"]["message"] for a in answers if a.status_code == 409)
    with tenant_scope(tenant.id):
        assert await scoped(Customer).count() == 1
        assert await scoped(AuditEvent).count({"action": "customer.created"}) == 1


async def test_another_tenant_has_codes_of_its_own(app: FastAPI, sign_in: SignIn) -> None:
    await created(await sign_in("manager"), "C-1")
    other = await factories.make_tenant()
    _, theirs = await somebody(app, other.id, "manager")
    mine = await created(theirs, "C-1")
    assert (await (await sign_in("admin")).get(f"{CUSTOMERS}/{mine['id']}")).status_code == 404


async def test_a_change_needs_the_version_that_was_read(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    customer = await created(manager, region="North", aliases=["Old name"])
    path = f"{CUSTOMERS}/{customer['id']}"
    assert (await manager.patch(path, json={"name": "New"})).status_code == 428
    answer = await changed(manager, customer, name="New", region=None)
    assert answer.headers["etag"] == '"2"'
    assert (answer.json()["data"]["name"], answer.json()["data"]["region"]) == ("New", None)
    assert (await changed(manager, customer, name="Other")).status_code == 412
    assert await found(manager, search="new old") == ["C-1"]
    assert (await changed(manager, answer.json()["data"], name="New")).json()["data"]["rev"] == 2
    with tenant_scope(tenant.id):
        events = await scoped(AuditEvent).documents({"action": "customer.changed"})
    assert [(event.before, event.after) for event in events] == [
        (
            {"name": "Customer C-1", "region": "North", "search": ["c", "1", "customer", "old", "name"]},
            {"name": "New", "region": None, "search": ["c", "1", "new", "old", "name"]},
        )
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": None},
        {"code": ""},
        {"status": "gone"},
        {"currency": "eur"},
        {"aliases": ["x"] * 51},
        {"aliases": [""]},
        {"aliases": [1]},
        {"is_active": False},
        {"merged_into": str(uuid4())},
        {"code_key": "c"},
        {"name": "a\u0000b"},
        {"planning_customer_id": str(uuid4())},
    ],
)
async def test_what_is_no_change_is_refused(sign_in: SignIn, body: dict[str, Any]) -> None:
    manager = await sign_in("manager")
    assert (await changed(manager, await created(manager), **body)).status_code == 422


async def test_a_deleted_customer_is_inactive_and_comes_back_as_it_was(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    customer = await created(manager, status="prospect")
    path = f"{CUSTOMERS}/{customer['id']}"
    assert (await manager.delete(path)).status_code == 428
    assert (await manager.delete(path, headers={"If-Match": '"9"'})).status_code == 412
    assert (await manager.delete(path, headers={"If-Match": '"1"'})).status_code == 204
    gone = (await manager.get(path)).json()["data"]
    assert (gone["status"], gone["is_active"], gone["rev"]) == ("inactive", False, 2)
    assert await found(manager) == await found(manager, status="prospect") == []
    assert await found(manager, is_active="false") == await found(manager, status="inactive") == ["C-1"]
    back = (await manager.post(f"{path}/restore")).json()["data"]
    assert (back["status"], back["is_active"], back["rev"]) == ("prospect", True, 3)
    assert (await manager.post(f"{path}/restore")).json()["data"]["rev"] == 3
    with tenant_scope(tenant.id):
        actions = await scoped(AuditEvent).rows({}, {"action": 1}, sort=[("at", 1)])
    assert {row["action"] for row in actions} == {"customer.created", "customer.deactivated", "customer.restored"}


async def test_the_status_inactive_is_the_same_as_deleting(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    customer = await created(manager, status="prospect")
    gone = (await changed(manager, customer, status="inactive")).json()["data"]
    assert (gone["status"], gone["is_active"]) == ("inactive", False)
    assert (await manager.post(f"{CUSTOMERS}/{gone['id']}/restore")).json()["data"]["status"] == "prospect"


async def test_the_currency_stays_while_there_are_prices_in_it(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    customer = await created(manager)
    with tenant_scope(tenant.id):
        stored = await scoped(Customer).get(UUID(customer["id"]))
        await factories.price(stored, await factories.make_product(), "2.50")
    answer = await changed(manager, customer, currency="GBP")
    assert answer.status_code == 409
    assert "1 prices in EUR" in answer.json()["error"]["message"]
    assert (await changed(manager, customer, currency="EUR", name="Same")).status_code == 200


async def test_planning_nodes_are_one_level_deep(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    north, south, branch = [await created(manager, code) for code in ("N", "S", "B")]
    planned = (await changed(manager, branch, planning_customer_id=north["id"])).json()["data"]
    assert planned["planning_customer_id"] == north["id"]
    chained = await changed(manager, south, planning_customer_id=branch["id"])
    assert "planned as itself" in chained.json()["error"]["message"]
    circular = await changed(manager, north, planning_customer_id=branch["id"])
    assert circular.status_code == 422
    carried = await changed(manager, north, planning_customer_id=south["id"])
    assert "others are planned as it" in carried.json()["error"]["message"]
    alone = (await changed(manager, planned, planning_customer_id=None)).json()["data"]
    assert alone["planning_customer_id"] == branch["id"]
    assert (await changed(manager, alone, planning_customer_id=branch["id"])).json()["data"]["rev"] == alone["rev"]


async def test_a_planning_node_is_a_customer_of_the_own_company_in_use(app: FastAPI, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    customer, gone = await created(manager, "C-1"), await created(manager, "C-2", status="inactive")
    _, stranger = await somebody(app, (await factories.make_tenant()).id, "manager")
    theirs = await created(stranger, "X")
    for node in (gone["id"], theirs["id"]):
        assert (await changed(manager, customer, planning_customer_id=node)).status_code == 422
        answer = await manager.post(CUSTOMERS, json={"code": "C-3", "name": "x", "planning_customer_id": node})
        assert answer.status_code == 422
    assert (await created(manager, "C-3", planning_customer_id=customer["id"]))["planning_customer_id"] == customer[
        "id"
    ]


async def test_two_who_tie_nodes_at_once_make_no_chain(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    ring = [await created(manager, f"C-{number}") for number in range(6)]
    await asyncio.gather(
        *(
            changed(manager, one, planning_customer_id=next_["id"])
            for one, next_ in zip(ring, [*ring[1:], ring[0]], strict=True)
        )
    )
    with tenant_scope(tenant.id):
        rows = await scoped(Customer).rows({"planning_customer_id": {"$ne": None}}, {"planning_customer_id": 1})
        assert rows
        assert not await scoped(Customer).exists(
            {"_id": {"$in": [row["planning_customer_id"] for row in rows]}, "planning_customer_id": {"$ne": None}}
        )


async def test_a_rep_reads_the_own_and_changes_none(app: FastAPI, tenant: Tenant, sign_in: SignIn) -> None:
    rep, client = await somebody(app, tenant.id, "sales_rep")
    with tenant_scope(tenant.id):
        own, other = await factories.make_customer("C1"), await factories.make_customer("C2")
        await factories.assign(rep, own)
    assert (await client.get(f"{CUSTOMERS}/{own.id}")).json()["data"]["code"] == "C1"
    assert (await client.get(f"{CUSTOMERS}/{other.id}")).status_code == 404
    for role_client in (client, await sign_in("viewer")):
        assert (await role_client.post(CUSTOMERS, json={"code": "C3", "name": "x"})).status_code == 403
        for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/restore")):
            body: dict[str, Any] = {"json": {"name": "x"}} if method == "PATCH" else {}
            answer = await role_client.request(
                method, f"{CUSTOMERS}/{own.id}{path}", headers={"If-Match": '"1"'}, **body
            )
            assert answer.status_code == 403


async def test_filters_and_orders(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    await created(manager, "b", name="Alpha", region="North", group="Retail", country="France", currency="GBP")
    await created(manager, "A", name="Beta", region="South", status="prospect")
    await created(manager, "c", name="Gamma", region="North")
    assert await found(manager, sort_by="code") == ["A", "b", "c"]
    assert await found(manager, sort_by="name", order="desc") == ["c", "A", "b"]
    assert await found(manager, sort_by="updated_at") == ["b", "A", "c"]
    assert await found(manager, region="North", sort_by="code") == ["b", "c"]
    assert await found(manager, group="Retail") == await found(manager, country="France") == ["b"]
    assert await found(manager, currency="GBP", region="North") == ["b"]
    assert await found(manager, status="prospect") == ["A"]
    assert await found(manager, merged="true") == []
    assert len(await found(manager, merged="false")) == 3
    assert (await manager.get(CUSTOMERS, params={"sort_by": "currency"})).status_code == 422


@pytest.mark.parametrize(
    ("sort_by", "filters"),
    [("name", {"region": "North"}), ("code_key", {"currency": "EUR"}), ("updated_at", {"group": "G1"}), ("name", {})],
)
async def test_a_first_page_reads_what_it_shows(tenant: Tenant, sort_by: str, filters: dict[str, str]) -> None:
    """Filters are asked in the index: at most 1.2 documents are read for each one shown, and none in vain."""
    with tenant_scope(tenant.id):
        rows = [
            Customer(
                code=f"C{number}",
                code_key=f"c{number}",
                name=f"Customer {number}",
                currency="EUR",
                region=("North", "South", "East", "West")[number % 4],
                group=f"G{number % 3}",
                is_active=number % 5 != 0,
            )
            for number in range(2_000)
        ]
        await scoped(Customer).insert_rows([dump(row) for row in rows])
        door = scoped(Customer)
        query = door.where({"is_active": True, **filters})
        plan = await door.raw.find(query, sort=[(sort_by, 1), ("_id", 1)], limit=20).explain()
    stats = plan["executionStats"]
    assert stats["totalDocsExamined"] <= 1.2 * stats["nReturned"]
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
    assert "'SORT'" not in str(plan["queryPlanner"]["winningPlan"])


async def test_a_manager_with_regions_keeps_within_them(tenant: Tenant, sign_in: SignIn) -> None:
    manager, everybody = await sign_in("manager", regions=["North"]), await sign_in("manager")
    mine = await created(manager, "C-1", region="north")
    theirs = await created(everybody, "C-2", region="South")
    for body in ({"code": "C-3", "name": "x", "region": "South"}, {"code": "C-3", "name": "x"}):
        answer = await manager.post(CUSTOMERS, json=body)
        assert answer.status_code == 403
        assert "regions that are yours" in answer.json()["error"]["message"]
    assert (await changed(manager, mine, region="South")).status_code == 403
    assert (await manager.get(f"{CUSTOMERS}/{mine['id']}")).json()["data"] == mine
    assert (await changed(manager, theirs, name="Mine")).status_code == 404
    assert (
        await manager.post(f"{CUSTOMERS}/{mine['id']}/merge", json={"customer_id": theirs["id"]})
    ).status_code == 404
    assert await found(manager) == ["C-1"]
    suggested = await manager.get(f"{CUSTOMERS}/suggestions", params={"text": "custmer"})
    assert [row["code"] for row in suggested.json()["data"]] == ["C-1"]
    with tenant_scope(tenant.id):
        assert await scoped(Customer).count() == 2
