"""Rows of cycles and of the operations that they point at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.clock import now
from planning.access import Action
from tests.api.matrix.base import Row
from tests.api.matrix.world import World
from tests.companies import DAY


def new_cycle(_world: World) -> Mapping[str, Any]:
    return {"name": "Another", "entry_closes_at": (now() + 10 * DAY).isoformat()}


def reopening(_world: World) -> Mapping[str, Any]:
    days = {"entry_closes_at": 10, "closes_at": 20}
    return {"reason": "Prices were wrong", **{name: (now() + count * DAY).isoformat() for name, count in days.items()}}


ROWS = {
    "create_cycle": Row(Action.CREATE_CYCLE, body=new_cycle),
    "list_cycles": Row(Action.READ_CYCLES),
    "read_cycle": Row(Action.READ_CYCLES),
    "change_cycle": Row(Action.CHANGE_CYCLE, body=lambda _: {"name": "Another"}),
    "delete_cycle": Row(Action.DELETE_CYCLE),
    "open_cycle": Row(Action.MOVE_CYCLE),
    "close_cycle": Row(Action.MOVE_CYCLE),
    "reopen_cycle": Row(Action.MOVE_CYCLE, body=reopening, not_taken="no worker runs to reopen it"),
    "cancel_cycle": Row(Action.MOVE_CYCLE),
    "read_operation": Row(Action.READ_OPERATION, scoped=True),
}
