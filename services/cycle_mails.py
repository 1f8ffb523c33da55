"""Who is told what about a cycle. Mails are queued in the move's own transaction, once per cause and person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from core.collections import scoped
from models.customer import Assignment
from models.cycle import Cycle
from models.forecast import Sheet
from models.user import Delegate, User
from planning.months import day_in_zone
from planning.roles import Role
from services import mails
from services.scopes import valid_on

PLANNERS = (Role.SALES_REP, Role.MANAGER, Role.ADMIN)

Teller = Callable[[Cycle], Awaitable[None]]


async def tell_opened(cycle: Cycle) -> None:
    """Everybody whose task it is hears that entry is open, until when, and for how many customers: the primary reps,
    whose names the plan carries, and whoever stands in for them on that day; not those who only help."""
    customers = await _customer_counts(cycle)
    for planner in await _active_users(*PLANNERS):
        if customers[planner]:
            data = {**_data(cycle), "customers": customers[planner]}
            await mails.queue(f"cycle-opened:{cycle.id}:{cycle.rev}", "cycle-opened", [planner], data)


async def tell_closed(cycle: Cycle) -> None:
    """Managers and admins hear that the plan is frozen."""
    await _tell_managers(cycle, "cycle-closed", f"cycle-closed:{cycle.id}:{cycle.close_number}")


async def tell_waiting(cycle: Cycle, other: Cycle) -> None:
    """Managers and admins hear that the cycle can't open while another is in entry."""
    cause = f"cycle-waiting:{cycle.id}:{other.id}"
    await _tell_managers(cycle, "cycle-waiting", cause, {"other_name": other.name})


async def tell_below_share(cycle: Cycle, share_percent: str) -> None:
    """Managers and admins hear that too little is submitted for closing by itself."""
    cause = f"cycle-below-share:{cycle.id}:{cycle.closes_at.isoformat()}"
    share = {"share_percent": share_percent, "needed_percent": str(cycle.auto_close_share_percent)}
    await _tell_managers(cycle, "cycle-below-share", cause, share)


async def _tell_managers(cycle: Cycle, template: str, cause: str, more: dict[str, Any] | None = None) -> None:
    managers = await _active_users(Role.MANAGER, Role.ADMIN)
    await mails.queue(cause, template, managers, {**_data(cycle), **(more or {})})


async def _active_users(*roles: Role) -> list[UUID]:
    rows = await scoped(User).rows({"role": {"$in": [role.value for role in roles]}, "is_active": True}, {"_id": 1})
    return [row["_id"] for row in rows]


async def _customer_counts(cycle: Cycle) -> Counter[UUID]:
    day = day_in_zone(cycle.opened_at or cycle.created_at, cycle.time_zone)
    rows = await scoped(Assignment).rows({"primary": True, **valid_on(day)}, {"user_id": 1, "customer_id": 1})
    with_sheet = set(await scoped(Sheet).distinct("customer_id", {"cycle_id": cycle.id}))
    planned: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for row in rows:
        if row["customer_id"] in with_sheet:
            planned[row["user_id"]].add(row["customer_id"])
    own = {user_id: frozenset(customers) for user_id, customers in planned.items()}
    for row in await scoped(Delegate).rows(valid_on(day), {"user_id": 1, "delegate_id": 1}):
        planned[row["delegate_id"]] |= own.get(row["user_id"], frozenset())
    return Counter({user_id: len(customers) for user_id, customers in planned.items()})


def _data(cycle: Cycle) -> dict[str, Any]:
    return {
        "cycle_id": str(cycle.id),
        "cycle_name": cycle.name,
        "time_zone": cycle.time_zone,
        "entry_closes_at": cycle.entry_closes_at,
        "closes_at": cycle.closes_at,
        "months": f"{cycle.months[0]} – {cycle.months[-1]}",
        "close_number": cycle.close_number,
    }
