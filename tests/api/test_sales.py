"""Sales lines over HTTP: who sees which, by what they are found, and how one is corrected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from bson import Binary
from fastapi import FastAPI

from core.collections import scoped, scoped_binary
from core.context import tenant_scope
from models.customer import Customer
from models.job import Job
from models.product import Product
from models.sale import BY_DAY, SaleLine
from models.tenant import Tenant
from tests import factories
from tests.api.conftest import SignIn
from tests.imported import imported
from tests.people import somebody

SALES = "/api/v1/sales"
HEADER = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price,line_type,unit_cost,source"


@dataclass
class Shop:
    """Two customers, two products, five lines of two imports."""

    north: Customer
    south: Customer
    tea: Product
    cup: Product
    first: Job
    second: Job


@pytest.fixture
async def shop(tenant: Tenant) -> AsyncIterator[Shop]:
    with tenant_scope(tenant.id):
        north = await factories.make_customer("N", region="North")
        south = await factories.make_customer("S", region="South")
        tea, cup = await factories.make_product("TEA", unit="KG"), await factories.make_product("CUP")
        first = await imported(
            "sales",
            HEADER,
            "I1,TEA,1,N,2026-01-05,3,2.5,sale,1.1,erp",
            "I1,CUP,1,N,2026-01-05,1,8,sale,,erp",
            "I2,TEA,1,S,2026-02-01,2,2.5,sale,,erp",
        )
        second = await imported(
            "sales", HEADER, "R1,TEA,1,N,2026-02-03,-1,2.5,return,,web", "I3,CUP,1,S,2026-03-09,5,8,free_goods,,web"
        )
        yield Shop(north, south, tea, cup, first, second)


@pytest.fixture
async def manager(sign_in: SignIn) -> httpx.AsyncClient:
    return await sign_in("manager")


async def listed(client: httpx.AsyncClient, **query: Any) -> list[tuple[str, str]]:
    """(invoice, item code) in order."""
    answer = await client.get(SALES, params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return [(row["invoice"], row["item_code"]) for row in answer.json()["data"]]


async def one(client: httpx.AsyncClient, invoice: str = "I1", item: str = "TEA") -> dict[str, Any]:
    rows = (await client.get(SALES, params={"invoice": invoice})).json()["data"]
    found: dict[str, Any] = next(row for row in rows if row["item_code"] == item)
    return found


async def patched(client: httpx.AsyncClient, row: dict[str, Any], **body: Any) -> httpx.Response:
    headers = {"If-Match": f'"{row["rev"]}"'}
    return await client.patch(f"{SALES}/{row['id']}", json={"reason": "Typed wrong"} | body, headers=headers)


async def test_lines_are_found_by_everything_that_matters(shop: Shop, manager: httpx.AsyncClient) -> None:
    newest = [("I3", "CUP"), ("R1", "TEA"), ("I2", "TEA")]
    assert (await listed(manager))[:3] == newest
    assert (await listed(manager, order="asc"))[2:] == newest[::-1]
    assert await listed(manager, customer_id=shop.south.id) == [("I3", "CUP"), ("I2", "TEA")]
    assert {item for _, item in await listed(manager, product_id=shop.cup.id)} == {"CUP"}
    assert await listed(manager, month="2026-02") == [("R1", "TEA"), ("I2", "TEA")]
    assert await listed(manager, from_date="2026-02-01", to_date="2026-02-02") == [("I2", "TEA")]
    assert await listed(manager, source="web") == newest[:2]
    assert await listed(manager, import_id=shop.second.id) == newest[:2]
    assert len(await listed(manager, invoice="I1")) == 2
    assert await listed(manager, line_type="return", customer_id=shop.north.id) == [("R1", "TEA")]
    assert await listed(manager, customer_id=uuid4()) == []


@pytest.mark.parametrize(
    "query",
    [
        {"month": "2026-13"},
        {"from_date": "2026-02-30"},
        {"from_date": "2026-02-02", "to_date": "2026-02-01"},
        {"source": "A system"},
        {"line_type": "gift"},
        {"sort_by": "net_revenue"},
        {"search": "tea"},
        {"invoice": ""},
        {"customer_id": "N"},
    ],
)
async def test_what_nobody_can_mean_is_refused(manager: httpx.AsyncClient, query: dict[str, str]) -> None:
    assert (await manager.get(SALES, params=query)).status_code == 422


async def test_pages_do_not_overlap(shop: Shop, manager: httpx.AsyncClient) -> None:
    pages = [(await manager.get(SALES, params={"limit": 2, "page": page})).json() for page in (1, 2, 3)]
    assert [page["meta"]["has_next"] for page in pages] == [True, True, False]
    assert len({row["id"] for page in pages for row in page["data"]}) == 5
    assert pages[0]["meta"]["total"] == 5


async def test_a_line_shows_what_it_is_and_cost_to_those_who_may_see_it(
    shop: Shop, manager: httpx.AsyncClient, sign_in: SignIn
) -> None:
    row = await one(manager)
    assert (row["customer_code"], row["product_name"], row["unit"], row["month"]) == (
        "N",
        "Product TEA",
        "KG",
        "2026-01",
    )
    assert (row["quantity"], row["unit_price"], row["net_revenue"], row["currency"]) == (3, 2.5, 7.5, "EUR")
    assert (row["unit_cost"], row["cost"], row["source"], row["corrected_at"]) == (1.1, 3.3, "erp", None)
    viewer = await sign_in("viewer")
    assert {"unit_cost", "cost"}.isdisjoint(await one(viewer))
    answer = await viewer.get(f"{SALES}/{row['id']}")
    assert {"unit_cost", "cost"}.isdisjoint(answer.json()["data"])
    assert answer.headers["ETag"] == '"1"'
    granted = await sign_in("viewer", grants=["see_cost"])
    assert (await one(granted))["unit_cost"] == 1.1


async def test_a_rep_sees_the_lines_of_the_own_customers_only(
    app: FastAPI, tenant: Tenant, shop: Shop, manager: httpx.AsyncClient
) -> None:
    rep, client = await somebody(app, tenant.id, "sales_rep")
    assert await listed(client) == []
    with tenant_scope(tenant.id):
        await factories.assign(rep, shop.south)
    assert await listed(client) == [("I3", "CUP"), ("I2", "TEA")]
    assert await listed(client, customer_id=shop.north.id) == []
    hidden, own = await one(manager), await one(client, "I2")
    assert (await client.get(f"{SALES}/{hidden['id']}")).status_code == 404
    assert (await client.get(f"{SALES}/{own['id']}")).status_code == 200
    assert (await patched(client, own, quantity=1)).status_code == 403


async def test_a_manager_of_a_region_corrects_its_lines_only(
    shop: Shop, manager: httpx.AsyncClient, sign_in: SignIn
) -> None:
    regional = await sign_in("manager", regions=["South"])
    assert await listed(regional) == [("I3", "CUP"), ("I2", "TEA")]
    assert (await patched(regional, await one(manager), quantity=1)).status_code == 404
    own = await one(regional, "I2")
    moved = await patched(regional, own, customer_id=str(shop.north.id))
    assert moved.status_code == 422
    assert moved.json()["error"]["details"][0]["field"] == "customer_id"
    assert (await patched(regional, own, quantity=1)).status_code == 200


async def test_a_correction_needs_a_reason_and_the_version_that_was_read(
    shop: Shop, manager: httpx.AsyncClient
) -> None:
    row = await one(manager)
    path = f"{SALES}/{row['id']}"
    assert (await manager.patch(path, json={"reason": "Typed wrong", "quantity": 4})).status_code == 428
    assert (await manager.patch(path, json={"quantity": 4}, headers={"If-Match": "1"})).status_code == 422
    assert (
        await manager.patch(path, json={"reason": "  ", "quantity": 4}, headers={"If-Match": "1"})
    ).status_code == 422
    answer = await patched(manager, row, quantity=4)
    assert answer.status_code == 200
    corrected = answer.json()["data"]
    assert (corrected["quantity"], corrected["net_revenue"], corrected["cost"], corrected["rev"]) == (4, 10, 4.4, 2)
    assert corrected["imported"] == {"quantity": 3, "net_revenue": 7.5}
    assert answer.headers["ETag"] == '"2"'
    assert (await patched(manager, row, quantity=5)).status_code == 412


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"quantity": None}, "quantity"),
        ({"quantity": "4"}, "quantity"),
        ({"quantity": 0.0001}, "quantity"),
        ({"unit_cost": -1}, "unit_cost"),
        ({"invoice_date": "2026-02-30"}, "invoice_date"),
        ({"line_type": "gift"}, "line_type"),
        ({"line_type": "price_credit"}, "quantity"),
        ({"customer_id": "N"}, "customer_id"),
        ({"month": "2026-03"}, "month"),
        ({"invoice": "I9"}, "invoice"),
    ],
)
async def test_a_wrong_correction_names_its_field(
    shop: Shop, manager: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await patched(manager, await one(manager), **body)
    assert answer.status_code == 422
    assert field in answer.json()["error"]["details"][0]["field"]


async def test_lines_of_a_merged_customer_are_its_targets(
    app: FastAPI, tenant: Tenant, shop: Shop, manager: httpx.AsyncClient
) -> None:
    rep, client = await somebody(app, tenant.id, "sales_rep")
    with tenant_scope(tenant.id):
        await factories.assign(rep, shop.north)
        await scoped(Customer).update_one({"_id": shop.south.id}, {"$set": {"merged_into": shop.north.id}})
    assert len(await listed(manager, customer_id=shop.north.id)) == 5
    assert len(await listed(client)) == 5
    row = await one(client, "I2")
    assert (row["customer_id"], row["customer_code"]) == (str(shop.north.id), "N")
    assert (await client.get(f"{SALES}/{row['id']}")).json()["data"]["customer_code"] == "N"


async def test_a_region_does_not_show_what_belongs_to_another_one_since_a_merge(
    tenant: Tenant, shop: Shop, sign_in: SignIn
) -> None:
    with tenant_scope(tenant.id):
        await scoped(Customer).update_one({"_id": shop.south.id}, {"$set": {"merged_into": shop.north.id}})
    assert await listed(await sign_in("manager", regions=["South"])) == []
    assert len(await listed(await sign_in("manager", regions=["North"]))) == 5


async def test_first_pages_come_from_an_index(tenant: Tenant, shop: Shop) -> None:
    """Each filter, in both directions, for somebody who sees all and for a rep: nothing sorted in memory, no collection
    scanned, and no line fetched that is not shown."""
    with tenant_scope(tenant.id):
        (line,) = await scoped_binary(SaleLine).rows({"invoice": "I2"})
        for number in range(400):
            filled = {**line, "_id": Binary.from_uuid(uuid4()), "invoice": f"F{number}", "import_id": None}
            filled |= {"customer_id": Binary.from_uuid(uuid4())} if number % 4 else {}
            filled |= {"product_id": Binary.from_uuid(uuid4())} if number % 3 else {}
            filled |= {"line_type": ["sale", "service"][number % 2], "source": ["erp", "web"][number % 2]}
            filled |= {"month": f"2026-{number % 12 + 1:02d}", "invoice_date": f"2026-{number % 12 + 1:02d}-01"}
            await scoped_binary(SaleLine).insert_rows([filled])
        filters: list[dict[str, Any]] = [
            {},
            {"product_id": shop.tea.id},
            {"month": "2026-03"},
            {"invoice_date": {"$gte": "2026-03-01", "$lte": "2026-03-31"}},
            {"source": "web"},
            {"import_id": shop.first.id},
            {"invoice": "I1"},
            {"line_type": "service"},
        ]
        scopes: list[dict[str, Any]] = [
            {}, {"customer_id": shop.south.id}, {"customer_id": {"$in": sorted([shop.south.id, shop.north.id])}},
        ]  # fmt: skip
        for wanted in filters:
            for scope in scopes:
                for direction in (1, -1):
                    await walks_an_index({**wanted, **scope}, direction)


async def walks_an_index(query: dict[str, Any], direction: int) -> None:
    door = scoped(SaleLine)
    plan = await door.raw.find(door.where(query), sort=[(name, direction) for name, _ in BY_DAY], limit=21).explain()
    seen = stages(plan["queryPlanner"]["winningPlan"])
    assert "SORT" not in seen, query
    assert "COLLSCAN" not in seen, query
    counted = plan["executionStats"]
    assert counted["totalDocsExamined"] <= 1.2 * max(1, counted["nReturned"]), query


def stages(plan: dict[str, Any]) -> list[str]:
    inner = [plan[name] for name in ("inputStage", "queryPlan") if name in plan] + plan.get("inputStages", [])
    return [plan.get("stage", ""), *(stage for one in inner for stage in stages(one))]
