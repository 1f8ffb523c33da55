"""Templates and exports over HTTP: small ones at once, larger ones by a worker, in the caller's scope and rights."""

from __future__ import annotations

import copy
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import openpyxl
import pytest
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.app import create_app
from api.schemas.exports import ExportView
from core.context import tenant_scope
from core.mongo import Mongo
from core.settings import Settings
from models.tenant import Tenant
from ops.worker import build_worker
from services import exports, jobs
from services.import_kinds.tables import TABLES, ImportKind
from tests import factories
from tests.api.conftest import SignIn
from tests.eventually import eventually
from tests.exported import brought_back, fill
from tests.imported import counts
from tests.people import somebody

EXPORTS = "/api/v1/exports"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture(scope="module")
async def app(settings: Settings, mongo: Mongo) -> AsyncIterator[FastAPI]:
    """The application with a worker of its own beside it."""
    own = copy.copy(settings)
    own.temporal = settings.temporal.model_copy(update={"temporal_task_queue": f"exports-{uuid4()}"})
    app = create_app(own, mongo=mongo)
    temporal = await Client.connect(own.temporal.temporal_address, data_converter=pydantic_data_converter)
    async with app.router.lifespan_context(app), build_worker(temporal, own, grace=timedelta(0)):
        yield app


def sheet(content: bytes) -> list[list[Any]]:
    page = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    return [[cell.value for cell in row] for row in page.iter_rows()]


async def test_a_small_export_is_there_at_once(tenant: Tenant, sign_in: SignIn) -> None:
    admin = await sign_in("admin")
    with tenant_scope(tenant.id):
        await factories.make_customer("C1", region="North")
    answer = await admin.post(EXPORTS, json={"kind": "customers", "filters": {"region": "North"}})
    assert answer.status_code == 201, answer.text
    data = answer.json()["data"]
    ExportView.model_validate(data)
    assert answer.headers["location"] == f"{EXPORTS}/{data['id']}"
    assert (data["state"], data["rows"], data["progress"]) == ("succeeded", 1, {"rows_done": 1, "rows_total": 1})
    assert data["filters"] == {"region": "North"}
    assert (await admin.get(answer.headers["location"])).json()["data"] == data
    (listed,) = (await admin.get(EXPORTS, params={"kind": "customers", "state": "succeeded"})).json()["data"]
    assert listed == data
    assert (await admin.get(EXPORTS, params={"kind": "sales"})).json()["data"] == []
    file = await admin.get(data["download"])
    assert file.headers["content-type"] == XLSX
    assert file.headers["content-disposition"].startswith(f'attachment; filename="{data["file"]["name"]}"')
    assert len(file.content) == data["file"]["size"] == int(file.headers["content-length"])
    assert sheet(file.content)[1][:3] == ["C1", "Customer C1", "North"]


