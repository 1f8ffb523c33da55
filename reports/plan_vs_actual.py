"""Plan against actual: the approved plan of one close beside what was sold, by month, customer and product.

The database joins plan cells and rollups per customer x product x month and groups them, a chunk of customers at a
time, so memory does not grow with the plan. Sums are exact scaled integers. Totals, customers and products compare
complete months only; incomplete months are listed and shown, never compared.
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
from models.product import Product
from models.sale import MonthStatus, RollupState, SalesRollup
from planning.months import Month
from reports.plan_vs_actual_sums import Group, sums_of

CUSTOMERS_PER_CHUNK = 100
APPROVED = "approved"
COUNTS_AS_COMPLETE = ("complete", "restated")

Progress = Callable[[int, int], Awaitable[None]]
"""Told after each chunk: customers done, customers in all."""


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
    pending = await _rollups_pending(question)
    complete = await _complete_months(question.months)
    products = await _products(question)
    customers = await _customers(question)
    groups = await _grouped(question, complete, list(customers), products, progress)
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
        # Asked before and after: a rollup that is behind at either moment may be behind in the sums.
        rollups_pending=max(pending, await _rollups_pending(question)),
        blocks=question.blocks,
        by_month={month: groups[Block.MONTH].get(month, Group()) for month in question.months},
        by_customer=_in_order(groups[Block.CUSTOMER], customers),
        by_product=_in_order(groups[Block.PRODUCT], products),
    )
    for group in report.by_month.values():
        report.total.merge(group)
    return report


async def _grouped(
    question: Question,
    complete: frozenset[Month],
    customer_ids: Sequence[UUID],
    products: Mapping[UUID, Entity],
    progress: Progress,
) -> dict[Block, dict[Any, Group]]:
    groups: dict[Block, dict[Any, Group]] = {block: {} for block in Block}
    for done in range(0, len(customer_ids), CUSTOMERS_PER_CHUNK):
        chunk = customer_ids[done : done + CUSTOMERS_PER_CHUNK]
        async for row in _chunk_rows(question, complete, chunk):
            key = row["_id"]["key"]
            product = products.get(key.get("product"))
            unit = key.get("unit") or (product.unit if product else "")
            group = groups[Block(key["block"])].setdefault(key["of"], Group())
            group.add(unit, sums_of(row), complete=row["_id"]["complete"])
        await progress(done + len(chunk), len(customer_ids))
    return groups


def _chunk_rows(
    question: Question, complete: frozenset[Month], customer_ids: Sequence[UUID]
) -> AsyncIterator[RawDocument]:
    """Groups of (block, row, unit, complete or not); sales without a plan line carry their product for a unit."""
    of_chunk = {"customer_id": {"$in": list(customer_ids)}}
    of_months = {"month": {"$in": list(question.months)}}
    pipeline: list[dict[str, Any]] = [
        {"$match": _of_plan(question) | of_chunk},
        {"$unwind": "$cells"},
        {"$match": {"cells.month": of_months["month"]}},
        {
            "$project": {
                "_id": 0,
                "leaf": _leaf("$cells.month"),
                "unit": 1,
                "quantity": "$cells.quantity",
                "value": "$cells.value",
            }
        },
        {
            "$unionWith": {
                "coll": SalesRollup.Settings.name,
                "pipeline": [
                    {"$match": of_chunk | of_months},
                    {"$project": {"_id": 0, "leaf": _leaf("$month"), "sold": "$quantity", "revenue": "$revenue"}},
                ],
            }
        },
        {"$group": {"_id": "$leaf", **_LEAF_SUMS}},
        {"$match": {"$or": [{"quantity": {"$ne": None}}, {"revenue": {"$ne": None}}]}},
        {"$project": {"_id": 0, "key": _keys(question.blocks), "complete": _is_complete(complete), **_NUMBERS}},
        {"$unwind": "$key"},
        {"$group": {"_id": {"key": "$key", "complete": "$complete"}, **_GROUP_SUMS}},
    ]
    return scoped(SnapshotRow).aggregate(pipeline, allowDiskUse=True)


def _leaf(month: str) -> dict[str, str]:
    return {"customer": "$customer_id", "product": "$product_id", "month": month}


# One plan cell and one rollup at most meet in a leaf; `$max` keeps null where there is none of them.
_LEAF_SUMS = {name: {"$max": f"${name}"} for name in ("unit", "quantity", "value", "sold", "revenue")}
_NUMBERS = dict.fromkeys(("quantity", "value", "sold", "revenue"), 1)


def _keys(blocks: frozenset[Block]) -> list[dict[str, Any]]:
    """The rows that a leaf belongs to; its month always, because the totals are made of the months."""
    product_without_unit = {"$cond": [{"$eq": ["$unit", None]}, "$_id.product", None]}
    return [
        {"block": {"$literal": str(block)}, "of": f"$_id.{block}", "unit": "$unit", "product": product_without_unit}
        for block in Block
        if block in blocks | {Block.MONTH}
    ]


def _is_complete(complete: frozenset[Month]) -> dict[str, Any]:
    return {"$in": ["$_id.month", sorted(complete)]}


def _count(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"$sum": {"$cond": [{"$and": list(conditions)}, 1, 0]}}


def _is_null(field: str) -> dict[str, Any]:
    return {"$eq": [field, None]}


def _is_said(field: str) -> dict[str, Any]:
    return {"$ne": [field, None]}


_GROUP_SUMS: dict[str, Any] = {
    "plan_quantity": {"$sum": "$quantity"},
    "quantities_planned": _count(_is_said("$quantity")),
    "plan_value": {"$sum": "$value"},
    "values_planned": _count(_is_said("$value")),
    "actual_quantity": {"$sum": "$sold"},
    "actual_value": {"$sum": "$revenue"},
    "sold": _count(_is_said("$revenue")),
    "missing_prices": _count(_is_said("$quantity"), _is_null("$value")),
    "unplanned_cells": _count(_is_said("$revenue"), _is_null("$quantity")),
    "unplanned_value": {"$sum": {"$cond": [_is_null("$quantity"), "$revenue", 0]}},
}


def _of_plan(question: Question) -> dict[str, Any]:
    return {"cycle_id": question.cycle_id, "close_number": question.close_number, "stream": APPROVED}


def _of_scope(question: Question, field: str) -> dict[str, Any]:
    return {} if question.customer_ids is None else {field: {"$in": sorted(question.customer_ids)}}


async def _complete_months(months: Iterable[Month]) -> frozenset[Month]:
    query = {"month": {"$in": list(months)}, "status": {"$in": list(COUNTS_AS_COMPLETE)}}
    return frozenset(row["month"] for row in await scoped(MonthStatus).rows(query, {"_id": 0, "month": 1}))


async def _rollups_pending(question: Question) -> int:
    return await scoped(RollupState).count({"dirty": True} | _of_scope(question, "customer_id"))


async def _customers(question: Question) -> dict[UUID, Entity]:
    """The customers in scope, inactive ones too, in the order in which they are worked through."""
    rows = scoped(Customer).find(_of_scope(question, "_id"), {"code": 1, "code_key": 1, "name": 1}, sort=[("_id", 1)])
    return {row["_id"]: Entity(row["_id"], row["code"], row["code_key"], row["name"]) async for row in rows}


async def _products(question: Question) -> dict[UUID, Entity]:
    """All products with the unit that the plan froze; those the plan does not name have today's."""
    by_product = {"_id": "$product_id", "unit": {"$max": "$unit"}}
    frozen_rows = scoped(SnapshotRow).aggregate([{"$match": _of_plan(question)}, {"$group": by_product}])
    frozen: dict[UUID, str] = {row["_id"]: row["unit"] async for row in frozen_rows}
    rows = scoped(Product).find({}, {"code": 1, "code_key": 1, "name": 1, "unit": 1})
    return {
        row["_id"]: Entity(row["_id"], row["code"], row["code_key"], row["name"], frozen.get(row["_id"]) or row["unit"])
        async for row in rows
    }


def _in_order(groups: Mapping[UUID, Group], entities: Mapping[UUID, Entity]) -> list[tuple[Entity, Group]]:
    """By code; the id decides where codes are missing."""
    named = ((entities.get(id) or Entity(id, str(id), str(id), ""), group) for id, group in groups.items())
    return sorted(named, key=lambda row: (row[0].code_key, row[0].id.int))
