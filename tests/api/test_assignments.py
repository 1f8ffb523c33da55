"""Who plans which customers, over HTTP: entries, one primary, handing over, and what it changes for whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from core.collections import scoped
from core.context import tenant_scope
from models.audit import AuditEvent
from models.customer import Assignment, Customer
from models.forecast import SnapshotRow, Version
from models.job import Mail
from models.tenant import Tenant
from models.user import User
from services.assignments import HandOverWanted, hand_over
from services.identity import Caller
from services.scopes import scope_of
from tests import factories
from tests.companies import DURING_ENTRY, close_cycle, make_company, open_cycle, submit
from tests.people import somebody


@dataclass(frozen=True, slots=True)
class Desk:
    """A manager at work, two reps and a customer."""

    manager: httpx.AsyncClient
    anna: User
    ben: User
    customer: Customer

    def entries(self, user: User) -> str:
        return f"/api/v1/users/{user.id}/assignments"

    @property
    def of_customer(self) -> str:
        return f"/api/v1/customers/{self.customer.id}/assignments"

    async def assign(self, user: User, *, status: int = 201, **changes: Any) -> dict[str, Any]:
        body = {"customer_id": str(self.customer.id), "valid_from": "2026-01-01", **changes}
        answer = await self.manager.post(self.entries(user), json=body)
        assert answer.status_code == status, answer.text
        said: dict[str, Any] = answer.json()["data" if status == 201 else "error"]
        return said

    async def change(self, entry: dict[str, Any], rev: int, **changes: Any) -> httpx.Response:
        path = f"/api/v1/users/{entry['user_id']}/assignments/{entry['id']}"
        return await self.manager.patch(path, json=changes, headers={"If-Match": f'"{rev}"'})

    async def hand_over(self, **changes: Any) -> httpx.Response:
        ids = {"from_user_id": str(self.anna.id), "to_user_id": str(self.ben.id)}
        return await self.manager.post(
            f"{self.of_customer}/handover", json={**ids, "valid_from": "2026-07-01", **changes}
        )


@pytest.fixture
async def desk(app: FastAPI, tenant: Tenant) -> AsyncIterator[Desk]:
    with tenant_scope(tenant.id):
        anna, ben = [await factories.make_user("sales_rep", name=name) for name in ("Anna Rep", "Ben Rep")]
        customer = await factories.make_customer("C1")
    _, manager = await somebody(app, tenant.id, "manager")
    async with manager:
        yield Desk(manager, anna, ben, customer)


async def test_an_entry_is_made_read_ended_and_removed(desk: Desk, tenant: Tenant) -> None:
    body = {"customer_id": str(desk.customer.id), "valid_from": "2026-01-01"}
    answer = await desk.manager.post(desk.entries(desk.anna), json=body)
    made = answer.json()["data"]
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert answer.headers["location"] == f"{desk.entries(desk.anna)}/{made['id']}"
    assert made | {"updated_at": ""} == {
        "id": made["id"],
        "user_id": str(desk.anna.id),
        "user_name": "Anna Rep",
        "customer_id": str(desk.customer.id),
        "customer_code": "C1",
        "customer_name": "Customer C1",
        "category": None,
        "valid_from": "2026-01-01",
        "valid_to": None,
        "primary": True,
        "rev": 1,
        "updated_at": "",
    }
    path = answer.headers["location"]
    assert (await desk.manager.get(path)).json()["data"] == made

    ended = await desk.change(made, 1, valid_to="2026-06-30")
    assert (ended.json()["data"]["valid_to"], ended.headers["etag"]) == ("2026-06-30", '"2"')
    assert (await desk.change(made, 1, valid_to=None)).status_code == 412
    assert (await desk.manager.patch(path, json={"valid_to": None})).status_code == 428
    assert (await desk.change(made, 2, valid_to="2025-12-31")).json()["error"]["details"] == [
        {"field": "valid_to", "message": "must not be before valid_from"}
    ]
    for nothing in ({}, {"valid_from": None}, {"primary": None}, {"customer_id": str(uuid4())}):
        assert (await desk.change(made, 2, **nothing)).status_code == 422

    assert (await desk.manager.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    assert (await desk.manager.get(path)).status_code == 404
    with tenant_scope(tenant.id):
        events = await scoped(AuditEvent).documents({"entity": "assignment"}, sort=[("_id", 1)])
        assert sorted(event.action for event in events) == [
            "assignment.changed", "assignment.created", "assignment.removed",
        ]  # fmt: skip


async def test_lists_show_past_and_future_and_keep_what_holds_on_a_day(desk: Desk) -> None:
    await desk.assign(desk.anna, valid_to="2026-06-30")
    await desk.assign(desk.ben, valid_from="2026-07-01")
    await desk.assign(desk.anna, valid_from="2026-07-01", primary=False)

    async def names(**params: Any) -> list[str]:
        rows = (await desk.manager.get(desk.of_customer, params=params)).json()["data"]
        return [row["user_name"][:4] for row in rows]

    assert sorted(await names()) == ["Anna", "Anna", "Ben "]
    assert await names(on="2026-06-30") == ["Anna"]
    assert sorted(await names(on="2026-07-01")) == ["Anna", "Ben "]
    assert await names(on="2026-07-01", primary="true") == ["Ben "]
    assert await names(sort_by="valid_from", order="asc", limit=1) == ["Anna"]
    of_anna = (await desk.manager.get(desk.entries(desk.anna), params={"customer_id": str(desk.customer.id)})).json()
    assert [row["valid_from"] for row in of_anna["data"]] == ["2026-01-01", "2026-07-01"]
    assert (await desk.manager.get(desk.entries(desk.anna), params={"customer_id": str(uuid4())})).json()["data"] == []


async def test_a_second_primary_is_refused_and_the_first_is_named(desk: Desk) -> None:
    first = await desk.assign(desk.anna)
    refusal = await desk.assign(desk.ben, status=409, valid_from="2026-07-01")
    assert refusal["message"].startswith("Anna Rep is the primary rep here (from 2026-01-01)")
    assert refusal["details"] == [
        {"field": "valid_from", "message": f"overlaps with assignment {first['id']} (from 2026-01-01)"}
    ]
    helper = await desk.assign(desk.ben, primary=False)
    assert (await desk.change(helper, 1, primary=True)).status_code == 409
    again = await desk.assign(desk.anna, status=409, valid_from="2026-03-01", primary=False)
    assert again["message"].startswith("Anna Rep is assigned to this already")
    assert (await desk.change(first, 1, valid_to="2026-06-30")).status_code == 200
    assert (await desk.change(helper, 1, primary=True, valid_from="2026-07-01")).status_code == 200
    assert (await desk.change(first, 2, valid_to=None)).status_code == 409


async def test_fifty_primaries_at_once_leave_one(desk: Desk, tenant: Tenant) -> None:
    body = {"customer_id": str(desk.customer.id)}
    answers = await asyncio.gather(
        *(
            desk.manager.post(
                desk.entries((desk.anna, desk.ben)[at % 2]), json={**body, "valid_from": f"2026-01-{at % 28 + 1:02}"}
            )
            for at in range(50)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201] + 49 * [409]
    with tenant_scope(tenant.id):
        assert await scoped(Assignment).count({}) == 1


async def test_categories_are_for_companies_that_plan_by_category(desk: Desk, tenant: Tenant) -> None:
    [detail] = (await desk.assign(desk.anna, status=422, category="Tea"))["details"]
    assert detail["field"] == "category"
    assert "plans whole customers" in detail["message"]
    with tenant_scope(tenant.id):
        await scoped(Tenant).update_one({"_id": tenant.id}, {"$set": {"sheet_scope": "customer_category"}})
    await desk.assign(desk.anna, category="Tea")
    await desk.assign(desk.ben, category="Cups")
    await desk.assign(desk.ben)
    refusal = await desk.assign(desk.ben, status=409, category=" TEA ")
    assert "Anna Rep is the primary rep here" in refusal["message"]


async def test_only_people_who_may_plan_are_assigned(app: FastAPI, desk: Desk, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        viewer, gone = await factories.make_user("viewer"), await factories.make_user(is_active=False)
        manager = await factories.make_user("manager")
    for user in (viewer, gone):
        assert [one["field"] for one in (await desk.assign(user, status=422))["details"]] == ["user_id"]
    await desk.assign(manager)
    assert (await desk.manager.post(f"/api/v1/users/{uuid4()}/assignments", json={
        "customer_id": str(desk.customer.id), "valid_from": "2026-01-01"})).status_code == 404  # fmt: skip
    await desk.assign(desk.anna, status=404, customer_id=str(uuid4()))


async def test_a_rep_reads_the_own_entries_and_changes_none(app: FastAPI, tenant: Tenant, desk: Desk) -> None:
    rep, client = await somebody(app, tenant.id, "sales_rep")
    await desk.assign(desk.anna)
    own = await desk.assign(rep, primary=False, valid_to="2026-03-31")
    path = f"{desk.entries(rep)}/{own['id']}"
    assert [row["id"] for row in (await client.get(desk.entries(rep))).json()["data"]] == [own["id"]]
    assert (await client.get(path)).status_code == 200
    assert (await client.get(desk.entries(desk.anna))).status_code == 404
    assert (await client.get(desk.of_customer)).status_code == 404, "no longer the rep's customer"
    assert (await client.patch(path, json={"valid_to": None}, headers={"If-Match": '"1"'})).status_code == 403
    assert (await client.post(desk.entries(rep), json={})).status_code == 403


async def test_an_idempotency_key_assigns_once(desk: Desk) -> None:
    body = {"customer_id": str(desk.customer.id), "valid_from": "2026-01-01"}
    answers = [
        await desk.manager.post(desk.entries(desk.anna), json=body, headers={"Idempotency-Key": "one"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


# --- handing over ----------------------------------------------------------------------------------------------------


async def test_handing_over_ends_one_and_begins_the_other(desk: Desk, tenant: Tenant) -> None:
    first = await desk.assign(desk.anna, valid_to="2026-12-31")
    await desk.assign(desk.ben, valid_from="2026-05-01", valid_to="2026-08-31", primary=False)
    answer = await desk.hand_over()
    assert answer.status_code == 201, answer.text
    said = answer.json()["data"]
    assert answer.headers["location"] == f"{desk.entries(desk.ben)}/{said['begun']['id']}"
    begun = said["begun"]
    assert (begun["user_name"], begun["valid_from"], begun["valid_to"], begun["primary"]) == (
        "Ben Rep", "2026-07-01", "2026-12-31", True,
    )  # fmt: skip
    assert [(row["user_name"], row["valid_to"], row["rev"]) for row in said["ended"]] == [
        ("Anna Rep", "2026-06-30", 2),
        ("Ben Rep", "2026-06-30", 2),
    ]
    with tenant_scope(tenant.id):
        events = await scoped(AuditEvent).documents({"action": "assignment.handed_over", "entity_id": first["id"]})
        assert [(event.before, event.after) for event in events] == [
            ({"valid_to": "2026-12-31"}, {"valid_to": "2026-06-30"})
        ]


async def test_a_hand_over_that_can_not_be_changes_nothing(desk: Desk, tenant: Tenant) -> None:
    await desk.assign(desk.anna)
    with tenant_scope(tenant.id):
        viewer = await factories.make_user("viewer")
    refused: list[tuple[dict[str, Any], int, str]] = [
        ({"valid_from": "2025-12-31"}, 422, "from_user_id"),
        ({"valid_from": "2026-01-01"}, 422, "valid_from"),
        ({"from_user_id": str(desk.ben.id), "to_user_id": str(desk.anna.id)}, 422, "from_user_id"),
        ({"to_user_id": str(desk.anna.id)}, 422, "to_user_id"),
        ({"to_user_id": str(viewer.id)}, 422, "to_user_id"),
        ({"to_user_id": str(uuid4())}, 422, "to_user_id"),
        ({"category": "Tea"}, 422, "from_user_id"),
    ]
    for changes, status, field in refused:
        answer = await desk.hand_over(**changes)
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (status, field), changes
    helper = await desk.assign(desk.ben, valid_from="2026-08-01", primary=False)
    answer = await desk.hand_over()
    assert answer.status_code == 409
    assert helper["id"] in answer.text
    with tenant_scope(tenant.id):
        assert await scoped(Assignment).count({"rev": {"$gt": 1}}) == 0
        assert await scoped(Assignment).count({}) == 2


async def test_two_hand_overs_at_once_are_one(desk: Desk, tenant: Tenant) -> None:
    await desk.assign(desk.anna)
    answers = await asyncio.gather(*(desk.hand_over() for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + 7 * [422]
    with tenant_scope(tenant.id):
        assert await scoped(Assignment).count({}) == 2


async def test_reassigning_changes_who_sees_what_from_its_day_and_nothing_else(app: FastAPI) -> None:
    """New York is five hours behind UTC: there it is still the last day of Rita at 04:59 UTC."""
    overseas = await factories.make_tenant(time_zone="America/New_York")
    with tenant_scope(overseas.id):
        company = await make_company()
        coming = await factories.make_user("sales_rep")
        cycle = await open_cycle()
        await submit(cycle, company)
        await close_cycle(cycle.id)
        before = (await scoped(Version).rows(), await scoped(SnapshotRow).rows(sort=[("_id", 1)]))
        assert {row["rep_id"] for row in before[1]} == {company.rep.id}

        who = Caller(company.manager.id, overseas.id, uuid4(), company.manager.role, frozenset(), "M", "en")  # type: ignore[arg-type]
        wanted = HandOverWanted(company.rep.id, coming.id, "2026-12-20")
        await hand_over(who, company.customer.id, wanted, DURING_ENTRY)

        midnight = datetime(2026, 12, 20, 5, tzinfo=UTC)
        for at, seeing, not_seeing in (
            (midnight - timedelta(seconds=1), company.rep, coming),
            (midnight, coming, company.rep),
        ):
            assert (await scope_of("sales_rep", seeing.id, at)).customer_ids == {company.customer.id}
            assert (await scope_of("sales_rep", not_seeing.id, at)).customer_ids == frozenset()
        assert (await scoped(Version).rows(), await scoped(SnapshotRow).rows(sort=[("_id", 1)])) == before


async def test_the_primary_and_whoever_stands_in_hear_that_a_cycle_opened(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        company = await make_company()
        helper, deputy, boss = [await factories.make_user(role) for role in ("sales_rep", "sales_rep", "manager")]
        await factories.assign(helper, company.customer, primary=False)
        other = await factories.make_customer("C2")
        await factories.assign(boss, other)
        await factories.stand_in(deputy, company.rep, "2026-12-01", "2026-12-01")
        await factories.stand_in(helper, company.rep, "2026-12-02", "2026-12-31")
        await open_cycle()
        mails = await scoped(Mail).documents({"template": "cycle-opened"})
        told = {(mail.user_id, mail.data["customers"]) for mail in mails}
        assert told == {(company.rep.id, 1), (deputy.id, 1), (boss.id, 1)}
