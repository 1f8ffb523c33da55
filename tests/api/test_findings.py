"""Findings over HTTP: asked for, looked for by a real worker, read with names and the way to mend them."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.findings import run_findings
from api.app import create_app
from api.schemas.findings import MENDING
from core.context import tenant_scope
from core.mongo import Mongo
from core.search import search_words
from core.settings import Settings
from models.customer import Customer
from models.tenant import Tenant
from ops.worker import build_worker
from planning.findings import FindingKind
from planning.months import month_range
from services import findings
from tests import factories
from tests.api.conftest import SignIn
from tests.contract import operations
from tests.eventually import eventually
from tests.people import signed_in
from workflows.contracts import JobInput

FINDINGS = "/api/v1/master-data/findings"
REFRESH = f"{FINDINGS}/refresh"
NO_REP = f"{FINDINGS}/no_rep"


async def _look(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        job = await findings.request()
        await run_findings(JobInput(tenant_id=tenant.id, job_id=job.id, kind=findings.FINDINGS))


async def _customers(tenant: Tenant, *codes: str) -> list[Customer]:
    """Customers without a rep; the n-th bought for n euros last month."""
    with tenant_scope(tenant.id):
        tea = await factories.make_product("TEA", standard_cost="1", search=["tea"])
        await factories.complete("2026-10")
        made = []
        for number, code in enumerate(codes, 1):
            made.append(await factories.make_customer(code, name=f"Shop {code}", search=search_words(code, "Shop")))
            await factories.allow(made[-1], tea)
            await factories.sold(made[-1], tea, "2026-10", 1_000, number * 10_000)
        return made


def _of(summary: httpx.Response, kind: FindingKind) -> dict[str, Any]:
    assert summary.status_code == 200
    return next(row for row in summary.json()["data"]["kinds"] if row["kind"] == kind)


async def test_before_anybody_looked_nothing_is_said(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    answer = (await manager.get(FINDINGS)).json()["data"]
    assert (answer["as_of"], answer["currency"], answer["refresh"]) == (None, "EUR", None)
    assert [row["kind"] for row in answer["kinds"]] == list(FindingKind)
    assert {row["count"] for row in answer["kinds"]} == {None}
    assert (await manager.get(NO_REP)).json() == {
        "data": [],
        "meta": {"page": 1, "limit": 50, "has_next": False, "total": 0},
    }


async def test_a_look_is_asked_for_once_and_polled(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    first = await manager.post(REFRESH, headers={"Idempotency-Key": "once"})
    again = await manager.post(REFRESH)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert (await manager.get(FINDINGS)).json()["data"]["refresh"]["state"] == "queued"
    polled = await manager.get(first.headers["location"])
    assert polled.json()["data"]["state"] == "queued"
    assert (await manager.get(f"{FINDINGS}/refreshes/{uuid4()}")).status_code == 404


async def test_a_refresh_is_no_other_job(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    refresh = (await manager.post(REFRESH)).json()["data"]["id"]
    for path in ("reports", "imports"):
        assert (await manager.get(f"/api/v1/{path}/{refresh}")).status_code == 404


async def test_counts_and_values_stand_in_the_summary(tenant: Tenant, sign_in: SignIn) -> None:
    await _customers(tenant, "C1", "C2", "C3")
    await _look(tenant)
    manager = await sign_in("manager")
    summary = await manager.get(FINDINGS)
    assert summary.json()["data"]["as_of"] is not None
    assert _of(summary, FindingKind.NO_REP) == {
        "kind": "no_rep",
        "count": 3,
        "value": 6,
        "unvalued": 0,
        "details": NO_REP,
        "mend": {
            "action": "manage_assignments",
            "method": "POST",
            "path": MENDING[FindingKind.NO_REP].path,
        },
    }
    assert _of(summary, FindingKind.MISSING_COST)["count"] == 0


async def test_the_most_valuable_come_first_and_pages_do_not_overlap(tenant: Tenant, sign_in: SignIn) -> None:
    await _customers(tenant, "C1", "C2", "C3", "C4", "C5")
    await _look(tenant)
    manager = await sign_in("manager")
    seen: list[str] = []
    for number in (1, 2, 3):
        answer = (await manager.get(NO_REP, params={"page": number, "limit": 2})).json()
        seen += [row["customers"][0]["code"] for row in answer["data"]]
        assert answer["meta"] == {"page": number, "limit": 2, "has_next": number < 3, "total": 5}
    assert seen == ["C5", "C4", "C3", "C2", "C1"]
    answer = await manager.get(NO_REP, params={"order": "asc", "limit": 1})
    assert answer.json()["data"][0]["value"] == 1


async def test_findings_are_found_by_what_they_are_about(tenant: Tenant, sign_in: SignIn) -> None:
    made = await _customers(tenant, "C1", "C22", "C23")
    await _look(tenant)
    manager = await sign_in("manager")

    async def found(**params: str) -> list[str]:
        answer = await manager.get(NO_REP, params=params)
        assert answer.status_code == 200
        return [row["customers"][0]["code"] for row in answer.json()["data"]]

    assert await found(search="c2") == ["C23", "C22"]
    assert await found(search="c2 sho") == ["C23", "C22"]
    assert await found(search="tea") == []
    assert await found(customer_id=str(made[0].id)) == ["C1"]
    assert await found(customer_id=str(uuid4())) == []
    assert await found(product_id=str(uuid4())) == []


async def test_a_search_that_finds_too_much_is_refused(
    tenant: Tenant, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _customers(tenant, "C1", "C2")
    await _look(tenant)
    monkeypatch.setattr(findings, "MOST_MATCHES", 1)
    answer = await (await sign_in("manager")).get(NO_REP, params={"search": "shop"})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == "search"


@pytest.mark.parametrize("params", [{"sort_by": "name"}, {"customer_id": "1"}, {"limit": "101"}, {"region": "x"}])
async def test_what_the_list_does_not_know_is_refused(sign_in: SignIn, params: dict[str, str]) -> None:
    assert (await (await sign_in("manager")).get(NO_REP, params=params)).status_code == 422


async def test_a_kind_that_there_is_not_is_refused(sign_in: SignIn) -> None:
    assert (await (await sign_in("manager")).get(f"{FINDINGS}/anything")).status_code == 422


async def test_a_mended_finding_is_gone_after_the_next_look(tenant: Tenant, sign_in: SignIn) -> None:
    (customer,) = await _customers(tenant, "C1")
    await _look(tenant)
    manager = await sign_in("manager")
    (row,) = (await manager.get(NO_REP)).json()["data"]
    assert row["customers"] == [{"id": str(customer.id), "code": "C1", "name": "Shop C1"}]
    with tenant_scope(tenant.id):
        await factories.assign(await factories.make_user("sales_rep"), customer)
    await _look(tenant)
    assert (await manager.get(NO_REP)).json()["data"] == []


async def test_a_manager_with_regions_sees_the_findings_on_those(tenant: Tenant, sign_in: SignIn) -> None:
    """A pair only when both are theirs; of products everything but what all customers make."""
    with tenant_scope(tenant.id):
        await factories.make_customer("N1", name="Northwind Traders", region="North")
        await factories.make_customer("N2", name="Northwind Traders", region=" NORTH")
        await factories.make_customer("S1", name="Northwind Traders", region="South")
        tea = await factories.make_product("TEA")
        await factories.complete("2026-10")
        somebody = await factories.make_customer("X1", name="Adventure Works")
        await factories.sold(somebody, tea, "2026-10", 1_000, 40_000)
    await _look(tenant)
    north, everywhere = await sign_in("manager", regions=["north"]), await sign_in("manager")

    async def seen(manager: httpx.AsyncClient, kind: FindingKind) -> tuple[int, float | None, list[set[str]]]:
        summary = _of(await manager.get(FINDINGS), kind)
        rows = (await manager.get(f"{FINDINGS}/{kind}")).json()["data"]
        codes = [{thing["code"] for thing in (*row["customers"], *row["products"])} for row in rows]
        assert summary["count"] == len(rows)
        assert summary["value"] == sum(row["value"] or 0 for row in rows)
        assert summary["unvalued"] == sum(row["value"] is None for row in rows)
        return summary["count"], rows[0]["value"], sorted(codes, key=sorted)

    assert await seen(everywhere, FindingKind.NO_REP) == (4, 4, [{"N1"}, {"N2"}, {"S1"}, {"X1"}])
    assert await seen(north, FindingKind.NO_REP) == (2, 0, [{"N1"}, {"N2"}])
    assert (await seen(everywhere, FindingKind.DUPLICATE_CUSTOMERS))[0] == 3
    assert await seen(north, FindingKind.DUPLICATE_CUSTOMERS) == (1, 0, [{"N1", "N2"}])
    assert await seen(everywhere, FindingKind.MISSING_COST) == (1, 4, [{"TEA"}])
    assert await seen(north, FindingKind.MISSING_COST) == (1, None, [{"TEA"}])


async def test_the_way_to_mend_names_what_is_to_be_mended(tenant: Tenant, sign_in: SignIn) -> None:
    with tenant_scope(tenant.id):
        await factories.complete(*month_range("2025-11", 12))
        shop = await factories.make_customer("C1")
        entry = await factories.allow(shop, await factories.make_product("TEA", standard_cost="1"))
        twin = await factories.make_product("T-EA", name="Something else", standard_cost="1")
    await _look(tenant)
    manager = await sign_in("manager")

    async def mend(kind: FindingKind) -> Any:
        (row,) = (await manager.get(f"{FINDINGS}/{kind}")).json()["data"]
        return row["mend"]

    assert await mend(FindingKind.MATRIX_WITHOUT_SALES) == {
        "action": "change_matrix",
        "method": "PATCH",
        "path": f"/api/v1/customers/{shop.id}/products/{entry.id}",
    }
    assert (await mend(FindingKind.DUPLICATE_PRODUCTS))["path"] == f"/api/v1/products/{twin.id}"
    assert (await mend(FindingKind.NO_REP))["path"] == "/api/v1/users/{user_id}/assignments"


def test_what_mends_a_finding_is_an_operation_of_the_api() -> None:
    paths = {(method, path) for method, path, _ in operations()}
    for mending in MENDING.values():
        assert any(method == mending.method and _same(path, mending.path) for method, path in paths), mending


def _same(declared: str, path: str) -> bool:
    """The same path, whatever its parameters are called."""

    def shape(text: str) -> list[str]:
        return ["{}" if part.startswith("{") else part for part in text.split("/")]

    return shape(declared) == shape(path)


@pytest.fixture
async def worked(settings: Settings, mongo: Mongo, temporal_address: str) -> AsyncIterator[FastAPI]:
    """An application whose jobs a real worker runs."""
    own = copy.copy(settings)
    own.temporal = settings.temporal.model_copy(update={"temporal_task_queue": f"findings-{uuid4()}"})
    client = await Client.connect(temporal_address, data_converter=pydantic_data_converter)
    app = create_app(own, mongo=mongo)
    async with app.router.lifespan_context(app), build_worker(client, own):
        yield app


async def test_a_worker_looks(worked: FastAPI, tenant: Tenant) -> None:
    await _customers(tenant, "C1")
    with tenant_scope(tenant.id):
        user = await factories.make_user("manager")
    manager = await signed_in(worked, user)
    location = (await manager.post(REFRESH)).headers["location"]

    async def succeeded() -> bool:
        return bool((await manager.get(location)).json()["data"]["state"] == "succeeded")

    await eventually(succeeded)
    assert (await manager.get(location)).json()["data"]["progress"] == {"customers_done": 1, "prices_done": 1}
    row = (await manager.get(NO_REP)).json()["data"][0]
    assert (row["customers"][0]["code"], row["value"]) == ("C1", 1)
