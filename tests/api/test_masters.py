"""Reading customers and products: whose, in which order, found by what, and with which fields."""

from __future__ import annotations

from fastapi import FastAPI

from core.context import tenant_scope
from core.search import search_words
from models.tenant import Tenant
from tests import factories
from tests.api.conftest import SignIn
from tests.people import somebody

CUSTOMERS = "/api/v1/customers"
PRODUCTS = "/api/v1/products"


async def _customers(tenant: Tenant, *codes: str) -> None:
    with tenant_scope(tenant.id):
        for code in codes:
            await factories.make_customer(code, search=search_words(code, f"Customer {code}"))


async def test_a_manager_sees_all_customers_of_the_tenant_and_no_others(tenant: Tenant, sign_in: SignIn) -> None:
    other = await factories.make_tenant()
    await _customers(tenant, "C2", "C1")
    await _customers(other, "X1")
    manager = await sign_in("manager")
    answer = await manager.get(CUSTOMERS)
    assert [row["code"] for row in answer.json()["data"]] == ["C1", "C2"]
    assert answer.json()["meta"] == {"page": 1, "limit": 50, "has_next": False, "total": 2}


async def test_a_rep_sees_the_own_customers_only(app: FastAPI, tenant: Tenant) -> None:
    rep, client = await somebody(app, tenant.id, "sales_rep")
    with tenant_scope(tenant.id):
        own = await factories.make_customer("C1")
        await factories.make_customer("C2")
        once_own = await factories.make_customer("C3")
        await factories.assign(rep, own)
        await factories.assign(rep, once_own, valid_to="2020-12-31")
    answer = await client.get(CUSTOMERS)
    assert [row["code"] for row in answer.json()["data"]] == ["C1"]
    assert answer.json()["meta"]["total"] == 1


async def test_a_rep_sees_the_products_on_the_own_customers_lists_only(app: FastAPI, tenant: Tenant) -> None:
    rep, client = await somebody(app, tenant.id, "sales_rep")
    with tenant_scope(tenant.id):
        own, other = await factories.make_customer("C1"), await factories.make_customer("C2")
        await factories.assign(rep, own)
        await factories.allow(own, await factories.make_product("P1"))
        await factories.allow(other, await factories.make_product("P2"))
    answer = await client.get(PRODUCTS)
    assert [row["code"] for row in answer.json()["data"]] == ["P1"]


async def test_cost_is_shown_to_those_who_may_see_it(tenant: Tenant, sign_in: SignIn) -> None:
    with tenant_scope(tenant.id):
        await factories.make_product("P1", standard_cost="1.25")
    for role, shown in (("manager", True), ("viewer", False)):
        client = await sign_in(role)
        row = (await client.get(PRODUCTS)).json()["data"][0]
        assert row["list_price"] == 2.5
        assert row.get("standard_cost") == (1.25 if shown else None)
        assert ("standard_cost" in row) is shown
    granted = await sign_in("viewer", grants=["see_cost"])
    assert (await granted.get(PRODUCTS)).json()["data"][0]["standard_cost"] == 1.25


async def test_pages_follow_each_other_without_overlap(tenant: Tenant, sign_in: SignIn) -> None:
    await _customers(tenant, *(f"C{number}" for number in range(1, 6)))
    manager = await sign_in("manager")
    seen: list[str] = []
    for number in (1, 2, 3):
        answer = (await manager.get(CUSTOMERS, params={"page": number, "limit": 2, "order": "desc"})).json()
        seen += [row["code"] for row in answer["data"]]
        assert answer["meta"]["has_next"] is (number < 3)
        assert answer["meta"]["total"] == 5
    assert seen == ["C5", "C4", "C3", "C2", "C1"]


async def test_counting_can_be_left_out(tenant: Tenant, sign_in: SignIn) -> None:
    await _customers(tenant, "C1", "C2")
    manager = await sign_in("manager")
    answer = await manager.get(CUSTOMERS, params={"limit": 1, "count": "false"})
    assert answer.json()["meta"] == {"page": 1, "limit": 1, "has_next": True}


async def test_search_finds_beginnings_of_words_and_takes_nothing_for_a_pattern(
    tenant: Tenant, sign_in: SignIn
) -> None:
    with tenant_scope(tenant.id):
        await factories.make_customer("MU-10", name="Müller & Söhne", search=search_words("MU-10", "Müller & Söhne"))
        await factories.make_customer("C2", name="Acme", search=search_words("C2", "Acme"))
    manager = await sign_in("manager")

    async def found(text: str) -> list[str]:
        answer = await manager.get(CUSTOMERS, params={"search": text})
        assert answer.status_code == 200
        return [row["code"] for row in answer.json()["data"]]

    assert await found("mull") == ["MU-10"]
    assert await found("söh MÜL") == ["MU-10"]
    assert await found("mu-10") == ["MU-10"]
    assert await found("uller") == []
    assert await found("(a+)+$ x") == []
    assert await found("[") == ["C2", "MU-10"]


async def test_filters_keep_exact_values(tenant: Tenant, sign_in: SignIn) -> None:
    with tenant_scope(tenant.id):
        await factories.make_customer("C1", region="North")
        await factories.make_customer("C2", region="South")
        await factories.make_customer("C3", region="North", is_active=False)
    manager = await sign_in("manager")
    answer = await manager.get(CUSTOMERS, params={"region": "North"})
    assert [row["code"] for row in answer.json()["data"]] == ["C1"]
    answer = await manager.get(CUSTOMERS, params={"is_active": "false"})
    assert [row["code"] for row in answer.json()["data"]] == ["C3"]
