"""Whose customers somebody sees today: the one answer for lists, grids, reports and exports.

A scope is a rule's value (`planning.access`): all customers, or some ids and some regions. It becomes a query here, so
that nobody who sees all or a region ever loads the ids of a hundred thousand customers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.context import current_tenant
from core.errors import NotFound
from models.assigned import as_rule
from models.customer import Assignment, Customer
from models.tenant import Tenant
from models.user import Delegate, User
from planning import access
from planning.access import Person, Scope, customer_scope, in_scope, region_key, sees_all
from planning.months import zone
from planning.roles import Role

SHOWN = {"code": 1, "name": 1, "currency": 1, "is_active": 1, "region": 1}


async def scope_of(role: str, user_id: UUID, at: datetime, regions: Collection[str] | None = None) -> Scope:
    """The customers of a person at that time, on the tenant's calendar day, with those of whom they stand in for.

    `regions` are the person's as the caller of this knows them; None = they are read. Put the scope into a query with
    `narrowed`, or take `ids_in`: a manager with regions has a scope without ids.
    """
    return await _scope(Role(role), user_id, at, regions, {})


async def demand_customer(
    role: str, user_id: UUID, at: datetime, customer_id: UUID, regions: Collection[str] | None = None
) -> dict[str, Any]:
    """The customer's id, code, name, currency and region; NotFound when it does not exist or is not in the person's
    scope. `regions` as in `scope_of`."""
    row = await scoped(Customer).row({"_id": customer_id}, SHOWN)
    scope = await _scope(Role(role), user_id, at, regions, {"customer_id": customer_id})
    if row is None or not in_scope(scope, customer_id, row.get("region")):
        raise NotFound("There is no such customer among yours.")
    return row


async def narrowed(scope: Scope, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A query on customers, for those in scope only. Regions are asked for as the customers' documents spell them, so
    that an index answers."""
    if scope.all_customers:
        return dict(query or {})
    ways: list[dict[str, Any]] = [{"_id": {"$in": sorted(scope.customer_ids)}}]
    if scope.regions:
        spelled = await scoped(Customer).distinct("region")
        wanted = [region for region in spelled if region is not None and region_key(region) in scope.regions]
        ways = [{"region": {"$in": wanted}}, *(ways if scope.customer_ids else [])]
    own = ways[0] if len(ways) == 1 else {"$or": ways}
    return {"$and": [query, own]} if query else own


async def ids_in(scope: Scope, among: Collection[UUID] | None = None) -> frozenset[UUID] | None:
    """The ids of the customers in scope; None = all. `among` keeps those of a few that are known already."""
    if scope.all_customers:
        return None if among is None else frozenset(among)
    if not scope.regions:
        return scope.customer_ids if among is None else scope.customer_ids & frozenset(among)
    query = await narrowed(scope, None if among is None else {"_id": {"$in": list(among)}})
    return frozenset([row["_id"] for row in await scoped(Customer).rows(query, {"_id": 1})])


async def _scope(
    role: Role, user_id: UUID, at: datetime, regions: Collection[str] | None, only: Mapping[str, Any]
) -> Scope:
    """`only` narrows the assignments that are looked at."""
    if role == Role.MANAGER and regions is None:
        row = await scoped(User).row({"_id": user_id}, {"_id": 0, "regions": 1})
        regions = row.get("regions", ()) if row else ()
    own_regions = tuple(regions or ())
    if sees_all(role, own_regions):
        return Scope(all_customers=True)
    day = await day_of_tenant(at)
    others = await stood_in_for(user_id, day)
    assigned = await _assigned([user_id, *others], day, only)
    roles = await _roles(others) if role == Role.MANAGER else {}
    person = Person(role, own_regions, assigned[user_id])
    nobody = (Role.SALES_REP, ())
    return customer_scope(person, [Person(*roles.get(other, nobody), assigned[other]) for other in others])


async def stood_in_for(user_id: UUID, day: date) -> list[UUID]:
    """The people for whom somebody stands in on that day: one step, so not those for whom they stand in."""
    rows = await scoped(Delegate).rows({"delegate_id": user_id, **valid_on(day)}, {"_id": 0, "user_id": 1})
    return list({row["user_id"]: None for row in rows})


async def _assigned(user_ids: Collection[UUID], day: date, only: Mapping[str, Any]) -> dict[UUID, frozenset[UUID]]:
    found: dict[UUID, set[UUID]] = {user_id: set() for user_id in user_ids}
    query = {"user_id": {"$in": list(user_ids)}, **only, **valid_on(day)}
    for row in await scoped(Assignment).rows(query, {"_id": 0, "user_id": 1, "customer_id": 1}):
        found[row["user_id"]].add(row["customer_id"])
    return {user_id: frozenset(customers) for user_id, customers in found.items()}


async def _roles(user_ids: Collection[UUID]) -> dict[UUID, tuple[Role, tuple[str, ...]]]:
    """Role and regions of these people."""
    rows = await scoped(User).rows({"_id": {"$in": list(user_ids)}}, {"role": 1, "regions": 1}) if user_ids else []
    return {row["_id"]: (Role(row["role"]), tuple(row.get("regions", ()))) for row in rows}


async def day_of_tenant(at: datetime) -> date:
    """The calendar day of an instant in the zone of the tenant in context."""
    row = await scoped(Tenant).row({"_id": current_tenant()}, {"_id": 0, "time_zone": 1})
    return at.astimezone(zone(row["time_zone"] if row else "UTC")).date()


async def assignments_on(day: date, customer_ids: Collection[UUID]) -> dict[UUID, list[access.Assignment]]:
    """The assignments of these customers that hold on a day, by customer."""
    found: dict[UUID, list[access.Assignment]] = {customer: [] for customer in customer_ids}
    query = {"customer_id": {"$in": list(customer_ids)}, **valid_on(day)}
    for row in await scoped(Assignment).rows(query):
        found[row["customer_id"]].append(as_rule(row))
    return found


def valid_on(day: date) -> dict[str, Any]:
    """The query for effective-dated documents that hold on a day, both ends included."""
    text = day.isoformat()
    return {"valid_from": {"$lte": text}, "$or": [{"valid_to": None}, {"valid_to": {"$gte": text}}]}
