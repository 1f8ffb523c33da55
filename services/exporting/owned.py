"""Rows that belong to a customer or a product, owner by owner in the order of their codes.

The rows of each owner are counted first. Small owners are read together, up to a piece; so the order costs no query per
owner, and memory no more than a piece or the largest owner's rows (sales are cut further, by months).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from bson.binary import Binary

from core.collections import BinaryScoped, as_binary, scoped, scoped_binary
from core.context import current_tenant
from core.mongo import RawDocument
from models.customer import Assignment, CustomerPrice, MatrixEntry
from models.product import ProductCost
from models.tenant import Tenant
from models.user import User
from services.exporting.base import (
    PIECE,
    Getter,
    RowSource,
    binaries,
    code_of,
    customer_codes,
    holds_on,
    product_codes,
)


class OwnedSource(RowSource):
    """`owner` is the field that names whose rows they are, `other` the field of what else they name."""

    model: type[Any]
    owner: ClassVar[str] = "customer_id"
    other: ClassVar[str] = "product_id"

    async def prepare(self) -> int:
        self.query = await self.kept()
        counting = {"$group": {"_id": f"${self.owner}", "rows": {"$sum": 1}}}
        counts = {row["_id"]: row["rows"] async for row in self.door.aggregate([{"$match": self.query}, counting])}
        self.owners = await self.owner_codes([id.as_uuid() for id in counts])
        self.counts = {id: counts[id] for id in self.owners}
        places = {code: at for at, code in enumerate(dict.fromkeys(self.owners.values()))}
        self.rank = {id: places[code] for id, code in self.owners.items()}
        return sum(self.counts.values())

    @abstractmethod
    async def kept(self) -> dict[str, Any]:
        """The query on rows; it may load what they refer to, as `others`."""

    async def owner_codes(self, among: Collection[UUID]) -> Mapping[Binary, str]:
        """Codes of those owners whose rows are wanted, in order."""
        return await customer_codes(self.asked, among)

    def order(self, row: RawDocument) -> tuple[Any, ...]:
        """What rows of one owner are sorted by, behind their owner."""
        return self.other_rank[row[self.other]], row["valid_from"] or ""

    @property
    def door(self) -> BinaryScoped[Any]:
        return scoped_binary(self.model)

    async def pieces(self) -> AsyncIterator[Sequence[RawDocument]]:
        for owners in together(self.counts):
            yield await self.rows_of({self.owner: {"$in": owners}})

    async def rows_of(self, of_these: Mapping[str, Any]) -> list[RawDocument]:
        """The rows of some owners, sorted; without those that name something that is left out."""
        rows = await self.door.rows({**self.query, **of_these}, self.shown)
        kept = [row for row in rows if row[self.other] in self.other_rank]
        kept.sort(key=lambda row: (self.rank[row[self.owner]], *self.order(row)))
        return kept

    def refer_to(self, others: Mapping[Binary, str]) -> None:
        """Keep rows that name one of these, in this order."""
        self.others = others
        self.other_rank = {id: at for at, id in enumerate(others)}


def together(counts: Mapping[Any, int], most: int = PIECE) -> list[list[Any]]:
    """The keys in order, as many together as have at most so many rows; one with more stands alone."""
    groups: list[list[Any]] = []
    rows = most
    for key, count in counts.items():
        rows += count
        if rows > most:
            groups.append([])
            rows = count
        groups[-1].append(key)
    return groups


class ItemOfCustomerSource(OwnedSource):
    """Customer x product, both in use unless others are asked for."""

    filters = frozenset({"customer_ids", "product_ids", "region", "category", "valid_on", "include_inactive"})
    needed = ("customer_id", "product_id", "valid_from")

    async def kept(self) -> dict[str, Any]:
        filters = self.asked.filters
        self.refer_to(await product_codes(self.asked))
        query = holds_on(filters)
        if filters.customer_ids:
            query["customer_id"] = {"$in": binaries(filters.customer_ids)}
        if filters.product_ids or filters.category is not None:
            query["product_id"] = {"$in": list(self.others)}
        return query

    def cells(self) -> Mapping[str, Getter]:
        return {
            "customer_code": code_of(self.owners, "customer_id"),
            "item_code": code_of(self.others, "product_id"),
        }


class MatrixSource(ItemOfCustomerSource):
    """What customers may order."""

    model = MatrixEntry


class PriceSource(ItemOfCustomerSource):
    """Customer prices."""

    model = CustomerPrice


class AssignmentSource(OwnedSource):
    """Who plans which customers, without people who were deleted. Customers that are out of use take no entry, so a
    file with theirs would be refused."""

    model = Assignment
    other = "user_id"
    needed = ("customer_id", "user_id", "category", "valid_from", "primary")
    filters = frozenset({"customer_ids", "region", "valid_on"})

    async def kept(self) -> dict[str, Any]:
        filters = self.asked.filters
        people = await scoped(User).rows({"deleted_at": None}, {"email": 1}, sort=[("email_key", 1)])
        self.refer_to({as_binary(one["_id"]): one["email"] for one in people})
        query = holds_on(filters)
        if filters.customer_ids:
            query["customer_id"] = {"$in": binaries(filters.customer_ids)}
        return query

    def order(self, row: RawDocument) -> tuple[Any, ...]:
        return row["valid_from"], self.other_rank[row["user_id"]], row["category"] or ""

    def cells(self) -> Mapping[str, Getter]:
        return {
            "email": code_of(self.others, "user_id"),
            "customer_code": code_of(self.owners, "customer_id"),
            "primary": lambda row: "yes" if row["primary"] else "no",
        }


class CostSource(OwnedSource):
    """Dated costs of products, in the company's own currency."""

    model = ProductCost
    owner = other = "product_id"
    needed = ("product_id", "valid_from")
    filters = frozenset({"product_ids", "category", "valid_on", "include_inactive"})

    async def kept(self) -> dict[str, Any]:
        self.refer_to(await product_codes(self.asked))
        self.currency = (await scoped(Tenant).get(current_tenant())).base_currency
        filters = self.asked.filters
        narrow = bool(filters.product_ids) or filters.category is not None
        return holds_on(filters) | ({"product_id": {"$in": list(self.others)}} if narrow else {})

    async def owner_codes(self, among: Collection[UUID]) -> Mapping[Binary, str]:
        wanted = set(binaries(among))
        return {id: code for id, code in self.others.items() if id in wanted}

    def cells(self) -> Mapping[str, Getter]:
        return {"item_code": code_of(self.others, "product_id"), "currency": lambda _: self.currency}
