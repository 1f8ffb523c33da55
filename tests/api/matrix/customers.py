"""Rows of customers, and of merging them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planning.access import Action
from tests.api.matrix.base import Row
from tests.api.matrix.world import World


def new_customer(world: World) -> Mapping[str, Any]:
    return {"code": f"{world.mark}-NEW", "name": f"{world.mark} new", "planning_customer_id": str(world.other.id)}


def change(world: World) -> Mapping[str, Any]:
    return {"name": f"{world.mark} again", "planning_customer_id": str(world.other.id)}


def into_other(world: World) -> Mapping[str, Any]:
    return {"customer_id": str(world.other.id)}


READ = Action.READ_CUSTOMERS
CHANGE = Action.CHANGE_CUSTOMERS
ROWS = {
    "list_customers": Row(READ),
    "create_customer": Row(CHANGE, body=new_customer, links=("planning_customer_id",)),
    "read_customer": Row(READ, scoped=True),
    "change_customer": Row(CHANGE, body=change, links=("planning_customer_id",)),
    "delete_customer": Row(CHANGE),
    "restore_customer": Row(CHANGE),
    "preview_merge": Row(CHANGE, body=into_other, links=("customer_id",)),
    "merge_customer": Row(CHANGE, body=into_other, links=("customer_id",)),
}
