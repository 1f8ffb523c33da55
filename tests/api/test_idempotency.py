"""T44 over HTTP: one effect for fifty requests with one key, and the same answer for whoever asks again."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response

from api.app import create_app
from api.dependencies import IdempotencyKey, allow
from api.envelope import item
from api.routing import install, router_of
from api.texts import Body
from core.collections import scoped
from core.context import tenant_scope
from core.errors import TemporalUnavailable
from core.mongo import Mongo
from core.settings import Settings
from models.customer import Customer
from models.tenant import Tenant
from planning.access import Action
from services.identity import Caller
from tests import factories
from tests.people import somebody

Reader = Annotated[Caller, allow(Action.READ_CUSTOMERS)]


class NewThing(Body):
    name: str


class Flaky:
    """Something outside that is away at first; it remembers the ids it was asked with."""

    def __init__(self) -> None:
        self.asked: list[UUID] = []

    def run(self, operation_id: UUID) -> Response:
        self.asked.append(operation_id)
        if len(self.asked) == 1:
            raise TemporalUnavailable()
        return item({"operation_id": operation_id}, status=202, headers={"Location": f"/operations/{operation_id}"})


@pytest.fixture
def flaky() -> Flaky:
    return Flaky()


@pytest.fixture
def things(settings: Settings, mongo: Mongo, flaky: Flaky) -> FastAPI:
    """The application with two routes that take a key: one whose effect is a transaction, and one that goes outside."""
    app = create_app(settings, mongo=mongo)
    router = router_of("things")

    @router.post("/things")
    async def create_thing(body: NewThing, _caller: Reader, key: IdempotencyKey) -> Response:
        async def effect() -> Response:
            customer = await factories.make_customer(uuid4().hex, name=body.name)
            return item({"id": customer.id}, status=201, headers={"Location": f"/things/{customer.id}"})

        return await key.once(effect)

    @router.post("/things/move")
    async def move_thing(body: NewThing, _caller: Reader, key: IdempotencyKey) -> Response:
        async def begin() -> UUID:
            return (await factories.make_customer(uuid4().hex, name=body.name)).id

        async def run(operation_id: UUID) -> Response:
            return flaky.run(operation_id)

        return await key.resumed(begin, run)

    install(app, (router,))
    return app


async def _post(client: httpx.AsyncClient, key: str | None, name: str = "a", path: str = "/things") -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(f"/api/v1{path}", json={"name": name}, headers=headers)


async def _made(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return await scoped(Customer).count()


async def test_fifty_requests_with_one_key_have_one_effect(things: FastAPI, tenant: Tenant) -> None:
    _, client = await somebody(things, tenant.id, "manager")
    answers = await asyncio.gather(*(_post(client, "k1") for _ in range(50)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {201, 409}
    assert statuses.count(201) >= 1
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 409)
    assert await _made(tenant) == 1


async def test_the_same_again_gets_the_same_answer_byte_for_byte(things: FastAPI, tenant: Tenant) -> None:
    _, client = await somebody(things, tenant.id, "manager")
    first, again = await _post(client, "k1"), await _post(client, "k1")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.headers["location"] == again.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


async def test_another_body_is_refused(things: FastAPI, tenant: Tenant) -> None:
    _, client = await somebody(things, tenant.id, "manager")
    await _post(client, "k1")
    answer = await _post(client, "k1", name="b")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "idempotency_key_reused"


async def test_another_tenants_key_is_another_key(things: FastAPI, tenant: Tenant) -> None:
    other = await factories.make_tenant()
    for owner in (tenant, other):
        _, client = await somebody(things, owner.id, "manager")
        assert (await _post(client, "k1")).status_code == 201
        assert await _made(owner) == 1


async def test_without_a_key_everything_happens(things: FastAPI, tenant: Tenant) -> None:
    _, client = await somebody(things, tenant.id, "manager")
    for _ in range(2):
        assert (await _post(client, None)).status_code == 201
    assert await _made(tenant) == 2


async def test_the_key_of_what_failed_outside_resumes_the_same_operation(
    things: FastAPI, tenant: Tenant, flaky: Flaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = await somebody(things, tenant.id, "manager")
    assert (await _post(client, "k1", path="/things/move")).status_code == 503
    answer = await _post(client, "k1", path="/things/move")
    assert answer.status_code == 202
    assert flaky.asked[0] == flaky.asked[1]
    assert await _made(tenant) == 1
    replayed: Any = await _post(client, "k1", path="/things/move")
    assert replayed.content == answer.content
    assert len(flaky.asked) == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 201])
async def test_a_key_must_be_a_plain_word(things: FastAPI, tenant: Tenant, key: str) -> None:
    _, client = await somebody(things, tenant.id, "manager")
    assert (await _post(client, key)).status_code == 422
