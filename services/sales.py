"""Sales lines in bulk: finding what is stored, and writing so that the rollups follow."""

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
from services import months, rollups

COMPARED = (
    "invoice", "line_number", "customer_id", "product_id", "invoice_date", "month", "line_type",
    "quantity", "unit_price", "net_revenue", "currency", "source",
)  # fmt: skip


def line_ids(invoices: Sequence[str], item_keys: Sequence[str], line_numbers: Sequence[int]) -> list[Binary]:
    """The ids of lines of the tenant in context."""
    tenant = current_tenant().bytes
    return [
        Binary(sale_key(tenant, invoice, item_key, line), UUID_SUBTYPE)
        for invoice, item_key, line in zip(invoices, item_keys, line_numbers, strict=True)
    ]


async def stored_lines(ids: Sequence[Binary]) -> dict[Binary, RawDocument]:
    """The stored lines of these ids by id: the compared fields."""
    shown = dict.fromkeys(COMPARED, 1)
    rows = await scoped_binary(SaleLine).rows({"_id": {"$in": list(ids)}}, shown, batch_size=len(ids) + 1)
    return {row["_id"]: row for row in rows}


def differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a line says something else than what is stored; which import brought it does not count."""
    return any(before[name] != after[name] for name in COMPARED)


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
