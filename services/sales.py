"""Sales lines in bulk: finding what is stored, holding it against what a source says, and writing so that rollups and
months follow.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bson.binary import UUID_SUBTYPE, Binary

from core.collections import scoped_binary
from core.context import current_tenant
from core.mongo import RawDocument
from models.keys import sale_key
from models.sale import SaleLine
from planning.months import Month
from planning.sales_types import SalesType, line_problems
from services import months, rollups

CORRECTABLE = (
    "customer_id", "product_id", "invoice_date", "order_date", "requested_date", "shipped_date", "line_type",
    "quantity", "unit_price", "unit_cost", "net_revenue",
)  # fmt: skip
"""What a person may correct."""
SAID = (*CORRECTABLE, "invoice", "line_number", "currency", "original_revenue", "source")
"""What a source says; the rest of a line follows from it."""
FOLLOWS = ("month", "dated_by", "cost", "fx_rate")
COMPARED = (*SAID, *FOLLOWS)
OF_CORRECTION = ("corrected_at", "imported", "rev")

DATE_OF_BASIS = {"order_date": "order_date", "delivery_date": "shipped_date"}
"""The date that decides in which month something was sold, by the company's `actuals_basis`; else the invoice's."""


def line_ids(invoices: Sequence[str], item_keys: Sequence[str], line_numbers: Sequence[int]) -> list[Binary]:
    """The ids of lines of the tenant in context."""
    tenant = current_tenant().bytes
    return [
        Binary(sale_key(tenant, invoice, item_key, line), UUID_SUBTYPE)
        for invoice, item_key, line in zip(invoices, item_keys, line_numbers, strict=True)
    ]


async def stored_lines(ids: Sequence[Binary]) -> dict[Binary, RawDocument]:
    """The stored lines of these ids by id: the compared fields, and what a correction left."""
    shown = dict.fromkeys((*COMPARED, *OF_CORRECTION), 1)
    rows = await scoped_binary(SaleLine).rows({"_id": {"$in": list(ids)}}, shown, batch_size=len(ids) + 1)
    return {row["_id"]: row for row in rows}


def said_before(stored: Mapping[str, Any], name: str) -> Any:
    """What the source said of a field when it was last asked: the stored value, unless a person corrected it since."""
    return (stored.get("imported") or {}).get(name, stored.get(name))


def differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a line says something else than what is stored; which import brought it does not count."""
    return any(before.get(name) != after[name] for name in COMPARED)


def keep_correction(stored: Mapping[str, Any], line: RawDocument) -> bool:
    """Put what a person corrected into what the source says now; False, and nothing is kept, when the source itself
    says something new of it: neither what it said before, nor what the person said.

    The line is then what its source says, and the correction has ended: whoever corrects the same line again sees both.
    """
    corrected: Mapping[str, Any] = stored["imported"] or {}
    if any(_says_anew(name, value, stored, line) for name, value in corrected.items()):
        return False
    kept = {**line, **{name: stored.get(name) for name in corrected}}
    if line_problems(SalesType(kept["line_type"]), kept["quantity"], kept["net_revenue"]):
        return False
    line.update(kept)
    return True


def _says_anew(name: str, said: Any, stored: Mapping[str, Any], line: Mapping[str, Any]) -> bool:
    """Of revenue in a foreign currency the amount in that currency counts: in the base currency it differs when its
    rate does, though the source says what it said before."""
    if name == "net_revenue" and (line["original_revenue"], stored.get("original_revenue")) != (None, None):
        return any(line[one] != stored.get(one) for one in ("original_revenue", "currency"))
    return line[name] not in (said, stored.get(name))


@asynccontextmanager
async def lines_of(
    customer_ids: Iterable[Binary], of_months: Collection[Month] = (), reason: str | None = None
) -> AsyncIterator[None]:
    """Around writing lines of these customers in these months: before it their rollups become dirty and complete months
    restated (for this reason), and again afterwards, for whoever recomputed or completed them in between.

    The second mark is not made after a failure: the first one stands, and the writer comes again.
    """
    ids = [id.as_uuid() for id in customer_ids]
    await months.restate(of_months, reason)
    await rollups.mark(ids)
    yield
    await rollups.mark(ids)
    await months.restate(of_months, reason)
