"""Rows of imports. The kind of a file and what it completes ask further actions; reps see what they sent themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from core.context import acting_as
from planning.access import Action
from planning.roles import Role
from services import files, imports, jobs
from tests import imported
from tests.api.matrix.base import Row
from tests.api.matrix.world import World

TABLE = {"file": ("table.csv", b"item_code,name\nNEW,New\n")}


def form(**data: str) -> Mapping[str, Any]:
    return {"files": TABLE, "data": data}


ROWS = {
    "create_import": Row(
        Action.IMPORT_FORECASTS,
        form=lambda world: form(kind="forecasts", cycle_id=str(world.running.id)),
        links=("cycle_id",),
        asks={
            Action.IMPORT_FILE: form(kind="products"),
            Action.IMPORT_USERS: form(kind="users"),
            Action.KEEP_ACTUALS: form(kind="sales", complete_until="2024-01"),
        },
    ),
    "list_imports": Row(Action.READ_IMPORT),
    "read_import": Row(Action.READ_IMPORT, scoped=True),
    "preview_import_undo": Row(Action.UNDO_IMPORT, ids=lambda world: {"import_id": world.made["previewed"]}),
    "undo_import": Row(Action.UNDO_IMPORT, ids=lambda world: {"import_id": world.made["undone"]}),
    "download_import_errors": Row(
        Action.READ_IMPORT, scoped=True, ids=lambda world: {"import_id": world.ids["marked_import_id"]}
    ),
}


async def make(world: World) -> None:
    """Imports whose errors are marked: one that the rep sent, and one that the manager did. Two imports to undo: one
    that is being undone leaves nothing to preview."""
    for name, day in (("previewed", "2024-01-01,2024-01-31"), ("undone", "2024-02-01,2024-02-29")):
        costs = await imported.imported("costs", "item_code,cost,valid_from,valid_to", f"{world.product.code},1,{day}")
        world.made[name] = costs.id
    world.ids["marked_import_id"] = await _marked(world, Role.SALES_REP, world.mark)
    world.others["import_id"] = await _marked(world, Role.MANAGER, world.hidden)


async def _marked(world: World, role: Role, word: str) -> UUID:
    with acting_as(world.users[role].id):
        job = await imported.accepted("products", "item_code,name", word)
        workbook = await files.store(word.encode(), name="errors.xlsx", content_type=imports.CONTENT_TYPES["xlsx"])
        await jobs.succeed(job.id, {}, result_file_id=workbook.id)
    return job.id
