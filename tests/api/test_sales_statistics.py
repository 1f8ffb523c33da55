"""Statistics and charts of sales over HTTP: what may be asked, and who sees what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from core.context import tenant_scope
from models.customer import Customer
from models.tenant import Tenant
from services import rollups
from tests import factories
from tests.api.conftest import SignIn
from tests.imported import imported
from tests.people import somebody

STATISTICS, CHART = "/api/v1/sales/statistics", "/api/v1/sales/chart-data"
HEADER = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price,unit_cost"
SPAN = {"from_month": "2026-01", "to_month": "2026-02"}


@pytest.fixture(autouse=True)
async def north(tenant: Tenant) -> AsyncIterator[Customer]:
    with tenant_scope(tenant.id):
        north = await factories.make_customer("N", region="North")
        await factories.make_customer("S", region="South")
        await factories.make_product("TEA", unit="KG")
        await factories.make_product("CUP")
        await imported(
            "sales",
            HEADER,
            "I1,TEA,1,N,2026-01-05,3,2.5,1.1",
            "I1,CUP,1,N,2026-01-05,1,8,",
            "I2,TEA,1,S,2026-02-01,2,2.5,",
        )
        await rollups.refresh()
        await factories.complete("2026-01")
        yield north


async def asked(client: httpx.AsyncClient, path: str = STATISTICS, **query: Any) -> dict[str, Any]:
    answer = await client.get(path, params={**SPAN, **query})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def test_figures_of_customers(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    answer = await asked(manager, by="customer")
    assert [(row["code"], row["revenue"], row["gross_profit"], row["orders"]) for row in answer["rows"]] == [
        ("N", 15.5, 4.2, 1),
        ("S", 5, None, 1),
    ]
    assert answer["total"]["without_cost"] == {"lines": 2, "revenue": 13}
    assert answer["total"]["quantities"][1] == {"unit": "KG", "quantity": 5, "revenue": 12.5, "average_price": 2.5}
    viewer = await asked(await sign_in("viewer"), by="customer")
    assert "gross_profit" not in viewer["rows"][0]
    assert "cost" not in viewer["total"]


async def test_a_rep_adds_up_the_own_customers(app: FastAPI, tenant: Tenant, north: Customer) -> None:
    rep, client = await somebody(app, tenant.id, "sales_rep")
    with tenant_scope(tenant.id):
        await factories.assign(rep, north)
    answer = await asked(client, by="region")
    assert [(row["name"], row["revenue"]) for row in answer["rows"]] == [("North", 15.5)]
    assert (answer["all_customers"], answer["total"]["orders"]) == (False, 1)
    chart = await asked(client, CHART, by="month", measure="orders")
    assert chart["datasets"][0]["data"] == [1, None]


async def test_a_chart_in_the_shape_of_chart_libraries(sign_in: SignIn) -> None:
    viewer = await sign_in("viewer")
    chart = await asked(viewer, CHART, by="month", series="customer", top=1, measure="quantity", unit="KG")
    assert chart["labels"] == ["2026-01", "2026-02"]
    assert [(one["label"], one["unit"], one["yAxisID"], one["data"]) for one in chart["datasets"]] == [
        ("Customer N", "KG", "y_KG", [3, None]),
        ("Others", "KG", "y_KG", [0, 2]),
    ]
    assert chart["axes"]["y"] == [{"id": "y_KG", "title": "Quantity", "unit": "KG"}]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"by": "week"},
        {"by": "month", "top": "0"},
        {"by": "month", "top": "501"},
        {"by": "month", "from_month": "2026-03"},
        {"by": "month", "from_month": "1999-01"},
        {"by": "customer", "rank_by": "quantity"},
        {"by": "customer", "rank_by": "luck"},
        {"by": "month", "customer_id": "N"},
        {"by": "month", "series": "brand"},
        {"by": "region", "region": "a\nb"},
    ],
)
async def test_what_nobody_can_mean_is_refused(sign_in: SignIn, query: dict[str, str]) -> None:
    answer = await (await sign_in("viewer")).get(STATISTICS, params={**SPAN, **query})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]


async def test_cost_that_somebody_may_not_see_is_not_asked_for_by_ranking(sign_in: SignIn) -> None:
    viewer = await sign_in("viewer")
    assert (await viewer.get(STATISTICS, params={"by": "customer", "rank_by": "gross_profit"})).status_code == 403
    assert (await viewer.get(CHART, params={"by": "month", "measure": "cost"})).status_code == 403
    granted = await sign_in("viewer", grants=["see_cost"])
    assert (await granted.get(CHART, params={"by": "month", "measure": "cost"})).status_code == 200
