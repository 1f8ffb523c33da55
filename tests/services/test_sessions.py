"""Seeing sessions and ending them: one's own, and anybody's by an admin."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.errors import NotFound
from core.listing import Window
from core.mongo import Mongo
from core.settings import Settings
from models.session import AuthSession
from models.tenant import Tenant
from services import identity, sessions
from tests import factories
from tests.accounts import OFFICE, enter, events, is_dead, person


@pytest.fixture(autouse=True)
def _connected(settings: Settings, mongo: Mongo) -> None:
    """Everything here runs on the real database, with the settings of the test process."""


async def test_only_living_sessions_are_listed(tenant: Tenant) -> None:
    user = await person(tenant)
    kept, ended, over = await enter(user, address=OFFICE), await enter(user), await enter(user)
    await enter(await person(tenant))
    ids = [(await identity.identify(pair.access_token)).session_id for pair in (kept, ended, over)]
    with tenant_scope(tenant.id):
        await sessions.end_one(user.id, ids[1])
        past = {"$set": {"expires_at": now() - timedelta(seconds=1)}}
        await scoped(AuthSession).update_one({"_id": ids[2]}, past)
        (row,) = (await sessions.list_living(user.id, Window())).rows
    assert set(row) == {"id", *sessions.SHOWN}
    assert (row["id"], row["ip"], row["user_agent"]) == (str(ids[0]), OFFICE, "tests")


async def test_ending_one_ends_that_one_once(tenant: Tenant) -> None:
    user, other = await person(tenant), await person(tenant)
    one, two = await enter(user), await enter(user)
    session_id = (await identity.identify(one.access_token)).session_id
    with tenant_scope(tenant.id):
        with pytest.raises(NotFound):
            await sessions.end_one(other.id, session_id)
        assert not await is_dead(one.access_token)
        await sessions.end_one(user.id, session_id)
        with pytest.raises(NotFound):
            await sessions.end_one(user.id, session_id)
    assert await is_dead(one.access_token)
    assert not await is_dead(two.access_token)
    assert len(await events(tenant.id, "session.ended")) == 1


async def test_ending_all_may_spare_one(tenant: Tenant) -> None:
    user = await person(tenant)
    pairs = [await enter(user) for _ in range(3)]
    mine = (await identity.identify(pairs[0].access_token)).session_id
    with tenant_scope(tenant.id):
        assert await sessions.end_all(user.id, but=mine) == 2
        assert [await is_dead(pair.access_token) for pair in pairs] == [False, True, True]
        assert await sessions.end_all(user.id) == 1
        assert await sessions.end_all(user.id) == 0
    assert len(await events(tenant.id, "user.sessions_ended")) == 2


async def test_another_tenants_user_has_no_sessions(tenant: Tenant) -> None:
    user = await person(tenant)
    tokens = await enter(user)
    session_id = (await identity.identify(tokens.access_token)).session_id
    other = await factories.make_tenant()
    with tenant_scope(other.id):
        for attempt in (
            sessions.list_living(user.id, Window()),
            sessions.end_one(user.id, session_id),
            sessions.end_all(user.id),
            sessions.end_all(uuid4()),
        ):
            with pytest.raises(NotFound):
                await attempt
    assert not await is_dead(tokens.access_token)
