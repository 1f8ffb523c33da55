"""The main job, once through, over HTTP alone: facts come in as files, a cycle opens by itself, a rep saves and
submits, the cycle closes by itself at its deadline, the plan is frozen, and a report says plan against actual."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from openpyxl import load_workbook
from temporalio.testing import TimeSkipper

from api.app import create_app
from core.clock import now
from core.mongo import Mongo
from core.settings import Settings
from models.tenant import Tenant
from ops.worker import build_worker
from planning.months import add_months, month_of, month_range
from tests.eventually import eventually
from tests.mailserver import MailServer, part, running_mail_server
from tests.people import anonymous, somebody
from workflows.client import Workflows
from workflows.contracts import cycle_workflow_id

DAY = timedelta(days=1)
PASSWORD = "a teapot in the attic 7"


@dataclass(frozen=True, slots=True)
class Office:
    """The running product, its mail server, and a hand on the clock of its workflows."""

    app: FastAPI
    mail: MailServer
    skipper: TimeSkipper
    tenant: Tenant

    async def wait(self, cycle_id: str, duration: timedelta) -> None:
        handle = self.skipper.client.get_workflow_handle(cycle_workflow_id(self.tenant.id, UUID(cycle_id)))
        await self.skipper.fast_forward(handle, duration)


@pytest.fixture
async def office(settings: Settings, mongo: Mongo, tenant: Tenant, time_skipper: TimeSkipper) -> AsyncIterator[Office]:
    async with running_mail_server() as mail:
        own = copy.copy(settings)
        own.mail = settings.mail.model_copy(update={"smtp_port": mail.port})
        own.temporal = settings.temporal.model_copy(update={"temporal_task_queue": f"e2e-{tenant.slug}"})
        app = create_app(own, mongo=mongo, workflows=Workflows(own.temporal, time_skipper.client))
        async with (
            app.router.lifespan_context(app),
            build_worker(time_skipper.client, own, grace=timedelta(seconds=1)),
        ):
            with time_skipper.with_time_skipping_disabled():
                yield Office(app, mail, time_skipper, tenant)


def csv(header: str, *rows: str) -> str:
    return "\n".join((header, *rows)) + "\n"


async def imported(client: httpx.AsyncClient, kind: str, text: str, **form: str) -> dict[str, Any]:
    """Upload a file and wait until its job has ended."""
    files = {"file": (f"{kind}.csv", text.encode(), "text/csv")}
    answer = await client.post("/api/v1/imports", files=files, data={"kind": kind, **form})
    assert answer.status_code == 202, answer.text
    return await ended(client, answer.headers["Location"])


async def ended(client: httpx.AsyncClient, location: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        data: dict[str, Any] = (await client.get(location)).json()["data"]
        return data if data["state"] not in ("queued", "running") else None

    data = await eventually(look, within=60)
    assert data is not None
    assert data["state"] == "succeeded", data
    return data


async def load_facts(admin: httpx.AsyncClient, history: list[str]) -> None:
    await imported(admin, "users", csv("email,name,role", "rita@acme.example,Rita Rep,sales_rep"))
    await imported(admin, "customers", csv("customer_code,name,region", "00123,Corner Shop,North"))
    await imported(
        admin, "products", csv("item_code,name,category,list_price", "TEA,Black tea,Food,2.50", "CUP,Cup,Home,8")
    )
    await imported(admin, "assignments", csv("email,customer_code,valid_from", "rita@acme.example,00123,2024-01-01"))
    await imported(admin, "matrix", csv("customer_code,item_code", "00123,TEA", "00123,CUP"))
    await imported(admin, "prices", csv("customer_code,item_code,price,valid_from", "00123,CUP,7.5,2024-01-01"))
    lines = [
        row
        for number, month in enumerate(history)
        for row in (f"I{number},1,TEA,00123,{month}-10,10,2.5", f"I{number},2,CUP,00123,{month}-10,4,7.5")
    ]
    sales = csv("invoice,line_number,item_code,customer_code,invoice_date,quantity,unit_price", *lines)
    first = await imported(admin, "sales", sales, complete_until=history[-1])
    assert first["counts"]["inserted"] == len(lines)
    again = await imported(admin, "sales", sales)
    assert (again["counts"]["unchanged"], again["counts"]["inserted"]) == (len(lines), 0)


async def signed_in_by_link(office: Office, address: str) -> httpx.AsyncClient:
    """The imported user follows the link of the set-up mail, chooses a password and signs in."""

    async def arrived() -> str | None:
        texts = [part(mail, "plain") for mail in office.mail.mails if mail["To"] and address in mail["To"]]
        return next((text for text in texts if "token=" in text), None)

    text = await eventually(arrived, within=60)
    assert text is not None
    token = text.split("token=")[1].split()[0]
    client = anonymous(office.app)
    chosen = await client.post("/api/v1/auth/password-setup/confirm", json={"token": token, "password": PASSWORD})
    assert chosen.status_code in (200, 204), chosen.text
    answer = await client.post("/api/v1/auth/login", json={"email": address, "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {answer.json()['data']['access_token']}"
    return client


async def reaches(client: httpx.AsyncClient, cycle_id: str, status: str, phase: str | None) -> dict[str, Any]:
    async def reached() -> dict[str, Any] | None:
        data: dict[str, Any] = (await client.get(f"/api/v1/sop/cycles/{cycle_id}")).json()["data"]
        return data if (data["status"], data["phase"]) == (status, phase) else None

    data = await eventually(reached, within=60)
    assert data is not None
    return data


async def test_the_main_job_once_through(office: Office) -> None:
    today = now()
    this_month = month_of(today.date())
    history = list(month_range(add_months(this_month, -24), 24))
    _, admin = await somebody(office.app, office.tenant.id, "admin")
    _, manager = await somebody(office.app, office.tenant.id, "manager")
    await load_facts(admin, history)
    rep = await signed_in_by_link(office, "rita@acme.example")

    last_month = add_months(this_month, -1)
    wanted = {
        "name": "The round",
        "base_month": add_months(this_month, -2),
        "start_month": last_month,
        "opens_at": (today + DAY).isoformat(),
        "entry_closes_at": (today + 10 * DAY).isoformat(),
        "closes_at": (today + 14 * DAY).isoformat(),
        "auto_close": True,
        "auto_close_share_percent": 90,
    }
    cycle = (await manager.post("/api/v1/sop/cycles", json=wanted)).json()["data"]
    await office.wait(cycle["id"], 2 * DAY)
    await reaches(manager, cycle["id"], "open", "entry")

    customer = (await rep.get("/api/v1/customers")).json()["data"][0]
    sheet = {"cycle_id": cycle["id"], "customer_id": customer["id"]}
    grid = (await rep.get("/api/v1/forecasts", params=sheet)).json()["data"]
    assert [line["item_code"] for line in grid["lines"]] == ["CUP", "TEA"]
    assert grid["lines"][0]["cells"][0]["price_source"] == "customer"
    tea = grid["lines"][1]
    cells = [{"product_id": tea["product_id"], "month": last_month, "base_rev": 0, "quantity": 14}]
    saved = await rep.post("/api/v1/forecasts", json={**sheet, "cells": cells})
    assert [cell["status"] for cell in saved.json()["data"]] == ["saved"]
    submitted = await rep.post("/api/v1/forecasts/submit", json={**sheet, "confirm_zero": True})
    assert submitted.status_code == 200, submitted.text

    await office.wait(cycle["id"], 9 * DAY)
    await reaches(manager, cycle["id"], "open", "review")
    await office.wait(cycle["id"], 4 * DAY)
    closed = await reaches(manager, cycle["id"], "closed", None)
    assert (closed["close_number"], closed["graded_close"]) == (1, 1)
    late = await rep.post("/api/v1/forecasts", json={**sheet, "cells": cells})
    assert late.status_code == 423

    asked = await manager.post("/api/v1/reports/generate", json={"type": "plan_vs_actual", "cycle_id": cycle["id"]})
    assert asked.status_code == 202, asked.text
    report = await ended(manager, asked.headers["Location"])
    value = report["report"]["totals"]["value"]
    assert (value["plan"], value["actual"]) == (14 * 2.5 + 4 * 7.5, 10 * 2.5 + 4 * 7.5)
    workbook = await manager.get(f"/api/v1/reports/{report['id']}/download")
    assert "Summary" in load_workbook(BytesIO(workbook.content)).sheetnames

    async def told() -> bool:
        subjects = [mail["Subject"] for mail in office.mail.mails]
        return sum("The round" in subject for subject in subjects) >= 3

    await eventually(told, within=60)
    for client in (admin, manager, rep):
        await client.aclose()
