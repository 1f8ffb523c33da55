"""Reading products: those on the lists of the customers in the caller's scope, all for whoever sees all customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.errors import NotFound
from core.listing import Listing, Window, read_page
from core.mongo import RawDocument
from core.search import search_filter
from models.customer import MatrixEntry
from models.product import Product
from planning.access import Action, may
from services.identity import Caller
from services.scopes import day_of_tenant, demand_customer, ids_in, scope_of
from services.validity import holding

SHOWN = dict.fromkeys(
    (
        *("code", "name", "category", "family", "brand", "unit", "conversions", "rounding_step"),
        *("list_price", "currency", "launch_month", "end_month"),
        *("successor_id", "successor_from", "successor_factor", "planning_item_id"),
        *("is_active", "rev", "created_at", "updated_at"),
    ),
    1,
)
SHOWN_WITH_COST = SHOWN | {"standard_cost": 1}
NOT_YOURS = "There is no such product among yours."


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Exact values to keep; None = any. `search` finds beginnings of words of code and name.

    `successor_id` keeps the products that this one succeeds, `planning_item_id` those that are planned as this one,
    `customer_id` those that the customer may order on the day `valid_on` (None = today).
    """

    search: str | None = None
    category: str | None = None
    family: str | None = None
    brand: str | None = None
    unit: str | None = None
    currency: str | None = None
    successor_id: UUID | None = None
    planning_item_id: UUID | None = None
    has_successor: bool | None = None
    customer_id: UUID | None = None
    valid_on: str | None = None
    is_active: bool | None = True

    def query(self) -> dict[str, Any]:
        names = ("category", "family", "brand", "unit", "currency", "successor_id", "is_active")
        chosen: dict[str, Any] = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        clauses: list[dict[str, Any]] = []
        if self.has_successor is not None:
            clauses.append({"successor_id": {"$ne": None} if self.has_successor else None})
        if self.planning_item_id is not None:
            itself = {"_id": self.planning_item_id, "planning_item_id": None}
            clauses.append({"$or": [{"planning_item_id": self.planning_item_id}, itself]})
        return chosen | ({"$and": clauses} if clauses else {}) | _both(clauses, search_filter(self.search))


def _both(clauses: list[dict[str, Any]], search: dict[str, Any]) -> dict[str, Any]:
    """The search beside the clauses: it may hold an `$and` of its own."""
    return {"$and": [*clauses, *search["$and"]]} if "$and" in search else search


async def list_products(caller: Caller, wanted: ProductFilter, window: Window, at: datetime) -> Listing:
    """Raw rows of one page of what the caller sees at that time; `standard_cost` only for those who may see cost.

    NotFound for a customer that the caller does not see.
    """
    query = wanted.query()
    if wanted.customer_id is None:
        on_lists = await _on_lists(caller, at)
    else:
        await demand_customer(caller.role, caller.user_id, at, wanted.customer_id, caller.regions)
        day = wanted.valid_on or (await day_of_tenant(at)).isoformat()
        on_lists = {"customer_id": wanted.customer_id, **holding(day)}
    if on_lists is not None:
        query["_id"] = {"$in": await scoped(MatrixEntry).distinct("product_id", on_lists)}
    listing = await read_page(scoped(Product), query, _shown_to(caller), window)
    for row in listing.rows:
        _show_node(row)
    return listing


async def read(caller: Caller, product_id: UUID, at: datetime) -> RawDocument:
    """One product as the list shows it, also a deleted one; NotFound outside of what the caller sees."""
    await demand_product(caller, product_id, at)
    return await shown(caller, product_id)


async def shown(caller: Caller, product_id: UUID) -> RawDocument:
    """The product with the fields that the caller may see, whatever lists it is on."""
    row = await scoped(Product).row({"_id": product_id}, _shown_to(caller))
    if row is None:
        raise NotFound(NOT_YOURS)
    return _show_node({"id": row.pop("_id"), **row})


async def demand_product(caller: Caller, product_id: UUID, at: datetime) -> None:
    """NotFound unless the product exists, and for a sales rep is on the list of a customer of the own."""
    on_lists = await _on_lists(caller, at)
    seen = on_lists is None or await scoped(MatrixEntry).exists({**on_lists, "product_id": product_id})
    if not seen or not await scoped(Product).exists({"_id": product_id}):
        raise NotFound(NOT_YOURS)


async def _on_lists(caller: Caller, at: datetime) -> dict[str, Any] | None:
    """The list entries that decide what the caller sees; None for somebody who sees all products."""
    customers = await ids_in(await scope_of(caller.role, caller.user_id, at, caller.regions))
    return None if customers is None else {"customer_id": {"$in": sorted(customers)}}


def _shown_to(caller: Caller) -> dict[str, int]:
    return SHOWN_WITH_COST if may(caller.actor, Action.SEE_COST).allowed else SHOWN


def _show_node(row: RawDocument) -> RawDocument:
    """A product without a planning node of another is planned as itself."""
    row["planning_item_id"] = row.get("planning_item_id") or row["id"]
    return row
