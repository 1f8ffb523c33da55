"""Cycles over HTTP, moved by a real worker."""

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

from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.settings import Settings
from models.audit import AuditEvent
from models.tenant import Tenant
from ops.worker import build_worker
from tests.api.conftest import SignIn
from tests.companies import DAY, make_company
from tests.eventually import eventually
from tests.mailserver import running_mail_server

CYCLES = "/api/v1/sop/cycles"


@pytest.fixture(scope="module", autouse=True)
async def worker(settings: Settings, app: FastAPI) -> AsyncIterator[None]:
    """Whoever asks a workflow over HTTP gets an answer from this worker."""
    client = await Client.connect(settings.temporal.temporal_address, data_converter=pydantic_data_converter)
    async with running_mail_server() as mail_server:
        own = copy.copy(settings)
        own.mail = settings.mail.model_copy(update={"smtp_port": mail_server.port})
        async with build_worker(client, own):
            yield


def new_cycle(**changes: Any) -> dict[str, Any]:
    soon = {
        "name": "Next round",
        "entry_closes_at": (now() + 10 * DAY).isoformat(),
        "closes_at": (now() + 15 * DAY).isoformat(),
    }
    return {**soon, **changes}


async def created(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post(CYCLES, json=new_cycle(**changes))
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_a_round_is_created_opened_closed_and_reopened(tenant: Tenant, sign_in: SignIn) -> None:
    with tenant_scope(tenant.id):
        await make_company()
    async with await sign_in("manager") as manager:
        draft = await created(manager)
        path = f"{CYCLES}/{draft['id']}"
        assert (draft["status"], draft["phase"], draft["horizon"]) == ("draft", None, 16)

        opened = await manager.post(f"{path}/open")
        assert opened.status_code == 200, opened.text
        assert (opened.json()["data"]["status"], opened.json()["data"]["phase"]) == ("open", "entry")

        moved = await manager.patch(path, json={"closes_at": (now() + 20 * DAY).isoformat(), "name": "Later"})
        assert moved.json()["data"]["name"] == "Later"

        closing = await manager.post(f"{path}/close")
        assert closing.status_code == 202
        await operation_ends(manager, closing.headers["Location"], "succeeded")
        closed = (await manager.get(path)).json()["data"]
        assert (closed["status"], closed["close_number"], closed["graded_close"]) == ("closed", 1, 1)

        again = await manager.post(f"{path}/close")
        assert again.status_code == 409
        assert "closed" in again.json()["error"]["message"]
        reopening = {"closes_at": (now() + 30 * DAY).isoformat(), "reason": "a wrong order"}
        reopened = await manager.post(f"{path}/reopen", json=reopening)
        assert reopened.json()["data"]["phase"] == "entry"
        await manager.post(f"{path}/cancel")


async def operation_ends(client: httpx.AsyncClient, location: str, state: str) -> None:
    async def ended() -> bool:
        return bool((await client.get(location)).json()["data"]["state"] == state)

    await eventually(ended, within=20)


async def test_a_key_opens_once_and_gives_the_same_answer(tenant: Tenant, sign_in: SignIn) -> None:
    async with await sign_in("manager") as manager:
        draft = await created(manager)
        key = {"Idempotency-Key": uuid4().hex}
        answers = [await manager.post(f"{CYCLES}/{draft['id']}/open", headers=key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        with tenant_scope(tenant.id):
            assert await scoped(AuditEvent).count({"action": "cycle.opened"}) == 1
        await manager.post(f"{CYCLES}/{draft['id']}/cancel")


async def test_a_second_entry_is_a_conflict_for_a_person(sign_in: SignIn) -> None:
    async with await sign_in("manager") as manager:
        first, second = await created(manager), await created(manager, name="second")
        await manager.post(f"{CYCLES}/{first['id']}/open")
        refused = await manager.post(f"{CYCLES}/{second['id']}/open")
        assert refused.status_code == 409
        assert "Another cycle is in entry" in refused.json()["error"]["message"]
        await manager.post(f"{CYCLES}/{first['id']}/cancel")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"entry_closes_at": "tomorrow"}, "entry_closes_at"),
        ({"entry_closes_at": "2030-01-01T10:00:00"}, "entry_closes_at"),
        ({"horizon": 0}, "horizon"),
        ({"horizon": "16"}, "horizon"),
        ({"start_month": "2027-13"}, "start_month"),
        ({"stage": "closed"}, "stage"),
        ({"tenant_id": str(uuid4())}, "tenant_id"),
        ({"auto_close_share_percent": 101}, "auto_close_share_percent"),
        ({"entry_closes_at": "2020-01-01T10:00:00Z"}, "entry_closes_at"),
    ],
)
async def test_what_does_not_fit_is_named(sign_in: SignIn, changes: dict[str, Any], field: str) -> None:
    async with await sign_in("manager") as manager:
        refused = await manager.post(CYCLES, json=new_cycle(**changes))
        assert refused.status_code == 422
        assert field in [detail["field"].split(".")[0] for detail in refused.json()["error"]["details"]]


@pytest.mark.parametrize("role", ["sales_rep", "viewer"])
async def test_only_managers_and_admins_move_cycles(sign_in: SignIn, role: str) -> None:
    async with await sign_in("manager") as manager, await sign_in(role) as other:
        draft = await created(manager)
        path = f"{CYCLES}/{draft['id']}"
        assert (await other.get(path)).status_code == 200
        assert (await other.post(CYCLES, json=new_cycle())).status_code == 403
        assert (await other.patch(path, json={"name": "mine"})).status_code == 403
        assert (await other.delete(path)).status_code == 403
        for action in ("open", "close", "cancel"):
            assert (await other.post(f"{path}/{action}")).status_code == 403


async def test_drafts_are_listed_filtered_and_deleted(sign_in: SignIn) -> None:
    async with await sign_in("admin") as admin:
        draft = await created(admin, name="Findable (+1)")
        listed = (await admin.get(CYCLES, params={"status": "draft", "search": "(+1)"})).json()
        assert [cycle["id"] for cycle in listed["data"]] == [draft["id"]]
        assert (await admin.delete(f"{CYCLES}/{draft['id']}")).status_code == 204
        assert (await admin.get(f"{CYCLES}/{draft['id']}")).status_code == 404
