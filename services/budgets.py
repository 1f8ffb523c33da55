"""Reading a budget: as it was decided, or spread to customer x product.

Spreading happens here and nowhere is it stored: what was sold last year may still be corrected, and customers and
products change their groups. The parts of an entry are exactly the entry, in every reading.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.context import current_tenant
from core.listing import Listing, Window, read_page
from core.mongo import RawDocument
from core.text import code_key
from models.budget import BudgetEntry
from models.customer import Customer, MatrixEntry
from models.cycle import Cycle
from models.forecast import SnapshotMarker, SnapshotRow
from models.merged import Merged, load_merged
from models.product import Product
from models.sale import SalesRollup
from models.succession import read_succession
from models.tenant import Tenant
from planning.budgets import Basis, choose_weights, spread_in_steps
from planning.months import Month, add_months
from planning.numbers import MONEY, QUANTITY, minor_units
from planning.succession import Succession, carried
from services.amounts import scaled_price
from services.budget_levels import customer_levels, product_levels
from services.calendar import month_rule
from services.identity import Caller
from services.labels import labels_of
from services.scopes import ids_in, scope_of
from services.validity import holding

ENTRY_FIELDS = dict.fromkeys(
    (
        *("fiscal_year", "version", "month", "customer_level", "customer_key", "customer_id"),
        *("product_level", "product_key", "product_id", "quantity", "value", "rev"),
    ),
    1,
)
Leaf = tuple[UUID, UUID]
"""Customer and product."""


@dataclass(frozen=True, slots=True)
class BudgetFilter:
    """Which budget; `version` in any case, `month` None = the whole year."""

    fiscal_year: int
    version: str
    month: Month | None = None

    async def query(self) -> dict[str, Any]:
        """As its entries are found, whichever way each of them spells the version."""
        spelled = await scoped(BudgetEntry).distinct("version", {"fiscal_year": self.fiscal_year})
        own = [one for one in spelled if code_key(one) == code_key(self.version)]
        query: dict[str, Any] = {"fiscal_year": self.fiscal_year, "version": {"$in": own}}
        return query if self.month is None else {**query, "month": self.month}


@dataclass(slots=True)
class Weights:
    """What leaves weigh in one month: (quantity, value) of last year and of the last plan, and which are active."""

    last_year: dict[Leaf, tuple[int, int]] = field(default_factory=dict)
    last_plan: dict[Leaf, tuple[int, int]] = field(default_factory=dict)
    active: set[Leaf] = field(default_factory=set)

    def under(self, customers: Collection[UUID], products: Collection[UUID]) -> list[Leaf]:
        """The leaves of these customers and products that weigh anything, in a fixed order."""
        every = self.last_year.keys() | self.last_plan.keys() | self.active
        own = [leaf for leaf in every if leaf[0] in customers and leaf[1] in products]
        return sorted(own, key=lambda leaf: (leaf[0].int, leaf[1].int))

    def of(self, leaves: list[Leaf], number: int) -> tuple[Basis, tuple[int, ...]]:
        """How a quantity (0) or a value (1) is spread over them."""
        years, plans = (
            [source.get(leaf, (0, 0))[number] for leaf in leaves] for source in (self.last_year, self.last_plan)
        )
        return choose_weights(years, plans, [int(leaf in self.active) for leaf in leaves])


async def list_entries(caller: Caller, wanted: BudgetFilter, window: Window, at: datetime) -> Listing:
    """One page of what was decided. Who does not see all customers sees what was decided for single ones of theirs."""
    query = await wanted.query()
    ids = await ids_in(await scope_of(caller.role, caller.user_id, at, caller.regions))
    if ids is not None:
        query["customer_id"] = {"$in": sorted(ids)}
    listing = await read_page(scoped(BudgetEntry), query, ENTRY_FIELDS, window)
    for row in listing.rows:
        row |= {"entry_id": row.pop("id"), "basis": None, **_shown(row)}
    await _dress(listing.rows)
    return listing


async def list_leaves(caller: Caller, wanted: BudgetFilter, window: Window, at: datetime) -> Listing:
    """One page of the entries of a month, each spread to the customers and products under it; what can't be spread is
    one row without either. Only leaves in the caller's scope."""
    ids = await ids_in(await scope_of(caller.role, caller.user_id, at, caller.regions))
    rows = [row for row in await leaves_of(wanted) if ids is None or row["customer_id"] in ids]
    shown = rows[window.skip : window.skip + window.limit]
    for row in shown:
        row |= _shown(row)
    await _dress(shown)
    total = None if window.count is False else len(rows)
    return Listing(shown, len(rows) > window.skip + window.limit, total)


async def leaves_of(wanted: BudgetFilter) -> list[RawDocument]:
    """All parts of all entries, scaled, by entry and leaf. `wanted` names a month."""
    entries = await scoped(BudgetEntry).rows(await wanted.query(), ENTRY_FIELDS, sort=[("_id", 1)])
    if not entries or wanted.month is None:
        return []
    customers, products = await customer_levels(), await product_levels()
    weights = await _weights(wanted.month)
    tenant = await scoped(Tenant).get(current_tenant())
    cents = 10 ** max(0, 4 - minor_units(tenant.base_currency))
    items = await scoped(Product).rows({}, {"rounding_step": 1})
    steps = {row["_id"]: _step(row.get("rounding_step")) for row in items}
    rows: list[RawDocument] = []
    for entry in entries:
        members = (
            customers.get((entry["customer_level"], _key(entry["customer_key"]))),
            products.get((entry["product_level"], _key(entry["product_key"]))),
        )
        under = [set(found.ids) if found else set() for found in members]
        leaves = weights.under(*under)
        rows += _spread(entry, leaves, weights, [steps[product] for _, product in leaves], cents)
    return rows


