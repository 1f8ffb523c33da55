"""Merging customers over HTTP: asked for twice, previewed, refused."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from core.collections import scoped
from core.context import tenant_scope
from models.audit import AuditEvent
from models.customer import Customer
from models.tenant import Tenant
from tests import factories
from tests.api.conftest import SignIn
from tests.people import somebody

CUSTOMERS = "/api/v1/customers"


@dataclass(frozen=True, slots=True)
class Two:
    """A manager and two customers of the tenant; the first one has a product that the other one has not."""

    client: httpx.AsyncClient
    source: Customer
    target: Customer

    @property
    def path(self) -> str:
        return f"{CUSTOMERS}/{self.source.id}/merge"

    @property
    def body(self) -> dict[str, str]:
        return {"customer_id": str(self.target.id)}


@pytest.fixture
async def two(tenant: Tenant, sign_in: SignIn) -> Two:
    with tenant_scope(tenant.id):
        source = await factories.make_customer("PRO", name="Prospect", status="prospect")
        target = await factories.make_customer("C1")
        await factories.allow(source, await factories.make_product())
    return Two(await sign_in("manager"), source, target)


async def test_a_prospect_becomes_the_customer_that_it_is(tenant: Tenant, two: Two) -> None:
    preview = (await two.client.post(f"{two.path}/preview", json=two.body)).json()["data"]
    assert preview["possible"]
    assert (preview["source"]["code"], preview["target"]["code"]) == ("PRO", "C1")
    assert preview["matrix"] == {"moved": 1, "kept": 0}
    assert preview["new_aliases"] == ["PRO", "Prospect"]
    done = await two.client.post(two.path, json=two.body)
    assert done.status_code == 200
    assert done.json()["data"] == preview
    gone = (await two.client.get(f"{CUSTOMERS}/{two.source.id}")).json()["data"]
    assert (gone["status"], gone["merged_into"]) == ("inactive", str(two.target.id))
    found = (await two.client.get(CUSTOMERS, params={"search": "prosp"})).json()["data"]
    assert [(row["code"], row["aliases"]) for row in found] == [("C1", ["PRO", "Prospect"])]
    merged = (await two.client.get(CUSTOMERS, params={"merged": "true"})).json()["data"]
    assert [row["code"] for row in merged] == ["PRO"]
    again = await two.client.post(two.path, json=two.body)
    assert again.status_code == 409
    assert again.json()["error"]["message"] == "PRO was merged into C1 already."
    assert (await two.client.post(f"{CUSTOMERS}/{two.source.id}/restore")).status_code == 409


async def test_the_same_key_merges_once(tenant: Tenant, two: Two) -> None:
    headers = {"Idempotency-Key": "merge-1"}
    first, second = [await two.client.post(two.path, json=two.body, headers=headers) for _ in range(2)]
    assert (first.status_code, first.content) == (200, second.content)
    with tenant_scope(tenant.id):
        assert await scoped(AuditEvent).count({"action": "customer.merged"}) == 1


async def test_the_preview_says_what_stands_in_the_way(two: Two) -> None:
    answer = await two.client.post(f"{two.path}/preview", json={"customer_id": str(two.source.id)})
    assert answer.status_code == 200
    assert not answer.json()["data"]["possible"]
    assert answer.json()["data"]["obstacles"] == ["PRO can't be merged into itself; name another customer."]


async def test_who_may_merge_what(app: FastAPI, tenant: Tenant, two: Two) -> None:
    rep, client = await somebody(app, tenant.id, "sales_rep")
    with tenant_scope(tenant.id):
        await factories.assign(rep, two.source)
    _, stranger = await somebody(app, (await factories.make_tenant()).id, "manager")
    for path in (two.path, f"{two.path}/preview"):
        assert (await client.post(path, json=two.body)).status_code == 403
        assert (await stranger.post(path, json=two.body)).status_code == 404
        assert (await two.client.post(path, json={})).status_code == 422
        assert (await two.client.post(path, json={**two.body, "force": True})).status_code == 422
        nobody = {"customer_id": "00000000-0000-0000-0000-000000000007"}
        assert (await two.client.post(path, json=nobody)).status_code == 404
