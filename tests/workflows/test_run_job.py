"""A job's workflow: run once, taken up where a dead worker left it, and always brought to an end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from pymongo.errors import AutoReconnect
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.testing import TimeSkipper

from core.context import acting_as, current_tenant, current_user, tenant_scope
from core.errors import InvalidInput
from models.job import Job
from models.tenant import Tenant
from services import jobs
from tests import factories
from tests.workflows.conftest import Remember, StartWorker
from workflows.client import Workflows
from workflows.contracts import RUN_JOB_ACTIVITY, RUN_JOB_WORKFLOW, JobInput, job_workflow_id

KIND = "test"
Step = Callable[[Job], Awaitable[None]]


def work(step: Step) -> Callable[..., Any]:
    """An activity of kind `test` that claims the job, takes the step and succeeds."""

    @activity.defn(name=RUN_JOB_ACTIVITY.format(kind=KIND))
    async def run(asked: JobInput) -> None:
        job = await jobs.claim(asked.job_id)
        if job is not None:
            await step(job)
            await jobs.succeed(job.id, {})

    return run


async def queued(tenant: Tenant, asker: UUID | None = None) -> Job:
    with tenant_scope(tenant.id), acting_as(asker):
        return await jobs.create(KIND, {})


async def now_of(job: Job) -> Job:
    with tenant_scope(job.tenant_id):
        return await jobs.get(job.id)


async def test_a_job_runs_as_the_one_who_asked_for_it(
    tenant: Tenant, flows: Workflows, temporal: Client, worker: StartWorker, remember: Remember
) -> None:
    with tenant_scope(tenant.id):
        asker = (await factories.make_user()).id
    seen: list[tuple[UUID, UUID | None]] = []

    async def step(_: Job) -> None:
        seen.append((current_tenant(), current_user()))

    job = await queued(tenant, asker)
    async with worker(work(step)):
        await flows.start_job(KIND, tenant.id, asker, job.id)
        handle = temporal.get_workflow_handle(job_workflow_id(job.id))
        await handle.result()
    assert seen == [(tenant.id, asker)]
    assert (await now_of(job)).state == "succeeded"
    await remember(handle, "run-job-succeeds")


async def test_a_job_started_twice_runs_once(
    tenant: Tenant, own_queue: str, flows: Workflows, temporal: Client, worker: StartWorker
) -> None:
    runs: list[UUID] = []

    async def step(job: Job) -> None:
        runs.append(job.id)

    job = await queued(tenant)
    async with worker(work(step)):
        await asyncio.gather(*(flows.start_job(KIND, tenant.id, None, job.id) for _ in range(4)))
        await temporal.get_workflow_handle(job_workflow_id(job.id)).result()
        await flows.start_job(KIND, tenant.id, None, job.id)
        # Even a run under another id, as upkeep might start one late, finds the job ended.
        again = JobInput(tenant_id=tenant.id, job_id=job.id, kind=KIND)
        await temporal.execute_workflow(RUN_JOB_WORKFLOW, again, id=f"late:{job.id}", task_queue=own_queue)
    assert runs == [job.id]


async def test_another_worker_goes_on_where_the_first_was_cut_off(
    tenant: Tenant, flows: Workflows, temporal: Client, worker: StartWorker
) -> None:
    reached, seen = asyncio.Event(), []

    async def step(job: Job) -> None:
        seen.append(job.cursor)
        if not job.cursor:
            await jobs.report_progress(job.id, {"rows": 7}, cursor={"row": 7})
            reached.set()
            await asyncio.Event().wait()

    job = await queued(tenant)
    async with worker(work(step)):
        await flows.start_job(KIND, tenant.id, None, job.id)
        await reached.wait()
    assert (await now_of(job)).state == "running"
    async with worker(work(step)):
        await temporal.get_workflow_handle(job_workflow_id(job.id)).result()
    assert seen == [{}, {"row": 7}]
    assert (await now_of(job)).state == "succeeded"


async def test_a_refusal_is_tried_once_and_its_words_reach_the_asker(
    tenant: Tenant, flows: Workflows, temporal: Client, worker: StartWorker, remember: Remember
) -> None:
    tries: list[UUID] = []

    async def step(job: Job) -> None:
        tries.append(job.id)
        raise InvalidInput("The file holds no rows.")

    job = await queued(tenant)
    async with worker(work(step)):
        await flows.start_job(KIND, tenant.id, None, job.id)
        handle = temporal.get_workflow_handle(job_workflow_id(job.id))
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    failed = await now_of(job)
    assert failed.error == {"code": "planwright_error", "message": "The file holds no rows."}
    assert (failed.state, len(tries)) == ("failed", 1)
    await remember(handle, "run-job-is-refused")


async def test_a_defect_is_given_up_after_a_while_and_keeps_its_secrets_out_of_the_history(
    tenant: Tenant, own_queue: str, time_skipper: TimeSkipper, worker: StartWorker, remember: Remember
) -> None:
    tries: list[UUID] = []

    async def step(job: Job) -> None:
        tries.append(job.id)
        raise KeyError("canary-4711")

    job = await queued(tenant)
    asked = JobInput(tenant_id=tenant.id, job_id=job.id, kind=KIND)
    async with worker(work(step), client=time_skipper.client):
        handle = await time_skipper.client.start_workflow(
            RUN_JOB_WORKFLOW, asked, id=job_workflow_id(job.id), task_queue=own_queue
        )
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    failed = await now_of(job)
    assert (failed.state, len(tries)) == ("failed", 15)
    assert failed.error is not None
    assert failed.error["message"].startswith("Something went wrong on our side")
    assert "canary-4711" not in (await handle.fetch_history()).to_json()
    await remember(handle, "run-job-gives-up")


async def test_a_database_that_comes_back_is_waited_for(
    tenant: Tenant, flows: Workflows, temporal: Client, worker: StartWorker
) -> None:
    tries: list[UUID] = []

    async def step(job: Job) -> None:
        tries.append(job.id)
        if len(tries) == 1:
            raise AutoReconnect("connection closed")

    job = await queued(tenant)
    async with worker(work(step)):
        await flows.start_job(KIND, tenant.id, None, job.id)
        await temporal.get_workflow_handle(job_workflow_id(job.id)).result()
    assert ((await now_of(job)).state, len(tries)) == ("succeeded", 2)
