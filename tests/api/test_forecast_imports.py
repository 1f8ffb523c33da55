"""Forecasts from files over HTTP: everybody who plans may send them, and sees the own ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from activities.imports import run_import_job
from core.clock import now
from core.collections import scoped
from core.context import acting_as, tenant_scope
from models.cycle import Cycle
from models.job import Job
from models.tenant import Tenant
from planning.roles import Role
from services import cycle_moves, cycles, opening
from tests import factories
from tests.api.conftest import SignIn
from tests.companies import Company, ignore, make_company
from tests.imported import csv_of
from tests.people import somebody

IMPORTS = "/api/v1/imports"


@dataclass(frozen=True, slots=True)
class Planning:
    """A cycle that is open now, and the rep of C1."""

    company: Company
    cycle: Cycle
    rep: httpx.AsyncClient
    rep_id: UUID


@pytest.fixture
async def planning(app: FastAPI, tenant: Tenant) -> Planning:
    user, client = await somebody(app, tenant.id, Role.SALES_REP)
    with tenant_scope(tenant.id):
        company = await make_company()
        await factories.assign(user, company.customer)
        draft = cycles.CycleDraft("Now", entry_closes_at=now() + timedelta(days=5), start_month="2027-01")
        cycle = await cycles.create(draft, now())
        await opening.prepare(cycle.id, ignore)
        cycle = (await cycle_moves.open_entry(cycle.id, now(), None)).cycle
    return Planning(company, cycle, client, user.id)


async def send(client: httpx.AsyncClient, *lines: str, **form: Any) -> httpx.Response:
    data = {"kind": "forecasts", **form}
    return await client.post(IMPORTS, files={"file": ("plan.csv", csv_of(*lines))}, data=data)


async def applied(tenant: Tenant, user_id: UUID, client: httpx.AsyncClient, *lines: str, **form: Any) -> dict[str, Any]:
    answer = await send(client, *lines, **form)
    assert answer.status_code == 202, answer.text
    with tenant_scope(tenant.id), acting_as(user_id):
        await run_import_job(UUID(answer.json()["data"]["id"]))
    data: dict[str, Any] = (await client.get(answer.headers["location"])).json()["data"]
    return data


async def test_a_rep_sends_the_plan_of_own_customers_in_excel(tenant: Tenant, planning: Planning) -> None:
    with tenant_scope(tenant.id):
        await factories.make_customer("C2")
    lines = ("customer_code,item_code,2027-01,2027-02", "C1,TEA,20,21", "C2,TEA,1,1")
    data = await applied(tenant, planning.rep_id, planning.rep, *lines, cycle_id=str(planning.cycle.id))
    assert data["cells"] == {"saved": 2, "unchanged": 0, "conflict": 0, "refused": 0}
    assert (data["counts"]["updated"], data["counts"]["rejected"]) == (1, 1)
    assert (data["cycle_id"], data["overwrite"]) == (str(planning.cycle.id), False)
    [error] = data["errors"]
    assert (error["row"], error["column"], error["value"], error["conflict"]) == (3, "customer_code", "C2", False)
    grid = await planning.rep.get(
        "/api/v1/forecasts",
        params={"cycle_id": str(planning.cycle.id), "customer_id": str(planning.company.customer.id)},
    )
    tea = next(line for line in grid.json()["data"]["lines"] if line["item_code"] == "TEA")
    assert [(cell["quantity"], cell["origin"]) for cell in tea["cells"][:2]] == [(20, "imported"), (21, "imported")]


async def test_two_people_change_the_same_cell(tenant: Tenant, planning: Planning) -> None:
    place = {"cycle_id": str(planning.cycle.id), "customer_id": str(planning.company.customer.id)}
    tea = str(planning.company.tea.id)
    change = {"product_id": tea, "month": "2027-01", "base_rev": 0, "quantity": 12}
    assert (await planning.rep.post("/api/v1/forecasts", json={**place, "cells": [change]})).status_code == 200
    lines = ("customer_code,item_code,base_revs,2027-01,2027-02", "C1,TEA,0,30,31")
    data = await applied(tenant, planning.rep_id, planning.rep, *lines)
    assert data["cells"] == {"saved": 1, "unchanged": 0, "conflict": 1, "refused": 0}
    [error] = data["errors"]
    assert (error["column"], error["value"], error["conflict"]) == ("2027-01", "30", True)
    again = await applied(tenant, planning.rep_id, planning.rep, *lines, overwrite="true")
    assert again["cells"] == {"saved": 1, "unchanged": 1, "conflict": 0, "refused": 0}


async def test_a_rep_imports_nothing_else_and_sees_no_others_imports(
    tenant: Tenant, planning: Planning, sign_in: SignIn
) -> None:
    refused = await planning.rep.post(
        IMPORTS, files={"file": ("a.csv", b"item_code,name\nA,A\n")}, data={"kind": "products"}
    )
    assert refused.status_code == 403
    viewer = await sign_in("viewer")
    assert (await send(viewer, "customer_code,item_code,2027-01", "C1,TEA,1")).status_code == 403
    manager = await sign_in("manager")
    own = (await send(planning.rep, "customer_code,item_code,2027-01", "C1,TEA,1")).json()["data"]["id"]
    others = (await send(manager, "customer_code,item_code,2027-01", "C1,TEA,1")).json()["data"]["id"]
    assert [row["id"] for row in (await planning.rep.get(IMPORTS)).json()["data"]] == [own]
    assert {row["id"] for row in (await manager.get(IMPORTS)).json()["data"]} == {own, others}
    assert (await planning.rep.get(f"{IMPORTS}/{others}")).status_code == 404
    assert (await manager.get(f"{IMPORTS}/{own}")).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {"kind": "products", "cycle_id": "00000000-0000-0000-0000-000000000007"},
        {"kind": "sales", "overwrite": "true"},
        {"cycle_id": "00000000-0000-0000-0000-000000000007"},
        {"cycle_id": "December"},
        {"overwrite": "maybe"},
    ],
)
async def test_what_does_not_fit_is_refused_at_the_door(tenant: Tenant, sign_in: SignIn, form: dict[str, str]) -> None:
    manager = await sign_in("manager")
    assert (await send(manager, "customer_code,item_code,2027-01", "C1,TEA,1", **form)).status_code == 422
    with tenant_scope(tenant.id):
        assert await scoped(Job).count() == 0


async def test_a_rep_takes_the_workbook_home_and_brings_it_back(tenant: Tenant, planning: Planning) -> None:
    wanted = {"kind": "forecasts", "layout": "wide", "filters": {"cycle_id": str(planning.cycle.id)}}
    made = await planning.rep.post("/api/v1/exports", json=wanted)
    assert made.status_code == 201, made.text
    book = await planning.rep.get(made.json()["data"]["download"])
    sent = await planning.rep.post(IMPORTS, files={"file": ("plan.xlsx", book.content)}, data={"kind": "forecasts"})
    with tenant_scope(tenant.id), acting_as(planning.rep_id):
        await run_import_job(UUID(sent.json()["data"]["id"]))
    data = (await planning.rep.get(sent.headers["location"])).json()["data"]
    assert data["cells"] == {"saved": 0, "unchanged": 32, "conflict": 0, "refused": 0}
    assert (data["errors"], data["ignored_columns"]) == ([], [])


@pytest.mark.parametrize(
    "wanted",
    [
        {"layout": "wide"},
        {"filters": {"cycle_id": "00000000-0000-0000-0000-000000000007"}},
        {"kind": "prices", "layout": "wide"},
        {"kind": "prices", "filters": {"cycle_id": "00000000-0000-0000-0000-000000000007"}},
        {"kind": "budget", "filters": {"region": "North"}},
    ],
)
async def test_what_can_not_be_exported_is_refused(sign_in: SignIn, wanted: dict[str, Any]) -> None:
    manager = await sign_in("manager")
    answer = await manager.post("/api/v1/exports", json={"kind": "forecasts", **wanted})
    assert answer.status_code == 422, answer.text


async def test_a_manager_takes_back_what_a_rep_sent_while_the_sheet_can_be_written(
    tenant: Tenant, planning: Planning, app: FastAPI
) -> None:
    _, manager = await somebody(app, tenant.id, Role.MANAGER)
    data = await applied(tenant, planning.rep_id, planning.rep, "customer_code,item_code,2027-01", "C1,TEA,20")
    path = f"{IMPORTS}/{data['id']}/undo"
    assert (await planning.rep.post(path)).status_code == 403
    found = (await manager.post(f"{path}/preview")).json()["data"]
    assert found == {
        "counts": {"removed": 0, "restored": 1, "put_back": 0, "blocked": 0},
        "refusal": None,
        "blocked": [],
    }
    place = {"cycle_id": str(planning.cycle.id), "customer_id": str(planning.company.customer.id)}
    submitted = await planning.rep.post("/api/v1/forecasts/submit", json={**place, "confirm_zero": True})
    assert submitted.status_code in (200, 201), submitted.text
    [sheet] = (await manager.post(f"{path}/preview")).json()["data"]["blocked"]
    assert (sheet["entity"], sheet["obstacle"], sheet["action"]) == ("sheet", "locked", "forecast.submitted")
    refused = await manager.post(path)
    assert refused.status_code == 409
    assert "sheets can't be written now" in refused.json()["error"]["message"]
