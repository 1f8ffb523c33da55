"""Reading what statistics of sales are made of: rollups as figures by row and month, and orders.

Rollups are read as columns and added up batch by batch (`reports.sales_columns`); to group them in the database first
costs more than to read them. Merged customers count as their target, and products as the heir of the month, whose
quantity is rounded per customer, product and month, as in plan against actual.

Orders are added up from their rollup where an invoice has one row only: by time, customer, region, country, group. By
products and their families an invoice may have several rows, so invoices are counted from the lines; and so are those
of merged customers, where one may have lines from before and after the merge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bson.binary import Binary

from core.collections import as_binary, scoped_binary
from models.sale import OrderRollup, RollupState, SaleLine, SalesRollup
from planning.months import Month
from planning.sales_statistics import HAVE_ONE_CUSTOMER, PER_MONEY, Figures, SalesQuestion, Sum
from planning.sales_types import ORDER_TYPES
from planning.succession import carried
from reports.sales_columns import WITH_COST, WITHOUT_COST, Adding
from reports.sales_masters import NO_PRODUCT, UNKNOWN, Key, Masters, load_masters
from reports.sales_orders import INVOICES, Orders, by_invoice

ROWS_PER_BATCH = 200_000
"""As many as fit into one answer of 16 MB: each batch is added up for itself."""


@dataclass(slots=True)
class Cube:
    """Figures by row and month. `orders` counts each order once, whatever rows it has a part in; `pending` are
    customers whose rollups are behind their lines."""

    masters: Masters
    cells: dict[Key, dict[Month, Figures]] = field(default_factory=dict)
    orders: dict[Month, int] = field(default_factory=lambda: defaultdict(int))
    pending: int = 0

    def of(self, key: Key, month: Month) -> Figures:
        """The cell, made where there is none."""
        by_month = self.cells.setdefault(key, {})
        found = by_month.get(month)
        if found is None:
            found = by_month[month] = Figures()
        return found


async def read_cube(question: SalesQuestion) -> Cube:
    """Everything that the question needs, at about one moment."""
    cube = Cube(await load_masters(question))
    cube.pending = await _pending(question)
    reader = _Reader(question, cube)
    await reader.read_sales()
    await reader.read_orders()
    # Asked before and after: a rollup that is behind at either moment may be behind in the sums.
    cube.pending = max(cube.pending, await _pending(question))
    return cube


class _Reader:
    def __init__(self, question: SalesQuestion, cube: Cube) -> None:
        self.question = question
        self.cube = cube
        self.masters = cube.masters
        self.by_customer = self.masters.by_customer
        products = self.masters.product_ids()
        self.products = None if products is None else [as_binary(id) for id in products]
        self.match: dict[str, Any] = {"month": {"$gte": question.first_needed, "$lte": question.months[-1]}}
        if question.customer_ids is not None:
            self.match["customer_id"] = {"$in": [as_binary(id) for id in question.customer_ids]}
        if self.products is not None:
            self.match["product_id"] = {"$in": self.products}

    async def read_sales(self) -> None:
        """All rollups of the question."""
        with_cost = self.question.with_cost
        layout = WITH_COST if with_cost else WITHOUT_COST
        read = scoped_binary(SalesRollup).fixed_rows([{"$match": self.match}], layout, batchSize=ROWS_PER_BATCH)
        async for batch in read:
            adding = Adding(self.masters, batch, with_cost=with_cost)
            for part in adding.parts():
                self.cube.of(part.key, part.month).of(part.unit).merge(part.sum)
            for customer, product, month, figures in adding.chained():
                self._add_heir(customer, product, month, figures)

    def _add_heir(self, customer: Binary, product: Binary, month: Month, figures: Mapping[str, int]) -> None:
        """A rollup of a product in a chain, under the heir of its month: its quantity in the heir's unit, its money as
        it is."""
        heir = self.masters.succession.heir(product.as_uuid(), month)
        target = as_binary(heir.product)
        if not self.masters.wanted(target):
            return
        uncosted = self._cost(product, month, figures)
        unknown = uncosted is None
        part = Sum(
            quantity=carried(figures["quantity"], heir.factor),
            revenue=figures["revenue"],
            lines=figures["lines"],
            cost=figures["cost"] * PER_MONEY + (uncosted or 0),
            unknown_lines=figures["uncosted_lines"] if unknown else 0,
            unknown_revenue=figures["uncosted_revenue"] if unknown else 0,
        )
        unit = self.masters.products.get(target, UNKNOWN).unit
        self.cube.of(self.masters.key_of(customer, target), month).of(unit).merge(part)

    def _cost(self, product: Binary, month: Month, figures: Mapping[str, int]) -> int | None:
        """The exact cost of the quantity whose lines don't say it; None when nobody knows."""
        if not self.question.with_cost or not figures["uncosted_lines"]:
            return 0
        cost = self.masters.cost_of(self.masters.products.get(product, UNKNOWN), month)
        return None if cost is None else figures["uncosted"] * cost

    async def read_orders(self) -> None:
        """The orders of each row and month."""
        entities, owners = self.question.entities, self.masters.owners
        joined = {*owners, *owners.values()}
        if joined:
            await self._count_invoices(self._of_customers(joined, among=True), owners)
        others = self._of_customers(joined, among=False)
        if self.products is None and (entities is None or entities in HAVE_ONE_CUSTOMER):
            await self._read_order_rollups(others, by_customer=entities is not None)
        else:
            await self._count_invoices(others, {})

    def _of_customers(self, some: Collection[Binary], *, among: bool) -> dict[str, Any]:
        """What is asked for, of those customers that are among these, or of the others."""
        asked = self.match.get("customer_id")
        if asked is not None:
            return {**self.match, "customer_id": {"$in": [id for id in asked["$in"] if (id in some) is among]}}
        return {**self.match, "customer_id": {"$in" if among else "$nin": sorted(some)}} if some else self.match

    async def _read_order_rollups(self, match: Mapping[str, Any], *, by_customer: bool) -> None:
        by = {"m": "$month"} | ({"c": "$customer_id"} if by_customer else {})
        pipeline: list[dict[str, Any]] = [
            {"$match": dict(match)},
            {"$group": {"_id": by, "orders": {"$sum": "$orders"}}},
        ]
        async for row in scoped_binary(OrderRollup).aggregate(pipeline, batchSize=ROWS_PER_BATCH, allowDiskUse=True):
            # The product decides nothing here.
            key = self.masters.key_of(row["_id"]["c"], NO_PRODUCT) if by_customer else None
            self.cube.of(key, row["_id"]["m"]).orders += row["orders"]
            self.cube.orders[row["_id"]["m"]] += row["orders"]

    async def _count_invoices(self, match: Mapping[str, Any], owners: Mapping[Binary, Binary]) -> None:
        """An invoice is an order of every row that has one of its products."""
        is_order = {"line_type": {"$in": [str(one) for one in ORDER_TYPES]}}
        stages = [{"$match": {**match, **is_order}}, *by_invoice(owners)]
        read = scoped_binary(SaleLine).fixed_rows(stages, INVOICES, batchSize=ROWS_PER_BATCH, allowDiskUse=True)
        orders = Orders(self.masters, INVOICES.joined([batch async for batch in read]))
        for key, month, count in orders.of_keys():
            self.cube.of(key, month).orders += count
        for month, count in orders.of_months():
            self.cube.orders[month] += count


async def _pending(question: SalesQuestion) -> int:
    query: dict[str, Any] = {"dirty": True}
    if question.customer_ids is not None:
        query["customer_id"] = {"$in": [as_binary(id) for id in question.customer_ids]}
    return await scoped_binary(RollupState).count(query)