def _spread(
    entry: RawDocument, leaves: list[Leaf], weights: Weights, steps: list[int], cents: int
) -> Iterator[RawDocument]:
    parts: dict[str, tuple[int, ...]] = {}
    bases: list[Basis] = []
    for number, name in enumerate(("quantity", "value")):
        if entry[name] is None:
            continue
        basis, shares = weights.of(leaves, number)
        bases.append(basis)
        if basis is not Basis.NOTHING:
            own_steps = steps if name == "quantity" else [cents] * len(leaves)
            parts[name] = spread_in_steps(entry[name], shares, own_steps)
    head = {name: entry[name] for name in ("fiscal_year", "version", "month", "rev")} | {"entry_id": str(entry["_id"])}
    head |= {name: entry[name] for name in ("customer_level", "customer_key", "product_level", "product_key")}
    for at, (customer, product) in enumerate(leaves):
        numbers = {name: parts[name][at] if name in parts else None for name in ("quantity", "value")}
        if any(numbers.values()):
            yield {**head, "customer_id": customer, "product_id": product, **numbers, "basis": bases[0]}
    left = {name: entry[name] for name in ("quantity", "value") if entry[name] and name not in parts}
    if left:
        rest = {"quantity": None, "value": None, **left, "basis": Basis.NOTHING}
        yield {**head, "customer_id": None, "product_id": None, **rest}


async def _weights(month: Month) -> Weights:
    merged, succession = await load_merged(), await read_succession()
    weights = Weights()
    before = add_months(month, -12)
    fields = {"_id": 0, "customer_id": 1, "product_id": 1, "quantity": 1, "revenue": 1}
    async for row in scoped(SalesRollup).find({"month": before}, fields):
        _add(weights.last_year, row, (row["quantity"], row["revenue"]), month, merged, succession)
    async for row in _plan_of(month):
        cell = next(cell for cell in row["cells"] if cell["month"] == month)
        _add(weights.last_plan, row, (cell["quantity"] or 0, cell["value"] or 0), month, merged, succession)
    weights.active = await _active(month, merged)
    return weights


def _add(
    found: dict[Leaf, tuple[int, int]],
    row: RawDocument,
    numbers: tuple[int, int],
    month: Month,
    merged: Merged,
    succession: Succession,
) -> None:
    """Put the numbers of a stored row to whom they belong in this month."""
    heir = succession.heir(row["product_id"], month)
    leaf = (merged.owner(row["customer_id"]), heir.product)
    standing = found.get(leaf, (0, 0))
    found[leaf] = (standing[0] + carried(numbers[0], heir.factor), standing[1] + numbers[1])


async def _plan_of(month: Month) -> Any:
    """The approved rows of the newest graded close that plans the month."""
    query = {"graded_close": {"$ne": None}, "stage": {"$ne": "cancelled"}, "months": month, "imported": {"$ne": True}}
    newest = await scoped(Cycle).rows(query, {"graded_close": 1}, sort=[("base_month", -1)], limit=1)
    for cycle in newest:
        close = {"cycle_id": cycle["_id"], "close_number": cycle["graded_close"]}
        if await scoped(SnapshotMarker).exists(close):
            fields = {"_id": 0, "customer_id": 1, "product_id": 1, "cells": 1}
            approved = {**close, "stream": "approved", "cells.month": month}
            async for row in scoped(SnapshotRow).find(approved, fields):
                yield row


async def _active(month: Month, merged: Merged) -> set[Leaf]:
    """What customers in use may order in the month of products in use."""
    rule = await month_rule()
    customers = set(await scoped(Customer).distinct("_id", {"is_active": True})) - merged.targets.keys()
    products = set(await scoped(Product).distinct("_id", {"is_active": True}))
    query = holding(rule.first_day(month).isoformat(), rule.last_day(month).isoformat())
    rows = scoped(MatrixEntry).find(query, {"_id": 0, "customer_id": 1, "product_id": 1})
    return {
        (row["customer_id"], row["product_id"])
        async for row in rows
        if row["customer_id"] in customers and row["product_id"] in products
    }


def _step(rounding_step: Any) -> int:
    """A product's rounding step as a scaled quantity."""
    scaled = scaled_price(rounding_step)
    return 1 if scaled is None else max(1, scaled * QUANTITY.factor // 10**8)


def _key(key: str | None) -> str | None:
    return None if key is None else key.strip().casefold()


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if row[name] is None else scale.to_number(row[name])
        for name, scale in (("quantity", QUANTITY), ("value", MONEY))
    }


async def _dress(rows: list[RawDocument]) -> None:
    """The words for ids."""
    customers = await labels_of(Customer, [row["customer_id"] for row in rows if row["customer_id"]], "code", "name")
    named = [row["product_id"] for row in rows if row["product_id"]]
    products = await labels_of(Product, named, "code", "name", "unit")
    for row in rows:
        customer = customers[row["customer_id"]] if row["customer_id"] else {}
        product = products[row["product_id"]] if row["product_id"] else {}
        row["customer_code"], row["customer_name"] = customer.get("code"), customer.get("name")
        row["item_code"], row["product_name"], row["unit"] = (product.get(name) for name in ("code", "name", "unit"))
