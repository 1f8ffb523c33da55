"""Standing in for somebody, over HTTP: who may name whom, what a delegate sees, and under whose name they act."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from models.audit import AuditEvent
from models.tenant import Tenant
from models.user import Delegate, User
from services import cycle_moves, cycles, opening
from services.cycles import CycleDraft
from tests import factories
from tests.api.conftest import SignIn
from tests.companies import DAY, ignore, make_company
from tests.people import signed_in, somebody

TODAY = now().date()
DAYS = {"valid_from": (TODAY - timedelta(days=1)).isoformat(), "valid_to": (TODAY + timedelta(days=2)).isoformat()}


def path_of(user: User) -> str:
    return f"/api/v1/users/{user.id}/delegates"


async def named(client: httpx.AsyncClient, user: User, delegate: User, **changes: Any) -> httpx.Response:
    return await client.post(path_of(user), json={"delegate_id": str(delegate.id), **DAYS, **changes})


@pytest.fixture
async def ben(tenant: Tenant) -> User:
    with tenant_scope(tenant.id):
        return await factories.make_user("sales_rep", name="Ben Rep", email=f"ben@{tenant.slug}.example")


async def test_a_delegate_plans_the_others_customers_under_the_own_name(
    app: FastAPI, tenant: Tenant, ben: User
) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        cycle = await cycles.create(CycleDraft("Running", now() + 10 * DAY), now())
        await opening.prepare(cycle.id, ignore)
        cycle = (await cycle_moves.open_entry(cycle.id, now(), None)).cycle
    rita, client = await signed_in(app, company.rep), await signed_in(app, ben)
    sheet = {"cycle_id": str(cycle.id), "customer_id": str(company.customer.id)}
    assert (await client.get("/api/v1/forecasts", params=sheet)).status_code == 404
    made = await named(rita, company.rep, ben)
    assert made.status_code == 201, made.text

    assert [row["code"] for row in (await client.get("/api/v1/customers")).json()["data"]] == ["C1"]
    assert len((await client.get("/api/v1/products")).json()["data"]) == 3
    cell = {"product_id": str(company.tea.id), "month": cycle.months[0], "base_rev": 0, "quantity": 12}
    assert (await client.post("/api/v1/forecasts", json={**sheet, "cells": [cell]})).status_code == 200
    with tenant_scope(tenant.id):
        (event,) = await scoped(AuditEvent).documents({"action": "forecast.saved"})
        assert event.actor_id == ben.id

    path = made.headers["location"]
    assert (await rita.delete(path, headers={"If-Match": made.headers["etag"]})).status_code == 204
    assert (await client.get("/api/v1/forecasts", params=sheet)).status_code == 404
    with tenant_scope(tenant.id):
        events = await scoped(AuditEvent).documents({"entity": "delegate"}, sort=[("at", 1)])
        assert [(event.action, event.actor_id) for event in events] == [
            ("delegate.created", company.rep.id), ("delegate.removed", company.rep.id),
        ]  # fmt: skip


async def test_people_name_their_own_and_managers_anybodys(
    app: FastAPI, tenant: Tenant, ben: User, sign_in: SignIn
) -> None:
    anna, client = await somebody(app, tenant.id, "sales_rep", name="Anna Rep")
    other = await sign_in("sales_rep")
    assert (await named(other, anna, ben)).status_code == 404
    assert (await other.get(path_of(anna))).status_code == 404
    by_mail = {"delegate_email": f" BEN@{tenant.slug}.example", **DAYS}
    made = (await client.post(path_of(anna), json=by_mail)).json()["data"]
    assert (made["user_name"], made["delegate_name"], made["rev"]) == ("Anna Rep", "Ben Rep", 1)
    manager = await sign_in("manager")
    later = {"valid_from": "2199-01-01", "valid_to": "2199-01-02"}
    assert (await named(manager, anna, ben, **later)).status_code == 201
    assert (await named(await sign_in("viewer"), anna, ben)).status_code == 403

    async def listed(user: User, **params: Any) -> list[str]:
        rows = (await manager.get(path_of(user), params=params)).json()["data"]
        return [row["valid_from"] for row in rows]

    assert await listed(anna) == [DAYS["valid_from"], "2199-01-01"]
    assert await listed(anna, on="2199-01-02") == ["2199-01-01"]
    assert await listed(ben) == []
    assert await listed(ben, stands_in="true") == [DAYS["valid_from"], "2199-01-01"]


async def test_it_is_changed_from_the_version_that_was_read(app: FastAPI, tenant: Tenant, ben: User) -> None:
    anna, client = await somebody(app, tenant.id, "sales_rep")
    path = (await named(client, anna, ben)).headers["location"]
    ended = await client.patch(path, json={"valid_to": TODAY.isoformat()}, headers={"If-Match": '"1"'})
    assert (ended.json()["data"]["valid_to"], ended.headers["etag"]) == (TODAY.isoformat(), '"2"')
    assert (await client.get(path)).json()["data"] == ended.json()["data"]
    for body, rev, status in (
        ({"valid_to": DAYS["valid_to"]}, 1, 412),
        ({"valid_to": "2020-01-01"}, 2, 422),
        ({"valid_to": None}, 2, 422),
        ({"delegate_id": str(ben.id)}, 2, 422),
        ({}, 2, 422),
    ):
        assert (await client.patch(path, json=body, headers={"If-Match": f'"{rev}"'})).status_code == status, body
    assert (await client.patch(path, json={"valid_to": DAYS["valid_to"]})).status_code == 428
    elsewhere = path.replace(str(anna.id), str(ben.id))
    assert (await client.get(elsewhere)).status_code == 404


async def test_who_can_not_stand_in(app: FastAPI, tenant: Tenant, ben: User, sign_in: SignIn) -> None:
    anna, client = await somebody(app, tenant.id, "sales_rep")
    with tenant_scope(tenant.id):
        viewer, gone = await factories.make_user("viewer"), await factories.make_user(is_active=False)
        removed = await factories.make_user(is_active=False, deleted_at=now())
    for delegate in (anna, viewer, gone, removed):
        answer = await named(client, anna, delegate)
        assert answer.status_code == 422, answer.text
        assert [one["field"] for one in answer.json()["error"]["details"]] == ["delegate_id"]
    for body in (
        {"delegate_id": str(uuid4()), **DAYS},
        {"delegate_email": "nobody@nowhere.example", **DAYS},
        {"delegate_email": f"ben@{tenant.slug}.example", "delegate_id": str(ben.id), **DAYS},
        DAYS,
        {"delegate_id": str(ben.id), "valid_from": "2026-07-02", "valid_to": "2026-07-01"},
        {"delegate_id": str(ben.id), "valid_from": "2026-07-02"},
    ):
        assert (await client.post(path_of(anna), json=body)).status_code == 422, body
    assert (await named(await sign_in("admin"), viewer, ben)).status_code == 422
    with tenant_scope(tenant.id):
        assert await scoped(Delegate).count({}) == 0


async def test_the_same_person_stands_in_once_however_often_it_is_said(app: FastAPI, tenant: Tenant, ben: User) -> None:
    anna, client = await somebody(app, tenant.id, "sales_rep")
    answers = await asyncio.gather(*(named(client, anna, ben, valid_to="2199-01-01") for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + 19 * [409]
    refusal = next(answer for answer in answers if answer.status_code == 409).json()["error"]
    assert f"{DAYS['valid_from']} to 2199-01-01" in refusal["message"]
