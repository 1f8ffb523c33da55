"""What is missing or doubtful in the master data, apart from prices (`services.price_findings`).

Customers are walked through a chunk at a time, by id: list, sales and assignments of a chunk come from three reads on
their indexes and are joined here, so memory holds one chunk, a number per customer and the masters' names, whatever
the number of sales. (One pipeline that joins them in the database was measured slower, see `bench.findings`.)
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.mongo import RawDocument
from core.search import search_words
from models.customer import Assignment, Customer, MatrixEntry
from models.cycle import Cycle
from models.forecast import Line
from models.merged import Merged, load_merged
from models.product import Product, ProductCost
from models.sale import SalesRollup
from models.succession import read_succession
from models.user import User
from planning.duplicates import Record, Suspicion, compact, suspected
from planning.findings import (
    Finding,
    FindingKind,
    Moment,
    day_after,
    families,
    first_of,
    has_cost,
    is_idle,
    is_sold_still,
    outside_list,
)
from planning.intervals import Interval, covers
from planning.lifespan import Lifespan, lifespan
from planning.months import Month, add_months
from planning.stages import Stage
from planning.succession import Succession

CUSTOMERS_PER_CHUNK = 500
LINES_PER_BATCH = 2_000
SALES = "sales"
OPEN = (Stage.ENTRY, Stage.REVIEW, Stage.CLOSING)

Progress = Callable[[int], Awaitable[None]]
"""Told after each chunk: customers done."""
Pair = tuple[UUID, UUID]
"""Customer and product; or the two of a suspected duplicate."""


@dataclass(slots=True)
class Sold:
    """What one customer bought of one product: the revenue of each month looked back at, and the last month with a
    positive quantity ever."""

    months: dict[Month, int] = field(default_factory=dict)
    last: Month | None = None

    def add(self, months: Iterable[Month], revenues: Iterable[int], last: Month | None) -> None:
        for month, revenue in zip(months, revenues, strict=True):
            self.months[month] = self.months.get(month, 0) + revenue
        self.last = max(filter(None, (self.last, last)), default=None)

    def revenue(self, months: Iterable[Month]) -> int:
        return sum(self.months.get(month, 0) for month in months)


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of a customer's list."""

    id: UUID
    valid_from: str | None
    valid_to: str | None


@dataclass(slots=True)
class ProductSales:
    """What all customers bought of a product in the window, scaled."""

    quantity: int
    revenue: int


@dataclass(slots=True)
class Revenues:
    """Net revenue of the window by customer, of those who bought anything: filled while customers are walked."""

    by_customer: dict[UUID, int] = field(default_factory=dict)


async def product_sales(moment: Moment) -> dict[UUID, ProductSales]:
    """What was sold of each product in the window, to everybody, inactive customers too."""
    pipeline: list[dict[str, Any]] = [
        {"$match": {"month": {"$in": list(moment.window)}}},
        {"$group": {"_id": "$product_id", "quantity": {"$sum": "$quantity"}, "revenue": {"$sum": "$revenue"}}},
    ]
    rows = scoped(SalesRollup).aggregate(pipeline)
    return {row["_id"]: ProductSales(row["quantity"], row["revenue"]) async for row in rows}


async def of_customers(moment: Moment, revenues: Revenues, told: Progress) -> AsyncIterator[Finding]:
    """No rep, list entries without sales, and sales outside the list, customer by customer."""
    gone = await scoped(User).distinct("_id", {"is_active": False})
    heirs = _heirs(await read_succession(), moment.month)
    walk = _Walk(moment, await _products(), heirs, await load_merged(), await _open_cycles(), gone, revenues)
    done, last_id = 0, None
    while chunk := await _chunk(last_id):
        last_id = chunk[-1]["_id"]
        for finding in await _of_chunk(walk, chunk):
            yield finding
        done += len(chunk)
        await told(done)


