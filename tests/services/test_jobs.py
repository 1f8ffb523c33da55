"""Jobs: taken once, told how far they are, ended once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from core.clock import now
from core.collections import scoped, transaction
from core.context import acting_as, tenant_scope
from core.errors import Conflict, NotFound
from models.audit import AuditEvent
from models.job import Job
from models.tenant import Tenant
from services import jobs
from tests import factories


async def test_a_new_job_is_queued_and_knows_who_asked(tenant: Tenant) -> None:
    asker = uuid4()
    with tenant_scope(tenant.id), acting_as(asker):
        job = await jobs.create("report", {"type": "plan_vs_actual"})
        events = await scoped(AuditEvent).documents({"entity_id": str(job.id)})
        assert ((await jobs.get(job.id)).state, job.requested_by) == ("queued", asker)
        assert [(event.action, event.actor_id) for event in events] == [("job.queued", asker)]


async def test_a_job_of_a_cause_that_did_not_happen_does_not_exist(tenant: Tenant) -> None:
    async def cause() -> None:
        await jobs.create("report", {})
        raise Conflict

    with tenant_scope(tenant.id):
        with pytest.raises(Conflict):
            await transaction(cause)
        assert await scoped(Job).count() == 0


async def test_a_claimed_job_can_be_claimed_again_until_it_has_ended(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        job = await jobs.create("import", {})
        first = await jobs.claim(job.id)
        await jobs.report_progress(job.id, {"rows": 10}, cursor={"row": 10})
        second = await jobs.claim(job.id)
        await jobs.succeed(job.id, {"inserted": 10})
        assert first is not None
        assert second is not None
        assert (first.started_at, first.cursor) == (second.started_at, {})
        assert second.cursor == {"row": 10}
        assert await jobs.claim(job.id) is None


async def test_claiming_what_does_not_exist_is_refused(tenant: Tenant) -> None:
    with tenant_scope(tenant.id), pytest.raises(NotFound):
        await jobs.claim(uuid4())


async def test_another_tenants_job_does_not_exist(tenant: Tenant) -> None:
    other = await factories.make_tenant()
    with tenant_scope(other.id):
        job = await jobs.create("import", {})
    with tenant_scope(tenant.id):
        with pytest.raises(NotFound):
            await jobs.get(job.id)
        with pytest.raises(NotFound):
            await jobs.claim(job.id)


async def test_the_first_end_stands_and_may_be_told_twice(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        job = await jobs.create("import", {})
        await jobs.claim(job.id)
        await asyncio.gather(*(jobs.succeed(job.id, {"inserted": 3}) for _ in range(5)))
        await jobs.fail(job.id, "Too late.")
        with pytest.raises(Conflict):
            await jobs.reject(job.id, "The file is damaged.")
        ended = await jobs.get(job.id)
        assert (ended.state, ended.result, ended.error) == ("succeeded", {"inserted": 3}, None)


async def test_a_rejected_job_lists_what_is_wrong(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        job = await jobs.create("import", {})
        await jobs.reject(job.id, "One row is wrong.", [{"row": 2, "column": "code"}])
        ended = await jobs.get(job.id)
        assert (ended.state, ended.findings) == ("rejected", [{"row": 2, "column": "code"}])
        assert ended.error == {"code": "invalid_input", "message": "One row is wrong."}


async def test_a_run_that_comes_too_late_learns_that_the_job_has_ended(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        job = await jobs.create("import", {})
        await jobs.claim(job.id)
        await jobs.fail(job.id, "It took too long.")
        with pytest.raises(Conflict):
            await jobs.report_progress(job.id, {"rows": 1})


async def test_an_expired_job_is_gone_before_it_is_collected(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        job = await jobs.create("report", {})
        await jobs.succeed(job.id, {})
        kept = await jobs.get(job.id)
        assert kept.expires_at is not None
        assert kept.expires_at > now() + timedelta(days=89)
        await scoped(Job).update_one({"_id": job.id}, {"$set": {"expires_at": now()}})
        with pytest.raises(NotFound):
            await jobs.get(job.id)
