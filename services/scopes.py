"""Whose customers somebody sees today: the one answer for lists, grids, reports and exports."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.context import current_tenant
from core.errors import NotFound
from models.customer import Assignment, Customer
from models.tenant import Tenant
from planning import access
from planning.access import Scope, customer_scope
from planning.months import zone
from planning.roles import Role


async def scope_of(role: str, user_id: UUID, at: datetime) -> Scope:
    """The customers of a person at that time: a rep's own on the tenant's calendar day, everybody else's all."""
    if Role(role) != Role.SALES_REP:
        return customer_scope(Role(role), frozenset())
    own = {"user_id": user_id, **valid_on(await day_of_tenant(at))}
    rows = await scoped(Assignment).rows(own, {"_id": 0, "customer_id": 1})
    return customer_scope(Role.SALES_REP, frozenset(row["customer_id"] for row in rows))


async def demand_customer(role: str, user_id: UUID, at: datetime, customer_id: UUID) -> dict[str, Any]:
    """The customer's id, code, name and currency; NotFound when it does not exist or is not in the person's scope."""
    if Role(role) == Role.SALES_REP:
        own = {"user_id": user_id, "customer_id": customer_id, **valid_on(await day_of_tenant(at))}
        if not await scoped(Assignment).exists(own):
            raise NotFound("There is no such customer among yours.")
    row = await scoped(Customer).row({"_id": customer_id}, {"code": 1, "name": 1, "currency": 1, "is_active": 1})
    if row is None:
        raise NotFound("There is no such customer among yours.")
    return row


async def day_of_tenant(at: datetime) -> date:
    """The calendar day of an instant in the zone of the tenant in context."""
    row = await scoped(Tenant).row({"_id": current_tenant()}, {"_id": 0, "time_zone": 1})
    return at.astimezone(zone(row["time_zone"] if row else "UTC")).date()


async def assignments_on(day: date, customer_ids: Collection[UUID]) -> dict[UUID, list[access.Assignment]]:
    """The assignments of these customers that hold on a day, by customer."""
    found: dict[UUID, list[access.Assignment]] = {customer: [] for customer in customer_ids}
    query = {"customer_id": {"$in": list(customer_ids)}, **valid_on(day)}
    for row in await scoped(Assignment).rows(query):
        found[row["customer_id"]].append(
            access.Assignment(
                customer_id=row["customer_id"],
                user_id=row["user_id"],
                valid_from=date.fromisoformat(row["valid_from"]),
                valid_to=None if row["valid_to"] is None else date.fromisoformat(row["valid_to"]),
                category=row["category"],
                primary=row["primary"],
            )
        )
    return found


def valid_on(day: date) -> dict[str, Any]:
    """The query for effective-dated documents that hold on a day, both ends included."""
    text = day.isoformat()
    return {"valid_from": {"$lte": text}, "$or": [{"valid_to": None}, {"valid_to": {"$gte": text}}]}
