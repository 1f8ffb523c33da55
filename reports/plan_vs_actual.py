"""Plan against actual: the approved plan of one close beside what was sold, by month, customer and product.

Lines and rollups are read a chunk of customers at a time, met per customer x product x month and added up here, so
memory does not grow with the plan (one pipeline that joins them in the database was measured slower). Products with a
successor are read as the heirs of their months (`reports.plan_vs_actual_chains`), and merged customers as the customer
that they are now (`models.merged`). Totals, customers and products compare complete months only; incomplete months are
listed and shown, never compared.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.errors import Conflict
from core.mongo import RawDocument
from models.customer import Customer
from models.cycle import Cycle
from models.forecast import SnapshotMarker, SnapshotRow
from models.merged import Merged, load_merged
from models.product import Product
from models.sale import COUNTS_AS_COMPLETE, MonthStatus, RollupState, SalesRollup
from models.succession import read_succession
from planning.months import Month
from reports.plan_vs_actual_chains import Cell, ChainLines, Sale, Sales
from reports.plan_vs_actual_sums import Group

CUSTOMERS_PER_CHUNK = 50
LINES_PER_BATCH = 1_000
APPROVED = "approved"

Progress = Callable[[int, int], Awaitable[None]]
"""Told after each chunk: customers done, customers in all."""

Line = tuple[UUID, UUID]
"""Customer and product."""


class Block(StrEnum):
    """What the report's rows can be."""

    MONTH = "month"
    CUSTOMER = "customer"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `months` are planned months of the cycle in order; `customer_ids` None = all customers."""

    cycle_id: UUID
    close_number: int
    months: tuple[Month, ...]
    customer_ids: frozenset[UUID] | None = None
    blocks: frozenset[Block] = frozenset(Block)


@dataclass(frozen=True, slots=True)
class Entity:
    """A customer or a product as it is called today; `unit` is a product's unit of measure."""

    id: UUID
    code: str
    code_key: str
    name: str
    unit: str = ""
    is_active: bool = True


Known = Mapping[UUID, Entity]


@dataclass(slots=True)
class PlanVsActual:
    """The answer. `by_month` has every month asked for; customers and products are those with a plan or sales."""

    cycle_id: UUID
    cycle_name: str
    close_number: int
    snapshot_sha256: str
    approved_at: datetime
    currency: str
    generated_at: datetime
    all_customers: bool
    months: tuple[Month, ...]
    complete: frozenset[Month]
    rollups_pending: int
    blocks: frozenset[Block]
    total: Group = field(default_factory=Group)
    by_month: dict[Month, Group] = field(default_factory=dict)
    by_customer: list[tuple[Entity, Group]] = field(default_factory=list)
    by_product: list[tuple[Entity, Group]] = field(default_factory=list)


async def load(question: Question, at: datetime, progress: Progress) -> PlanVsActual:
    """The whole report at a moment. Raises NotFound without the cycle, Conflict while the close has no marker."""
    cycle = await scoped(Cycle).get(question.cycle_id)
    marker = await scoped(SnapshotMarker).one({"cycle_id": cycle.id, "close_number": question.close_number})
    if marker is None:
        raise Conflict(f"Close {question.close_number} of the cycle is not finished.")
    complete = await _complete_months(question.months)
    products = await _products(question)
    merged = await load_merged()
    customers = await _customers(question, merged)
    report = PlanVsActual(
        cycle_id=cycle.id,
        cycle_name=cycle.name,
        close_number=question.close_number,
        snapshot_sha256=marker.sha256,
        approved_at=marker.approved_at,
        currency=cycle.currency,
        generated_at=at,
        all_customers=question.customer_ids is None,
        months=question.months,
        complete=complete,
        rollups_pending=await _rollups_pending(question, merged),
        blocks=question.blocks,
        by_month={month: Group() for month in question.months},
    )
    await _add_up(report, question, (customers, products, merged), progress)
    # Asked before and after: a rollup that is behind at either moment may be behind in the sums.
    report.rollups_pending = max(report.rollups_pending, await _rollups_pending(question, merged))
    for group in report.by_month.values():
        report.total.merge(group)
    return report


async def _add_up(report: PlanVsActual, question: Question, known: tuple[Known, Known, Merged], told: Progress) -> None:
    customers, products, merged = known
    sums = _Sums(report)
    chains = ChainLines(await read_succession())
    ids = list(customers)
    for done in range(0, len(ids), CUSTOMERS_PER_CHUNK):
        chunk = ids[done : done + CUSTOMERS_PER_CHUNK]
        stored_under = merged.with_sources(chunk)
        sold = await _sold(question, stored_under, merged)
        joined = {merged.owner(customer) for customer in stored_under[len(chunk) :]}
        async for row in _planned(question, stored_under):
            key = (merged.owner(row["c"]), row["p"])
            cells = zip(row["months"], row["quantities"], row["values"], strict=True)
            if chains.takes(row["p"]) or key[0] in joined:
                chains.plan(*key, cells)
            else:
                sums.add_line(*key, row["unit"], cells, sold.pop(key, {}))
        for key, sales in sold.items():
            if chains.takes(key[1]) or key[0] in joined:
                chains.sold(*key, sales)
            else:
                sums.add_line(*key, _unit(products, key[1]), (), sales)
        for customer_id, product_id, line in chains.give():
            sums.add_line(customer_id, product_id, _unit(products, product_id), line.cells, line.sales)
        await told(done + len(chunk), len(ids))
    report.by_customer = _in_order(sums.by_customer, customers)
    report.by_product = _in_order(sums.by_product, products)


def _unit(products: Known, product_id: UUID) -> str:
    product = products.get(product_id)
    return product.unit if product else ""


