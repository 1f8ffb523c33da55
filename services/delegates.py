"""Who stands in for whom, from a day to a day: the delegate sees and plans the other's customers on these days.

One step only: who stands in for somebody does not get the customers of those for whom that person stands in. What a
delegate does is recorded under the delegate's own name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.errors import Conflict, Detail, InvalidInput, NotFound, NotPermitted, StaleVersion
from core.listing import Listing, Window, read_page
from core.mongo import RawDocument
from core.security.emails import email_key
from models.customer import Assignment
from models.user import Delegate, User
from planning.access import Action, may
from planning.assignments import Delegation, delegation_problem
from planning.intervals import runs_backwards
from planning.roles import Role
from services import revisions
from services.assignments import demand_person, demand_planner
from services.identity import Caller
from services.labels import labels_of
from services.scopes import day_of_tenant, ids_in, scope_of, valid_on
from services.turns import take_turns

ENTITY = "delegate"
SHOWN = dict.fromkeys(("user_id", "delegate_id", "valid_from", "valid_to", "rev", "updated_at"), 1)
NO_ENTRY = "There is no such delegate, or it is not yours to see."
NOT_ALL_SEEN = (
    "You see the customers of your regions only, and this user sees others; ask an admin, or a manager who sees all."
)


@dataclass(frozen=True, slots=True)
class NewDelegate:
    """Who stands in, named by id or by e-mail address (sales reps have no list of users), and on which days."""

    valid_from: str
    valid_to: str
    delegate_id: UUID | None = None
    delegate_email: str | None = None


async def list_page(
    caller: Caller, user_id: UUID, window: Window, *, stands_in: bool = False, on: str | None = None
) -> Listing:
    """One page of who stands in for a user, or with `stands_in` for whom the user does; `on` keeps those of a day.

    NotFound for a user who does not exist, and for a sales rep who asks for somebody else's.
    """
    await demand_person(caller, user_id)
    query: dict[str, Any] = {"delegate_id" if stands_in else "user_id": user_id}
    listing = await read_page(scoped(Delegate), query | (valid_on(date.fromisoformat(on)) if on else {}), SHOWN, window)
    await _add_names(listing.rows)
    return listing


async def read(caller: Caller, user_id: UUID, entry_id: UUID) -> RawDocument:
    """One entry of a user as the list shows it; NotFound as there."""
    await demand_person(caller, user_id)
    await _standing(user_id, entry_id)
    return await _shown(entry_id)


async def add(caller: Caller, user_id: UUID, new: NewDelegate, at: datetime) -> RawDocument:
    """Let somebody stand in: for the caller, or for anybody when the caller assigns customers.

    NotFound as the list; InvalidInput for somebody who can't plan, the user itself, a viewer, or days that run
    backwards; Conflict when the same person stands in on some of these days; NotPermitted for a manager with regions
    who does not see all of the user's customers.
    """
    await _demand_allowed(caller, user_id, at)
    delegate_id = new.delegate_id or await _named(new.delegate_email or "")
    field = "delegate_id" if new.delegate_id else "delegate_email"
    entry = Delegate(user_id=user_id, delegate_id=delegate_id, valid_from=new.valid_from, valid_to=new.valid_to)

    async def write() -> RawDocument:
        await demand_planner(delegate_id, field)
        await _demand_fits(entry)
        fields = ("user_id", "delegate_id", "valid_from", "valid_to")
        await revisions.insert(entry, entity=ENTITY, said={name: getattr(entry, name) for name in fields})
        return await _shown(entry.id)

    return await transaction(write)


async def change(
    caller: Caller, user_id: UUID, entry_id: UUID, rev: int, said: Mapping[str, Any], at: datetime
) -> RawDocument:
    """Change the days. Refuses as `add`, and StaleVersion."""
    await _demand_allowed(caller, user_id, at)

    async def write() -> RawDocument:
        standing = await _standing(user_id, entry_id)
        if standing.rev != rev:
            raise StaleVersion()
        await _demand_fits(standing.model_copy(update=dict(said)))
        await revisions.change(Delegate, entry_id, rev, said, entity=ENTITY)
        return await _shown(entry_id)

    return await transaction(write)


async def remove(caller: Caller, user_id: UUID, entry_id: UUID, rev: int, at: datetime) -> None:
    """From now on nobody stands in by this entry. Refuses as `change`."""
    await _demand_allowed(caller, user_id, at)

    async def write() -> None:
        await _standing(user_id, entry_id)
        await revisions.remove(Delegate, entry_id, rev, entity=ENTITY)

    await transaction(write)


async def _demand_allowed(caller: Caller, user_id: UUID, at: datetime) -> None:
    """People name their own delegates; for others whoever assigns customers, and sees all of the other's."""
    await demand_person(caller, user_id)
    if caller.user_id == user_id:
        return
    decision = may(caller.actor, Action.MANAGE_ASSIGNMENTS)
    if not decision.allowed:
        raise NotPermitted(decision.reason)
    if caller.actor.regional and not await _sees_all_of(caller, user_id, at):
        raise NotPermitted(NOT_ALL_SEEN)


