"""Rows of people, customers, products and rates: one document each, in the order of their keys."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from core.collections import BinaryScoped, scoped, scoped_binary
from core.listing import as_stored
from core.mongo import RawDocument
from core.sheets import Value
from models.customer import Customer
from models.product import Product
from models.rate import FxRate
from models.user import User
from services.exporting.base import (
    Getter,
    RowSource,
    binaries,
    code_of,
    customers_query,
    months_kept,
    plain,
    products_query,
    streamed,
)
from services.import_kinds.cells import joined_names
from services.scopes import narrowed


class MasterSource(RowSource):
    """Documents of one collection, sorted by their natural key, which an index gives."""

    model: type[Any]
    sort: tuple[tuple[str, int], ...] = (("code_key", 1),)

    async def prepare(self) -> int:
        self.query = await self.kept()
        return await self.door.count(self.query)

    @abstractmethod
    async def kept(self) -> Mapping[str, Any]:
        """The query, with ids in their stored form."""

    @property
    def door(self) -> BinaryScoped[Any]:
        return scoped_binary(self.model)

    async def pieces(self) -> AsyncIterator[Sequence[RawDocument]]:
        async for piece in streamed(self.door, self.query, self.shown, self.sort):
            yield piece


class UserSource(MasterSource):
    """People who were not deleted: who is no longer there can't be imported either."""

    model = User
    sort = (("email_key", 1),)

    async def kept(self) -> Mapping[str, Any]:
        return {"deleted_at": None}


class CustomerSource(MasterSource):
    """Customers in scope, without those that turned out to be another one: no file may change these."""

    model = Customer
    needed = ("code", "aliases")
    filters = frozenset({"customer_ids", "region", "include_inactive"})

    async def kept(self) -> Mapping[str, Any]:
        filters = self.asked.filters
        query = {**customers_query(filters), "merged_into": None}
        if filters.customer_ids:
            query["_id"] = {"$in": list(filters.customer_ids)}
        stored: Mapping[str, Any] = as_stored(await narrowed(self.asked.scope, query))
        return stored

    def cells(self) -> Mapping[str, Getter]:
        return {"customer_code": plain("code"), "aliases": _aliases}


class ProductSource(MasterSource):
    """Products; the successor by its code."""

    model = Product
    needed = ("code", "currency", "successor_id", "successor_factor")
    filters = frozenset({"product_ids", "category", "include_inactive"})

    async def prepare(self) -> int:
        count = await super().prepare()
        successors = await scoped(Product).distinct("successor_id", {"successor_id": {"$type": "binData"}})
        named = await self.door.rows({"_id": {"$in": binaries(successors)}}, {"code": 1})
        self.successors = {row["_id"]: row["code"] for row in named}
        return count

    async def kept(self) -> Mapping[str, Any]:
        filters = self.asked.filters
        query = products_query(filters)
        if filters.product_ids:
            query["_id"] = {"$in": binaries(filters.product_ids)}
        return query

    def cells(self) -> Mapping[str, Getter]:
        return {
            "item_code": plain("code"),
            "list_price_currency": plain("currency"),
            "successor": code_of(self.successors, "successor_id"),
            "successor_factor": _factor,
        }


class RateSource(MasterSource):
    """Exchange rates, by kind, currency and month."""

    model = FxRate
    filters = frozenset({"from_month", "to_month"})
    sort = (("kind", 1), ("currency", 1), ("month", 1))

    async def kept(self) -> Mapping[str, Any]:
        return months_kept(self.asked.filters)


def _aliases(row: RawDocument) -> Value:
    return joined_names(row.get("aliases") or ()) or None


def _factor(row: RawDocument) -> Value:
    """Without a successor there is nothing to convert to, and an import would not keep it."""
    return None if row.get("successor_id") is None else row["successor_factor"].to_decimal()
