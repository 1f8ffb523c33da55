"""Mails: queued with their cause and once, claimed by one deliverer at a time, tried with growing pauses."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from core.clock import now
from core.collections import scoped, transaction
from core.context import tenant_scope
from core.errors import Conflict
from models.job import Mail
from models.tenant import Tenant
from services import mails
from tests import factories


async def test_a_cause_tells_each_person_once_whatever_is_repeated(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        ann, bob = await factories.make_user(), await factories.make_user()
        assert await mails.queue("opened:1", "cycle-opened", [ann.id, ann.id], {}) == 1
        assert await mails.queue("opened:1", "cycle-opened", [ann.id, bob.id], {}) == 1
        assert await mails.queue("opened:2", "cycle-opened", [ann.id], {}) == 1
        assert await scoped(Mail).count() == 3


async def test_a_cause_that_happens_twice_at_once_tells_once(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        ann = await factories.make_user()
        new = await asyncio.gather(*(mails.queue("opened:1", "cycle-opened", [ann.id], {}) for _ in range(8)))
        assert sum(new) == 1


async def test_a_mail_of_a_cause_that_did_not_happen_does_not_exist(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        ann = await factories.make_user()

        async def cause() -> None:
            await mails.queue("opened:1", "cycle-opened", [ann.id], {})
            raise Conflict

        with pytest.raises(Conflict):
            await transaction(cause)
        assert not await mails.has_due()


async def test_the_message_id_is_the_mails_own_and_ends_with_our_domain(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        ann = await factories.make_user()
        await mails.queue("opened:1", "cycle-opened", [ann.id], {})
        [mail] = await scoped(Mail).documents()
        assert mail.message_id == f"<{mail.id}@{mails.sender_domain()}>"


async def test_two_deliverers_never_hold_the_same_mail(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        people = [(await factories.make_user()).id for _ in range(6)]
        await mails.queue("opened:1", "cycle-opened", people, {})
        claimed = await asyncio.gather(*(mails.claim_next() for _ in range(10)))
        taken = [mail.id for mail in claimed if mail]
        assert (len(taken), len(set(taken))) == (6, 6)


async def test_a_mail_whose_deliverer_died_is_free_again_after_its_claim(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        ann = await factories.make_user()
        await mails.queue("opened:1", "cycle-opened", [ann.id], {})
        first = await mails.claim_next()
        assert await mails.claim_next() is None
        await scoped(Mail).update_many({}, {"$set": {"next_try_at": now()}})
        again = await mails.claim_next()
        assert first is not None
        assert again is not None
        assert (again.id, again.message_id, again.attempts) == (first.id, first.message_id, 2)


async def test_a_postponed_mail_rests_longer_each_time(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        ann = await factories.make_user()
        await mails.queue("opened:1", "cycle-opened", [ann.id], {})
        mail = await mails.claim_next()
        assert mail is not None
        await mails.postpone(mail, "451 busy")
        [resting] = await scoped(Mail).documents()
        assert resting.error == "451 busy"
        assert resting.next_try_at is not None
        assert timedelta(seconds=20) < resting.next_try_at - now() <= timedelta(seconds=30)
    assert [mails.pause_after(n).total_seconds() for n in (1, 2, 3, 50)] == [30, 60, 120, 3600]


async def test_a_mail_that_nobody_takes_for_three_days_has_failed(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        ann = await factories.make_user()
        await mails.queue("opened:1", "cycle-opened", [ann.id], {})
        await scoped(Mail).update_many({}, {"$set": {"queued_at": now() - timedelta(days=3)}})
        mail = await mails.claim_next()
        assert mail is not None
        await mails.postpone(mail, "451 busy")
        [given_up] = await scoped(Mail).documents()
        assert (given_up.state, given_up.error) == ("failed", "Given up after 3 days. 451 busy")


async def test_a_sent_mail_is_not_due_any_more(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        ann = await factories.make_user()
        await mails.queue("opened:1", "cycle-opened", [ann.id], {})
        mail = await mails.claim_next()
        assert mail is not None
        await mails.mark_sent(mail.id)
        [sent] = await scoped(Mail).documents()
        assert (sent.state, sent.sent_at is not None, await mails.has_due()) == ("sent", True, False)
