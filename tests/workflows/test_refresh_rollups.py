"""The rollups' workflow goes on until nothing is dirty."""

from __future__ import annotations

from uuid import uuid4

from temporalio.client import Client

from core.context import tenant_scope
from models.tenant import Tenant
from services import rollups
from tests.workflows.conftest import Remember, StartWorker
from workflows.client import Workflows
from workflows.contracts import rollups_workflow_id


async def test_dirty_customers_are_recomputed_until_none_is_left(
    tenant: Tenant, flows: Workflows, temporal: Client, worker: StartWorker, remember: Remember
) -> None:
    with tenant_scope(tenant.id):
        await rollups.mark([uuid4() for _ in range(30)])
    async with worker():
        await flows.start_rollups(tenant.id)
        handle = temporal.get_workflow_handle(rollups_workflow_id(tenant.id), result_type=int)
        assert await handle.result() == 30
    with tenant_scope(tenant.id):
        assert await rollups.pending() == 0
    await remember(handle, "refresh-rollups")
