"""Counting orders from invoices, where an invoice may belong to several rows: by products, their families, and reps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from bson.binary import Binary

from core.collections import as_binary
from core.columns import FixedRows, Long, Text, Uuid
from planning.months import Month
from reports.sales_columns import Array, distinct, keys_of
from reports.sales_masters import Key, Masters

INVOICES = FixedRows(
    {
        "customer": Uuid("$_id.c"),
        "product": Uuid("$products"),
        "month": Text("$_id.m", 7),
        "size": Long("$size"),
    }
)
"""One row for each product of an invoice, one invoice after the other; `size` is how many products it has."""


def by_invoice(owners: Mapping[Binary, Binary]) -> list[dict[str, Any]]:
    """The stages that give rows of `INVOICES`. An invoice with lines in two months is an order of both, as in the
    rollups. `owners`: the customer that each merged one is now, whose invoices theirs are."""
    branches = [{"case": {"$eq": ["$customer_id", one]}, "then": owner} for one, owner in owners.items()]
    customer = {"$switch": {"branches": branches, "default": "$customer_id"}} if branches else "$customer_id"
    invoice = {"c": customer, "m": "$month", "i": "$invoice"}
    return [
        {"$group": {"_id": invoice, "products": {"$addToSet": "$product_id"}}},
        {"$addFields": {"size": {"$size": "$products"}}},
        {"$unwind": "$products"},
    ]


class Orders:
    """The orders of each key and month."""

    def __init__(self, masters: Masters, rows: Array) -> None:
        self.masters = masters
        self.months, month_at = np.unique(rows["month"], return_inverse=True)
        products, product_at = self._heirs(rows, *distinct(rows["product"]))
        wanted = np.array([masters.wanted(product) for product in products], bool)[product_at]
        keys, key_at = keys_of(masters, products, product_at, rows["customer"])
        self.keys = keys
        self.order_at = _numbers(rows["size"])[wanted]
        self.month_at, self.key_at = month_at[wanted], key_at[wanted]

    def of_keys(self) -> Iterator[tuple[Key, Month, int]]:
        """Key, month, and how many invoices have a product of the key."""
        pairs, first = np.unique(self.order_at * max(1, len(self.keys)) + self.key_at, return_index=True)
        cells = self.month_at[first] * max(1, len(self.keys)) + pairs % max(1, len(self.keys))
        for cell, count in zip(*np.unique(cells, return_counts=True), strict=True):
            month, key = divmod(int(cell), len(self.keys))
            yield self.keys[key], self.months[month].decode(), int(count)

    def of_months(self) -> Iterator[tuple[Month, int]]:
        """Month, and how many invoices there are, each counted once."""
        _, first = np.unique(self.order_at, return_index=True)
        for month, count in zip(*np.unique(self.month_at[first], return_counts=True), strict=True):
            yield self.months[int(month)].decode(), int(count)

    def _heirs(self, rows: Array, products: list[Binary], product_at: Array) -> tuple[list[Binary], Array]:
        """The products as the heirs of their months."""
        involved = np.array([product in self.masters.involved for product in products], bool)
        places = {product: place for place, product in enumerate(products)}
        for row in np.flatnonzero(involved[product_at]):
            month = rows["month"][row].decode()
            heir = as_binary(self.masters.succession.heir(products[product_at[row]].as_uuid(), month).product)
            if heir not in places:
                places[heir] = len(products)
                products.append(heir)
            product_at[row] = places[heir]
        return products, product_at


def _numbers(sizes: Array) -> Array:
    """The number of the invoice that each row is of: its rows stand together, as many as `size` says."""
    found = []
    place = 0
    while place < len(sizes):
        found.append(int(sizes[place]))
        place += found[-1]
    return np.repeat(np.arange(len(found)), found)
