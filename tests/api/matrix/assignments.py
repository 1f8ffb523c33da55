"""Rows of who plans which customers, and of who stands in: about the rep's entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from core.clock import now
from core.collections import scoped
from models.customer import Assignment
from planning.access import Action
from planning.roles import Role
from tests import factories
from tests.api.matrix.base import Row
from tests.api.matrix.world import World


def of_rep(world: World) -> Mapping[str, Any]:
    return {"user_id": world.users[Role.SALES_REP].id}


def new_entry(world: World) -> Mapping[str, Any]:
    return {"customer_id": world.other.id, "valid_from": "2026-01-01", "primary": False}


def handing_over(world: World) -> Mapping[str, Any]:
    people = {"from_user_id": world.users[Role.SALES_REP].id, "to_user_id": world.users[Role.MANAGER].id}
    return {**people, "valid_from": (now() + timedelta(days=2)).date().isoformat()}


def new_delegate(world: World) -> Mapping[str, Any]:
    return {"delegate_id": world.users[Role.ADMIN].id, "valid_from": "2026-01-01", "valid_to": "2026-01-02"}


READ = Action.READ_ASSIGNMENTS
MANAGE = Action.MANAGE_ASSIGNMENTS
ROWS = {
    "list_user_assignments": Row(
        READ, ids=of_rep, query=lambda w: {"customer_id": w.own.id}, quiet_links=("customer_id",)
    ),
    "read_assignment": Row(READ, ids=of_rep, scoped=True),
    "add_assignment": Row(MANAGE, ids=of_rep, body=new_entry, links=("customer_id",)),
    "change_assignment": Row(MANAGE, ids=of_rep, body=lambda _: {"valid_to": "2199-12-31"}),
    "remove_assignment": Row(MANAGE, ids=of_rep),
    "list_customer_assignments": Row(READ, scoped=True),
    "hand_over_customer": Row(MANAGE, body=handing_over, links=("from_user_id", "to_user_id")),
    "list_delegates": Row(READ, ids=of_rep),
    "read_delegate": Row(READ, ids=of_rep, scoped=True),
    "add_delegate": Row(READ, ids=of_rep, body=new_delegate, links=("delegate_id",)),
    "change_delegate": Row(READ, ids=of_rep, body=lambda _: {"valid_to": "2199-12-31"}, scoped=True),
    "remove_delegate": Row(READ, ids=of_rep, scoped=True),
}


async def make(world: World) -> None:
    """The rep plans `own` already; the manager plans `other` and stands in for the rep, the admin for the manager."""
    rep, manager = world.users[Role.SALES_REP], world.users[Role.MANAGER]
    entry = await scoped(Assignment).one({"user_id": rep.id, "customer_id": world.own.id})
    assert entry is not None
    world.ids["assignment_id"] = entry.id
    world.others["assignment_id"] = (await factories.assign(manager, world.other)).id
    days = ("2026-01-01", "2026-01-01")
    world.ids["delegation_id"] = (await factories.stand_in(manager, rep, *days)).id
    world.others["delegation_id"] = (await factories.stand_in(world.users[Role.ADMIN], manager, *days)).id
