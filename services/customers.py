"""Reading customers: those in the caller's scope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.collections import scoped
from core.listing import Listing, Window, read_page
from core.search import search_filter
from models.customer import Customer
from services.identity import Caller
from services.scopes import narrowed, scope_of

SHOWN = {
    "code": 1,
    "name": 1,
    "region": 1,
    "group": 1,
    "country": 1,
    "currency": 1,
    "status": 1,
    "is_active": 1,
    "rev": 1,
    "updated_at": 1,
}


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """Exact values to keep; None = any. `search` finds beginnings of words of code and name."""

    search: str | None = None
    region: str | None = None
    group: str | None = None
    country: str | None = None
    currency: str | None = None
    is_active: bool | None = True

    def query(self) -> dict[str, Any]:
        exact = {"region": self.region, "group": self.group, "country": self.country, "currency": self.currency}
        chosen: dict[str, Any] = {name: value for name, value in exact.items() if value is not None}
        if self.is_active is not None:
            chosen["is_active"] = self.is_active
        return chosen | search_filter(self.search)


async def list_customers(caller: Caller, wanted: CustomerFilter, window: Window, at: datetime) -> Listing:
    """Raw rows (`SHOWN`) of one page of what the caller sees at that time."""
    scope = await scope_of(caller.role, caller.user_id, at, caller.regions)
    return await read_page(scoped(Customer), await narrowed(scope, wanted.query()), SHOWN, window)