async def test_a_large_export_is_made_by_a_worker(
    tenant: Tenant, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_ONCE_ROWS", 1)
    monkeypatch.setattr(exports, "ROWS_PER_PROGRESS", 1)
    viewer = await sign_in("viewer")
    with tenant_scope(tenant.id):
        for code in ("A", "B"):
            await factories.make_product(code)
    answer = await viewer.post(EXPORTS, json={"kind": "products", "format": "csv"})
    assert answer.status_code == 202, answer.text
    data = answer.json()["data"]
    assert (data["rows"], data["file"], data["download"], data["progress"]["rows_total"]) == (None, None, None, 2)

    async def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = (await viewer.get(answer.headers["location"])).json()["data"]
        return found if found["state"] not in ("queued", "running") else None

    done = await eventually(ended, within=20) or {}
    assert (done["state"], done["rows"]) == ("succeeded", 2)
    file = await viewer.get(done["download"])
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert [line.partition(",")[0] for line in file.text.splitlines()] == ["\ufeffitem_code", "A", "B"]
    assert "standard_cost" not in file.text


async def test_the_same_key_makes_one_export(tenant: Tenant, sign_in: SignIn) -> None:
    admin = await sign_in("admin")
    body, key = {"kind": "users"}, {"Idempotency-Key": uuid4().hex}
    first = await admin.post(EXPORTS, json=body, headers=key)
    again = await admin.post(EXPORTS, json=body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert len((await admin.get(EXPORTS)).json()["data"]) == 1


async def test_a_rep_gets_own_customers_and_no_column_of_cost(app: FastAPI, tenant: Tenant) -> None:
    user, rep = await somebody(app, tenant.id, "sales_rep")
    with tenant_scope(tenant.id):
        own, other = await factories.make_customer("OWN"), await factories.make_customer("OTHER")
        product = await factories.make_product("P1", standard_cost="1.25")
        await factories.assign(user, own)
        for one in (own, other):
            await factories.price(one, product, "2.5")
    made = (await rep.post(EXPORTS, json={"kind": "prices"})).json()["data"]
    assert [row[0] for row in sheet((await rep.get(made["download"])).content)] == ["customer_code", "OWN"]
    template = await rep.get("/api/v1/templates/products.xlsx")
    assert "standard_cost" not in sheet(template.content)[0]
    assert (await rep.get("/api/v1/templates/costs.xlsx")).status_code == 403
    assert (await rep.post(EXPORTS, json={"kind": "costs"})).status_code == 403
    refused = await rep.post(EXPORTS, json={"kind": "prices", "filters": {"customer_ids": [str(other.id)]}})
    assert refused.status_code == 422
    assert refused.json()["error"]["details"][0]["field"] == "filters.customer_ids"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "nothing"}, "kind"),
        ({"kind": "users", "format": "pdf"}, "format"),
        ({"kind": "users", "layout": "wide"}, "layout"),
        ({"kind": "users", "filters": {"region": "North"}}, "filters.region"),
        ({"kind": "sales", "filters": {"valid_on": "2026-01-01"}}, "filters.valid_on"),
        ({"kind": "prices", "filters": {"valid_on": "2026-02-31"}}, "filters.valid_on"),
        ({"kind": "prices", "filters": {"customer_ids": ["x"]}}, "filters.customer_ids.0"),
        ({"kind": "prices", "filters": {"region": {"$ne": None}}}, "filters.region"),
        ({"kind": "sales", "rows": 1}, "rows"),
    ],
)
async def test_what_does_not_fit_is_named(sign_in: SignIn, body: dict[str, Any], field: str) -> None:
    answer = await (await sign_in("admin")).post(EXPORTS, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["details"][0]["field"] == field


async def test_a_file_that_is_not_there_yet_is_a_conflict(tenant: Tenant, sign_in: SignIn) -> None:
    admin = await sign_in("admin")
    with tenant_scope(tenant.id):
        params = {"kind": "users", "format": "xlsx", "layout": "long", "filters": {}, "rows": 10}
        job = await jobs.create(exports.EXPORT, params)
    answer = await admin.get(f"{EXPORTS}/{job.id}/download")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        409, "The export is queued; there is no file to download.",
    )  # fmt: skip
    with tenant_scope(tenant.id):
        await jobs.fail(job.id, "No worker of another test may find it.")


@pytest.mark.parametrize("kind", TABLES)
async def test_an_untouched_template_changes_nothing(sign_in: SignIn, tenant: Tenant, kind: ImportKind) -> None:
    admin = await sign_in("admin")
    with tenant_scope(tenant.id):
        await fill(kind)
    answer = await admin.get(f"/api/v1/templates/{kind}.xlsx")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == XLSX
    assert f'filename="{kind}-template.xlsx"' in answer.headers["content-disposition"]
    assert sheet(answer.content) == [[column.name for column in TABLES[kind].columns]]
    with tenant_scope(tenant.id):
        job = await brought_back(kind, answer.content)
        assert (job.state, set(counts(job).values())) == ("succeeded", {0})


@pytest.mark.parametrize("query", [{"layout": "wide"}, {"layout": "x y"}, {"sheet": "1"}])
async def test_a_template_has_no_other_layout_than_its_kind(sign_in: SignIn, query: dict[str, str]) -> None:
    answer = await (await sign_in("admin")).get("/api/v1/templates/prices.xlsx", params=query)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == next(iter(query))


async def test_there_is_no_template_of_an_unknown_kind(sign_in: SignIn) -> None:
    assert (await (await sign_in("admin")).get("/api/v1/templates/nothing.xlsx")).status_code == 422


async def test_the_list_of_people_is_the_same_file(sign_in: SignIn) -> None:
    admin: httpx.AsyncClient = await sign_in("admin")
    made = (await admin.post(EXPORTS, json={"kind": "users"})).json()["data"]
    assert (await admin.get("/api/v1/users/export.xlsx")).content == (await admin.get(made["download"])).content
