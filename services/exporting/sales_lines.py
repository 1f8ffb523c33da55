"""Sales lines, customer by customer and month by month: memory holds a piece, or one customer's month."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from bson.binary import Binary

from core.collections import as_binary
from core.mongo import RawDocument
from models.merged import load_merged
from models.sale import SaleLine
from planning.numbers import MONEY, PRICE, QUANTITY, Scale
from services.exporting.base import PIECE, Getter, binaries, code_of, customer_codes, months_kept, product_codes
from services.exporting.owned import OwnedSource, together
from services.import_kinds.tables import Column

SCALES: Mapping[str, Scale] = {"quantity": QUANTITY, "price": PRICE, "money": MONEY}


class SalesSource(OwnedSource):
    """What was sold is a fact, also of customers and products that are out of use. What a merged customer bought is
    told, and imported, as bought by the customer that it is now."""

    model = SaleLine
    needed = (
        *("customer_id", "product_id", "month", "invoice_date", "invoice", "line_number"),
        *("net_revenue", "original_revenue"),
    )
    filters = frozenset({"customer_ids", "product_ids", "region", "category", "from_month", "to_month"})

    async def kept(self) -> dict[str, Any]:
        filters = self.asked.filters
        self.merged = await load_merged()
        self.refer_to(await product_codes(self.asked, of_all=True))
        query: dict[str, Any] = {}
        if filters.customer_ids:
            query["customer_id"] = {"$in": binaries(self.merged.with_sources(filters.customer_ids))}
        if filters.product_ids or filters.category is not None:
            query["product_id"] = {"$in": list(self.others)}
        return query | months_kept(filters)

    async def owner_codes(self, among: Collection[UUID]) -> Mapping[Binary, str]:
        """By the id that lines are stored under: the code of the customer whose they are now."""
        now = {id: self.merged.owner(id) for id in among}
        codes = await customer_codes(self.asked, set(now.values()), of_all=True)
        rank = {owner: at for at, owner in enumerate(codes)}
        stored = {as_binary(id): as_binary(owner) for id, owner in now.items()}
        known = [id for id, owner in stored.items() if owner in rank]
        return {id: codes[stored[id]] for id in sorted(known, key=lambda id: (rank[stored[id]], id))}

    def order(self, row: RawDocument) -> tuple[Any, ...]:
        return (
            row["month"], row["invoice_date"], row["invoice"], self.other_rank[row["product_id"]], row["line_number"],
        )  # fmt: skip

    async def pieces(self) -> AsyncIterator[Sequence[RawDocument]]:
        for owners in together(self.counts):
            if self.counts[owners[0]] <= PIECE:
                yield await self.rows_of({"customer_id": {"$in": owners}})
                continue
            for months in together(await self._months_of(owners[0])):
                yield await self.rows_of({"customer_id": owners[0], "month": {"$in": months}})

    async def _months_of(self, customer_id: Binary) -> dict[str, int]:
        """How many lines a customer has in each month, in order."""
        counting = {"$group": {"_id": "$month", "rows": {"$sum": 1}}}
        match = {"$match": {**self.query, "customer_id": customer_id}}
        found = {row["_id"]: row["rows"] async for row in self.door.aggregate([match, counting])}
        return dict(sorted(found.items()))

    def cells(self) -> Mapping[str, Getter]:
        return {
            "customer_code": code_of(self.owners, "customer_id"),
            "item_code": code_of(self.others, "product_id"),
            "net_revenue": revenue_in_its_currency,
        }

    def stored(self, column: Column) -> Getter:
        """Lines hold scaled integers."""
        scale = SCALES.get(column.shown)
        return super().stored(column) if scale is None else scaled(column.name, scale)


def revenue_in_its_currency(row: RawDocument) -> int | float:
    """As the line's currency says, so that importing it converts it once again."""
    original = row.get("original_revenue")
    return MONEY.to_number(row["net_revenue"] if original is None else original)


def scaled(name: str, scale: Scale) -> Getter:
    """A scaled integer as the number that it is."""

    def get(row: RawDocument) -> int | float | None:
        value = row.get(name)
        return None if value is None else scale.to_number(value)

    return get
