"""The way to Temporal: lazy, quick to say no, and back by itself."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest
from temporalio.client import Client

from core.errors import TemporalUnavailable
from core.settings import Settings, TemporalSettings
from models.tenant import Tenant
from ops.embedded import free_port
from tests.eventually import eventually
from tests.servers import running_temporal
from tests.workflows.conftest import StartWorker
from workflows.client import Workflows
from workflows.contracts import mails_workflow_id


@pytest.fixture
def nowhere() -> Workflows:
    return Workflows(TemporalSettings(temporal_address=f"127.0.0.1:{free_port()}"))


async def test_without_temporal_every_call_is_refused_in_time(nowhere: Workflows) -> None:
    began = time.monotonic()
    answers = await asyncio.gather(
        nowhere.ping(),
        nowhere.has_worker(),
        nowhere.start_mails(uuid4()),
        nowhere.start_job("import", uuid4(), None, uuid4()),
        return_exceptions=True,
    )
    print(f"refused after {time.monotonic() - began:.2f} s")
    assert [type(answer) for answer in answers] == [TemporalUnavailable] * 4


async def test_it_connects_as_soon_as_temporal_is_there(settings: Settings, nowhere: Workflows, tenant: Tenant) -> None:
    with pytest.raises(TemporalUnavailable):
        await nowhere.ping()
    nowhere._settings = settings.temporal
    await nowhere.ping()
    await nowhere.start_mails(tenant.id)


async def test_a_temporal_that_goes_away_is_told_in_time() -> None:
    with running_temporal() as address:
        flows = Workflows(TemporalSettings(temporal_address=address))
        await flows.ping()
    began = time.monotonic()
    with pytest.raises(TemporalUnavailable):
        await flows.start_mails(uuid4())
    print(f"refused after {time.monotonic() - began:.2f} s")
    with pytest.raises(TemporalUnavailable):
        await flows.ping()


async def test_a_worker_is_seen_when_it_asks_for_work(flows: Workflows, worker: StartWorker) -> None:
    assert not await flows.has_worker()
    async with worker():
        await eventually(flows.has_worker)


async def test_starting_what_runs_changes_nothing(flows: Workflows, temporal: Client, tenant: Tenant) -> None:
    handle = temporal.get_workflow_handle(mails_workflow_id(tenant.id))
    await flows.start_mails(tenant.id)
    first = (await handle.describe()).run_id
    await flows.start_mails(tenant.id)
    assert (await handle.describe()).run_id == first
    await handle.terminate("the test is over")
