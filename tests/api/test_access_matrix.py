"""The table in docs/security.md, asked over HTTP in every role: 403 where it says no, and only there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from core.context import tenant_scope
from models.tenant import Tenant
from planning.access import Action
from planning.roles import Role
from tests import factories
from tests.api.conftest import SignIn
from tests.people import somebody
from tests.security_document import NO, promise_of

NOBODYS = UUID(int=7)
CYCLE = f"/sop/cycles/{NOBODYS}"
SALES = {"file": ("s.csv", b"invoice\n")}

# A request that nothing but the role can refuse with 403. Ids are nobody's: who may ask is told 404 or 422.
REQUESTS: dict[Action, tuple[str, str, dict[str, Any]]] = {
    Action.READ_CUSTOMERS: ("GET", "/customers", {}),
    Action.READ_PRODUCTS: ("GET", "/products", {}),
    Action.READ_CYCLES: ("GET", "/sop/cycles", {}),
    Action.CREATE_CYCLE: ("POST", "/sop/cycles", {"json": {}}),
    Action.CHANGE_CYCLE: ("PATCH", CYCLE, {"json": {"name": "Another"}}),
    Action.MOVE_CYCLE: ("POST", f"{CYCLE}/open", {}),
    Action.DELETE_CYCLE: ("DELETE", CYCLE, {}),
    Action.READ_FORECAST: ("GET", f"/forecasts?cycle_id={NOBODYS}&customer_id={NOBODYS}", {}),
    Action.WRITE_FORECAST: ("POST", "/forecasts", {"json": {}}),
    Action.SUBMIT_FORECAST: ("POST", "/forecasts/submit", {"json": {}}),
    Action.IMPORT_FILE: ("POST", "/imports", {"files": SALES, "data": {"kind": "sales"}}),
    Action.IMPORT_USERS: ("POST", "/imports", {"files": SALES, "data": {"kind": "users"}}),
    Action.READ_IMPORT: ("GET", "/imports", {}),
    Action.GENERATE_REPORT: ("POST", "/reports/generate", {"json": {}}),
    Action.READ_REPORT: ("GET", "/reports", {}),
    Action.READ_OPERATION: ("GET", f"/operations/{NOBODYS}", {}),
    Action.KEEP_ACTUALS: (
        "POST", "/imports", {"files": SALES, "data": {"kind": "sales", "complete_until": "2024-01"}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("action", REQUESTS)
@pytest.mark.parametrize("role", list(Role))
async def test_a_role_may_do_what_the_table_says(sign_in: SignIn, role: Role, action: Action) -> None:
    client = await sign_in(role)
    method, path, options = REQUESTS[action]
    answer = await client.request(method, f"/api/v1{path}", **options)
    assert (answer.status_code == 403) == (promise_of(action).answers[role] == NO), answer.text


@pytest.mark.parametrize("action", [action for action in REQUESTS if promise_of(action).by_grant])
async def test_a_grant_opens_an_action_to_one_user(sign_in: SignIn, action: Action) -> None:
    manager = await sign_in("manager", grants=[action])
    method, path, options = REQUESTS[action]
    assert (await manager.request(method, f"/api/v1{path}", **options)).status_code != 403


def test_every_action_is_asked() -> None:
    assert set(REQUESTS) | {Action.SEE_COST} == set(Action)


@pytest.mark.parametrize("role", list(Role))
async def test_whose_customers_and_which_fields_a_role_sees(app: FastAPI, role: Role, tenant: Tenant) -> None:
    user, client = await somebody(app, tenant.id, role)
    with tenant_scope(tenant.id):
        own, _ = await factories.make_customer("OWN"), await factories.make_customer("OTHER")
        await factories.assign(user, own)
        await factories.allow(own, await factories.make_product("P1"))
    seen = {row["code"] for row in (await client.get("/api/v1/customers")).json()["data"]}
    whose = promise_of(Action.READ_CUSTOMERS).answers[role]
    assert seen == {"all": {"OWN", "OTHER"}, "own": {"OWN"}}[whose]
    [product] = (await client.get("/api/v1/products")).json()["data"]
    assert ("standard_cost" in product) == (promise_of(Action.SEE_COST).answers[role] != NO)
