"""Budgets over HTTP: entries and leaves, for whoever sees the customers."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from core.context import acting_as, tenant_scope
from models.tenant import Tenant
from planning.roles import Role
from tests import factories
from tests.companies import make_company
from tests.imported import imported
from tests.people import somebody

BUDGETS = "/api/v1/budgets"


@pytest.fixture
async def rep(app: FastAPI, tenant: Tenant) -> httpx.AsyncClient:
    """A rep with C1; the budget of 2027-01 is 114 for the region North and 10 for C1."""
    user, client = await somebody(app, tenant.id, Role.SALES_REP)
    with tenant_scope(tenant.id):
        company = await make_company()
        await factories.assign(user, company.customer)
        other = await factories.make_customer("C2", region="North")
        await factories.allow(other, company.tea)
        await factories.sold(other, company.tea, "2026-01", 10_000, 57 * 10_000)
        header = "fiscal_year,month,region,customer_code,value"
        with acting_as(company.manager.id):
            await imported("budget", header, "2027,2027-01,North,,114", "2027,2027-01,,C1,10")
    return client


async def test_entries_and_leaves(app: FastAPI, tenant: Tenant, rep: httpx.AsyncClient) -> None:
    _, viewer = await somebody(app, tenant.id, Role.VIEWER)
    year: dict[str, str | int] = {"fiscal_year": 2027}
    answer = await viewer.get(BUDGETS, params=year)
    assert answer.status_code == 200, answer.text
    assert sorted((row["customer_level"], row["customer_key"], row["value"]) for row in answer.json()["data"]) == [
        ("customer", "C1", 10), ("region", "North", 114),
    ]  # fmt: skip
    of_month: dict[str, str | int] = {**year, "month": "2027-01", "level": "leaf"}
    leaves = (await viewer.get(BUDGETS, params=of_month)).json()
    assert leaves["meta"]["total"] == 5
    assert sum(row["value"] for row in leaves["data"]) == 124
    page = (await viewer.get(BUDGETS, params={**of_month, "limit": 2, "page": 3})).json()
    assert (page["data"], page["meta"]["has_next"]) == (leaves["data"][4:], False)

    drafts = {**year, "version": "LOW "}
    with tenant_scope(tenant.id):
        await imported(
            "budget", "fiscal_year,version,month,region,value", "2027,Low,2027-01,North,1", "2027,low,2027-02,,2"
        )
    assert [row["value"] for row in (await viewer.get(BUDGETS, params=drafts)).json()["data"]] == [1, 2]
    own = (await rep.get(BUDGETS, params=year)).json()["data"]
    assert [row["customer_code"] for row in own] == ["C1"]
    seen = (await rep.get(BUDGETS, params=of_month)).json()["data"]
    assert {row["customer_code"] for row in seen} == {"C1"}
    assert len(seen) == 4


async def test_leaves_are_made_of_a_month(app: FastAPI, tenant: Tenant) -> None:
    _, viewer = await somebody(app, tenant.id, Role.VIEWER)
    refused = await viewer.get(BUDGETS, params={"fiscal_year": 2027, "level": "leaf"})
    assert refused.status_code == 422
    assert [one["field"] for one in refused.json()["error"]["details"]] == ["month"]
    assert (await viewer.get(BUDGETS)).status_code == 422
