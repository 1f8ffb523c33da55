"""Who plans which customers: entries from a day to a day, at most one primary per scope and day, and handing over.

A scope is a customer, or a category of it where the company plans by category. Whatever changes entries of a customer
takes turns (`services.turns`), since no index can say that days overlap. What somebody sees follows from the entries of
the day (`services.scopes`); versions, submissions and frozen plans name who it was then, and stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.context import current_tenant
from core.errors import Conflict, Detail, InvalidInput, NotFound, StaleVersion
from core.listing import Listing, Window, read_page
from core.mongo import RawDocument
from models.assigned import as_rule
from models.customer import Assignment, Customer
from models.tenant import Tenant
from models.user import User
from planning import access
from planning.assignments import (
    HandOver,
    Problem,
    category_problem,
    days_of,
    in_the_way,
    plan_hand_over,
    planner_problem,
)
from planning.intervals import in_words, runs_backwards
from planning.roles import Role
from services import revisions
from services.identity import Caller
from services.labels import labels_of
from services.scopes import demand_customer, ids_in, scope_of, valid_on
from services.turns import assigning, take_turns

ENTITY = "assignment"
SHOWN = dict.fromkeys(
    ("user_id", "customer_id", "category", "valid_from", "valid_to", "primary", "rev", "updated_at"), 1
)
NO_PERSON = "There is no such user, or it is not yours to see."
NO_ENTRY = "There is no such assignment, or it is not yours to see."


@dataclass(frozen=True, slots=True)
class AssignmentFilter:
    """What to keep; None = any. `on`: entries that hold on that day."""

    on: str | None = None
    customer_id: UUID | None = None
    primary: bool | None = None

    def query(self) -> dict[str, Any]:
        exact = {"customer_id": self.customer_id, "primary": self.primary}
        chosen = {name: value for name, value in exact.items() if value is not None}
        return chosen | (valid_on(date.fromisoformat(self.on)) if self.on else {})


@dataclass(frozen=True, slots=True)
class NewAssignment:
    """What is said of a new entry."""

    customer_id: UUID
    valid_from: str
    valid_to: str | None = None
    category: str | None = None
    primary: bool = True


@dataclass(frozen=True, slots=True)
class HandOverWanted:
    """Who hands a customer, or a category of it, over to whom; `valid_from` is the first day of who takes over."""

    from_user_id: UUID
    to_user_id: UUID
    valid_from: str
    category: str | None = None


async def list_of_user(
    caller: Caller, user_id: UUID, wanted: AssignmentFilter, window: Window, at: datetime
) -> Listing:
    """One page of a person's entries, past and future ones too; a manager with regions sees those of own customers.

    NotFound for a person who does not exist, and for a sales rep who asks for somebody else's.
    """
    await demand_person(caller, user_id)
    query: dict[str, Any] = {"user_id": user_id, **wanted.query()}
    if caller.actor.regional:
        customers = await scoped(Assignment).distinct("customer_id", query)
        scope = await scope_of(caller.role, caller.user_id, at, caller.regions)
        query["customer_id"] = {"$in": sorted(await ids_in(scope, customers) or ())}
    return await _page(query, window)


async def list_of_customer(
    caller: Caller, customer_id: UUID, wanted: AssignmentFilter, window: Window, at: datetime
) -> Listing:
    """One page of who plans a customer, past and future entries too; NotFound when it is not in the caller's scope."""
    await demand_customer(caller.role, caller.user_id, at, customer_id, caller.regions)
    return await _page({**wanted.query(), "customer_id": customer_id}, window)


async def read(caller: Caller, user_id: UUID, assignment_id: UUID, at: datetime) -> RawDocument:
    """One entry of a person as lists show it; NotFound as `list_of_user`."""
    await demand_person(caller, user_id)
    await _standing(caller, user_id, assignment_id, at)
    return await _shown(assignment_id)


