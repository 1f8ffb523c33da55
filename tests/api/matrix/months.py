"""Rows of months and their control totals. `world.ids["month"]` is a complete month."""

from __future__ import annotations

from core.clock import now
from core.collections import scoped
from models.sale import MonthStatus
from planning.access import Action
from tests.api.matrix.base import Row
from tests.api.matrix.world import World

ROWS = {
    "list_months": Row(Action.READ_MONTHS),
    "read_month": Row(Action.READ_MONTHS),
    "complete_month": Row(Action.KEEP_ACTUALS),
    "reopen_month": Row(Action.KEEP_ACTUALS, body=lambda _: {"reason": "Credit notes are missing"}),
    "set_control_total": Row(Action.KEEP_ACTUALS, body=lambda _: {"revenue": 100.5, "rows": 3}),
    "remove_control_total": Row(Action.KEEP_ACTUALS),
}


async def make(world: World) -> None:
    world.ids["source"] = world.mark
    total = {"source": world.mark, "revenue": 10_000, "rows": 1, "entered_by": None, "entered_at": now()}
    await scoped(MonthStatus).update_one({"month": world.ids["month"]}, {"$set": {"control_totals": [total]}})
