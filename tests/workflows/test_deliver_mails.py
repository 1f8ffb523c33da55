"""Mails on their way: from the queue of a tenant to a real server that refuses, hangs up or is away."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from temporalio.client import Client, WorkflowHandle

from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.settings import Settings
from models.job import Mail
from models.session import PasswordToken
from models.tenant import Tenant
from models.user import User
from services import mails
from tests import factories
from tests.eventually import eventually
from tests.mailserver import MailServer, part, running_mail_server
from tests.workflows.conftest import Remember, StartWorker
from workflows.client import Workflows
from workflows.contracts import Delivered, mails_workflow_id

OPENED = {"cycle_id": "c1", "cycle_name": "December 2026"}


async def queue_for(tenant: Tenant, *people: User, cause: str = "opened:1") -> None:
    with tenant_scope(tenant.id):
        await mails.queue(cause, "cycle-opened", [person.id for person in people], OPENED)


async def states(tenant: Tenant) -> dict[UUID, tuple[str, str | None]]:
    with tenant_scope(tenant.id):
        return {mail.user_id: (mail.state, mail.error) for mail in await scoped(Mail).documents()}


async def make_due(tenant: Tenant) -> None:
    """As if the pause of every resting mail were over."""
    with tenant_scope(tenant.id):
        await scoped(Mail).update_many({"state": "queued"}, {"$set": {"next_try_at": now() - timedelta(seconds=1)}})


@pytest.fixture
async def people(tenant: Tenant) -> list[User]:
    with tenant_scope(tenant.id):
        return [await factories.make_user(email=f"{name}-{tenant.slug}@acme.example") for name in ("ann", "bob", "cem")]


async def delivery(flows: Workflows, temporal: Client, tenant: Tenant) -> tuple[WorkflowHandle[Any, Any], Delivered]:
    await flows.start_mails(tenant.id)
    handle: WorkflowHandle[Any, Any] = temporal.get_workflow_handle(mails_workflow_id(tenant.id), result_type=Delivered)
    return handle, await handle.result()


async def test_everybody_gets_one_mail_over_one_connection(
    tenant: Tenant,
    people: list[User],
    mail_server: MailServer,
    flows: Workflows,
    temporal: Client,
    worker: StartWorker,
    remember: Remember,
) -> None:
    await queue_for(tenant, *people)
    async with worker():
        handle, done = await delivery(flows, temporal, tenant)
        _, nothing = await delivery(flows, temporal, tenant)
    assert (done, nothing) == (Delivered(sent=3), Delivered())
    assert sorted(to for _, (to,) in mail_server.envelopes) == sorted(person.email for person in people)
    assert mail_server.connections == 1
    assert {state for state, _ in (await states(tenant)).values()} == {"sent"}
    await remember(handle, "deliver-mails")


async def test_a_server_that_is_busy_first_gets_the_mail_once(
    tenant: Tenant,
    people: list[User],
    mail_server: MailServer,
    flows: Workflows,
    temporal: Client,
    worker: StartWorker,
) -> None:
    [ann, *_] = people
    mail_server.answers = ["451 busy, try later"]
    await queue_for(tenant, ann)
    async with worker():
        _, first = await delivery(flows, temporal, tenant)
        assert await states(tenant) == {ann.id: ("queued", "451 busy, try later")}
        await make_due(tenant)
        _, second = await delivery(flows, temporal, tenant)
    assert (first, second) == (Delivered(postponed=1), Delivered(sent=1))
    assert len(mail_server.mails) == 1


async def test_a_refused_address_has_failed_and_the_others_go_on(
    tenant: Tenant,
    people: list[User],
    mail_server: MailServer,
    flows: Workflows,
    temporal: Client,
    worker: StartWorker,
) -> None:
    ann, bob, cem = people
    mail_server.refusals[bob.email] = "550 no such user"
    with tenant_scope(tenant.id):
        await scoped(User).update_one({"_id": cem.id}, {"$set": {"is_active": False}})
    await queue_for(tenant, *people)
    async with worker():
        _, done = await delivery(flows, temporal, tenant)
    assert done == Delivered(sent=1, failed=2)
    assert await states(tenant) == {
        ann.id: ("sent", None),
        bob.id: ("failed", "550 no such user"),
        cem.id: ("failed", "The user is no longer active."),
    }


async def test_a_connection_that_breaks_costs_nobody_a_mail(
    tenant: Tenant,
    people: list[User],
    mail_server: MailServer,
    flows: Workflows,
    temporal: Client,
    worker: StartWorker,
) -> None:
    mail_server.answers = [""]
    await queue_for(tenant, *people)
    async with worker():
        _, first = await delivery(flows, temporal, tenant)
        await make_due(tenant)
        await delivery(flows, temporal, tenant)
    assert first == Delivered(sent=2, postponed=1)
    assert {state for state, _ in (await states(tenant)).values()} == {"sent"}
    # The server had taken the mail before it hung up, and we could not know: the copy has the same Message-ID.
    ids = [mail["Message-ID"] for mail in mail_server.mails]
    assert (len(ids), len(set(ids))) == (4, 3)


async def test_a_server_that_is_away_is_waited_for(
    tenant: Tenant,
    people: list[User],
    own_settings: Settings,
    flows: Workflows,
    temporal: Client,
    worker: StartWorker,
) -> None:
    async with running_mail_server() as gone:
        port = gone.port
    own_settings.mail = own_settings.mail.model_copy(update={"smtp_port": port})
    await queue_for(tenant, *people)
    async with worker():
        await flows.start_mails(tenant.id)
        handle = temporal.get_workflow_handle(mails_workflow_id(tenant.id), result_type=Delivered)

        async def was_tried() -> bool:
            return any(one.attempt > 1 for one in (await handle.describe()).raw_description.pending_activities)

        await eventually(was_tried)
        async with running_mail_server(port) as back:
            assert await handle.result() == Delivered(sent=3)
            assert len(back.mails) == 3


async def test_a_delivery_that_was_cut_off_is_taken_up_and_nothing_goes_out_twice(
    tenant: Tenant,
    people: list[User],
    mail_server: MailServer,
    flows: Workflows,
    temporal: Client,
    worker: StartWorker,
) -> None:
    await queue_for(tenant, *people)

    async def one_is_out() -> bool:
        return len(mail_server.mails) >= 1

    async with worker():
        await flows.start_mails(tenant.id)
        await eventually(one_is_out)
    async with worker():
        handle = temporal.get_workflow_handle(mails_workflow_id(tenant.id), result_type=Delivered)
        await handle.result()
        await make_due(tenant)
        await delivery(flows, temporal, tenant)
    assert {state for state, _ in (await states(tenant)).values()} == {"sent"}
    # A mail whose mark was cut off is the one that may be there twice.
    assert len({mail["Message-ID"] for mail in mail_server.mails}) == 3
    assert len(mail_server.mails) <= 4


async def test_deliveries_of_a_tenant_never_run_side_by_side(
    tenant: Tenant,
    people: list[User],
    mail_server: MailServer,
    flows: Workflows,
    temporal: Client,
    worker: StartWorker,
) -> None:
    await queue_for(tenant, *people)
    async with worker():
        await asyncio.gather(*(flows.start_mails(tenant.id) for _ in range(4)))
        await delivery(flows, temporal, tenant)
    assert len(mail_server.mails) == 3


async def test_a_set_up_link_is_minted_at_delivery_and_lies_nowhere(
    tenant: Tenant,
    people: list[User],
    mail_server: MailServer,
    own_settings: Settings,
    flows: Workflows,
    temporal: Client,
    worker: StartWorker,
) -> None:
    [ann, *_] = people
    with tenant_scope(tenant.id):
        await mails.queue("user-created:1", "password-setup", [ann.id], {}, link_purpose="setup")
    async with worker():
        handle, _ = await delivery(flows, temporal, tenant)
    [mail] = mail_server.mails
    [link] = [line for line in part(mail, "plain").splitlines() if "#token=" in line]
    address, token = link.split("#token=")
    assert address == f"{own_settings.app.app_url}/password-setup"
    assert token not in (await handle.fetch_history()).to_json()
    with tenant_scope(tenant.id):
        assert token not in str(await scoped(Mail).rows())
        tokens = await scoped(PasswordToken).rows({"user_id": ann.id})
    assert len(tokens) == 1
    assert token not in str(tokens)
