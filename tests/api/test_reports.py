"""Reports over HTTP: asked for, made by a real worker, read back as JSON and as a workbook, by nobody else."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from openpyxl import load_workbook
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.reports import run_report
from api.app import create_app
from api.schemas.reports import PlanVsActualReport, ReportAnswer, ReportJob
from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.mongo import Mongo
from core.settings import Settings
from models.cycle import Cycle
from models.job import Job
from models.tenant import Tenant
from models.user import User
from ops.worker import build_worker
from services import reports as report_jobs
from tests import factories
from tests.eventually import eventually
from tests.people import anonymous, signed_in, somebody
from tests.reports import hand_made
from tests.reports.hand_made import HandMade
from tests.reports.test_plan_vs_actual import OF_A, TOTALS
from workflows.contracts import JobInput

REPORTS = "/api/v1/reports"
GENERATE = f"{REPORTS}/generate"


@dataclass(frozen=True, slots=True)
class People:
    """Clients of one tenant's users; the rep's own customer is A."""

    manager: httpx.AsyncClient
    rep: httpx.AsyncClient
    viewer: httpx.AsyncClient
    rep_user: User


@pytest.fixture(scope="module")
def own_settings(settings: Settings) -> Settings:
    """The process's settings with a task queue of these tests' own."""
    own = copy.copy(settings)
    own.temporal = settings.temporal.model_copy(update={"temporal_task_queue": f"reports-{uuid4()}"})
    return own


@pytest.fixture(scope="module")
async def app(own_settings: Settings, mongo: Mongo) -> AsyncIterator[FastAPI]:
    """The application with a worker beside it."""
    app = create_app(own_settings, mongo=mongo)
    temporal = await Client.connect(own_settings.temporal.temporal_address, data_converter=pydantic_data_converter)
    async with app.router.lifespan_context(app), build_worker(temporal, own_settings, grace=timedelta(0)):
        yield app


@pytest.fixture
async def made(tenant: Tenant, app: FastAPI) -> HandMade:
    with tenant_scope(tenant.id):
        return await hand_made.make()


@pytest.fixture
async def people(app: FastAPI, tenant: Tenant, made: HandMade) -> People:
    _, manager = await somebody(app, tenant.id, "manager")
    rep_user, rep = await somebody(app, tenant.id, "sales_rep")
    _, viewer = await somebody(app, tenant.id, "viewer")
    with tenant_scope(tenant.id):
        await factories.assign(rep_user, made.a)
        await factories.assign(rep_user, made.b, valid_to="2020-12-31")
    return People(manager, rep, viewer, rep_user)


def asked(made: HandMade, **changes: Any) -> dict[str, Any]:
    return {"type": "plan_vs_actual", "cycle_id": str(made.cycle.id), **changes}


async def generated(client: httpx.AsyncClient, body: dict[str, Any]) -> str:
    """The address of a report that has been asked for."""
    answer = await client.post(GENERATE, json=body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{REPORTS}/{answer.json()['data']['id']}"
    ReportJob.model_validate(answer.json()["data"])
    return answer.headers["location"]


async def finished(client: httpx.AsyncClient, location: str) -> dict[str, Any]:
    """The report once it has ended."""

    async def ended() -> dict[str, Any] | None:
        data: dict[str, Any] = (await client.get(location)).json()["data"]
        return data if data["state"] not in ("queued", "running") else None

    return await eventually(ended, within=20) or {}


async def made_report(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    data = await finished(client, await generated(client, body))
    assert data["state"] == "succeeded", data
    report: dict[str, Any] = data["report"]
    return report


async def test_a_manager_gets_the_whole_plan_as_json_and_as_a_workbook(people: People, made: HandMade) -> None:
    location = await generated(people.manager, asked(made))
    data = await finished(people.manager, location)
    assert data["state"] == "succeeded"
    assert data["progress"] == {"customers_done": 2, "customers_total": 2}
    assert data["parameters"]["close_number"] == 1
    assert data["report"]["totals"] == TOTALS
    assert data["report"]["scope"] == "all_customers"
    ReportAnswer.model_validate(data)
    PlanVsActualReport.model_validate(data["report"])

    download = await people.manager.get(data["download"], headers={"Accept-Encoding": "identity"})
    assert download.status_code == 200
    assert download.headers["content-type"] == report_jobs.XLSX
    assert 'filename="Plan against actual - January 2026 - close 1.xlsx"' in download.headers["content-disposition"]
    assert len(download.content) == int(download.headers["content-length"])
    book = load_workbook(BytesIO(download.content))
    assert book["By month"]["C2"].value == data["report"]["by_month"][0]["value"]["plan"] == 215.75


async def test_a_rep_gets_own_customers_alone(people: People, made: HandMade) -> None:
    report = await made_report(people.rep, asked(made))
    assert report["scope"] == "own_customers"
    assert report["totals"] == OF_A
    assert [row["code"] for row in report["by_customer"]["rows"]] == ["A"]


async def test_the_scope_is_the_one_of_the_moment_it_runs(people: People, made: HandMade, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await factories.assign(people.rep_user, made.b, valid_from="2021-01-01")
    report = await made_report(people.rep, asked(made))
    assert [row["code"] for row in report["by_customer"]["rows"]] == ["A", "B"]


async def test_months_blocks_and_close_are_as_asked(people: People, made: HandMade) -> None:
    wanted = asked(made, from_month="2026-02", to_month="2026-03", group_by=["month"], close_number=2)
    report = await made_report(people.viewer, wanted)
    assert [row["month"] for row in report["by_month"]] == ["2026-02", "2026-03"]
    assert report["close_number"] == 2
    assert "by_customer" not in report


async def test_a_large_result_is_kept_as_a_file_and_read_the_same(
    people: People, made: HandMade, monkeypatch: pytest.MonkeyPatch, tenant: Tenant
) -> None:
    monkeypatch.setattr(report_jobs, "INLINE_BYTES", 100)
    location = await generated(people.manager, asked(made))
    data = await finished(people.manager, location)
    assert data["report"]["totals"] == TOTALS
    with tenant_scope(tenant.id):
        stored = await scoped(Job).row({"kind": "report"}, {"result": 1})
    assert stored is not None
    assert set(stored["result"]) == {"all_customers", "report_file_id"}


async def test_only_requester_managers_and_admins_read_a_report(
    people: People, made: HandMade, app: FastAPI, tenant: Tenant
) -> None:
    location = await generated(people.rep, asked(made))
    await finished(people.rep, location)
    _, other_rep = await somebody(app, tenant.id, "sales_rep")
    _, admin = await somebody(app, tenant.id, "admin")
    stranger_tenant = await factories.make_tenant()
    _, stranger = await somebody(app, stranger_tenant.id, "admin")
    for client, status in (
        (people.manager, 200),
        (admin, 200),
        (people.viewer, 404),
        (other_rep, 404),
        (stranger, 404),
    ):
        assert (await client.get(location)).status_code == status
        assert (await client.get(f"{location}/download")).status_code == status
    hidden, none = await other_rep.get(location), await other_rep.get(f"{REPORTS}/{uuid4()}")
    assert hidden.json()["error"] == none.json()["error"]
    async with anonymous(app) as nobody:
        assert (await nobody.get(location)).status_code == 401


async def test_the_list_shows_own_reports_and_managers_all(people: People, made: HandMade) -> None:
    first = await generated(people.rep, asked(made))
    second = await generated(people.manager, asked(made))
    await finished(people.rep, first)
    await finished(people.manager, second)
    everything = (await people.manager.get(REPORTS)).json()
    assert [row["id"] for row in everything["data"]] == [second.split("/")[-1], first.split("/")[-1]]
    assert everything["meta"]["total"] == 2
    for row in everything["data"]:
        ReportJob.model_validate(row)
    assert [row["id"] for row in (await people.rep.get(REPORTS)).json()["data"]] == [first.split("/")[-1]]
    assert (await people.viewer.get(REPORTS)).json()["data"] == []
    assert (await people.manager.get(REPORTS, params={"state": "failed"})).json()["data"] == []
    assert (await people.manager.get(REPORTS, params={"search": "x"})).status_code == 422


async def test_who_became_a_rep_no_longer_sees_the_reports_over_all_customers(
    people: People, made: HandMade, app: FastAPI, tenant: Tenant
) -> None:
    user, client = await somebody(app, tenant.id, "viewer")
    location = await generated(client, asked(made))
    await finished(client, location)
    with tenant_scope(tenant.id):
        await scoped(User).update_one({"_id": user.id}, {"$set": {"role": "sales_rep"}})
        as_rep = await signed_in(app, await scoped(User).get(user.id))
    assert (await as_rep.get(location)).status_code == 404
    assert (await as_rep.get(REPORTS)).json()["data"] == []


async def test_the_same_key_asks_once(people: People, made: HandMade, tenant: Tenant) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    answers = [await people.manager.post(GENERATE, json=asked(made), headers=headers) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.headers["location"] for answer in answers}) == 1
    with tenant_scope(tenant.id):
        assert await scoped(Job).count({"kind": "report"}) == 1
    await finished(people.manager, answers[0].headers["location"])


async def test_a_report_of_somebody_who_left_is_rejected(people: People, made: HandMade, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        leaver = await factories.make_user("manager", is_active=False)
        params = {"type": "plan_vs_actual", "cycle_id": str(made.cycle.id), "close_number": 1}
        params |= {"months": list(made.cycle.months), "group_by": ["month"]}
        job = await scoped(Job).insert(Job(kind="report", params=params, requested_by=leaver.id))
        await run_report(JobInput(tenant_id=tenant.id, user_id=leaver.id, job_id=job.id, kind="report"))
    data = (await people.manager.get(f"{REPORTS}/{job.id}")).json()["data"]
    assert data["state"] == "rejected"
    assert data["error"]["code"] == "invalid_input"
    assert data["report"] is None
    download = await people.manager.get(f"{REPORTS}/{job.id}/download")
    assert download.status_code == 409


async def test_running_a_finished_report_again_changes_nothing(people: People, made: HandMade, tenant: Tenant) -> None:
    location = await generated(people.manager, asked(made))
    before = await finished(people.manager, location)
    with tenant_scope(tenant.id):
        await run_report(JobInput(tenant_id=tenant.id, job_id=before["id"], kind="report"))
    assert await finished(people.manager, location) == before


async def test_expired_reports_and_other_jobs_do_not_exist(people: People, made: HandMade, tenant: Tenant) -> None:
    location = await generated(people.manager, asked(made))
    report_id = (await finished(people.manager, location))["id"]
    with tenant_scope(tenant.id):
        await scoped(Job).update_many({"kind": "report"}, {"$set": {"expires_at": now() - timedelta(seconds=1)}})
        imported = await scoped(Job).insert(Job(kind="import"))
    for id in (report_id, imported.id):
        assert (await people.manager.get(f"{REPORTS}/{id}")).status_code == 404
    assert (await people.manager.get(REPORTS)).json()["data"] == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"close_number": 3}, "close_number"),
        ({"close_number": 0}, "close_number"),
        ({"close_number": True}, "close_number"),
        ({"from_month": "2025-12"}, "from_month"),
        ({"to_month": "2026-13"}, "to_month"),
        ({"from_month": "2026-03", "to_month": "2026-02"}, "to_month"),
        ({"group_by": []}, "group_by"),
        ({"group_by": ["region"]}, "group_by.0"),
        ({"type": "profit"}, "type"),
        ({"cycle_id": {"$ne": None}}, "cycle_id"),
        ({"tenant_id": str(uuid4())}, "tenant_id"),
    ],
)
async def test_what_cannot_be_reported_is_refused_with_its_field(
    people: People, made: HandMade, changes: dict[str, Any], field: str
) -> None:
    answer = await people.manager.post(GENERATE, json=asked(made, **changes))
    assert answer.status_code == 422, answer.text
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


async def test_a_cycle_that_was_never_closed_has_no_report(people: People, made: HandMade, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await scoped(Cycle).update_one({"_id": made.cycle.id}, {"$set": {"graded_close": None}})
    answer = await people.manager.post(GENERATE, json=asked(made))
    assert answer.status_code == 409
    assert "not been closed" in answer.json()["error"]["message"]


async def test_an_unknown_cycle_and_another_companys_are_the_same(people: People, made: HandMade, app: FastAPI) -> None:
    other = await factories.make_tenant()
    _, stranger = await somebody(app, other.id, "manager")
    foreign = await stranger.post(GENERATE, json=asked(made))
    unknown = await stranger.post(GENERATE, json={"type": "plan_vs_actual", "cycle_id": str(uuid4())})
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["error"] == unknown.json()["error"]