class _Sums:
    """Takes lines, one by one, into the months of the report and into customers and products."""

    def __init__(self, report: PlanVsActual) -> None:
        self.by_month = report.by_month
        self.complete = report.complete
        self.by_customer: dict[UUID, Group] = {}
        self.by_product: dict[UUID, Group] = {}

    def add_line(self, customer_id: UUID, product_id: UUID, unit: str, cells: Iterable[Cell], sales: Sales) -> None:
        """Add the plan's cells and the sales of a customer's product; months that were not asked for are left out."""
        line = Group()
        for month, quantity, value in cells:
            self._add(line, unit, month, quantity, value, sales.pop(month, None))
        for month, sale in sales.items():
            self._add(line, unit, month, None, None, sale)
        if line.complete or line.incomplete:
            self.by_customer.setdefault(customer_id, Group()).merge(line)
            self.by_product.setdefault(product_id, Group()).merge(line)

    def _add(
        self, line: Group, unit: str, month: Month, quantity: int | None, value: int | None, sale: Sale | None
    ) -> None:
        of_month = self.by_month.get(month)
        if of_month is None or (quantity is None and sale is None):
            return
        complete = month in self.complete
        of_month.of(unit, complete=complete).count(quantity, value, sale)
        line.of(unit, complete=complete).count(quantity, value, sale)


def _planned(question: Question, customer_ids: Sequence[UUID]) -> AsyncIterator[RawDocument]:
    """The lines of the plan, each with its cells as columns."""
    columns = {"months": "$cells.month", "quantities": "$cells.quantity", "values": "$cells.value"}
    pipeline = [
        {"$match": _of_plan(question) | {"customer_id": {"$in": list(customer_ids)}}},
        {"$project": {"_id": 0, "c": "$customer_id", "p": "$product_id", "unit": 1, **columns}},
    ]
    return scoped(SnapshotRow).aggregate(pipeline, batchSize=LINES_PER_BATCH)


async def _sold(question: Question, customer_ids: Sequence[UUID], merged: Merged) -> dict[Line, Sales]:
    """What was sold in the months asked for, by customer and product; a merged customer's sales are its owner's."""
    # One row per customer and product: reading ids costs more than all the rest of a row.
    pipeline: list[dict[str, Any]] = [
        {"$match": {"customer_id": {"$in": list(customer_ids)}, "month": {"$in": list(question.months)}}},
        {
            "$group": {
                "_id": {"c": "$customer_id", "p": "$product_id"},
                "months": {"$push": "$month"},
                "quantities": {"$push": "$quantity"},
                "revenues": {"$push": "$revenue"},
            }
        },
    ]
    rows = scoped(SalesRollup).aggregate(pipeline, batchSize=LINES_PER_BATCH, allowDiskUse=True)
    sold: dict[Line, Sales] = {}
    async for row in rows:
        sales = dict(zip(row["months"], zip(row["quantities"], row["revenues"], strict=True), strict=True))
        standing = sold.setdefault((merged.owner(row["_id"]["c"]), row["_id"]["p"]), sales)
        if standing is not sales:
            for month, (quantity, revenue) in sales.items():
                others = standing.get(month, (0, 0))
                standing[month] = (others[0] + quantity, others[1] + revenue)
    return sold


def _of_plan(question: Question) -> dict[str, Any]:
    return {"cycle_id": question.cycle_id, "close_number": question.close_number, "stream": APPROVED}


async def _complete_months(months: Iterable[Month]) -> frozenset[Month]:
    query = {"month": {"$in": list(months)}, **COUNTS_AS_COMPLETE}
    return frozenset(row["month"] for row in await scoped(MonthStatus).rows(query, {"_id": 0, "month": 1}))


async def _rollups_pending(question: Question, merged: Merged) -> int:
    query: dict[str, Any] = {"dirty": True}
    if question.customer_ids is not None:
        query["customer_id"] = {"$in": merged.with_sources(sorted(question.customer_ids))}
    return await scoped(RollupState).count(query)


async def _customers(question: Question, merged: Merged) -> dict[UUID, Entity]:
    """The customers in scope, inactive ones too, in the order in which they are worked through. Merged ones are shown
    as the customer that they are now."""
    query = {} if question.customer_ids is None else {"_id": {"$in": sorted(question.customer_ids)}}
    fields = {"code": 1, "code_key": 1, "name": 1, "is_active": 1}
    rows = scoped(Customer).find(query, fields, sort=[("_id", 1)])
    return {
        row["_id"]: Entity(row["_id"], row["code"], row["code_key"], row["name"], is_active=row["is_active"])
        async for row in rows
        if row["_id"] not in merged.targets
    }


async def _products(question: Question) -> dict[UUID, Entity]:
    """All products with the unit that the plan froze; those the plan does not name have today's."""
    by_product = {"_id": "$product_id", "unit": {"$max": "$unit"}}
    frozen_rows = scoped(SnapshotRow).aggregate([{"$match": _of_plan(question)}, {"$group": by_product}])
    frozen: dict[UUID, str] = {row["_id"]: row["unit"] async for row in frozen_rows}
    rows = scoped(Product).find({}, {"code": 1, "code_key": 1, "name": 1, "unit": 1, "is_active": 1})
    return {
        row["_id"]: Entity(
            row["_id"],
            row["code"],
            row["code_key"],
            row["name"],
            frozen.get(row["_id"]) or row["unit"],
            row["is_active"],
        )
        async for row in rows
    }


def _in_order(groups: Mapping[UUID, Group], entities: Mapping[UUID, Entity]) -> list[tuple[Entity, Group]]:
    """By code; the id decides where codes are missing."""
    named = ((entities.get(id) or Entity(id, str(id), str(id), ""), group) for id, group in groups.items())
    return sorted(named, key=lambda row: (row[0].code_key, row[0].id.int))
