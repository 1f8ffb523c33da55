"""A manager with regions: whose customers they see, everywhere, and what they leave to those who see all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from activities.reports import run_report
from core.clock import now
from core.collections import scoped
from core.context import acting_as, tenant_scope
from models.customer import Assignment, Customer
from models.job import Job
from models.tenant import Tenant
from models.user import User
from services import cycle_moves, cycles, opening, reports
from services.cycles import CycleDraft
from services.reports import PlanVsActualWanted
from tests import factories
from tests.companies import CLOSES, DAY, Company, close_cycle, ignore, make_company, open_cycle
from tests.people import signed_in, somebody
from workflows.contracts import JobInput


@dataclass(frozen=True, slots=True)
class Land:
    """A company with customers in the North and in the South, and the manager of the North."""

    company: Company
    south: Customer
    southern_rep: User
    manager: User
    client: httpx.AsyncClient


@pytest.fixture
async def land(app: FastAPI, tenant: Tenant) -> AsyncIterator[Land]:
    manager, client = await somebody(app, tenant.id, "manager", regions=["NORTH "])
    with tenant_scope(tenant.id):
        company = await make_company()
        south = await factories.make_customer("S1", region="South")
        southern_rep = await factories.make_user("sales_rep")
        await factories.assign(southern_rep, south)
        await factories.allow(south, await factories.make_product("SOUTHERN"))
    async with client:
        yield Land(company, south, southern_rep, manager, client)


async def test_lists_show_the_region(land: Land) -> None:
    assert [row["code"] for row in (await land.client.get("/api/v1/customers")).json()["data"]] == ["C1"]
    found = await land.client.get("/api/v1/customers", params={"search": "S1", "region": "South"})
    assert (found.json()["data"], found.json()["meta"]["total"]) == ([], 0)
    products = {row["code"] for row in (await land.client.get("/api/v1/products")).json()["data"]}
    assert products == {"TEA", "CUP", "OLD"}


async def test_a_sheet_of_elsewhere_is_nobodys(land: Land, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        cycle = await cycles.create(CycleDraft("Running", now() + 10 * DAY), now())
        await opening.prepare(cycle.id, ignore)
        await cycle_moves.open_entry(cycle.id, now(), None)
    expected = [(land.company.customer.id, 200), (land.south.id, 404), (uuid4(), 404)]
    for customer_id, status in expected:
        sheet = {"cycle_id": str(cycle.id), "customer_id": str(customer_id)}
        assert (await land.client.get("/api/v1/forecasts", params=sheet)).status_code == status
        cell = {"product_id": str(land.company.tea.id), "month": cycle.months[0], "base_rev": 0, "quantity": 1}
        assert (await land.client.post("/api/v1/forecasts", json={**sheet, "cells": [cell]})).status_code == status
        submitted = await land.client.post("/api/v1/forecasts/submit", json={**sheet, "dry_run": True})
        assert submitted.status_code == status


async def test_who_plans_customers_of_elsewhere_is_not_told(land: Land) -> None:
    own, other = land.company.rep, land.southern_rep
    assert (await land.client.get(f"/api/v1/customers/{land.south.id}/assignments")).status_code == 404
    for user, count in ((own, 1), (other, 0)):
        page = (await land.client.get(f"/api/v1/users/{user.id}/assignments")).json()
        assert (len(page["data"]), page["meta"]["total"]) == (count, count)
    body = {"customer_id": str(land.south.id), "valid_from": "2026-01-01", "primary": False}
    assert (await land.client.post(f"/api/v1/users/{own.id}/assignments", json=body)).status_code == 404
    body["customer_id"] = str(land.company.customer.id)
    assert (await land.client.post(f"/api/v1/users/{other.id}/assignments", json=body)).status_code == 201
    hidden = await _entry_of(land.south.id, land)
    path = f"/api/v1/users/{other.id}/assignments/{hidden}"
    assert (await land.client.get(path)).status_code == 404
    assert (await land.client.delete(path, headers={"If-Match": '"1"'})).status_code == 404
    handover = {"from_user_id": str(other.id), "to_user_id": str(own.id), "valid_from": "2026-07-01"}
    answer = await land.client.post(f"/api/v1/customers/{land.south.id}/assignments/handover", json=handover)
    assert answer.status_code == 404


async def test_nobody_gets_further_by_naming_delegates(app: FastAPI, land: Land, tenant: Tenant) -> None:
    """A manager who let themselves stand in for somebody of another region would see that region."""
    with tenant_scope(tenant.id):
        admin, wide = await factories.make_user("admin"), await factories.make_user("manager")
    days = {"valid_from": "2026-01-01", "valid_to": "2199-01-01", "delegate_id": str(land.manager.id)}
    for person, status in ((land.southern_rep, 403), (admin, 403), (wide, 403), (land.company.rep, 201)):
        answer = await land.client.post(f"/api/v1/users/{person.id}/delegates", json=days)
        assert answer.status_code == status, answer.text
    own = {**days, "delegate_id": str(wide.id)}
    assert (await land.client.post(f"/api/v1/users/{land.manager.id}/delegates", json=own)).status_code == 201
    by_admin = await (await signed_in(app, admin)).post(f"/api/v1/users/{land.southern_rep.id}/delegates", json=days)
    assert by_admin.status_code == 201
    assert {row["code"] for row in (await land.client.get("/api/v1/customers")).json()["data"]} == {"C1", "S1"}


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("POST", "/sop/cycles", {"json": {}}),
        ("POST", f"/sop/cycles/{UUID(int=7)}/open", {}),
        ("DELETE", f"/sop/cycles/{UUID(int=7)}", {}),
        ("POST", "/imports", {"files": {"file": ("s.csv", b"a\n")}, "data": {"kind": "customers"}}),
    ],
)
async def test_what_concerns_all_customers_is_left_to_who_sees_all(
    land: Land, method: str, path: str, options: dict[str, Any]
) -> None:
    answer = await land.client.request(method, f"/api/v1{path}", **options)
    assert answer.status_code == 403
    assert "you see those of your regions only" in answer.json()["error"]["message"]
    assert (await land.client.get("/api/v1/sop/cycles")).status_code == 200


async def test_reports_hold_the_region_and_those_over_all_are_gone(app: FastAPI, land: Land, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        closed = await close_cycle((await open_cycle()).id, CLOSES + DAY)
        made = []
        for user in (land.manager, land.company.manager):
            with acting_as(user.id):
                job = await reports.request_plan_vs_actual(PlanVsActualWanted(closed.id))
                await run_report(JobInput(tenant_id=tenant.id, job_id=job.id, kind=reports.REPORT))
                made.append(await scoped(Job).get(job.id))
    own, everybodys = [await land.client.get(f"/api/v1/reports/{job.id}") for job in made]
    assert everybodys.status_code == 404
    report = own.json()["data"]["report"]
    assert [row["code"] for row in report["by_customer"]["rows"]] == ["C1"]
    assert [row["id"] for row in (await land.client.get("/api/v1/reports")).json()["data"]] == [str(made[0].id)]

    other = await signed_in(app, land.company.manager)
    assert (await other.get(f"/api/v1/reports/{made[1].id}")).status_code == 200
    with tenant_scope(tenant.id):
        await scoped(User).update_one({"_id": land.company.manager.id}, {"$set": {"regions": ["North"]}})
    assert (await other.get(f"/api/v1/reports/{made[1].id}")).status_code == 404, "made before there were regions"
    assert (await other.get("/api/v1/reports")).json()["data"] == []


async def _entry_of(customer_id: UUID, land: Land) -> UUID:
    with tenant_scope(land.south.tenant_id):
        row = await scoped(Assignment).one({"customer_id": customer_id, "user_id": land.southern_rep.id})
    assert row is not None
    return row.id
