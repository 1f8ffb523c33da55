"""Creating and changing products. They are never deleted: see `planning.lifecycle`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.context import current_tenant
from core.errors import Conflict, Detail, InvalidInput, StaleVersion
from core.search import search_words
from core.text import code_key
from models.forecast import Line
from models.product import Product
from models.sale import SalesRollup
from models.succession import read_succession
from models.tenant import Tenant
from planning.products import product_problems, traits_of, unit_locked
from planning.succession import link_problem
from services import lifecycle, revisions
from services.turns import take_turns

ENTITY = "product"
SUCCESSORS, NODES = "successors", "planning items"
"""Guards: who succeeds whom, and who is planned as whom, are questions about many products."""

Fields = Mapping[str, Any]


async def create(said: Fields) -> UUID:
    """Store a new product and return its id. Without a currency it has the company's own.

    Conflict names the product that has the code already; InvalidInput names what does not fit together.
    """

    async def write() -> UUID:
        await _demand_free(said["code"])
        currency = said.get("currency") or (await scoped(Tenant).get(current_tenant())).base_currency
        given = {**said, "currency": currency}
        product: Product = Product.model_validate({**given, "code_key": code_key(said["code"])})
        _demand_fitting(product.model_dump())
        product.search = search_words(product.code, product.name)
        await _demand_successor(product.id, product.successor_id)
        product.planning_item_id = await _node(product.id, product.planning_item_id)
        await revisions.insert(product, entity=ENTITY, said=given)
        return product.id

    return await transaction(write)


async def change(product_id: UUID, rev: int, said: Fields) -> None:
    """Set the named fields if the product is still at `rev`; saying what stands changes nothing.

    NotFound, StaleVersion; InvalidInput names what does not fit together; Conflict for another base unit while there
    are sales or plans in the old one.
    """

    async def write() -> None:
        before = await scoped(Product).get(product_id)
        if before.rev != rev:
            raise StaleVersion()
        changes = {**said, **_without_successor(said)}
        after = before.model_dump() | changes
        _demand_fitting(after)
        if after["unit"] != before.unit and (reason := (await locked_units([product_id])).get(product_id)):
            raise Conflict(reason)
        if after["successor_id"] != before.successor_id:
            await _demand_successor(product_id, after["successor_id"])
        if "planning_item_id" in said:
            changes["planning_item_id"] = await _node(product_id, said["planning_item_id"])
        if "name" in said:
            changes["search"] = search_words(before.code, said["name"])
        await revisions.change(Product, product_id, rev, changes, entity=ENTITY)

    await transaction(write)


async def deactivate(product_id: UUID, rev: int) -> None:
    """Take the product out of use. NotFound, StaleVersion."""
    await lifecycle.deactivate(Product, product_id, rev, entity=ENTITY)


async def restore(product_id: UUID) -> None:
    """Take the product back into use; it stays as it is if it was never out of it. NotFound."""
    await lifecycle.restore(Product, product_id, None, entity=ENTITY)


async def locked_units(product_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Of these products those whose base unit can't change any more, with the reason."""
    of_these = {"product_id": {"$in": list(product_ids)}}
    sold = set(await scoped(SalesRollup).distinct("product_id", of_these))
    planned = set(await scoped(Line).distinct("product_id", of_these))
    reasons = {id: unit_locked(has_sales=id in sold, has_plan=id in planned) for id in sold | planned}
    return {id: reason for id, reason in reasons.items() if reason is not None}


def _without_successor(said: Fields) -> dict[str, Any]:
    """Taking the successor away takes its month and factor away as well."""
    if "successor_id" not in said or said["successor_id"] is not None:
        return {}
    return {"successor_from": None, "successor_factor": Product.model_fields["successor_factor"].default}


def _demand_fitting(values: Fields) -> None:
    problems = product_problems(traits_of(values))
    if problems:
        raise InvalidInput(details=[Detail(field, words) for field, words in problems])


async def _demand_free(code: str) -> None:
    other = await scoped(Product).row({"code_key": code_key(code)}, {"code": 1, "name": 1, "is_active": 1})
    if other is None:
        return
    remedy = "choose another one" if other["is_active"] else "it is inactive: restore it, or choose another code"
    raise Conflict(
        f"The item code {other['code']} belongs to the product {other['name']}; {remedy}.",
        details=[Detail("code", f"is taken by {other['name']} ({other['_id']})")],
    )


async def _demand_successor(product_id: UUID, successor_id: UUID | None) -> None:
    """InvalidInput unless the product may have this successor, besides all links that others make meanwhile."""
    if successor_id is None:
        return
    await take_turns(SUCCESSORS)
    successor = await scoped(Product).row({"_id": successor_id}, {"code": 1, "is_active": 1})
    if successor is None:
        raise _refused("successor_id", "must be a product that exists")
    if not successor["is_active"]:
        raise _refused("successor_id", f"must not be inactive; restore {successor['code']} first")
    problem = link_problem(product_id, successor_id, (await read_succession()).links)
    if problem is not None:
        raise InvalidInput(problem, details=[Detail("successor_id", problem)])


async def _node(product_id: UUID, node_id: UUID | None) -> UUID | None:
    """The planning node to store: None for the product itself. InvalidInput unless nodes stay one level deep."""
    if node_id is None or node_id == product_id:
        return None
    await take_turns(NODES)
    node = await scoped(Product).one({"_id": node_id})
    if node is None:
        raise _refused("planning_item_id", "must be a product that exists")
    if not node.is_active:
        raise _refused("planning_item_id", f"must not be inactive; restore {node.code} first")
    if node.planning_item_id is not None:
        raise _refused("planning_item_id", f"must be planned as itself, but {node.code} is planned as another product")
    if await scoped(Product).exists({"planning_item_id": product_id}):
        raise _refused("planning_item_id", "must stay the product itself, because others are planned as it")
    return node_id


def _refused(field: str, problem: str) -> InvalidInput:
    return InvalidInput(f"{field} {problem}.", details=[Detail(field, problem)])