async def of_products(moment: Moment, sales: Mapping[UUID, ProductSales]) -> AsyncIterator[Finding]:
    """Active products that are still sold and have no cost today. At stake is their revenue of the window."""
    costs: dict[UUID, list[Interval]] = defaultdict(list)
    async for row in scoped(ProductCost).find({}, {"product_id": 1, "valid_from": 1, "valid_to": 1}):
        costs[row["product_id"]].append(Interval(row["valid_from"], row["valid_to"]))
    for id, product in (await _products()).items():
        dated = costs.get(id, [])
        if not is_sold_still(moment, _life(product)) or has_cost(moment, product["standard_cost"], dated):
            continue
        sold = sales.get(id)
        since = day_after(dated, moment, _day(product["created_at"]))
        yield Finding(FindingKind.MISSING_COST, sold.revenue if sold else 0, products=(id,), since=since)


async def duplicate_customers(revenues: Revenues) -> AsyncIterator[Finding]:
    """Pairs of active customers that may be one. At stake is the revenue of both."""
    fields = {"code": 1, "name": 1, "aliases": 1, "planning_customer_id": 1, "created_at": 1}
    records, created = [], {}
    async for row in scoped(Customer).find({"is_active": True}, fields, sort=[("code_key", 1)]):
        created[row["_id"]] = row["created_at"]
        records.append(_record(row, (row["name"], *row.get("aliases", ())), row.get("planning_customer_id")))
    for pair in await asyncio.to_thread(lambda: list(suspected(records))):
        finding, both = _duplicate(FindingKind.DUPLICATE_CUSTOMERS, pair, revenues.by_customer, created)
        yield replace(finding, customers=both)


async def duplicate_products(sales: Mapping[UUID, ProductSales]) -> AsyncIterator[Finding]:
    """Pairs of active products that may be one; a product and its successor are known to belong together."""
    products = await _products()
    together = families({id: (row["planning_item_id"], row["successor_id"]) for id, row in products.items()})
    in_order = sorted(products.values(), key=lambda row: row["code_key"])
    records = [_record(row, (row["name"],), together[row["_id"]]) for row in in_order]
    created = {id: row["created_at"] for id, row in products.items()}
    revenues = {id: sold.revenue for id, sold in sales.items()}
    for pair in await asyncio.to_thread(lambda: list(suspected(records))):
        finding, both = _duplicate(FindingKind.DUPLICATE_PRODUCTS, pair, revenues, created)
        yield replace(finding, products=both)


@dataclass(frozen=True, slots=True)
class _Walk:
    """What is the same for all chunks."""

    moment: Moment
    products: Mapping[UUID, RawDocument]
    heirs: Mapping[UUID, UUID]
    """For products that a successor has taken over from: for which one they count this month."""
    merged: Merged
    open_cycles: Sequence[UUID]
    gone: Sequence[UUID]
    """People who are not active: an assignment to them helps nobody."""
    revenues: Revenues


async def _of_chunk(walk: _Walk, chunk: Sequence[RawDocument]) -> list[Finding]:
    ids = [row["_id"] for row in chunk]
    sold = await _sold(walk, ids)
    listed = await _listed(ids)
    planned = await _planned(walk, ids)
    for (customer, _), line in sold.items():
        revenue = line.revenue(walk.moment.window)
        walk.revenues.by_customer[customer] = walk.revenues.by_customer.get(customer, 0) + revenue
    found = list(_without_rep(walk, chunk, await _assigned(walk, ids)))
    last_sold = _last_sold(walk, sold)
    for pair, entries in listed.items():
        found.extend(_idle(walk, pair, entries, last_sold.get(pair), planned.get(pair, 0)))
    for pair, line in sold.items():
        if pair[1] in walk.products:
            entries = listed.get(pair, []) + listed.get(_inherited(walk, pair), [])
            found.extend(_outside(walk.moment, pair, entries, line))
    return found


