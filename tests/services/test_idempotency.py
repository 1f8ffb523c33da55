"""T44: what an Idempotency-Key did once is not done twice, whatever runs in parallel or dies in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from core.collections import scoped, transaction
from core.context import acting_as, tenant_scope
from core.errors import Conflict, IdempotencyKeyReused, NotAuthenticated, StillRunning
from models.customer import Customer
from models.idempotency import IdempotencyRecord
from models.tenant import Tenant
from services import idempotency
from services.idempotency import Answer, Claim
from tests import factories

ROUTE, KEY, BODY = "POST /things", "key-1", "body-hash-1"
USER = UUID("0b8f1a3e-5d6c-4e2f-8a9b-1c2d3e4f5a6b")
ANSWER = Answer(201, b'{"data":1}', {"content-type": "application/json", "location": "/things/1"})


@pytest.fixture(autouse=True)
def caller(tenant: Tenant) -> Iterator[None]:
    """Somebody of the test's tenant."""
    with tenant_scope(tenant.id), acting_as(USER):
        yield


async def make() -> Answer:
    """The effect: a customer."""
    await factories.make_customer(uuid4().hex)
    return ANSWER


async def customers() -> int:
    return await scoped(Customer).count()


async def do(key: str = KEY, body: str = BODY) -> Answer:
    """The whole way of a request with a key."""
    held = await idempotency.claim(ROUTE, key, body)
    return held if isinstance(held, Answer) else await idempotency.once(held, make)


async def reserved() -> Claim:
    held = await idempotency.claim(ROUTE, KEY, BODY)
    assert isinstance(held, Claim)
    return held


async def end_lease() -> None:
    """Let the running try look as if it began long ago."""
    row = await scoped(IdempotencyRecord).row({"key": KEY})
    assert row is not None
    earlier = row["lease_until"] - idempotency.LEASE - timedelta(seconds=1)
    await scoped(IdempotencyRecord).update_one({"_id": row["_id"]}, {"$set": {"lease_until": earlier}})


async def test_fifty_at_once_do_it_once() -> None:
    outcomes = await asyncio.gather(*(do() for _ in range(50)), return_exceptions=True)
    done = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    others = [outcome for outcome in outcomes if isinstance(outcome, StillRunning)]
    assert len(done) >= 1
    assert len(done) + len(others) == 50
    assert {answer.body for answer in done} == {ANSWER.body}
    assert await customers() == 1


async def test_the_same_again_gets_the_same_answer() -> None:
    assert await do() == ANSWER
    assert await do() == ANSWER
    assert await customers() == 1


async def test_another_body_is_refused() -> None:
    await do()
    with pytest.raises(IdempotencyKeyReused):
        await do(body="body-hash-2")


async def test_a_key_belongs_to_a_user_a_route_and_a_tenant() -> None:
    await do()
    with acting_as(uuid4()):
        await do()
    other = await factories.make_tenant()
    with tenant_scope(other.id):
        await do()
        assert await customers() == 1
    assert await customers() == 2
    with acting_as(None), pytest.raises(NotAuthenticated):
        await do()


async def test_a_key_that_is_held_says_how_long_to_wait() -> None:
    await reserved()
    with pytest.raises(StillRunning) as caught:
        await do()
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= idempotency.LEASE.total_seconds()


async def test_after_a_crash_the_same_key_goes_on() -> None:
    await reserved()
    await end_lease()
    assert await do() == ANSWER
    assert await customers() == 1


async def test_a_try_that_lost_its_lease_changes_nothing() -> None:
    slow = await reserved()
    await end_lease()
    await do()
    with pytest.raises(StillRunning):
        await idempotency.once(slow, make)
    assert await customers() == 1


async def test_only_one_of_many_takes_over() -> None:
    await reserved()
    await end_lease()
    outcomes = await asyncio.gather(*(do() for _ in range(20)), return_exceptions=True)
    assert all(isinstance(outcome, (Answer, StillRunning)) for outcome in outcomes)
    assert await customers() == 1


async def test_what_is_refused_gives_its_key_back() -> None:
    async def refuse() -> Answer:
        await make()
        raise Conflict()

    with pytest.raises(Conflict):
        await idempotency.once(await reserved(), refuse)
    assert await customers() == 0
    assert await do() == ANSWER


async def test_the_operation_of_a_dead_try_is_resumed() -> None:
    operation_id = uuid4()
    first = await reserved()
    await transaction(lambda: idempotency.attach(first, operation_id))
    await end_lease()
    second = await reserved()
    assert second.operation_id == operation_id
    await idempotency.finish(second, ANSWER)
    assert await do() == ANSWER


async def test_an_answer_is_forgotten_after_a_day() -> None:
    await do()
    row = await scoped(IdempotencyRecord).row({"key": KEY})
    assert row is not None
    expired = {"$set": {"expires_at": row["expires_at"] - timedelta(hours=25)}}
    await scoped(IdempotencyRecord).update_one({"_id": row["_id"]}, expired)
    await do(body="body-hash-2")
    assert await customers() == 2
