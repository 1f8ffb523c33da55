"""How an admin changes people, what acts at once, and that somebody always remains to administer."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from core.collections import scoped
from core.context import tenant_scope
from core.errors import Conflict, EmailTaken, InvalidInput, NotAuthenticated, NotFound, StaleVersion, TooManyRequests
from core.listing import Window
from core.mongo import Mongo
from core.settings import Settings
from models.guards import Guard
from models.tenant import Tenant
from models.user import LoginIndex, User
from planning.roles import Role
from planning.users import UserStatus
from services import identity, invitations, lockout, passwords, users
from services.users import UserFilter
from tests import factories
from tests.accounts import HOME, PASSWORD, STRANGER, enter, events, is_dead, person

BY_NAME = Window(sort=[("name", 1), ("_id", 1)])


@pytest.fixture(autouse=True)
def _connected(settings: Settings, mongo: Mongo) -> None:
    """Everything here runs on the real database, with the settings of the test process."""


async def admin(**changes: Any) -> User:
    """An admin of the tenant in context who can sign in."""
    return await factories.make_user("admin", **{"password_hash": "set", **changes})


async def admins_left() -> int:
    return await scoped(User).count({"role": "admin", "is_active": True})


async def names(**wanted: Any) -> list[str]:
    return [row["name"] for row in (await users.list_users(UserFilter(**wanted), BY_NAME)).rows]


class TestFinding:
    async def test_by_status_role_and_words(self, tenant: Tenant) -> None:
        with tenant_scope(tenant.id):
            for name, role, changes in (
                ("Ann Active", "admin", {"password_hash": "set"}),
                ("Ian Inactive", "viewer", {"password_hash": "set", "is_active": False}),
                ("Ivy Invited", "viewer", {}),
            ):
                user = await invitations.create_user(f"{name.split()[0]}-{uuid4().hex}@acme.example", name, role)
                await scoped(User).update_one({"_id": user.id}, {"$set": changes or {"language": "en"}})
            gone = await invitations.create_user(f"{uuid4().hex}@gone.example", "Dan Deleted", "manager")
            await users.delete(gone.id, 1)
            assert await names() == ["Ann Active", "Ian Inactive", "Ivy Invited"]
            for status in UserStatus:
                (name,) = await names(status=status)
                assert name.split()[1].lower() == status
            assert await names(role=Role.VIEWER) == ["Ian Inactive", "Ivy Invited"]
            assert await names(role=Role.VIEWER, status=UserStatus.INVITED) == ["Ivy Invited"]
            assert await names(search="iv") == ["Ivy Invited"]
            assert await names(search="inact ian") == ["Ian Inactive"]
            assert await names(search="gone") == []
            assert await names(search="gone", status=UserStatus.DELETED) == ["Dan Deleted"]
            assert await names(search="(a+)+$ x") == []

    async def test_no_row_holds_a_hash_and_locked_accounts_say_until_when(self, tenant: Tenant) -> None:
        locked, open_ = await person(tenant, name="A"), await person(tenant, name="B")
        await fail(locked, 5)
        await fail(open_, 4)
        with tenant_scope(tenant.id):
            first, second = (await users.list_users(UserFilter(), BY_NAME)).rows
            alone = await users.read(locked.id)
        assert first["locked_until"] is not None
        assert first["locked_until"] == alone["locked_until"]
        assert second["locked_until"] is None
        assert set(first) == {"id", *users.SHOWN, "status", "locked_until"} - {"is_active"}


class TestChanging:
    async def test_from_the_version_that_was_read_only(self, tenant: Tenant) -> None:
        user = await person(tenant)
        with tenant_scope(tenant.id):
            assert await users.change_user(user.id, 1, name=" Änn Lee ", time_zone="Europe/Berlin")
            with pytest.raises(StaleVersion):
                await users.change_user(user.id, 1, name="Other")
            assert not await users.change_user(user.id, 2, name="Änn Lee")
            stored = await scoped(User).get(user.id)
            assert await names(search="ann") == ["Änn Lee"]
            assert await users.change_user(user.id, 2, time_zone=None)
        assert (stored.name, stored.time_zone, stored.rev) == ("Änn Lee", "Europe/Berlin", 2)
        event = min(await events(tenant.id, "user.changed"), key=lambda event: event.at)
        assert event.before == {"name": "A sales_rep", "time_zone": None}
        assert event.after == {"name": "Änn Lee", "time_zone": "Europe/Berlin"}

    async def test_all_that_is_wrong_is_named_at_once(self, tenant: Tenant) -> None:
        user = await person(tenant)
        wrong: dict[str, Any] = {
            "name": " ",
            "role": "boss",
            "grants": ["all"],
            "language": "english",
            "time_zone": "Mars",
        }
        with tenant_scope(tenant.id), pytest.raises(InvalidInput) as refusal:
            await users.change_user(user.id, **wrong)
        assert [detail.field for detail in refusal.value.details] == list(wrong)

    async def test_regions_are_a_managers_and_go_with_the_role(self, tenant: Tenant) -> None:
        with tenant_scope(tenant.id):
            user = await factories.make_user("viewer")
            with pytest.raises(InvalidInput) as refusal:
                await users.change_user(user.id, regions=["North"])
            assert refusal.value.details[0].field == "regions"
            await users.change_user(user.id, role="manager", regions=["South", " North ", "North"])
            assert (await scoped(User).get(user.id)).regions == ["North", "South"]
            await users.change_user(user.id, role="viewer")
            assert (await scoped(User).get(user.id)).regions == []

    async def test_a_new_address_signs_in_and_the_old_one_is_free(self, tenant: Tenant) -> None:
        user = await person(tenant)
        tokens = await enter(user)
        with tenant_scope(tenant.id):
            link = (await passwords.mint_link(user.id, "reset")).partition("#token=")[2]
            new = f"New-{uuid4().hex}@acme.example"
            await users.change_user(user.id, email=f" {new} ")
            moved = await scoped(User).get(user.id)
            await invitations.create_user(user.email, "The next", "viewer")
        assert (moved.email, moved.email_key) == (new, new.lower())
        assert await is_dead(tokens.access_token)
        with pytest.raises(NotAuthenticated):
            await identity.refresh(tokens.refresh_token)
        with pytest.raises(InvalidInput):
            await passwords.set_by_link(link, "a brand new horse", "reset", address=HOME)
        with pytest.raises(NotAuthenticated):
            await enter(user)
        await enter(moved)

    async def test_an_address_written_otherwise_is_the_same_address(self, tenant: Tenant) -> None:
        user = await person(tenant)
        tokens = await enter(user)
        with tenant_scope(tenant.id):
            await users.change_user(user.id, email=user.email.replace("sales_rep", "Sales_Rep"))
        assert not await is_dead(tokens.access_token)
        await enter(user)

    async def test_a_taken_address_is_refused_also_of_another_tenant_or_a_deleted_user(self, tenant: Tenant) -> None:
        user, gone = await person(tenant), await person(tenant)
        outsider = await person(await factories.make_tenant())
        with tenant_scope(tenant.id):
            await users.delete(gone.id, None)
            for email in (gone.email, outsider.email.upper()):
                with pytest.raises(EmailTaken):
                    await users.change_user(user.id, email=email)
                with pytest.raises(EmailTaken):
                    await invitations.create_user(email, "Ann", "viewer")
            with pytest.raises(InvalidInput):
                await users.change_user(user.id, email="a@x.example, b@x.example")
        await enter(user)

    async def test_of_parallel_moves_to_one_address_one_succeeds(self, tenant: Tenant) -> None:
        people = [await person(tenant) for _ in range(8)]
        email = f"{uuid4().hex}@acme.example"
        with tenant_scope(tenant.id):
            results = await asyncio.gather(
                *(users.change_user(one.id, email=email) for one in people), return_exceptions=True
            )
            assert Counter(type(result) for result in results) == {bool: 1, EmailTaken: 7}
            assert await scoped(User).count({"email_key": email}) == 1
        assert await scoped(LoginIndex).count({"email_key": email}) == 1

    async def test_another_tenants_user_does_not_exist(self, tenant: Tenant) -> None:
        user = await person(tenant)
        other = await factories.make_tenant()
        with tenant_scope(other.id):
            for attempt in (
                users.read(user.id),
                users.change_user(user.id, name="X"),
                users.activate(user.id),
                users.deactivate(user.id),
                users.delete(user.id, 1),
                users.restore(user.id),
                users.unlock(user.id),
            ):
                with pytest.raises(NotFound):
                    await attempt


class TestLeaving:
    async def test_t06_a_deactivated_user_is_out_until_activated(self, tenant: Tenant) -> None:
        user = await person(tenant)
        tokens = await enter(user)
        with tenant_scope(tenant.id):
            await users.deactivate(user.id)
            await users.deactivate(user.id)
        assert await is_dead(tokens.access_token)
        with pytest.raises(NotAuthenticated):
            await enter(user)
        with tenant_scope(tenant.id):
            await users.activate(user.id)
            await users.activate(user.id)
        assert await is_dead(tokens.access_token)
        await enter(user)
        for action in ("user.deactivated", "user.activated"):
            assert len(await events(tenant.id, action)) == 1

    async def test_a_deleted_user_is_out_keeps_the_trail_and_can_come_back(self, tenant: Tenant) -> None:
        user = await person(tenant)
        tokens = await enter(user)
        with tenant_scope(tenant.id):
            link = (await passwords.mint_link(user.id, "reset")).partition("#token=")[2]
            with pytest.raises(StaleVersion):
                await users.delete(user.id, 7)
            await users.delete(user.id, 1)
            for attempt in (
                users.delete(user.id, None),
                users.change_user(user.id, name="X"),
                users.activate(user.id),
                users.deactivate(user.id),
            ):
                with pytest.raises(Conflict, match="restore"):
                    await attempt
            assert (await users.read(user.id))["status"] == UserStatus.DELETED
        assert await is_dead(tokens.access_token)
        for door in (enter(user), identity.refresh(tokens.refresh_token)):
            with pytest.raises(NotAuthenticated):
                await door
        with pytest.raises(InvalidInput):
            await passwords.set_by_link(link, "a brand new horse", "reset", address=HOME)
        assert [event.actor_id for event in await events(tenant.id, "user.signed_in")] == [user.id]
        with tenant_scope(tenant.id):
            await users.restore(user.id)
            with pytest.raises(Conflict):
                await users.restore(user.id)
            assert (await users.read(user.id))["status"] == UserStatus.INACTIVE
            await users.activate(user.id)
        await enter(user)


class TestUnlocking:
    async def test_t10_an_admin_ends_a_lockout_from_everywhere(self, tenant: Tenant) -> None:
        user = await person(tenant)
        await fail(user, 6, HOME)
        await fail(user, 6, STRANGER)
        for address in (HOME, STRANGER):
            with pytest.raises(TooManyRequests):
                await enter(user, address=address)
        with tenant_scope(tenant.id):
            await users.unlock(user.id)
            await users.unlock(user.id)
            assert (await users.read(user.id))["locked_until"] is None
        for address in (HOME, STRANGER):
            await enter(user, address=address)
        assert len(await events(tenant.id, "user.unlocked")) == 1

    async def test_networks_stay_known(self, tenant: Tenant) -> None:
        user = await person(tenant)
        await enter(user, address=HOME)
        with tenant_scope(tenant.id):
            await users.unlock(user.id)
        assert not (await lockout.reserve(Settings(), user.email, HOME)).counted_anywhere


class TestTheLastAdmin:
    async def test_stays(self, tenant: Tenant) -> None:
        with tenant_scope(tenant.id):
            one = await admin()
            await factories.make_user("admin", name="Invited, so no help")
            await admin(is_active=False)
            for attempt in (
                users.deactivate(one.id),
                users.delete(one.id, None),
                users.change_user(one.id, role="viewer"),
            ):
                with pytest.raises(Conflict, match="last admin"):
                    await attempt
            assert await users.change_user(one.id, name="Still here", role="admin")
            assert (await scoped(User).get(one.id)).is_active

    async def test_an_admin_who_was_invited_can_be_removed(self, tenant: Tenant) -> None:
        with tenant_scope(tenant.id):
            await admin()
            invited = await factories.make_user("admin")
            await users.delete(invited.id, None)
            assert await admins_left() == 1

    async def test_of_50_parallel_removals_of_many_admins_one_remains(self, tenant: Tenant) -> None:
        with tenant_scope(tenant.id):
            people = [await admin() for _ in range(50)]
            ways = (
                lambda id: users.deactivate(id),
                lambda id: users.delete(id, None),
                lambda id: users.change_user(id, role="viewer"),
            )
            results = await asyncio.gather(
                *(ways[at % 3](one.id) for at, one in enumerate(people)), return_exceptions=True
            )
            assert sum(isinstance(result, Conflict) for result in results) == 1
            assert sum(isinstance(result, BaseException) for result in results) == 1
            assert await admins_left() == 1
            (guard,) = await scoped(Guard).documents()
        assert (guard.key, guard.passes) == ("admins", 49)

    async def test_of_two_who_remove_each_other_one_remains_50_times(self, tenant: Tenant) -> None:
        with tenant_scope(tenant.id):
            for _ in range(50):
                pair = [await admin() for _ in range(2)]
                results = await asyncio.gather(
                    users.change_user(pair[0].id, role="viewer"), users.deactivate(pair[1].id), return_exceptions=True
                )
                assert sum(isinstance(result, Conflict) for result in results) == 1
                assert await admins_left() == 1
                await scoped(User).delete({"role": "admin"})


async def fail(user: User, times: int, address: str = HOME) -> None:
    """Try a wrong password so many times."""
    for _ in range(times):
        with pytest.raises((NotAuthenticated, TooManyRequests)):
            await enter(user, address=address, password=f"not {PASSWORD}")
