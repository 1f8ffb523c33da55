"""Rows of exports. What is exported asks further actions; an export is its requester's, and of managers who see all."""

from __future__ import annotations

from core.context import acting_as
from planning.access import Action
from planning.roles import Role
from reports.filled import open_file
from services import exports
from services.jobs import create
from tests.api.matrix.base import Row
from tests.api.matrix.world import World

ROWS = {
    "create_export": Row(
        Action.EXPORT,
        body=lambda world: {
            "kind": "prices",
            "filters": {"customer_ids": [world.own.id], "product_ids": [world.product.id]},
        },
        links=("filters.customer_ids.0", "filters.product_ids.0"),
        asks={
            Action.READ_USERS: {"json": {"kind": "users"}},
            Action.READ_ASSIGNMENTS: {"json": {"kind": "assignments"}},
            Action.SEE_COST: {"json": {"kind": "costs"}},
        },
    ),
    "list_exports": Row(Action.EXPORT),
    "read_export": Row(Action.EXPORT, scoped=True),
    "download_export": Row(Action.EXPORT, scoped=True),
}


async def make(world: World) -> None:
    """An export of the rep, and one of the manager."""
    for ids, role in ((world.ids, Role.SALES_REP), (world.others, Role.MANAGER)):
        with acting_as(world.users[role].id):
            params = {"kind": "customers", "format": "xlsx", "layout": "long", "filters": {}, "rows": 1}
            job = await create(exports.EXPORT, params)
            await exports.run(job.id, open_file)
            ids["export_id"] = job.id
