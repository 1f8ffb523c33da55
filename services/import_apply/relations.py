"""Writing what stands between a customer and a product: matrix and prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from core.collections import Scoped, as_binary, scoped_binary
from core.mongo import RawDocument
from models.customer import CustomerPrice, MatrixEntry
from services.import_apply.base import References, customers_of, products_of, resolved
from services.import_apply.keyed import Incoming, Key, KeyedWriter, of_customers, price
from services.import_kinds.validation import RowError, ValidBatch


class ItemOfCustomerWriter(KeyedWriter):
    """Customer x product from a date."""

    key = ("customer_id", "product_id", "valid_from")
    compared_fields: tuple[str, ...]
    customers: References
    products: References

    async def prepare(self) -> None:
        self.customers = await customers_of(self.context, tied=True)
        self.products = await products_of(self.context, tied=True)

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
