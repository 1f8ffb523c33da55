"""Creating and changing customers. They are never deleted: see `planning.lifecycle`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.context import current_tenant
from core.errors import Conflict, Detail, InvalidInput, NotFound, NotPermitted
from core.search import search_words
from core.text import code_key
from models.customer import Customer, CustomerPrice
from models.tenant import Tenant
from planning import lifecycle
from planning.lifecycle import Status
from services import lifecycle as standings
from services import revisions
from services.identity import Caller
from services.scopes import demand_customer
from services.turns import take_turns

ENTITY = "customer"
NODES = "planning-customers"
"""Who is planned as whom is decided in turns."""


@dataclass(frozen=True, slots=True)
class CustomerDraft:
    """What a person says of a new customer; `currency` None = the company's own."""

    code: str
    name: str
    group: str | None = None
    region: str | None = None
    country: str | None = None
    currency: str | None = None
    aliases: tuple[str, ...] = ()
    status: str = "active"
    planning_customer_id: UUID | None = None


async def create(caller: Caller, draft: CustomerDraft, at: datetime) -> UUID:
    """Store a new customer and return its id.

    Conflict names the customer that has the code already; NotPermitted where the new one would lie outside what the
    caller may change.
    """

    async def write() -> UUID:
        await _demand_free(draft.code, None)
        currency = draft.currency or (await scoped(Tenant).get(current_tenant())).base_currency
        said = {name: getattr(draft, name) for name in ("code", "name", "group", "region", "country", "status")}
        customer = Customer(**said, currency=currency, code_key=code_key(draft.code), aliases=_distinct(draft.aliases))
        customer.search = words_of(customer)
        customer.is_active = customer.status != Status.INACTIVE
        if draft.planning_customer_id is not None:
            customer.planning_customer_id = await _node(customer.id, draft.planning_customer_id)
        await revisions.insert(
            customer, entity=ENTITY, said={**said, "currency": currency, "aliases": customer.aliases}
        )
        await _demand_still_own(caller, at, customer.id)
        return customer.id

    return await transaction(write)


async def change(caller: Caller, customer_id: UUID, rev: int, said: Mapping[str, Any], at: datetime) -> None:
    """Set the named fields if the customer is still at `rev`; saying what stands changes nothing.

    NotFound outside the caller's scope, StaleVersion, Conflict for a code that another customer has, for a status of a
    merged customer, and for another currency while there are prices in the old one.
    """

    async def write() -> None:
        await demand_customer(caller.role, caller.user_id, at, customer_id, caller.regions)
        before = await scoped(Customer).get(customer_id)
        changes = {**said, **await _derived(before, said)}
        await revisions.change(Customer, customer_id, rev, changes, entity=ENTITY)
        await _demand_still_own(caller, at, customer_id)

    await transaction(write)


async def deactivate(caller: Caller, customer_id: UUID, rev: int, at: datetime) -> None:
    """Take the customer out of use. NotFound, StaleVersion."""
    await demand_customer(caller.role, caller.user_id, at, customer_id, caller.regions)
    await standings.deactivate(Customer, customer_id, rev, entity=ENTITY)


async def restore(caller: Caller, customer_id: UUID, at: datetime) -> None:
    """Give back the status from before; Conflict for a customer that was merged."""
    await demand_customer(caller.role, caller.user_id, at, customer_id, caller.regions)
    await standings.restore(Customer, customer_id, None, entity=ENTITY)


def words_of(customer: Customer) -> list[str]:
    """What the customer is found by."""
    return search_words(customer.code, customer.name, *customer.aliases)


async def _derived(before: Customer, said: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from the fields that were said, after asking whether they may be."""
    derived: dict[str, Any] = {}
    if "code" in said:
        await _demand_free(said["code"], before.id)
        derived["code_key"] = code_key(said["code"])
    if "aliases" in said:
        derived["aliases"] = _distinct(said["aliases"])
    if "currency" in said and said["currency"] != before.currency:
        await _demand_no_prices(before)
    if "status" in said and said["status"] != before.status:
        await standings.demand_unmerged(before)
        derived |= standings.stored(before, lifecycle.say(standings.standing_of(before), Status(said["status"])))
    if said.get("planning_customer_id") is not None:
        derived["planning_customer_id"] = await _node(before.id, said["planning_customer_id"])
    if {"code", "name", "aliases"} & said.keys():
        derived["search"] = words_of(before.model_copy(update={**said, **derived}))
    return derived


async def _demand_free(code: str, own_id: UUID | None) -> None:
    other = await scoped(Customer).row({"code_key": code_key(code), "_id": {"$ne": own_id}}, {"code": 1, "name": 1})
    if other is not None:
        taken = f"The code {other['code']} belongs to the customer {other['name']}; choose another one."
        raise Conflict(taken, details=[Detail("code", f"is taken by {other['name']} ({other['_id']})")])


async def _demand_no_prices(customer: Customer) -> None:
    count = await scoped(CustomerPrice).count({"customer_id": customer.id})
    if count:
        raise Conflict(
            f"The customer has {count} prices in {customer.currency}; remove them before the currency changes."
        )


async def _demand_still_own(caller: Caller, at: datetime, customer_id: UUID) -> None:
    """Nobody makes or moves a customer out of the own reach."""
    try:
        await demand_customer(caller.role, caller.user_id, at, customer_id, caller.regions)
    except NotFound as error:
        raise NotPermitted("The customer would lie outside the regions that are yours; choose one of them.") from error


async def _node(customer_id: UUID, node_id: UUID) -> UUID | None:
    """The planning node to store: None for the customer itself. InvalidInput unless nodes stay one level deep."""
    if node_id == customer_id:
        return None
    await take_turns(NODES)
    node = await scoped(Customer).one({"_id": node_id})
    if node is None:
        raise _refused_node("must be a customer that exists")
    if not node.is_active:
        raise _refused_node("must not be inactive")
    if node.planning_customer_id is not None:
        raise _refused_node(f"must be planned as itself, but {node.code} is planned as another customer")
    if await scoped(Customer).exists({"planning_customer_id": customer_id}):
        raise _refused_node("must stay the customer itself, because others are planned as it")
    return node_id


def _refused_node(problem: str) -> InvalidInput:
    return InvalidInput(f"planning_customer_id {problem}.", details=[Detail("planning_customer_id", problem)])


def _distinct(aliases: Iterable[str]) -> list[str]:
    """Each alias once, as it was written first."""
    found: dict[str, str] = {}
    for alias in aliases:
        found.setdefault(code_key(alias), alias)
    return list(found.values())