def _last_sold(walk: _Walk, sold: Mapping[Pair, Sold]) -> dict[Pair, Month]:
    """The last month with a positive quantity; what a product sold counts for its heir, too."""
    last: dict[Pair, Month] = {}
    for pair, line in sold.items():
        if line.last is not None:
            for one in (pair, _inherited(walk, pair)):
                last[one] = max(last.get(one, line.last), line.last)
    return last


def _inherited(walk: _Walk, pair: Pair) -> Pair:
    customer, product = pair
    return customer, walk.heirs.get(product, product)


def _without_rep(
    walk: _Walk, chunk: Sequence[RawDocument], assigned: Mapping[UUID, list[Interval]]
) -> Iterator[Finding]:
    """At stake is the customer's revenue of the window."""
    for customer in chunk:
        id = customer["_id"]
        intervals = assigned.get(id, [])
        if any(covers(interval, walk.moment.today) for interval in intervals):
            continue
        since = day_after(intervals, walk.moment, _day(customer["created_at"]))
        yield Finding(FindingKind.NO_REP, walk.revenues.by_customer.get(id, 0), customers=(id,), since=since)


def _idle(walk: _Walk, pair: Pair, entries: Sequence[Listed], last: Month | None, planned: int) -> Iterator[Finding]:
    """At stake is what is planned all the same in open cycles."""
    product = walk.products.get(pair[1])
    if product is None or not is_sold_still(walk.moment, _life(product)):
        return
    if is_idle(walk.moment, entries, product["launch_month"], last):
        entry = next(entry for entry in entries if covers(entry, walk.moment.today))
        yield Finding(
            FindingKind.MATRIX_WITHOUT_SALES,
            planned,
            customers=pair[:1],
            products=pair[1:],
            since=None if last is None else first_of([add_months(last, 1)]),
            details={"last_sold": last, "entry_id": entry.id},
        )


def _outside(moment: Moment, pair: Pair, entries: Sequence[Listed], sold: Sold) -> Iterator[Finding]:
    """At stake is the revenue of the months outside."""
    months = outside_list(moment, entries, sold.months)
    if months:
        yield Finding(
            FindingKind.SALES_OUTSIDE_MATRIX,
            sold.revenue(months),
            customers=pair[:1],
            products=pair[1:],
            since=first_of(months),
            details={"months": list(months)},
        )


def _heirs(succession: Succession, month: Month) -> dict[UUID, UUID]:
    heirs = {product: succession.heir(product, month).product for product in succession.links}
    return {product: heir for product, heir in heirs.items() if heir != product}


async def _open_cycles() -> list[UUID]:
    rows = await scoped(Cycle).rows({"stage": {"$in": [str(stage) for stage in OPEN]}}, {"_id": 1})
    return [row["_id"] for row in rows]


async def _planned(walk: _Walk, customer_ids: Sequence[UUID]) -> dict[Pair, int]:
    """The value of these customers' lines in all open cycles, as they stand."""
    planned: dict[Pair, int] = defaultdict(int)
    for cycle_id in walk.open_cycles:
        pipeline: list[dict[str, Any]] = [
            {"$match": {"cycle_id": cycle_id, "stream": SALES, "customer_id": {"$in": list(customer_ids)}}},
            {"$project": {"_id": 0, "c": "$customer_id", "p": "$product_id", "value": {"$sum": "$cells.value"}}},
        ]
        async for row in scoped(Line).aggregate(pipeline, batchSize=LINES_PER_BATCH):
            planned[(row["c"], row["p"])] += row["value"]
    return planned


async def _chunk(last_id: UUID | None) -> list[RawDocument]:
    """The next active customers by id."""
    beyond: dict[str, Any] = {} if last_id is None else {"_id": {"$gt": last_id}}
    return await scoped(Customer).rows(
        {**beyond, "is_active": True}, {"created_at": 1}, sort=[("_id", 1)], limit=CUSTOMERS_PER_CHUNK
    )


