"""Writing what stands between a customer and a product or a rep: matrix, prices, assignments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from core.collections import Scoped, as_binary, scoped_binary
from core.mongo import RawDocument
from models.customer import Assignment, CustomerPrice, MatrixEntry
from planning.access import category_key
from services.import_apply.base import References, customers_of, products_of, resolved, users_of
from services.import_apply.keyed import Incoming, Key, KeyedWriter, of_customers, price
from services.import_kinds.validation import RowError, ValidBatch


class ItemOfCustomerWriter(KeyedWriter):
    """Customer x product from a date."""

    key = ("customer_id", "product_id", "valid_from")
    compared_fields: tuple[str, ...]
    customers: References
    products: References

    async def prepare(self) -> None:
        self.customers = await customers_of(self.context)
        self.products = await products_of(self.context)

    def incoming(self, batch: ValidBatch) -> tuple[list[Incoming], list[RowError]]:
        kept, (customers, products), errors = resolved(batch, self.customers, self.products)
        starts = kept.columns.get("valid_from") or [None] * len(kept.rows)
        keys = zip(customers, products, starts, strict=True)
        values = self.values(kept)
        return [Incoming(row, key, said) for row, key, said in zip(kept.rows, keys, values, strict=True)], errors

    def values(self, batch: ValidBatch) -> list[dict[str, Any]]:
        """What each row says besides its key."""
        if "valid_to" not in batch.columns:
            return [{} for _ in batch.rows]
        return [{"valid_to": last} for last in batch.columns["valid_to"]]

    async def stored(self, rows: Sequence[Incoming]) -> Mapping[Key, RawDocument]:
        shown = dict.fromkeys((*self.key, *self.compared_fields), 1)
        found = await of_customers(self.door, "product_id", ((row.key[0], row.key[1]) for row in rows), shown)
        return {(row["customer_id"], row["product_id"], row["valid_from"]): row for row in found}

    def fresh(self, row: Incoming) -> RawDocument:
        customer_id, product_id, valid_from = row.key
        return {
            "_id": as_binary(uuid4()),
            "customer_id": customer_id,
            "product_id": product_id,
            "valid_from": valid_from,
            "valid_to": None,
            **row.values,
        }


class MatrixWriter(ItemOfCustomerWriter):
    """What a customer may order."""

    compared_fields = ("valid_to",)

    @property
    def door(self) -> Scoped[Any]:
        return scoped_binary(MatrixEntry)


class PriceWriter(ItemOfCustomerWriter):
    """Customer prices; without a currency column they are in the company's own."""

    compared_fields = ("valid_to", "price", "currency")

    @property
    def door(self) -> Scoped[Any]:
        return scoped_binary(CustomerPrice)

    def values(self, batch: ValidBatch) -> list[dict[str, Any]]:
        currencies = batch.columns.get("currency") or [None] * len(batch.rows)
        said = super().values(batch)
        for values, scaled, currency in zip(said, batch.columns["price"], currencies, strict=True):
            values["price"] = price(scaled)
            values["currency"] = currency or self.context.currency
        return said


class AssignmentWriter(KeyedWriter):
    """Rep x customer (x category) from a date. Categories compare case-folded."""

    key = ("user_id", "customer_id", "category", "valid_from")
    users: References
    customers: References

    @property
    def door(self) -> Scoped[Any]:
        return scoped_binary(Assignment)

    async def prepare(self) -> None:
        self.users = await users_of(self.context)
        self.customers = await customers_of(self.context)

    def incoming(self, batch: ValidBatch) -> tuple[list[Incoming], list[RowError]]:
        kept, (users, customers), errors = resolved(batch, self.users, self.customers)
        columns, count = kept.columns, len(kept.rows)
        categories = columns.get("category") or [None] * count
        ends = columns.get("valid_to")
        rows = []
        for at in range(count):
            category = categories[at]
            key = (users[at], customers[at], category_key(category), columns["valid_from"][at])
            values = {"primary": columns["primary"][at], **({"valid_to": ends[at]} if ends else {})}
            rows.append(Incoming(kept.rows[at], key, values, category))
        return rows, errors

    async def stored(self, rows: Sequence[Incoming]) -> Mapping[Key, RawDocument]:
        shown = dict.fromkeys((*self.key, "valid_to", "primary"), 1)
        found = await of_customers(self.door, "user_id", ((row.key[1], row.key[0]) for row in rows), shown)
        return {
            (row["user_id"], row["customer_id"], category_key(row["category"]), row["valid_from"]): row for row in found
        }

    def fresh(self, row: Incoming) -> RawDocument:
        user_id, customer_id, _, valid_from = row.key
        return {
            "_id": as_binary(uuid4()),
            "user_id": user_id,
            "customer_id": customer_id,
            "category": row.spelled,
            "valid_from": valid_from,
            "valid_to": None,
            **row.values,
        }
