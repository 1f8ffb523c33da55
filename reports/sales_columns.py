"""Adding up rollups as columns, batch by batch: memory does not grow with their number.

Sums are exact: figures are 64-bit, and costs, which may be larger, are Python's own integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bson.binary import UUID_SUBTYPE, Binary

from core.columns import Column, FixedRows, Long, Text, Uuid
from planning.months import Month
from planning.sales_statistics import PER_MONEY, Sum
from reports.sales_masters import NO_PRODUCT, UNKNOWN, Key, Masters

Array = np.ndarray[Any, Any]

FIGURES: Mapping[str, Any] = {
    "quantity": "$quantity",
    "revenue": "$revenue",
    "lines": "$lines",
    "cost": {"$ifNull": ["$cost", 0]},
    # Rollups from before lines said what they cost: none of their lines does.
    "uncosted": {"$ifNull": ["$uncosted", "$quantity"]},
    "uncosted_revenue": {"$ifNull": ["$uncosted_revenue", "$revenue"]},
    "uncosted_lines": {"$ifNull": ["$uncosted_lines", "$lines"]},
}

_KEY: Mapping[str, Column] = {
    "customer": Uuid("$customer_id"),
    "product": Uuid("$product_id"),
    "month": Text("$month", 7),
}
_PLAIN = ("quantity", "revenue", "lines")
WITH_COST = FixedRows({**_KEY, **{name: Long(figure) for name, figure in FIGURES.items()}})
WITHOUT_COST = FixedRows({**_KEY, **{name: Long(FIGURES[name]) for name in _PLAIN}})
"""Rollups as they are stored: all of them, and what is needed of them by somebody who may not see cost."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a cell of the cube gets in one unit of measure."""

    key: Key
    month: Month
    unit: str
    sum: Sum


class Adding:
    """Adds a batch of rollups up by key, month and unit. Products in a chain are left to `chained`."""

    def __init__(self, masters: Masters, rows: Array, *, with_cost: bool) -> None:
        self.masters = masters
        self.with_cost = with_cost
        self.rows = rows
        self.products, self.product_at = distinct(rows["product"])
        self.months, self.month_at = np.unique(rows["month"], return_inverse=True)
        involved = np.array([product in masters.involved for product in self.products], bool)
        wanted = np.array([masters.wanted(product) for product in self.products], bool)
        self.is_chained = involved[self.product_at]
        self.counts = wanted[self.product_at] & ~self.is_chained

    def chained(self) -> Iterator[tuple[Binary, Binary, Month, dict[str, int]]]:
        """Customer, product, month and figures of each rollup of a product in a chain."""
        names = FIGURES if self.with_cost else _PLAIN
        for place in np.flatnonzero(self.is_chained):
            row = self.rows[place]
            figures = dict.fromkeys(FIGURES, 0) | {name: int(row[name]) for name in names}
            yield _id(row["customer"]), self.products[self.product_at[place]], row["month"].decode(), figures

    def parts(self) -> Iterator[Part]:
        """The others, added up."""
        keys, key_at = keys_of(self.masters, self.products, self.product_at, self.rows["customer"])
        units = sorted({self._facts(product).unit for product in self.products})
        unit_of = np.array([units.index(self._facts(product).unit) for product in self.products], int)
        place = (key_at * len(self.months) + self.month_at) * max(1, len(units)) + unit_of[self.product_at]
        cells, cell_at = np.unique(place[self.counts], return_inverse=True)
        sums = self._sums(len(cells), cell_at)
        for cell, total in zip(cells, sums, strict=True):
            rest, unit = divmod(int(cell), len(units))
            key, month = divmod(rest, len(self.months))
            yield Part(keys[key], self.months[month].decode(), units[unit], total)

    def _sums(self, count: int, cell_at: Array) -> Iterator[Sum]:
        rows = self.rows[self.counts]
        quantity, revenue, lines = (added(count, cell_at, rows[name]) for name in _PLAIN)
        costs = self._costs(rows, count, cell_at) if self.with_cost else [(0, 0, 0)] * count
        for at, (cost, unknown_lines, unknown_revenue) in enumerate(costs):
            yield Sum(int(quantity[at]), int(revenue[at]), int(lines[at]), cost, unknown_lines, unknown_revenue)

    def _costs(self, rows: Array, count: int, cell_at: Array) -> list[tuple[int, int, int]]:
        """By cell: the exact cost, and of lines whose cost nobody knows how many they are and their revenue."""
        uncosted = rows["uncosted_lines"] != 0
        pairs, pair_at = np.unique(
            self.product_at[self.counts] * len(self.months) + self.month_at[self.counts], return_inverse=True
        )
        costs = [self._cost(*divmod(int(pair), len(self.months))) for pair in pairs]
        known = uncosted & np.array([cost is not None for cost in costs], bool)[pair_at]
        unknown = uncosted & ~known
        exact = np.zeros(count, object)
        np.add.at(
            exact, cell_at[known], rows["uncosted"][known].astype(object) * np.array(costs, object)[pair_at[known]]
        )
        said = added(count, cell_at, rows["cost"])
        lines, revenue = (
            added(count, cell_at[unknown], rows[name][unknown]) for name in ("uncosted_lines", "uncosted_revenue")
        )
        return [(int(said[at]) * PER_MONEY + exact[at], int(lines[at]), int(revenue[at])) for at in range(count)]

    def _cost(self, product: int, month: int) -> int | None:
        return self.masters.cost_of(self._facts(self.products[product]), self.months[month].decode())

    def _facts(self, product: Binary) -> Any:
        return self.masters.products.get(product, UNKNOWN)


def keys_of(
    masters: Masters, products: Sequence[Binary], product_at: Array, customer_ids: Array
) -> tuple[list[Key], Array]:
    """The distinct keys, and which of them each row has. `products` are the distinct ones, `product_at` says which of
    them a row has, and `customer_ids` whose it is."""
    if not masters.by_customer:
        return _numbered([masters.key_of(None, product) for product in products], product_at)
    customers, customer_at = distinct(customer_ids)
    if masters.reps is None:
        return _numbered([masters.key_of(customer, NO_PRODUCT) for customer in customers], customer_at)
    categories = [masters.products.get(product, UNKNOWN).texts.get("category") for product in products]
    samples = {category: place for place, category in enumerate(categories)}
    sample_at = np.array([samples[category] for category in categories], int)[product_at]
    pairs, pair_at = np.unique(customer_at * len(products) + sample_at, return_inverse=True)
    split = [divmod(int(pair), len(products)) for pair in pairs]
    return _numbered([masters.key_of(customers[c], products[p]) for c, p in split], pair_at)


def distinct(ids: Array) -> tuple[list[Binary], Array]:
    """The distinct ids, and which of them stands at each place."""
    found, at = np.unique(ids, return_inverse=True)
    return [_id(one) for one in found], at


def _id(stored: bytes) -> Binary:
    """An id out of an array, which drops zeros at its end."""
    return Binary(bytes(stored).ljust(16, b"\0"), UUID_SUBTYPE)


def _numbered(keys: Sequence[Key], at: Array) -> tuple[list[Key], Array]:
    """The distinct ones of these keys, and which of them stands at each place."""
    numbers: dict[Key, int] = {}
    number_of = np.array([numbers.setdefault(key, len(numbers)) for key in keys], int)
    return list(numbers), number_of[at] if len(keys) else np.zeros(len(at), int)


def added(count: int, at: Array, numbers: Array) -> Array:
    """The sums of the numbers by their places."""
    total = np.zeros(count, np.int64)
    np.add.at(total, at, numbers)
    return total
