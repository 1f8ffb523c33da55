"""What reports read instead of sales lines: demand and revenue of customer x product x month, orders per month.

A writer of sales lines marks its customers before and after. A recomputation takes dirty customers, a few at a time,
in one transaction each: it touches their state first (so a second recomputation, or a mark, waits or makes it run
again), reads lines and rollups of one moment, writes the difference, and is clean up to the marks of that moment. So
a figure is never added up from parts, and an older recomputation never overwrites a newer one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from bson.binary import Binary

from core.collections import BinaryScoped, as_binary, scoped, scoped_binary, tenant_binary, transaction
from core.mongo import RawDocument
from models.sale import OrderRollup, RollupState, SaleLine, SalesRollup
from planning.sales_types import ORDER_TYPES
from services.sale_sums import DEMAND, IS_DEMAND, IS_REVENUE, REVENUE, counted

ROWS_PER_STEP = 8_000
FIRST_STEP = 20
LARGEST_STEP = 250
ROWS_PER_INSERT = 5_000

Key = tuple[Binary | str, ...]
Heartbeat = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Kind:
    """One rollup collection: the fields of its key with their short names in `_id`, and its figures."""

    model: type[SalesRollup] | type[OrderRollup]
    key: tuple[tuple[str, str], ...]
    figures: tuple[str, ...]
    pipeline: Callable[[Sequence[Binary]], list[dict[str, Any]]]


async def mark(customer_ids: Iterable[UUID]) -> None:
    """Say that the lines of these customers change. Call it before and after writing them, outside transactions."""
    await scoped(RollupState).upsert_rows(
        (
            {"customer_id": customer_id},
            {
                "$inc": {"marks": 1},
                "$set": {"dirty": True},
                "$setOnInsert": {"_id": uuid4(), "done": 0, "claim": 0},
            },
        )
        for customer_id in customer_ids
    )


async def mark_within(customer_ids: Iterable[UUID]) -> None:
    """The same in the transaction that writes their lines, of customers that were marked before it: so they stay
    marked, whatever was recomputed in between, even if the writer is killed right behind it."""
    marked = {"$inc": {"marks": 1}, "$set": {"dirty": True}}
    await scoped(RollupState).update_many({"customer_id": {"$in": list(customer_ids)}}, marked)


async def pending() -> int:
    """How many customers' rollups are behind their lines."""
    return await scoped(RollupState).count({"dirty": True})


async def refresh(limit: int = 1_000_000, heartbeat: Heartbeat = lambda: None) -> int:
    """Recompute up to `limit` dirty customers, as few at a time as gives about 8,000 rollups; returns how many it did.

    Interrupted, it leaves the rest dirty. Customers that become dirty meanwhile may be among those it takes.
    """
    done, step = 0, FIRST_STEP
    while done < limit:
        dirty = await scoped(RollupState).rows(
            {"dirty": True}, {"customer_id": 1}, sort=[("_id", 1)], limit=min(step, limit - done)
        )
        if not dirty:
            break
        customers = [as_binary(row["customer_id"]) for row in dirty]
        rows = await transaction(lambda chosen=customers: _recompute(chosen))  # type: ignore[misc]
        done += len(customers)
        step = max(1, min(LARGEST_STEP, step * 2, len(customers) * ROWS_PER_STEP // max(rows, 1)))
        heartbeat()
    return done


async def _recompute(customers: list[Binary]) -> int:
    """Inside a transaction. Returns how many rollups the customers have."""
    states = scoped_binary(RollupState)
    of_these = {"customer_id": {"$in": customers}}
    await states.update_many(of_these, {"$inc": {"claim": 1}})
    claims = {row["customer_id"]: row["claim"] for row in await states.rows(of_these, {"customer_id": 1, "claim": 1})}
    rows = sum([await _rewrite(kind, customers, claims) for kind in (_SALES, _ORDERS)])
    await states.update_many(of_these, [{"$set": {"done": "$marks", "dirty": False}}])
    return rows


async def _rewrite(kind: _Kind, customers: list[Binary], claims: dict[Binary, int]) -> int:
    """Bring one collection to what the lines say; returns its rows of these customers."""
    door: BinaryScoped[Any] = scoped_binary(kind.model)
    names = [name for name, _ in kind.key]
    shown = {"_id": 0, **dict.fromkeys((*names, *kind.figures), 1)}
    stored = await door.rows({"customer_id": {"$in": customers}}, shown)
    old = {tuple(row[name] for name in names): tuple(map(row.get, kind.figures)) for row in stored}
    fresh: list[RawDocument] = []
    changed: list[tuple[RawDocument, RawDocument]] = []
    count = 0
    async for row in scoped_binary(SaleLine).aggregate(kind.pipeline(customers), batchSize=ROWS_PER_STEP):
        count += 1
        key: Key = tuple(row["_id"].values())
        figures = {name: row[name] for name in kind.figures}
        before = old.pop(key, None)
        if before == tuple(figures.values()):
            continue
        figures["claim"] = claims[row["_id"]["customer_id"]]
        if before is None:
            fresh.append({"_id": _id(kind, key), **row["_id"], **figures})
        else:
            changed.append(({"_id": _id(kind, key)}, {"$set": figures}))
    for start in range(0, len(fresh), ROWS_PER_INSERT):
        await door.insert_rows(fresh[start : start + ROWS_PER_INSERT])
    await door.update_rows(changed)
    if old:
        await door.delete({"_id": {"$in": [_id(kind, key) for key in old]}})
    return count


def _id(kind: _Kind, key: Key) -> RawDocument:
    return {"t": tenant_binary(), **dict(zip((short for _, short in kind.key), key, strict=True))}


def _sales_pipeline(customers: Sequence[Binary]) -> list[dict[str, Any]]:
    uncosted = {"$and": [IS_DEMAND, {"$not": {"$isNumber": "$cost"}}]}
    return [
        {"$match": {"customer_id": {"$in": list(customers)}}},
        {
            "$group": {
                "_id": {"customer_id": "$customer_id", "product_id": "$product_id", "month": "$month"},
                "quantity": DEMAND,
                "revenue": REVENUE,
                "cost": {"$sum": "$cost"},
                "uncosted": counted(uncosted, "$quantity"),
                "uncosted_revenue": counted({"$and": [uncosted, IS_REVENUE]}, "$net_revenue"),
                "uncosted_lines": counted(uncosted, 1),
                "lines": {"$sum": 1},
            }
        },
    ]


def _orders_pipeline(customers: Sequence[Binary]) -> list[dict[str, Any]]:
    orders = {"customer_id": {"$in": list(customers)}, "line_type": {"$in": [str(one) for one in ORDER_TYPES]}}
    by_month = {"customer_id": "$customer_id", "month": "$month"}
    return [
        {"$match": orders},
        {"$group": {"_id": {**by_month, "invoice": "$invoice"}}},
        {"$group": {"_id": {"customer_id": "$_id.customer_id", "month": "$_id.month"}, "orders": {"$sum": 1}}},
    ]


_SALES = _Kind(
    SalesRollup,
    (("customer_id", "c"), ("product_id", "p"), ("month", "m")),
    ("quantity", "revenue", "cost", "uncosted", "uncosted_revenue", "uncosted_lines", "lines"),
    _sales_pipeline,
)
_ORDERS = _Kind(OrderRollup, (("customer_id", "c"), ("month", "m")), ("orders",), _orders_pipeline)
