"""What customers pay: dated prices of customer x product, in the customer's currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from core.collections import transaction
from core.errors import Detail, InvalidInput
from core.mongo import RawDocument
from models.customer import CustomerPrice
from services import customer_items
from services.customer_items import Draft, Kind, Locked

PRICES = Kind(CustomerPrice, "price_rev", "price", "price")
SHOWN = dict.fromkeys(("price", "currency", "valid_from", "valid_to", "rev", "updated_at"), 1)


@dataclass(frozen=True, slots=True)
class Added:
    """The new prices as the list shows them, and the version of the customer's list of prices now."""

    rows: list[RawDocument]
    version: int


async def add(customer_id: UUID, drafts: Sequence[Draft]) -> Added:
    """Store prices, all or none; see `customer_items.insert` for what is refused.

    They are in the customer's currency; a draft that names another one is refused, so that nobody enters pounds for
    euros. A price keeps its currency when the customer's changes later: the plan rate of the month then converts it.
    """

    async def write() -> Added:
        customer = await customer_items.lock(PRICES, customer_id)
        priced = _in_currency_of(customer, drafts)
        rows = await customer_items.insert(PRICES, customer, priced)
        await customer_items.record(PRICES, customer_id, "added", added=priced)
        return Added(rows, customer.version + 1)

    return await transaction(write)


def _in_currency_of(customer: Locked, drafts: Sequence[Draft]) -> list[Draft]:
    words = f"must be {customer.currency}, the currency of the customer {customer.code}; or leave it out"
    details = [
        Detail(f"entries.{at}.currency", words)
        for at, draft in enumerate(drafts)
        if draft.get("currency") not in (None, customer.currency)
    ]
    if details:
        raise InvalidInput(details=details)
    return [{**draft, "currency": customer.currency} for draft in drafts]
