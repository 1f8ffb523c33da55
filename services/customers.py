"""Reading customers: those in the caller's scope."""

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
from models.customer import IS_MERGED, Customer
from planning.lifecycle import Status
from services.identity import Caller
from services.scopes import demand_customer, narrowed, scope_of

SHOWN = dict.fromkeys(
    (
        "code",
        "name",
        "group",
        "region",
        "country",
        "currency",
        "aliases",
        "status",
        "is_active",
        "merged_into",
        "planning_customer_id",
        "rev",
        "created_at",
        "updated_at",
    ),
    1,
)


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """Exact values to keep; None = any. `search` finds beginnings of words of code, name and aliases.

    Inactive customers are left out unless `is_active`, `status` or `merged` asks for them.
    """

    search: str | None = None
    region: str | None = None
    group: str | None = None
    country: str | None = None
    currency: str | None = None
    status: str | None = None
    is_active: bool | None = None
    merged: bool | None = None

    def query(self) -> dict[str, Any]:
        names = ("region", "group", "country", "currency", "status")
        chosen: dict[str, Any] = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.merged is not None:
            chosen |= IS_MERGED if self.merged else {"merged_into": None}
        if self.is_active is not None:
            chosen["is_active"] = self.is_active
        elif self.status is not None:
            # Said although it follows from the status: the indexes of lists begin with it.
            chosen["is_active"] = self.status != Status.INACTIVE
        elif not self.merged:
            chosen["is_active"] = True
        return chosen | search_filter(self.search)


async def list_customers(caller: Caller, wanted: CustomerFilter, window: Window, at: datetime) -> Listing:
    """Raw rows (`SHOWN`) of one page of what the caller sees at that time."""
    scope = await scope_of(caller.role, caller.user_id, at, caller.regions)
    listing = await read_page(scoped(Customer), await narrowed(scope, wanted.query()), SHOWN, window)
    for row in listing.rows:
        _show_node(row)
    return listing


async def read(caller: Caller, customer_id: UUID, at: datetime) -> RawDocument:
    """One customer (`SHOWN` and `id`), inactive ones too; NotFound outside the caller's scope."""
    await demand_customer(caller.role, caller.user_id, at, customer_id, caller.regions)
    return await shown(customer_id)


async def shown(customer_id: UUID) -> RawDocument:
    """The customer as callers see it, whoever asks."""
    row = await scoped(Customer).row({"_id": customer_id}, SHOWN)
    if row is None:
        raise NotFound("There is no such customer among yours.")
    return _show_node({"id": row.pop("_id"), **row})


def _show_node(row: RawDocument) -> RawDocument:
    """A customer without a planning node of another is planned as itself."""
    row["planning_customer_id"] = row.get("planning_customer_id") or row["id"]
    return row
