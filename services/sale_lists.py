"""Reading sales lines: those of the customers in the caller's scope, what a unit cost only for who may see cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.errors import NotFound
from core.listing import Listing, Window, read_page
from core.mongo import RawDocument
from models.customer import Customer
from models.merged import Merged, load_merged
from models.product import Product
from models.sale import LIST_FILTERS, SaleLine
from planning.access import Action, may
from services.identity import Caller
from services.labels import labels_of
from services.sale_events import plain_number
from services.scopes import ids_in, scope_of

SHOWN = (
    *("invoice", "line_number", "customer_id", "product_id"),
    *("invoice_date", "order_date", "requested_date", "shipped_date", "month", "dated_by"),
    *("line_type", "quantity", "unit_price", "net_revenue", "currency", "original_revenue", "fx_rate"),
    *("source", "import_id", "corrected_at", "rev"),
)
COSTS = ("unit_cost", "cost")
DEFAULTS = {"dated_by": "invoice_date", "source": "file", "rev": 1}
"""What lines from before these fields stand for."""
NOT_YOURS = "There is no such sales line among yours."


@dataclass(frozen=True, slots=True)
class SaleFilter:
    """Exact values to keep, and invoice dates from and to, both included; None = any."""

    customer_id: UUID | None = None
    product_id: UUID | None = None
    month: str | None = None
    from_date: str | None = None
    to_date: str | None = None
    source: str | None = None
    import_id: UUID | None = None
    invoice: str | None = None
    line_type: str | None = None

    def query(self) -> dict[str, Any]:
        """All but the customer, who is a question of scope."""
        chosen = {name: getattr(self, name) for name in LIST_FILTERS if getattr(self, name) is not None}
        span = {"$gte": self.from_date, "$lte": self.to_date}
        days = {operator: day for operator, day in span.items() if day is not None}
        return chosen | ({"invoice_date": days} if days else {})


async def list_sales(caller: Caller, wanted: SaleFilter, window: Window, at: datetime) -> Listing:
    """One page of the lines that the caller sees at that time. Lines of a merged customer are its target's."""
    merged = await load_merged()
    query = wanted.query()
    customers = await _customers(caller, wanted.customer_id, merged, at)
    if customers is not None:
        query["customer_id"] = customers[0] if len(customers) == 1 else {"$in": customers}
    listing = await read_page(scoped(SaleLine), query, _fields(caller), window)
    await _dress(listing.rows, merged)
    return listing


async def read(caller: Caller, sale_id: UUID, at: datetime) -> RawDocument:
    """One line as the list shows it, with what its source says of what was corrected; NotFound outside the scope."""
    await demand_line(caller, sale_id, at)
    return await shown(caller, sale_id)


async def shown(caller: Caller, sale_id: UUID) -> RawDocument:
    """The line with the fields that the caller may see, whoever the customer is now."""
    row = await scoped(SaleLine).row({"_id": sale_id}, _fields(caller) | {"imported": 1})
    if row is None:
        raise NotFound(NOT_YOURS)
    hidden = () if _sees_cost(caller) else COSTS
    said = {name: value for name, value in (row.pop("imported", None) or {}).items() if name not in hidden}
    row = {"id": row.pop("_id"), **row}
    await _dress([row], await load_merged())
    row["imported"] = {name: plain_number(name, value) for name, value in said.items()} or None
    return row


async def demand_line(caller: Caller, sale_id: UUID, at: datetime) -> RawDocument:
    """The stored line; NotFound unless it exists and its customer is in the caller's scope."""
    row = await scoped(SaleLine).row({"_id": sale_id})
    if row is None or not await sees_customer(caller, (await load_merged()).owner(row["customer_id"]), at):
        raise NotFound(NOT_YOURS)
    return row


async def sees_customer(caller: Caller, customer_id: UUID, at: datetime) -> bool:
    """Whether the customer, who must exist, is in the caller's scope."""
    among = await ids_in(await scope_of(caller.role, caller.user_id, at, caller.regions), [customer_id])
    return bool(among) and await scoped(Customer).exists({"_id": customer_id})


async def _customers(caller: Caller, wanted: UUID | None, merged: Merged, at: datetime) -> list[UUID] | None:
    """Under which customers the lines are stored that the caller sees and asks for; None = under any."""
    scope = await scope_of(caller.role, caller.user_id, at, caller.regions)
    ids = await ids_in(scope, None if wanted is None else [merged.owner(wanted)])
    return None if ids is None else merged.with_sources(merged.standing(sorted(ids)))


def _fields(caller: Caller) -> dict[str, int]:
    return dict.fromkeys((*SHOWN, *COSTS) if _sees_cost(caller) else SHOWN, 1)


def _sees_cost(caller: Caller) -> bool:
    return may(caller.actor, Action.SEE_COST).allowed


async def _dress(rows: Sequence[RawDocument], merged: Merged) -> None:
    """Numbers without their scale, defaults for what older lines don't have, and the words for ids."""
    for row in rows:
        owner = _uuid(row["customer_id"])
        row["customer_id"] = merged.owner(owner) if owner in merged.targets else row["customer_id"]
    customers = await labels_of(Customer, [row["customer_id"] for row in rows], "code", "name")
    products = await labels_of(Product, [row["product_id"] for row in rows], "code", "name", "unit")
    for row in rows:
        customer, product = customers[row["customer_id"]], products[row["product_id"]]
        for name in SHOWN:
            value = row.get(name)
            row[name] = DEFAULTS.get(name) if value is None else plain_number(name, value)
        for name in COSTS:
            if name in row:
                row[name] = plain_number(name, row[name])
        row["customer_code"], row["customer_name"] = customer.get("code"), customer.get("name")
        row["item_code"], row["product_name"] = product.get("code"), product.get("name")
        row["unit"] = product.get("unit")


def _uuid(id: UUID | bytes) -> UUID:
    return id if isinstance(id, UUID) else UUID(bytes=bytes(id))
