"""T20, T21: every operation in every role, for nobody and for the disabled; docs/security.md says who may.

Ids are nobody's, bodies empty and the company has nothing: only the door can say 403, and nothing is changed.
"""

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
from tests.api.matrix.base import matrix_operations
from tests.api.matrix.calls import Call
from tests.api.matrix.world import World
from tests.people import anonymous, somebody
from tests.security_document import NO, promise_of

OPERATIONS = {operation.id: operation for operation in matrix_operations()}
SIGNED_IN = [name for name, operation in OPERATIONS.items() if not operation.row.public]
FURTHER = [(name, action) for name, operation in OPERATIONS.items() for action in operation.row.asks]
BY_GRANT = [
    (name, action)
    for name, operation in OPERATIONS.items()
    for action in (operation.row.action, *operation.row.asks)
    if action is not None and promise_of(action).by_grant
]


def nobodys(name: str) -> Call:
    """The call with ids that nobody has and keys that there are not."""
    operation = OPERATIONS[name]
    keys = dict.fromkeys(operation.parameters("path"), "x")
    return Call.empty(operation, keys | dict.fromkeys(operation.path_ids, UUID(int=7)))


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("name", SIGNED_IN)
async def test_t20_a_role_may_do_what_the_table_says(sign_in: SignIn, role: Role, name: str) -> None:
    answer = await nobodys(name).send(await sign_in(role))
    action = OPERATIONS[name].row.action
    refused = action is not None and promise_of(action).answers[role] == NO
    assert (answer.status_code == 403) == refused, answer.text


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("name", "action"), FURTHER)
async def test_t20_what_is_sent_asks_further(sign_in: SignIn, role: Role, name: str, action: Action) -> None:
    answer = await nobodys(name).send(await sign_in(role), **_asking(name, action))
    assert (answer.status_code == 403) == (promise_of(action).answers[role] == NO), answer.text


@pytest.mark.parametrize(("name", "action"), BY_GRANT)
async def test_a_grant_opens_an_action_to_one_user(sign_in: SignIn, name: str, action: Action) -> None:
    manager = await sign_in("manager", grants=[action])
    assert (await nobodys(name).send(manager, **_asking(name, action))).status_code != 403


@pytest.mark.parametrize("name", SIGNED_IN)
async def test_t21_nobody_and_the_disabled_get_401(app: FastAPI, a: World, name: str) -> None:
    async with anonymous(app) as nobody:
        for client in (nobody, a.disabled):
            answer = await Call.of(OPERATIONS[name], a).send(client)
            assert answer.status_code == 401, answer.text
            assert answer.json()["error"]["code"] == "not_authenticated"


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


def _asking(name: str, action: Action) -> dict[str, Any]:
    return dict(OPERATIONS[name].row.asks.get(action, {}))