async def _products() -> dict[UUID, RawDocument]:
    """The active products with what is asked of them; what is not stored is None."""
    fields = (
        "code",
        "code_key",
        "name",
        "launch_month",
        "end_month",
        "standard_cost",
        "planning_item_id",
        "successor_id",
        "successor_from",
        "created_at",
    )
    rows = scoped(Product).find({"is_active": True}, dict.fromkeys(fields, 1))
    return {row["_id"]: dict.fromkeys(fields) | row async for row in rows}


async def _listed(customer_ids: Sequence[UUID]) -> dict[Pair, list[Listed]]:
    listed: dict[Pair, list[Listed]] = defaultdict(list)
    fields = {"customer_id": 1, "product_id": 1, "valid_from": 1, "valid_to": 1}
    query = {"customer_id": {"$in": list(customer_ids)}}
    async for row in scoped(MatrixEntry).find(query, fields, batch_size=LINES_PER_BATCH):
        entry = Listed(row["_id"], row["valid_from"], row["valid_to"])
        listed[(row["customer_id"], row["product_id"])].append(entry)
    return listed


async def _assigned(walk: _Walk, customer_ids: Sequence[UUID]) -> dict[UUID, list[Interval]]:
    assigned: dict[UUID, list[Interval]] = defaultdict(list)
    fields = {"_id": 0, "customer_id": 1, "valid_from": 1, "valid_to": 1}
    query: dict[str, Any] = {"customer_id": {"$in": list(customer_ids)}, "user_id": {"$nin": list(walk.gone)}}
    async for row in scoped(Assignment).find(query, fields):
        assigned[row["customer_id"]].append(Interval(row["valid_from"], row["valid_to"]))
    return assigned


async def _sold(walk: _Walk, customer_ids: Sequence[UUID]) -> dict[Pair, Sold]:
    """Sales by pair, those of merged customers added to the one that they turned out to be."""
    since = {"$gte": ["$month", walk.moment.first_month]}
    # One row per pair, made by the database: reading a row per month costs ten times as much here.
    pipeline: list[dict[str, Any]] = [
        {"$match": {"customer_id": {"$in": walk.merged.with_sources(customer_ids)}}},
        {
            "$group": {
                "_id": {"c": "$customer_id", "p": "$product_id"},
                "months": {"$push": {"$cond": [since, "$month", "$$REMOVE"]}},
                "revenues": {"$push": {"$cond": [since, "$revenue", "$$REMOVE"]}},
                "last": {"$max": {"$cond": [{"$gt": ["$quantity", 0]}, "$month", None]}},
            }
        },
    ]
    sold: dict[Pair, Sold] = defaultdict(Sold)
    async for row in scoped(SalesRollup).aggregate(pipeline, batchSize=LINES_PER_BATCH, allowDiskUse=True):
        pair = (walk.merged.owner(row["_id"]["c"]), row["_id"]["p"])
        sold[pair].add(row["months"], row["revenues"], row["last"])
    return sold


def _life(product: RawDocument) -> Lifespan:
    return lifespan(product["launch_month"], product["end_month"], product["successor_from"])


def _record(row: RawDocument, names: Iterable[str], family: UUID | None) -> Record[UUID]:
    words = tuple(tuple(search_words(name)) for name in names)
    return Record(row["_id"], compact(row["code"]), tuple(filter(None, words)), family or row["_id"])


def _duplicate(
    kind: FindingKind, pair: Suspicion[UUID], revenues: Mapping[UUID, int], created: Mapping[UUID, datetime]
) -> tuple[Finding, Pair]:
    """The finding and its two, the one that sold more (else the older) first: that is the one to keep."""
    first, second = sorted((pair.first, pair.second), key=lambda id: (-revenues.get(id, 0), created[id], id.int))
    value = revenues.get(first, 0) + revenues.get(second, 0)
    since = _day(max(created[first], created[second]))
    details = {"score": pair.score, "reasons": [str(reason) for reason in pair.reasons]}
    return Finding(kind, value, since=since, details=details), (first, second)


def _day(at: datetime) -> str:
    return at.date().isoformat()
