"""Reading products: those on the lists of the customers in the caller's scope, all for whoever sees all customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.collections import scoped
from core.listing import Listing, Window, read_page
from core.search import search_filter
from models.customer import MatrixEntry
from models.product import Product
from planning.access import Action, may
from services.identity import Caller
from services.scopes import ids_in, scope_of

SHOWN = {
    "code": 1,
    "name": 1,
    "category": 1,
    "unit": 1,
    "rounding_step": 1,
    "list_price": 1,
    "currency": 1,
    "launch_month": 1,
    "end_month": 1,
    "is_active": 1,
    "rev": 1,
    "updated_at": 1,
}
SHOWN_WITH_COST = SHOWN | {"standard_cost": 1}


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Exact values to keep; None = any. `search` finds beginnings of words of code and name."""

    search: str | None = None
    category: str | None = None
    is_active: bool | None = True

    def query(self) -> dict[str, Any]:
        chosen: dict[str, Any] = {} if self.category is None else {"category": self.category}
        if self.is_active is not None:
            chosen["is_active"] = self.is_active
        return chosen | search_filter(self.search)


async def list_products(caller: Caller, wanted: ProductFilter, window: Window, at: datetime) -> Listing:
    """Raw rows of one page of what the caller sees at that time; `standard_cost` only for those who may see cost."""
    query = wanted.query()
    customers = await ids_in(await scope_of(caller.role, caller.user_id, at, caller.regions))
    if customers is not None:
        on_lists = {"customer_id": {"$in": sorted(customers)}}
        query["_id"] = {"$in": await scoped(MatrixEntry).distinct("product_id", on_lists)}
    shown = SHOWN_WITH_COST if may(caller.actor, Action.SEE_COST).allowed else SHOWN
    return await read_page(scoped(Product), query, shown, window)