async def add(caller: Caller, user_id: UUID, new: NewAssignment, at: datetime) -> RawDocument:
    """Assign a customer to a person, in one transaction with its event.

    NotFound for a person or customer who does not exist for the caller, InvalidInput for somebody who can't plan, a
    category where the company plans whole customers, or an end before the beginning; Conflict names what overlaps.
    """
    await demand_person(caller, user_id)
    await demand_customer(caller.role, caller.user_id, at, new.customer_id, caller.regions)
    entry = Assignment(
        user_id=user_id,
        customer_id=new.customer_id,
        category=new.category or None,
        valid_from=new.valid_from,
        valid_to=new.valid_to,
        primary=new.primary,
    )

    async def write() -> RawDocument:
        await demand_planner(user_id, "user_id")
        await _demand_category(entry.category)
        await _demand_fits(entry)
        await _insert(entry)
        return await _shown(entry.id)

    return await transaction(write)


async def change(
    caller: Caller, user_id: UUID, assignment_id: UUID, rev: int, said: Mapping[str, Any], at: datetime
) -> RawDocument:
    """Change the days or `primary`; an entry ends by its `valid_to`. Refuses as `add`, and StaleVersion."""
    await demand_person(caller, user_id)

    async def write() -> RawDocument:
        standing = await _standing(caller, user_id, assignment_id, at)
        if standing.rev != rev:
            raise StaleVersion()
        await _demand_fits(standing.model_copy(update=dict(said)))
        await revisions.change(Assignment, assignment_id, rev, said, entity=ENTITY)
        return await _shown(assignment_id)

    return await transaction(write)


async def remove(caller: Caller, user_id: UUID, assignment_id: UUID, rev: int, at: datetime) -> None:
    """Remove an entry that was a mistake; one that has held until now is better ended. Refuses as `change`."""
    await demand_person(caller, user_id)

    async def write() -> None:
        standing = await _standing(caller, user_id, assignment_id, at)
        await take_turns(*assigning([standing.customer_id]))
        await revisions.remove(Assignment, assignment_id, rev, entity=ENTITY)

    await transaction(write)


async def hand_over(
    caller: Caller, customer_id: UUID, wanted: HandOverWanted, at: datetime
) -> tuple[RawDocument, list[RawDocument]]:
    """End one person's entry the day before and begin the other's, in one transaction; what begins, and what ended.

    The new entry has the old one's category, `primary` and end. If who takes over has helped there until now, that
    ends as well. NotFound, InvalidInput and Conflict as `add`.
    """
    await demand_customer(caller.role, caller.user_id, at, customer_id, caller.regions)

    async def write() -> tuple[RawDocument, list[RawDocument]]:
        await demand_planner(wanted.to_user_id, "to_user_id")
        await take_turns(*assigning([customer_id]))
        standing = await _entries_of(customer_id)
        plan = _planned(standing, wanted)
        await _demand_free(plan.begun, plan.beside)
        entry = _document(plan.begun)
        for ended in plan.ended:
            assert ended.id is not None
            changes = {"valid_to": plan.last_day.isoformat()}
            await revisions.change(Assignment, ended.id, None, changes, entity=ENTITY, action="handed_over")
        await _insert(entry)
        return await _shown(entry.id), [await _shown(ended.id) for ended in plan.ended if ended.id is not None]

    return await transaction(write)


async def demand_person(caller: Caller, user_id: UUID) -> None:
    """NotFound when there is no such user, or when a sales rep asks for somebody else."""
    visible = caller.role != Role.SALES_REP or caller.user_id == user_id
    if not visible or not await scoped(User).exists({"_id": user_id}):
        raise NotFound(NO_PERSON)


async def demand_planner(user_id: UUID, field: str) -> None:
    """InvalidInput about the field unless this is an active user whose role may plan."""
    row = await scoped(User).row({"_id": user_id}, {"role": 1, "is_active": 1, "deleted_at": 1})
    is_active = row is not None and row["is_active"] and row.get("deleted_at") is None
    problem = planner_problem(row["role"] if row else Role.VIEWER, is_active=is_active, field=field)
    if problem is not None:
        raise refused(problem)


