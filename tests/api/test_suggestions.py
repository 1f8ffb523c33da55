"""Suggestions over HTTP: misspelt texts, whose customers, and how new they are."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from core.context import tenant_scope
from core.search import search_words
from models.customer import Customer
from models.tenant import Tenant
from services import suggestions
from tests import factories
from tests.api.conftest import SignIn
from tests.people import somebody

CUSTOMERS = "/api/v1/customers"


async def made(code: str, name: str, *aliases: str, **changes: Any) -> Customer:
    words = search_words(code, name, *aliases)
    return await factories.make_customer(code, name=name, aliases=list(aliases), search=words, **changes)


async def suggested(client: httpx.AsyncClient, text: str, noun: str = "customers", **params: Any) -> list[str]:
    answer = await client.get(f"/api/v1/{noun}/suggestions", params={"text": text, **params})
    assert answer.status_code == 200, answer.text
    return [row["code"] for row in answer.json()["data"]]


async def test_a_misspelt_text_finds_the_customer(tenant: Tenant, sign_in: SignIn) -> None:
    with tenant_scope(tenant.id):
        await made("C-1001", "Northwind Traders", "NWT")
        await made("C-1002", "Müller & Söhne")
        await made("NWT-2", "Another")
        await made("C-1003", "Northwind Gone", is_active=False)
    manager = await sign_in("manager")
    assert await suggested(manager, "Nortwind") == ["C-1001"]
    assert await suggested(manager, "mueler sohne") == ["C-1002"]
    assert await suggested(manager, "nwt") == ["NWT-2", "C-1001"]
    assert await suggested(manager, "c-1") == ["C-1001", "C-1002"]
    assert await suggested(manager, "c1002") == ["C-1002", "C-1001"]
    assert await suggested(manager, "c-1", limit=1) == ["C-1001"]
    assert await suggested(manager, "[.*") == []
    exact = await manager.get(CUSTOMERS, params={"search": "Nortwind"})
    assert exact.json()["data"] == []


async def test_what_changed_a_moment_ago_is_suggested(tenant: Tenant, sign_in: SignIn) -> None:
    with tenant_scope(tenant.id):
        await made("C-1", "Northwind Traders")
    manager = await sign_in("manager")
    assert await suggested(manager, "nortwind") == ["C-1"]
    answer = await manager.post(CUSTOMERS, json={"code": "C-2", "name": "Northwind Too"})
    assert await suggested(manager, "nortwind") == ["C-1", "C-2"]
    path, tag = answer.headers["location"], {"If-Match": '"1"'}
    await manager.patch(path, json={"name": "Southwind"}, headers=tag)
    assert await suggested(manager, "nortwind") == ["C-1"]
    assert (await suggested(manager, "sothwind"))[0] == "C-2"
    await manager.delete(path, headers={"If-Match": '"2"'})
    assert "C-2" not in await suggested(manager, "sothwind")


async def test_much_that_changed_is_read_anew(tenant: Tenant, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestions, "MOST_CHANGES", 2)
    monkeypatch.setattr(suggestions, "REST", suggestions.REST * 0)
    manager = await sign_in("manager")
    assert await suggested(manager, "northwind") == []
    with tenant_scope(tenant.id):
        for number in range(5):
            await made(f"C-{number}", "Northwind")
    assert await suggested(manager, "northwnd") == [f"C-{number}" for number in range(5)]


async def test_the_least_used_index_goes_first(
    app: FastAPI, tenant: Tenant, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggestions, "MOST_INDEXES", 1)
    suggestions.forget()
    with tenant_scope(tenant.id):
        await made("C-1", "Northwind")
    manager = await sign_in("manager")
    _, stranger = await somebody(app, (await factories.make_tenant()).id, "manager")
    assert await suggested(manager, "nortwind") == ["C-1"]
    assert await suggested(stranger, "nortwind") == []
    assert await suggested(manager, "nortwind") == ["C-1"]
    assert len(suggestions._held) == 1


async def test_a_rep_is_suggested_the_own_customers_and_their_products(app: FastAPI, tenant: Tenant) -> None:
    rep, client = await somebody(app, tenant.id, "sales_rep")
    with tenant_scope(tenant.id):
        own, _ = await made("C-1", "Northwind One"), await made("C-2", "Northwind Two")
        await factories.assign(rep, own)
        tea = await factories.make_product("TEA", name="Black tea", search=["tea", "black"])
        await factories.make_product("TEE", name="Black tee", search=["tee", "black"])
        await factories.allow(own, tea)
    assert await suggested(client, "nortwind") == ["C-1"]
    assert await suggested(client, "blakc", "products") == ["TEA"]


@pytest.mark.parametrize(
    "params",
    [{}, {"text": ""}, {"text": "x" * 101}, {"text": "x", "limit": 21}, {"text": "x", "limit": 0}, {"text": "a\0b"},
     {"text": "x", "page": 2}],
)  # fmt: skip
async def test_t25_what_is_no_question_is_refused(sign_in: SignIn, params: dict[str, Any]) -> None:
    manager = await sign_in("manager")
    for noun in ("customers", "products"):
        assert (await manager.get(f"/api/v1/{noun}/suggestions", params=params)).status_code == 422
