"""One's own profile, the first sign-in, and which mails one gets."""

from __future__ import annotations

from typing import Any

import pytest

from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import InvalidInput, StaleVersion
from core.listing import Window
from core.mongo import Mongo
from core.settings import Settings
from models.job import Mail
from models.tenant import Tenant
from models.user import User
from services import identity, mails, profiles, users
from services.identity import Caller
from services.profiles import Profile
from services.users import UserFilter
from tests import factories
from tests.accounts import enter, events, is_dead, person


@pytest.fixture(autouse=True)
def _connected(settings: Settings, mongo: Mongo) -> None:
    """Everything here runs on the real database, with the settings of the test process."""


async def change(caller: Caller, rev: int, **said: Any) -> Profile:
    with tenant_scope(caller.tenant_id), acting_as(caller.user_id):
        return await profiles.change_profile(caller, rev, said)


async def test_the_first_change_ends_the_first_sign_in_even_if_nothing_differs(tenant: Tenant) -> None:
    user = await person(tenant, "viewer")
    caller = await identity.identify((await enter(user)).access_token)
    with tenant_scope(tenant.id):
        assert (await profiles.profile(caller)).user.profile_confirmed_at is None
    confirmed = (await change(caller, 1, name=user.name)).user
    assert (confirmed.rev, confirmed.profile_confirmed_at is None) == (1, False)
    await change(caller, 1, language="de")
    assert len(await events(tenant.id, "user.profile_confirmed")) == 1
    assert len(await events(tenant.id, "user.changed")) == 1


async def test_a_profile_is_changed_from_the_version_that_was_read_and_kills_no_token(tenant: Tenant) -> None:
    user = await person(tenant, "viewer")
    tokens = await enter(user)
    caller = await identity.identify(tokens.access_token)
    changed = (await change(caller, 1, name=" Änn Lee ", time_zone="Asia/Tokyo", language="de")).user
    assert (changed.name, changed.time_zone, changed.language, changed.rev) == ("Änn Lee", "Asia/Tokyo", "de", 2)
    with pytest.raises(StaleVersion):
        await change(caller, 1, name="Other")
    assert (await change(caller, 2, time_zone=None)).user.time_zone is None
    assert not await is_dead(tokens.access_token)
    with tenant_scope(tenant.id):
        found = await users.list_users(UserFilter(search="ann"), Window())
    assert [row["name"] for row in found.rows] == ["Änn Lee"]


@pytest.mark.parametrize("said", [{"name": " "}, {"time_zone": "Mars"}, {"notifications": {"password_reset": False}}])
async def test_what_is_wrong_is_named_and_confirms_nothing(tenant: Tenant, said: dict[str, Any]) -> None:
    user = await person(tenant, "viewer")
    caller = await identity.identify((await enter(user)).access_token)
    with pytest.raises(InvalidInput) as refusal:
        await change(caller, 1, **said)
    assert [detail.field for detail in refusal.value.details] == list(said)
    with tenant_scope(tenant.id):
        assert (await scoped(User).get(user.id)).profile_confirmed_at is None


async def test_mails_that_are_switched_off_are_not_queued(tenant: Tenant) -> None:
    user = await person(tenant, "viewer")
    caller = await identity.identify((await enter(user)).access_token)
    await change(caller, 1, notifications={"cycle_opened": False})
    changed = (await change(caller, 2, notifications={"cycle_closed": False})).user
    assert changed.notifications == {"cycle_opened": False, "cycle_closed": False}
    with tenant_scope(tenant.id):
        other = await factories.make_user()
        both = [user.id, other.id]
        assert await mails.queue("opened:1", "cycle-opened", both, {}) == 1
        assert await mails.queue("closed:1", "cycle-closed", both, {}) == 1
        assert await mails.queue("waiting:1", "cycle-waiting", both, {}) == 2
        assert await mails.queue("reset:1", "password-reset", both, {}, link_purpose="reset") == 2
        assert await mails.queue("setup:1", "password-setup", both, {}, link_purpose="setup") == 2
        assert await scoped(Mail).count({"user_id": user.id}) == 3
    await change(caller, 3, notifications={"cycle_opened": True})
    with tenant_scope(tenant.id):
        assert await mails.queue("opened:2", "cycle-opened", both, {}) == 2


async def test_times_in_mails_are_in_the_own_time_zone_or_the_companys(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        far, near = await factories.make_user(time_zone="Asia/Tokyo"), await factories.make_user()
        zones = [getattr(await mails.recipient(user.id), "time_zone", None) for user in (far, near)]
    assert zones == ["Asia/Tokyo", tenant.time_zone]
