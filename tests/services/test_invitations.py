"""How people come in: named by an admin, let in by a mailed link (T41)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from core.clock import now
from core.collections import scoped, transaction
from core.context import tenant_scope
from core.errors import Conflict, EmailTaken, InvalidInput, NotFound
from core.mongo import Mongo
from core.settings import Settings
from models.audit import AuditEvent
from models.job import Mail
from models.tenant import Tenant
from models.user import LoginIndex, User
from services import invitations
from tests import factories
from tests.accounts import PASSWORD, enter, events, person


@pytest.fixture(autouse=True)
def _connected(settings: Settings, mongo: Mongo) -> None:
    """Everything here runs on the real database, with the settings of the test process."""


async def test_a_new_user_is_invited_in_the_same_transaction(tenant: Tenant) -> None:
    email = f"New-{uuid4().hex[:8]}@acme.example"
    with tenant_scope(tenant.id):
        user = await invitations.create_user(email, " Nora New ", "manager", grants=["see_cost"])
        (mail,) = await scoped(Mail).documents()
        stored = await scoped(User).get(user.id)
    index = await scoped(LoginIndex).one({"email_key": email.lower()})
    assert index is not None
    assert (index.tenant_id, index.user_id) == (tenant.id, user.id)
    assert (stored.name, stored.email, stored.role, stored.grants) == ("Nora New", email, "manager", ["see_cost"])
    assert (mail.user_id, mail.link_purpose, mail.template) == (user.id, "setup", "password-setup")
    (event,) = await events(tenant.id, "user.created")
    assert "password" not in str(event.after)


async def test_with_a_password_nobody_is_mailed(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        user = await invitations.create_user(f"{uuid4().hex}@acme.example", "Ann", "viewer", password=PASSWORD)
        assert await scoped(Mail).count() == 0
    await enter(user)


async def test_an_address_is_unique_over_all_tenants(tenant: Tenant) -> None:
    user = await person(tenant)
    other = await factories.make_tenant()
    with tenant_scope(other.id):
        with pytest.raises(EmailTaken):
            await invitations.create_user(user.email.upper(), "Ann", "viewer")
        assert await scoped(User).count() == 0
        assert await scoped(Mail).count() == 0


async def test_of_parallel_creations_of_one_address_one_succeeds(tenant: Tenant) -> None:
    email = f"{uuid4().hex}@acme.example"
    with tenant_scope(tenant.id):
        results = await asyncio.gather(
            *(invitations.create_user(email, "Ann", "viewer") for _ in range(8)), return_exceptions=True
        )
        assert Counter(type(result) for result in results) == {User: 1, EmailTaken: 7}
        assert await scoped(User).count() == await scoped(Mail).count() == 1


async def test_many_people_join_the_callers_transaction(tenant: Tenant) -> None:
    async def action() -> None:
        await invitations.create_user(f"{uuid4().hex}@acme.example", "Ann", "viewer")
        await invitations.create_user(f"{uuid4().hex}@acme.example", "Bob", "boss")

    with tenant_scope(tenant.id):
        with pytest.raises(InvalidInput):
            await transaction(action)
        assert await scoped(User).count() == await scoped(AuditEvent).count() == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "a@x.example, b@x.example"}, "email"),
        ({"email": "a@x.example\r\nBcc: b@x.example"}, "email"),
        ({"name": " "}, "name"),
        ({"name": "Ann\r\nBcc: b@x.example"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"role": "superuser"}, "role"),
        ({"grants": ["everything"]}, "grants"),
        ({"language": "english"}, "language"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"regions": ["North"]}, "regions"),
        ({"role": "manager", "regions": ["North\nSouth"]}, "regions"),
        ({"role": "manager", "regions": [" "]}, "regions"),
        ({"role": "manager", "regions": [f"R{n}" for n in range(51)]}, "regions"),
        ({"password": "short"}, "password"),
        ({"password": "password1234"}, "password"),
    ],
)
async def test_t41_what_is_wrong_is_named(tenant: Tenant, wrong: dict[str, Any], field: str) -> None:
    good: dict[str, Any] = {"email": f"{uuid4().hex}@acme.example", "name": "Ann", "role": "viewer"}
    with tenant_scope(tenant.id), pytest.raises(InvalidInput) as refusal:
        await invitations.create_user(**{**good, **wrong})
    assert [detail.field for detail in refusal.value.details] == [field]


async def test_people_are_found_by_words_of_name_and_address(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        user = await invitations.create_user(f"ann.lee-{uuid4().hex}@acme.example", "Änn Lee", "viewer")
    assert {"ann", "lee", "acme"} <= set(user.search)


async def test_the_own_name_or_the_companys_is_no_password(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await scoped(Tenant).update_one({"_id": tenant.id}, {"$set": {"name": "Zwirbelmoos Handel"}})
        for password in ("zwirbelmoos1", "zwirbelmoos handel", "Quasseltante 1"):
            with pytest.raises(InvalidInput):
                await invitations.create_user(
                    f"{uuid4().hex}@acme.example", "Quasseltante", "viewer", password=password
                )


async def test_an_invitation_is_sent_again_but_not_while_one_waits(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        user = await invitations.create_user(f"{uuid4().hex}@acme.example", "Ann", "viewer")
        await invitations.resend(user.id)
        assert await scoped(Mail).count() == 1
        for _ in range(2):
            await scoped(Mail).update_many({}, {"$set": {"state": "sent"}})
            await invitations.resend(user.id)
        mails = await scoped(Mail).documents()
        assert [(mail.link_purpose, mail.template) for mail in mails] == [("setup", "password-setup")] * 3
    assert len(await events(tenant.id, "user.invited")) == 2


async def test_only_who_is_invited_is_invited_again(tenant: Tenant) -> None:
    active = await person(tenant)
    with tenant_scope(tenant.id):
        inactive = await factories.make_user(is_active=False)
        deleted = await factories.make_user(is_active=False, deleted_at=now())
        for user, reason in ((active, "has a password"), (inactive, "deactivated"), (deleted, "deleted")):
            with pytest.raises(Conflict, match=reason):
                await invitations.resend(user.id)
        with pytest.raises(NotFound):
            await invitations.resend(uuid4())
