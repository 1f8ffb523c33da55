"""Upkeep starts what should run and does not, whatever was lost between a commit and its start."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus

from core.clock import now
from core.collections import scoped
from core.context import system_scope, tenant_scope
from models.cycle import Cycle
from models.job import Job, Mail
from models.sale import RollupState
from models.session import PasswordRequest
from models.tenant import Tenant
from services import jobs, mails, upkeep
from tests import factories
from tests.eventually import eventually
from tests.mailserver import MailServer
from tests.workflows.conftest import Remember, StartWorker
from workflows.client import Workflows
from workflows.contracts import (
    RUN_JOB_ACTIVITY,
    UPKEEP_WORKFLOW,
    JobInput,
    UpkeepInput,
    cycle_workflow_id,
    job_workflow_id,
)

KIND = "test"


@activity.defn(name=RUN_JOB_ACTIVITY.format(kind=KIND))
async def run(asked: JobInput) -> None:
    if await jobs.claim(asked.job_id):
        await jobs.succeed(asked.job_id, {})


@pytest.fixture(autouse=True)
async def quiet(tenant: Tenant) -> None:
    """What other tests left unfinished in the shared database is none of ours."""
    with system_scope("tests begin with nothing unfinished"):
        await scoped(Job).update_many({}, {"$set": {"state": "succeeded"}})
        await scoped(Cycle).update_many({}, {"$set": {"stage": "cancelled"}})
        await scoped(Mail).update_many({}, {"$set": {"state": "sent"}})
        await scoped(RollupState).update_many({}, {"$set": {"dirty": False}})
        await scoped(PasswordRequest).delete({})


async def forgotten_job(tenant: Tenant, state: str = "queued") -> Job:
    with tenant_scope(tenant.id):
        job = await jobs.create(KIND, {})
        await scoped(Job).update_one(
            {"_id": job.id}, {"$set": {"received_at": now() - timedelta(minutes=1), "state": state}}
        )
        return job


async def a_cycle(tenant: Tenant, stage: str, opens_in: timedelta | None = None) -> Cycle:
    at = now()
    with tenant_scope(tenant.id):
        return await scoped(Cycle).insert(
            Cycle(
                name="January 2027",
                stage=stage,
                base_month="2026-12",
                start_month="2027-01",
                horizon=1,
                months=["2027-01"],
                mandatory_until="2027-01",
                opens_at=None if opens_in is None else at + opens_in,
                entry_closes_at=at + timedelta(days=10),
                closes_at=at + timedelta(days=15),
                currency="EUR",
                time_zone="Europe/London",
            )
        )


async def a_round(temporal: Client, queue: str) -> int:
    started: int = await temporal.execute_workflow(
        UPKEEP_WORKFLOW, UpkeepInput(), id=f"upkeep-{uuid4()}", task_queue=queue, result_type=int
    )
    return started


async def state_of(tenant: Tenant, job_id: UUID) -> str:
    with tenant_scope(tenant.id):
        return (await jobs.get(job_id)).state


async def test_everything_unfinished_is_found(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        ann = await factories.make_user()
        await mails.queue("opened:1", "cycle-opened", [ann.id], {})
        await scoped(RollupState).insert(RollupState(customer_id=uuid4(), marks=1))
    queued, running = await forgotten_job(tenant), await forgotten_job(tenant, "running")
    await forgotten_job(tenant, "failed")
    cycles = [
        await a_cycle(tenant, "draft", timedelta(days=1)),
        await a_cycle(tenant, "entry"),
        await a_cycle(tenant, "closing"),
    ]
    await a_cycle(tenant, "draft")
    await a_cycle(tenant, "closed")
    found = await upkeep.find_unfinished()
    assert {job.id for job in found.jobs} == {queued.id, running.id}
    assert {cycle.id for cycle in found.cycles} == {cycle.id for cycle in cycles}
    assert (found.tenants_with_mails, found.tenants_with_dirty_rollups) == ([tenant.id], [tenant.id])


async def test_what_was_queued_a_moment_ago_is_left_to_whoever_queued_it(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        await jobs.create(KIND, {})
    assert (await upkeep.find_unfinished()).jobs == []


async def test_a_job_that_was_committed_but_never_started_runs(
    tenant: Tenant, own_queue: str, temporal: Client, worker: StartWorker, remember: Remember
) -> None:
    job = await forgotten_job(tenant)
    async with worker(run):
        handle = await temporal.start_workflow(
            UPKEEP_WORKFLOW, UpkeepInput(), id=f"upkeep-{uuid4()}", task_queue=own_queue, result_type=int
        )
        assert await handle.result() == 1
        await temporal.get_workflow_handle(job_workflow_id(job.id)).result()
        assert await a_round(temporal, own_queue) == 0
    assert await state_of(tenant, job.id) == "succeeded"
    await remember(handle, "upkeep-starts-a-job")


async def test_a_job_whose_workflow_was_ended_from_outside_runs_again(
    tenant: Tenant, own_queue: str, flows: Workflows, temporal: Client, worker: StartWorker
) -> None:
    job = await forgotten_job(tenant)
    await flows.start_job(KIND, tenant.id, None, job.id)
    await temporal.get_workflow_handle(job_workflow_id(job.id)).terminate("by an operator")
    async with worker(run):
        assert await a_round(temporal, own_queue) == 1
        await temporal.get_workflow_handle(job_workflow_id(job.id)).result()
    assert await state_of(tenant, job.id) == "succeeded"


async def test_what_runs_is_left_alone(
    tenant: Tenant, own_queue: str, flows: Workflows, temporal: Client, worker: StartWorker, remember: Remember
) -> None:
    job = await forgotten_job(tenant)
    await flows.start_job("nobody-can-do-this", tenant.id, None, job.id)
    async with worker(run):
        handle = await temporal.start_workflow(
            UPKEEP_WORKFLOW, UpkeepInput(), id=f"upkeep-{uuid4()}", task_queue=own_queue, result_type=int
        )
        assert await handle.result() == 0
    await temporal.get_workflow_handle(job_workflow_id(job.id)).terminate("the test is over")
    await remember(handle, "upkeep-finds-it-running")


async def test_queued_mails_go_out_by_themselves(
    tenant: Tenant, own_queue: str, mail_server: MailServer, temporal: Client, worker: StartWorker
) -> None:
    with tenant_scope(tenant.id):
        ann = await factories.make_user()
        await mails.queue("opened:1", "cycle-opened", [ann.id], {})

    async def arrived() -> bool:
        return len(mail_server.mails) == 1

    async with worker():
        assert await a_round(temporal, own_queue) == 1
        await eventually(arrived)


async def test_a_cycle_gets_its_clock_back(
    tenant: Tenant, own_queue: str, temporal: Client, worker: StartWorker
) -> None:
    cycle = await a_cycle(tenant, "draft", timedelta(days=1))
    async with worker():
        assert await a_round(temporal, own_queue) == 1
        handle = temporal.get_workflow_handle(cycle_workflow_id(tenant.id, cycle.id))
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        assert await a_round(temporal, own_queue) == 0
    await handle.terminate("the test is over")
