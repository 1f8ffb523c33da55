"""Signing in, staying signed in, being recognised, and what ends it (T04, T06-T11)."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.errors import NotAuthenticated, TooManyRequests
from core.mongo import Mongo
from core.ratelimit import bucket_id
from core.security.kit import kit
from core.security.tokens import new_token, token_hash
from core.settings import Settings
from models.guards import LoginGuard
from models.session import AuthSession, RefreshToken
from models.tenant import Tenant
from models.user import User
from planning.roles import Role
from services import identity, lockout, users
from services.sessions import Tokens
from tests import factories
from tests.accounts import HOME, OFFICE, PASSWORD, STRANGER, enter, events, is_dead, person


@pytest.fixture(autouse=True)
def _connected(settings: Settings, mongo: Mongo) -> None:
    """Everything here runs on the real database, with the settings of the test process."""


class TestSigningIn:
    async def test_gives_tokens_that_identify_the_caller(self, tenant: Tenant) -> None:
        user = await person(tenant, "manager", grants=["see_cost"])
        caller = await identity.identify((await enter(user)).access_token)
        assert (caller.user_id, caller.tenant_id, caller.name) == (user.id, tenant.id, user.name)
        assert (caller.role, caller.grants) == (Role.MANAGER, frozenset({"see_cost"}))
        assert (caller.actor.role, caller.actor.grants) == (caller.role, caller.grants)

    async def test_ignores_case_and_spaces_of_the_address(self, tenant: Tenant) -> None:
        user = await person(tenant, email=f"Ann-{uuid4().hex[:6]}@acme.example")
        await identity.sign_in(f"  {user.email.upper()} ", PASSWORD, address=HOME)

    async def test_is_recorded_with_its_session(self, tenant: Tenant) -> None:
        user = await person(tenant)
        await enter(user)
        (event,) = await events(tenant.id, "user.signed_in")
        assert event.actor_id == user.id
        with tenant_scope(tenant.id):
            (session,) = await scoped(AuthSession).documents()
            stored = await scoped(User).get(user.id)
        assert event.after == {"session_id": str(session.id)}
        assert (session.ip, session.user_agent) == (HOME, "tests")
        assert stored.last_login_at is not None

    async def test_stores_hashes_and_never_a_token(self, tenant: Tenant) -> None:
        tokens = await enter(await person(tenant))
        stored = await scoped(RefreshToken).one({"token_hash": token_hash(tokens.refresh_token)})
        assert stored is not None
        assert tokens.refresh_token not in stored.model_dump_json()

    async def test_t11_all_refusals_say_the_same_and_do_the_same_work(self, tenant: Tenant) -> None:
        known = await person(tenant)
        disabled = await person(tenant, is_active=False)
        with tenant_scope(tenant.id):
            unset = await factories.make_user()
        closed_tenant = await factories.make_tenant(is_active=False)
        of_closed = await person(closed_tenant)
        answers = Counter[tuple[str, int]]()
        for email in (known.email, disabled.email, unset.email, of_closed.email, "nobody@acme.example"):
            before = kit().passwords.checks
            password = "wrong horse" if email == known.email else PASSWORD
            with pytest.raises(NotAuthenticated) as refusal:
                await identity.sign_in(email, password, address=f"192.0.2.{len(answers)}")
            answers[refusal.value.message, kit().passwords.checks - before] += 1
        assert answers == {(identity.WRONG, 1): 5}

    async def test_renews_a_hash_of_other_rounds(self, tenant: Tenant) -> None:
        user = await person(tenant)
        with tenant_scope(tenant.id):
            foreign = str(kit().passwords._hasher.using(rounds=5).hash(PASSWORD))
            await scoped(User).update_one({"_id": user.id}, {"$set": {"password_hash": foreign}})
            await enter(user)
            renewed = (await scoped(User).get(user.id)).password_hash
        assert renewed != foreign
        assert renewed is not None
        assert not kit().passwords.is_outdated(renewed)
        await enter(user)


class TestTheLockout:
    async def test_t09_of_200_parallel_wrong_passwords_at_most_5_are_checked(self, tenant: Tenant) -> None:
        user = await person(tenant)
        before = kit().passwords.checks
        results = await asyncio.gather(
            *(enter(user, password=f"wrong {number}") for number in range(200)), return_exceptions=True
        )
        assert kit().passwords.checks - before == 5
        assert Counter(type(result) for result in results) == {NotAuthenticated: 5, TooManyRequests: 195}

    async def test_t09_an_unknown_address_is_locked_the_same_way(self) -> None:
        email = f"nobody-{uuid4().hex}@acme.example"
        results = await asyncio.gather(
            *(identity.sign_in(email, "wrong horse", address=HOME) for _ in range(20)), return_exceptions=True
        )
        assert Counter(type(result) for result in results) == {NotAuthenticated: 5, TooManyRequests: 15}

    async def test_a_locked_account_refuses_the_right_password_and_says_until_when(self, tenant: Tenant) -> None:
        user = await person(tenant)
        await self._fail(user, STRANGER, 5)
        with pytest.raises(TooManyRequests) as refusal:
            await enter(user, address=STRANGER)
        assert 890 <= int(refusal.value.headers()["Retry-After"]) <= 900

    async def test_t10_the_owner_signs_in_from_elsewhere(self, tenant: Tenant) -> None:
        user = await person(tenant)
        await self._fail(user, STRANGER, 6)
        await enter(user, address=HOME)

    async def test_t10_guessing_from_many_networks_ends_except_where_the_owner_was_before(self, tenant: Tenant) -> None:
        user = await person(tenant)
        await enter(user, address=OFFICE)
        for network in range(5):
            await self._fail(user, f"203.0.113.{network}", 5)
        with pytest.raises(TooManyRequests):
            await enter(user, address=HOME)
        await enter(user, address=OFFICE)

    async def test_t10_a_lockout_ends_by_itself_and_trying_does_not_lengthen_it(self, tenant: Tenant) -> None:
        user = await person(tenant)
        await self._fail(user, HOME, 5)
        ends = await self._windows(user)
        await self._fail(user, HOME, 30)
        assert await self._windows(user) == ends
        past = {"$set": {"window_ends_at": now() - timedelta(seconds=1)}}
        await scoped(LoginGuard).update_many({"_id": {"$in": list(ends)}}, past)
        await enter(user, address=HOME)

    async def test_success_forgives_the_attempts_before_it(self, tenant: Tenant) -> None:
        user = await person(tenant)
        for _ in range(4):
            await self._fail(user, HOME, 4)
            await enter(user, address=HOME)

    async def test_it_stores_no_address_in_the_clear(self, tenant: Tenant) -> None:
        user = await person(tenant)
        await self._fail(user, HOME, 1)
        guards = await scoped(LoginGuard).documents({"_id": {"$in": list(await self._windows(user))}})
        assert guards
        assert all(user.email not in guard.key and HOME not in guard.key for guard in guards)

    @pytest.mark.parametrize(
        ("address", "network"),
        [
            ("192.0.2.10", "192.0.2.10"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
            ("::ffff:192.0.2.10", "192.0.2.10"),
            ("unknown", "unknown"),
        ],
    )
    def test_one_subscriber_is_one_network(self, address: str, network: str) -> None:
        assert lockout.network_of(address) == network

    async def test_one_network_can_only_try_so_many_accounts(self, settings: Settings) -> None:
        network = f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1"
        http = settings.http.model_copy(update={"rate_limit_logins_per_minute": 3})
        strict = Settings()
        strict.http = http
        results = await asyncio.gather(
            *(lockout.reserve(strict, f"{number}@acme.example", network) for number in range(10)),
            return_exceptions=True,
        )
        assert sum(isinstance(result, TooManyRequests) for result in results) == 7

    @staticmethod
    async def _fail(user: User, address: str, times: int) -> None:
        for _ in range(times):
            with pytest.raises((NotAuthenticated, TooManyRequests)):
                await enter(user, address=address, password="wrong horse")

    @staticmethod
    async def _windows(user: User) -> dict[UUID, Any]:
        ids = [bucket_id(key) for key in lockout._keys(user.email, HOME)]
        return {guard.id: guard.window_ends_at for guard in await scoped(LoginGuard).documents({"_id": {"$in": ids}})}


class TestRefreshing:
    async def test_gives_the_next_pair_of_the_same_session(self, tenant: Tenant) -> None:
        first = await enter(await person(tenant))
        second = await identity.refresh(first.refresh_token)
        sessions = [(await identity.identify(pair.access_token)).session_id for pair in (first, second)]
        assert sessions[0] == sessions[1]
        assert second.refresh_token != first.refresh_token
        assert second.refresh_expires_at == first.refresh_expires_at
        await identity.refresh(second.refresh_token)

    async def test_t07_of_50_parallel_uses_one_succeeds_and_the_family_dies(self, tenant: Tenant) -> None:
        first = await enter(await person(tenant))
        results = await asyncio.gather(
            *(identity.refresh(first.refresh_token) for _ in range(50)), return_exceptions=True
        )
        winners = [result for result in results if isinstance(result, Tokens)]
        assert Counter(type(result) for result in results) == {Tokens: 1, NotAuthenticated: 49}
        assert await is_dead(first.access_token)
        assert await is_dead(winners[0].access_token)
        with pytest.raises(NotAuthenticated):
            await identity.refresh(winners[0].refresh_token)
        (event,) = await events(tenant.id, "session.reuse_detected")
        assert event.actor_id is None

    async def test_t08_a_replayed_token_ends_the_whole_family(self, tenant: Tenant) -> None:
        pairs = [await enter(await person(tenant))]
        for _ in range(3):
            pairs.append(await identity.refresh(pairs[-1].refresh_token))
        for pair in (pairs[0], pairs[-1]):
            with pytest.raises(NotAuthenticated):
                await identity.refresh(pair.refresh_token)
        assert all([await is_dead(pair.access_token) for pair in pairs])
        assert len(await events(tenant.id, "session.reuse_detected")) == 1

    async def test_t08_another_session_of_the_user_lives_on(self, tenant: Tenant) -> None:
        user = await person(tenant)
        one, other = await enter(user), await enter(user)
        await identity.refresh(one.refresh_token)
        with pytest.raises(NotAuthenticated):
            await identity.refresh(one.refresh_token)
        assert not await is_dead(other.access_token)
        await identity.refresh(other.refresh_token)

    async def test_t04_an_access_token_or_anything_else_refreshes_nothing(self, tenant: Tenant) -> None:
        tokens = await enter(await person(tenant))
        for wrong in (tokens.access_token, new_token(), "", "x" * 10_000, "\ud800"):
            with pytest.raises(NotAuthenticated):
                await identity.refresh(wrong)
        assert not await is_dead(tokens.access_token)

    async def test_ends_with_the_session(self, tenant: Tenant) -> None:
        tokens = await enter(await person(tenant))
        past = {"$set": {"expires_at": now() - timedelta(seconds=1)}}
        with tenant_scope(tenant.id):
            await scoped(AuthSession).update_many({}, past)
        with pytest.raises(NotAuthenticated):
            await identity.refresh(tokens.refresh_token)
        assert await is_dead(tokens.access_token)

    async def test_an_expired_token_counts_as_none_before_garbage_is_collected(self, tenant: Tenant) -> None:
        tokens = await enter(await person(tenant))
        digest = {"token_hash": token_hash(tokens.refresh_token)}
        await scoped(RefreshToken).update_one(digest, {"$set": {"expires_at": now() - timedelta(seconds=1)}})
        with pytest.raises(NotAuthenticated):
            await identity.refresh(tokens.refresh_token)

    async def test_takes_a_new_role_along(self, tenant: Tenant) -> None:
        user = await person(tenant)
        first = await enter(user)
        with tenant_scope(tenant.id):
            await users.change_user(user.id, role="viewer")
        second = await identity.refresh(first.refresh_token)
        assert (await identity.identify(second.access_token)).role == Role.VIEWER


class TestWhatEndsIt:
    async def test_t06_signing_out_ends_this_session_only(self, tenant: Tenant) -> None:
        user = await person(tenant)
        one, other = await enter(user), await enter(user)
        caller = await identity.identify(one.access_token)
        with tenant_scope(tenant.id):
            await identity.sign_out(caller)
            await identity.sign_out(caller)
        assert await is_dead(one.access_token)
        with pytest.raises(NotAuthenticated):
            await identity.refresh(one.refresh_token)
        assert not await is_dead(other.access_token)
        assert len(await events(tenant.id, "user.signed_out")) == 1

    @pytest.mark.parametrize("changes", [{"role": "viewer"}, {"grants": ["see_cost"]}])
    async def test_t06_a_change_of_rights_kills_access_tokens_at_once(
        self, tenant: Tenant, changes: dict[str, Any]
    ) -> None:
        user = await person(tenant)
        tokens = await enter(user)
        with tenant_scope(tenant.id):
            assert await users.change_user(user.id, **changes)
            assert not await users.change_user(user.id, **changes)
        assert await is_dead(tokens.access_token)
        assert len(await events(tenant.id, "user.changed")) == 1

    async def test_t06_a_disabled_user_can_neither_refresh_nor_sign_in(self, tenant: Tenant) -> None:
        user = await person(tenant)
        tokens = await enter(user)
        with tenant_scope(tenant.id):
            await users.deactivate(user.id)
        with pytest.raises(NotAuthenticated):
            await identity.refresh(tokens.refresh_token)
        with pytest.raises(NotAuthenticated):
            await enter(user)

    async def test_a_change_of_name_kills_nothing(self, tenant: Tenant) -> None:
        user = await person(tenant)
        tokens = await enter(user)
        with tenant_scope(tenant.id):
            await users.change_user(user.id, name=" New Name ")
        assert (await identity.identify(tokens.access_token)).name == "New Name"

    async def test_t06_claims_that_differ_from_the_database_are_refused(self, tenant: Tenant) -> None:
        user = await person(tenant)
        tokens = await enter(user)
        real = kit().access_tokens.read(tokens.access_token)
        other = await factories.make_tenant()
        for name, value in {"role": "admin", "token_version": 7, "tenant_id": other.id, "session_id": uuid4()}.items():
            claims = type(real)(**{**{field: getattr(real, field) for field in real.__slots__}, name: value})
            assert await is_dead(kit().access_tokens.sign(claims, now()))

    async def test_a_session_serves_only_its_own_user(self, tenant: Tenant) -> None:
        one, other = await person(tenant), await person(tenant)
        mine = kit().access_tokens.read((await enter(one)).access_token)
        theirs = kit().access_tokens.read((await enter(other)).access_token)
        claims = type(mine)(mine.user_id, mine.tenant_id, theirs.session_id, mine.role, mine.token_version)
        assert await is_dead(kit().access_tokens.sign(claims, now()))