async def _sees_all_of(caller: Caller, user_id: UUID, at: datetime) -> bool:
    """Whether nobody could see more by standing in for this user than the caller sees, now and later."""
    if not await scoped(User).exists({"_id": user_id, "role": Role.SALES_REP}):
        return False
    today = (await day_of_tenant(at)).isoformat()
    not_over = {"user_id": user_id, "$or": [{"valid_to": None}, {"valid_to": {"$gte": today}}]}
    customers = await scoped(Assignment).distinct("customer_id", not_over)
    scope = await scope_of(caller.role, caller.user_id, at, caller.regions)
    return len(await ids_in(scope, customers) or ()) == len(customers)


async def _named(email: str) -> UUID:
    row = await scoped(User).row({"email_key": email_key(email)}, {"_id": 1})
    if row is None:
        raise InvalidInput(details=[Detail("delegate_email", "must be an active user")])
    found: UUID = row["_id"]
    return found


async def _demand_fits(entry: Delegate) -> None:
    """Refuse days that run backwards, viewers, and what overlaps, having taken the user's turn."""
    if runs_backwards(entry):
        raise InvalidInput(details=[Detail("valid_to", "must not be before valid_from")])
    if await scoped(User).exists({"_id": entry.user_id, "role": Role.VIEWER}):
        raise InvalidInput("A viewer plans no customers, so nobody can stand in.")
    await take_turns(f"delegates:{entry.user_id}")
    rows = await scoped(Delegate).rows({"user_id": entry.user_id})
    problem = delegation_problem(_as_rule({**entry.model_dump(), "_id": entry.id}), map(_as_rule, rows))
    if problem is None:
        return
    if problem.field == "delegate_id":
        raise InvalidInput(details=[Detail(problem.field, problem.message)])
    raise Conflict(f"This {problem.message}; change that instead.", details=[Detail(problem.field, problem.message)])


def _as_rule(row: Mapping[str, Any]) -> Delegation:
    return Delegation(row["user_id"], row["delegate_id"], row["valid_from"], row["valid_to"], row["_id"])


async def _standing(user_id: UUID, entry_id: UUID) -> Delegate:
    entry = await scoped(Delegate).one({"_id": entry_id, "user_id": user_id})
    if entry is None:
        raise NotFound(NO_ENTRY)
    return entry


async def _shown(entry_id: UUID) -> RawDocument:
    row = await scoped(Delegate).row({"_id": entry_id}, SHOWN)
    if row is None:
        raise NotFound(NO_ENTRY)
    row["id"] = row.pop("_id")
    await _add_names([row])
    return row


async def _add_names(rows: Sequence[RawDocument]) -> None:
    people = await labels_of(User, (row[field] for row in rows for field in ("user_id", "delegate_id")), "name")
    for row in rows:
        row["user_name"] = people[row["user_id"]].get("name", "")
        row["delegate_name"] = people[row["delegate_id"]].get("name", "")
