"""Passwords: set by a mailed link, asked for anew, and changed (T10, T11, T13, T32)."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest

from core.clock import now
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import InvalidInput, NotAuthenticated, TooManyRequests
from core.mongo import Mongo
from core.security.tokens import new_token, token_hash
from core.settings import Settings
from models.job import Mail
from models.session import PasswordRequest, PasswordToken
from models.tenant import Tenant
from models.user import User
from services import identity, lockout, passwords
from services.identity import Caller
from services.passwords import RESET, SETUP
from services.sessions import Tokens
from tests import factories
from tests.accounts import HOME, PASSWORD, enter, events, is_dead, person
from tests.commands import sent_commands


@pytest.fixture(autouse=True)
def _connected(settings: Settings, mongo: Mongo) -> None:
    """Everything here runs on the real database, with the settings of the test process."""


async def mint(tenant: Tenant, user: User, purpose: str = SETUP) -> str:
    """The token of a fresh link."""
    with tenant_scope(tenant.id):
        return (await passwords.mint_link(user.id, purpose)).partition("#token=")[2]


async def set_by_link(token: str, password: str, *, purpose: str = SETUP, address: str = HOME) -> None:
    await passwords.set_by_link(token, password, purpose, address=address)


async def caller_of(user: User, **options: str) -> Caller:
    return await identity.identify((await enter(user, **options)).access_token)


async def mails_of(tenant: Tenant) -> list[Mail]:
    with tenant_scope(tenant.id):
        return await scoped(Mail).documents()


async def ask(email: str) -> None:
    """Ask for a new password from a network of one's own, and let upkeep look at it."""
    await passwords.ask_for_reset(email, address=f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1")
    await passwords.settle_requests()


async def test_t13_a_link_sets_the_password_once_and_ends_everything_before(tenant: Tenant) -> None:
    user = await person(tenant)
    before = await enter(user)
    token, spare = await mint(tenant, user), await mint(tenant, user)
    await set_by_link(token, "a brand new horse", address=HOME)
    assert await is_dead(before.access_token)
    with pytest.raises(NotAuthenticated):
        await identity.refresh(before.refresh_token)
    with pytest.raises(NotAuthenticated):
        await enter(user)
    await enter(user, password="a brand new horse")
    for used in (token, spare):
        with pytest.raises(InvalidInput):
            await set_by_link(used, "yet another horse", address=HOME)
    assert len(await events(tenant.id, "user.password_set")) == 1


async def test_t13_of_parallel_uses_one_succeeds(tenant: Tenant) -> None:
    token = await mint(tenant, await person(tenant))
    results = await asyncio.gather(
        *(set_by_link(token, f"horse number {n}", address=HOME) for n in range(10)),
        return_exceptions=True,
    )
    assert Counter(type(result) for result in results) == {type(None): 1, InvalidInput: 9}


async def test_t13_the_link_leads_to_the_configured_host_and_only_its_hash_is_stored(
    tenant: Tenant, settings: Settings
) -> None:
    user = await person(tenant)
    with tenant_scope(tenant.id):
        link = await passwords.mint_link(user.id, "setup")
    assert link.startswith(f"{settings.app.app_url}/password-setup#token=")
    token = link.partition("#token=")[2]
    (stored,) = await scoped(PasswordToken).documents({"user_id": user.id})
    assert stored.token_hash == token_hash(token)
    assert token not in stored.model_dump_json()


async def test_a_refused_password_leaves_the_link_good(tenant: Tenant) -> None:
    token = await mint(tenant, await person(tenant))
    for refused in ("short", "x" * 200, "aaaaaaaaaaaaaaa", "nul\x00inside-it"):
        with pytest.raises(InvalidInput):
            await set_by_link(token, refused, address=HOME)
    await set_by_link(token, "a brand new horse", address=HOME)


async def test_a_link_that_is_too_old_unknown_or_of_a_disabled_user_sets_nothing(tenant: Tenant) -> None:
    user, disabled = await person(tenant), await person(tenant, is_active=False)
    old = await mint(tenant, user)
    past = {"$set": {"expires_at": now() - timedelta(seconds=1)}}
    await scoped(PasswordToken).update_one({"token_hash": token_hash(old)}, past)
    for token in (old, new_token(), await mint(tenant, disabled), (await enter(user)).refresh_token):
        with pytest.raises(InvalidInput):
            await set_by_link(token, "a brand new horse", address=HOME)
    await enter(user)


async def test_t10_it_is_the_way_out_of_a_lockout(tenant: Tenant) -> None:
    user = await person(tenant)
    for _ in range(6):
        with pytest.raises((NotAuthenticated, TooManyRequests)):
            await enter(user, password="wrong horse")
    await set_by_link(await mint(tenant, user), "a brand new horse", address=HOME)
    await enter(user, password="a brand new horse")


async def test_a_weak_password_is_refused_with_what_to_do_and_the_link_stays_good(tenant: Tenant) -> None:
    user = await person(tenant, name="Quasseltante Zwirbelmoos")
    token = await mint(tenant, user)
    for weak in ("password1234", "quasseltante1", "qwertyuiop[]", "2026-11-28!!"):
        with pytest.raises(InvalidInput) as refusal:
            await set_by_link(token, weak)
        [detail] = refusal.value.details
        assert detail.field == "password"
        assert "Use several uncommon words" in detail.message
    await set_by_link(token, "a brand new horse")


async def test_t13_a_link_opens_the_door_of_its_purpose_only(tenant: Tenant) -> None:
    user = await person(tenant)
    for purpose, other in ((SETUP, RESET), (RESET, SETUP)):
        with pytest.raises(InvalidInput):
            await set_by_link(await mint(tenant, user, purpose), "a brand new horse", purpose=other)
    await enter(user)


async def test_t13_a_reset_link_lives_for_30_minutes(tenant: Tenant) -> None:
    user = await person(tenant)
    token = await mint(tenant, user, RESET)
    stored = await scoped(PasswordToken).one({"token_hash": token_hash(token)})
    assert stored is not None
    assert timedelta(minutes=29) < stored.expires_at - now() <= timedelta(minutes=30)


async def test_a_request_becomes_one_mail_whose_link_is_minted_at_delivery(tenant: Tenant) -> None:
    user = await person(tenant)
    await passwords.ask_for_reset(user.email.upper(), address=HOME)
    await passwords.ask_for_reset(user.email, address=HOME)
    assert await mails_of(tenant) == []
    await passwords.settle_requests()
    await passwords.settle_requests()
    (mail,) = await mails_of(tenant)
    assert (mail.user_id, mail.template, mail.link_purpose) == (user.id, "password-reset", RESET)
    assert not await scoped(PasswordToken).exists({"user_id": user.id})
    assert not await scoped(PasswordRequest).exists({"email_key": user.email_key})
    (event,) = await events(tenant.id, "user.password_reset_asked")
    assert (event.actor_id, event.entity_id) == (None, str(user.id))


async def test_settling_at_once_queues_one_mail(tenant: Tenant) -> None:
    user = await person(tenant)
    await passwords.ask_for_reset(user.email, address=HOME)
    await asyncio.gather(*(passwords.settle_requests() for _ in range(8)))
    assert len(await mails_of(tenant)) == 1


async def test_who_may_not_sign_in_gets_no_mail_and_who_never_set_a_password_does(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        invited = await factories.make_user()
        inactive = await factories.make_user(is_active=False)
        deleted = await factories.make_user(is_active=False, deleted_at=now())
    closed = await factories.make_tenant(is_active=False)
    with tenant_scope(closed.id):
        outsider = await factories.make_user()
    for email in (invited.email, inactive.email, deleted.email, outsider.email, f"{uuid4().hex}@acme.example", "?"):
        await ask(email)
    assert [mail.user_id for mail in await mails_of(tenant)] == [invited.id]
    assert await mails_of(closed) == []


async def test_a_request_that_nobody_settled_for_an_hour_is_forgotten(tenant: Tenant) -> None:
    user = await person(tenant)
    await passwords.ask_for_reset(user.email, address=HOME)
    past = {"$set": {"expires_at": now() - timedelta(seconds=1)}}
    await scoped(PasswordRequest).update_one({"email_key": user.email_key}, past)
    await passwords.settle_requests()
    assert await mails_of(tenant) == []


async def test_t11_asking_sends_the_same_commands_whoever_exists(tenant: Tenant) -> None:
    known, disabled = await person(tenant), await person(tenant, is_active=False)
    with tenant_scope(tenant.id):
        unset = await factories.make_user()
    seen = set()
    for email in (known.email, disabled.email, unset.email, f"{uuid4().hex}@acme.example"):
        with sent_commands() as sent:
            await passwords.ask_for_reset(email, address=HOME)
        seen.add(tuple(sent))
    (work,) = seen
    assert [collection for _, collection in work] == ["rate_buckets", "rate_buckets", "password_requests"]


async def test_t32_asking_is_limited_by_account_known_or_not(tenant: Tenant) -> None:
    user = await person(tenant)
    for email in (user.email, f"{uuid4().hex}@acme.example"):
        for _ in range(5):
            await ask(email)
        with pytest.raises(TooManyRequests) as refusal:
            await ask(email)
        assert 600 < int(refusal.value.headers()["Retry-After"]) <= 720


async def test_t32_asking_is_limited_by_network_apart_from_signing_in(settings: Settings) -> None:
    network = f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1"
    strict = Settings()
    strict.http = settings.http.model_copy(update={"rate_limit_logins_per_minute": 3})
    for _ in range(3):
        await lockout.require_address(strict, network, door="password-reset")
    with pytest.raises(TooManyRequests):
        await lockout.require_address(strict, network, door="password-reset")
    await lockout.require_address(strict, network)


async def test_changing_the_own_password_ends_every_session_and_begins_one(tenant: Tenant) -> None:
    user = await person(tenant)
    other = await enter(user)
    mine = await enter(user)
    link = await mint(tenant, user, RESET)
    caller = await identity.identify(mine.access_token)
    with tenant_scope(tenant.id), acting_as(user.id):
        tokens = await passwords.change_own(caller, PASSWORD, "a brand new horse", address=HOME)
    assert await is_dead(mine.access_token)
    assert await is_dead(other.access_token)
    for old in (mine, other):
        with pytest.raises(NotAuthenticated):
            await identity.refresh(old.refresh_token)
    assert not await is_dead(tokens.access_token)
    await identity.refresh(tokens.refresh_token)
    with pytest.raises(InvalidInput):
        await set_by_link(link, "yet another horse", purpose=RESET)
    with pytest.raises(NotAuthenticated):
        await enter(user)
    await enter(user, password="a brand new horse")
    (event,) = await events(tenant.id, "user.password_changed")
    assert event.actor_id == user.id


async def test_of_parallel_changes_one_succeeds(tenant: Tenant) -> None:
    user = await person(tenant)
    caller = await caller_of(user)
    with tenant_scope(tenant.id):
        results = await asyncio.gather(
            *(passwords.change_own(caller, PASSWORD, f"horse number {n}", address=HOME) for n in range(4)),
            return_exceptions=True,
        )
    assert Counter(type(result) for result in results) == {Tokens: 1, InvalidInput: 3}


async def test_a_wrong_current_password_counts_as_an_attempt_to_sign_in(tenant: Tenant) -> None:
    user = await person(tenant)
    caller = await caller_of(user)
    with tenant_scope(tenant.id):
        for _ in range(5):
            with pytest.raises(InvalidInput) as refusal:
                await passwords.change_own(caller, "wrong horse", "a brand new horse", address=HOME)
            assert refusal.value.details[0].field == "current_password"
        with pytest.raises(TooManyRequests):
            await passwords.change_own(caller, PASSWORD, "a brand new horse", address=HOME)
    with pytest.raises(TooManyRequests):
        await enter(user)


@pytest.mark.parametrize("wanted", ["short", "password1234", PASSWORD])
async def test_a_new_password_that_is_not_accepted_changes_nothing(tenant: Tenant, wanted: str) -> None:
    user = await person(tenant)
    caller = await caller_of(user)
    with tenant_scope(tenant.id), pytest.raises(InvalidInput) as refusal:
        await passwords.change_own(caller, PASSWORD, wanted, address=HOME)
    assert refusal.value.details[0].field == "new_password"
    await enter(user)
