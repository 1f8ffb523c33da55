"""What products cost, from day to day: dated costs in the company's base currency, of which no two share a day.

Whoever changes costs passes one guard in the same transaction, so that of two entries for the same days, added at the
same moment, the second one sees the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.errors import Conflict, Detail, InvalidInput, NotFound, StaleVersion
from core.listing import Listing, Window, read_page
from core.mongo import RawDocument
from models.dated_costs import read_dated_costs
from models.product import Product, ProductCost
from planning import lifecycle
from planning.calendar import MonthRule
from planning.costs import ResolvedCost, resolve_cost
from planning.intervals import in_words, overlapping, runs_backwards
from planning.months import Month
from services import revisions
from services.identity import Caller
from services.products import NOT_YOURS, demand_product
from services.revisions import plain
from services.turns import take_turns

ENTITY = "product_cost"
GUARD = "product costs"
SHOWN = dict.fromkeys(("product_id", "cost", "valid_from", "valid_to", "rev", "created_at", "updated_at"), 1)
NO_SUCH_COST = "The product has no such cost."


@dataclass(frozen=True, slots=True)
class CostFilter:
    """`valid_on` keeps what holds on that day."""

    valid_on: str | None = None

    def query(self) -> dict[str, Any]:
        if self.valid_on is None:
            return {}
        ends = [{"valid_to": None}, {"valid_to": {"$gte": self.valid_on}}]
        return {"valid_from": {"$lte": self.valid_on}, "$or": ends}


async def list_costs(caller: Caller, product_id: UUID, wanted: CostFilter, window: Window, at: datetime) -> Listing:
    """One page of a product's costs; NotFound for a product that the caller does not see."""
    await demand_product(caller, product_id, at)
    return await read_page(scoped(ProductCost), {"product_id": product_id, **wanted.query()}, SHOWN, window)


async def read(caller: Caller, product_id: UUID, cost_id: UUID, at: datetime) -> RawDocument:
    """One cost of a product that the caller sees; NotFound."""
    await demand_product(caller, product_id, at)
    return await shown(product_id, cost_id)


async def shown(product_id: UUID, cost_id: UUID) -> RawDocument:
    """One cost of the product as the list shows it; NotFound."""
    row = await scoped(ProductCost).row({"_id": cost_id, "product_id": product_id}, SHOWN)
    if row is None:
        raise NotFound(NO_SUCH_COST)
    return {"id": row.pop("_id"), **row}


async def add(product_id: UUID, said: Mapping[str, Any]) -> UUID:
    """Store a new cost and return its id. NotFound without the product; Conflict for an inactive product, and for days
    that another cost has, which it names; InvalidInput for days that run backwards."""

    async def write() -> UUID:
        product = await scoped(Product).row({"_id": product_id}, {"code": 1, "is_active": 1})
        if product is None:
            raise NotFound(NOT_YOURS)
        refusal = lifecycle.refusal("product", product["code"], is_active=product["is_active"])
        if refusal is not None:
            raise Conflict(refusal)
        entry = ProductCost(product_id=product_id, **said)
        await _demand_free(entry)
        await revisions.insert(entry, entity=ENTITY, said={"product_id": product_id, **said})
        return entry.id

    return await transaction(write)


async def change(product_id: UUID, cost_id: UUID, rev: int, said: Mapping[str, Any]) -> None:
    """Change one cost from the version that was read. NotFound, StaleVersion; Conflict and InvalidInput as `add`."""

    async def write() -> None:
        await shown(product_id, cost_id)
        before = await scoped(ProductCost).get(cost_id)
        if before.rev != rev:
            raise StaleVersion()
        await _demand_free(before.model_copy(update=dict(said)))
        await revisions.change(ProductCost, cost_id, rev, said, entity=ENTITY)

    await transaction(write)


async def remove(product_id: UUID, cost_id: UUID, rev: int) -> None:
    """Delete one cost from the version that was read. NotFound, StaleVersion."""

    async def write() -> None:
        await shown(product_id, cost_id)
        await revisions.remove(ProductCost, cost_id, rev, entity=ENTITY)

    await transaction(write)


async def costs_of(month: Month, standard: Mapping[UUID, int | None], rule: MonthRule) -> dict[UUID, ResolvedCost]:
    """The costs of these products in a month of the company's; `standard` holds their standard costs (scaled 1/10^8,
    None = none)."""
    dated = await read_dated_costs(list(standard))
    return {product: resolve_cost(month, dated.get(product, ()), cost, rule) for product, cost in standard.items()}


async def _demand_free(entry: ProductCost) -> None:
    """Conflict unless the entry is the only one for each of its days, besides all that others write meanwhile."""
    if runs_backwards(entry):
        raise InvalidInput(details=[Detail("valid_to", "must not be before valid_from")])
    await take_turns(GUARD)
    others = await scoped(ProductCost).documents({"product_id": entry.product_id, "_id": {"$ne": entry.id}})
    other = overlapping(entry, others)
    if other is not None:
        days = f"the cost {plain(other.cost)} ({in_words(other)})"
        raise Conflict(
            f"These days have {days} already; end or remove that one first.",
            details=[Detail("valid_from", f"shares days with {days}, {other.id}")],
        )