def refused(problem: Problem) -> InvalidInput:
    """The rule's reason as a refusal of the field."""
    return InvalidInput(details=[Detail(problem.field, problem.message)])


def _planned(standing: Sequence[access.Assignment], wanted: HandOverWanted) -> HandOver:
    day = date.fromisoformat(wanted.valid_from)
    plan = plan_hand_over(standing, wanted.from_user_id, wanted.to_user_id, wanted.category, day)
    if isinstance(plan, Problem):
        raise refused(plan)
    return plan


async def _page(query: Mapping[str, Any], window: Window) -> Listing:
    listing = await read_page(scoped(Assignment), query, SHOWN, window)
    await _add_names(listing.rows)
    return listing


async def _shown(assignment_id: UUID) -> RawDocument:
    row = await scoped(Assignment).row({"_id": assignment_id}, SHOWN)
    if row is None:
        raise NotFound(NO_ENTRY)
    row["id"] = row.pop("_id")
    await _add_names([row])
    return row


async def _add_names(rows: Sequence[RawDocument]) -> None:
    """Put the names of people and customers beside their ids."""
    people = await labels_of(User, (row["user_id"] for row in rows), "name")
    customers = await labels_of(Customer, (row["customer_id"] for row in rows), "code", "name")
    for row in rows:
        customer = customers[row["customer_id"]]
        row["user_name"] = people[row["user_id"]].get("name", "")
        row["customer_code"], row["customer_name"] = customer.get("code", ""), customer.get("name", "")


async def _standing(caller: Caller, user_id: UUID, assignment_id: UUID, at: datetime) -> Assignment:
    """The entry, if it is this person's and its customer is one of the caller's (a person's own are)."""
    entry = await scoped(Assignment).one({"_id": assignment_id, "user_id": user_id})
    if entry is None:
        raise NotFound(NO_ENTRY)
    if caller.user_id != user_id or caller.role != Role.SALES_REP:
        await demand_customer(caller.role, caller.user_id, at, entry.customer_id, caller.regions)
    return entry


async def _insert(entry: Assignment) -> None:
    fields = ("user_id", "customer_id", "category", "valid_from", "valid_to", "primary")
    await revisions.insert(entry, entity=ENTITY, said={name: getattr(entry, name) for name in fields})


async def _demand_category(category: str | None) -> None:
    tenant = await scoped(Tenant).get(current_tenant())
    problem = category_problem(category, tenant.sheet_scope)
    if problem is not None:
        raise refused(problem)


async def _demand_fits(entry: Assignment) -> None:
    """Refuse days that run backwards and what overlaps, having taken the customer's turn."""
    if runs_backwards(entry):
        raise InvalidInput(details=[Detail("valid_to", "must not be before valid_from")])
    await take_turns(*assigning([entry.customer_id]))
    await _demand_free(as_rule({**entry.model_dump(), "_id": entry.id}), await _entries_of(entry.customer_id))


async def _demand_free(new: access.Assignment, standing: Sequence[access.Assignment]) -> None:
    other = in_the_way(new, standing)
    if other is None:
        return
    person = await scoped(User).row({"_id": other.user_id}, {"name": 1})
    name, days = person["name"] if person else str(other.user_id), in_words(days_of(other))
    details = [Detail("valid_from", f"overlaps with assignment {other.id} ({days})")]
    if other.user_id == new.user_id:
        raise Conflict(f"{name} is assigned to this already ({days}); change or end that instead.", details=details)
    raise Conflict(
        f"{name} is the primary rep here ({days}); end that assignment first, hand it over, or send primary: false.",
        details=details,
    )


async def _entries_of(customer_id: UUID) -> list[access.Assignment]:
    return [as_rule(row) for row in await scoped(Assignment).rows({"customer_id": customer_id})]


def _document(entry: access.Assignment) -> Assignment:
    return Assignment(
        user_id=entry.user_id,
        customer_id=entry.customer_id,
        category=entry.category,
        valid_from=entry.valid_from.isoformat(),
        valid_to=None if entry.valid_to is None else entry.valid_to.isoformat(),
        primary=entry.primary,
    )
