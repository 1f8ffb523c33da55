"""Rows of findings on master data."""

from __future__ import annotations

from activities.findings import run_findings
from core.context import acting_as
from planning.access import Action
from planning.findings import FindingKind
from planning.roles import Role
from services import findings
from tests import factories
from tests.api.matrix.base import Row
from tests.api.matrix.world import World
from workflows.contracts import JobInput

ROWS = {
    "summarize_findings": Row(Action.READ_FINDINGS),
    "refresh_findings": Row(Action.READ_FINDINGS),
    "read_findings_refresh": Row(Action.READ_FINDINGS),
    "list_findings": Row(
        Action.READ_FINDINGS,
        query=lambda world: {"customer_id": world.other.id, "product_id": world.product.id},
        quiet_links=("customer_id", "product_id"),
    ),
}


async def make(world: World) -> None:
    """A look has found that a customer bought what is not on its list."""
    await factories.sold(world.other, world.product, str(world.ids["month"]), 1_000, 10_000)
    with acting_as(world.users[Role.MANAGER].id):
        job = await findings.request()
    await run_findings(JobInput(tenant_id=world.tenant.id, job_id=job.id, kind=findings.FINDINGS))
    world.ids |= {"refresh_id": job.id, "kind": str(FindingKind.SALES_OUTSIDE_MATRIX)}
