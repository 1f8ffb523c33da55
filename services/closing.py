"""Closing a cycle: copy every stream into the snapshot, chunk by chunk, and seal it with a marker.

The cycle is in *closing* and every sheet is locked, so what is copied can't change any more. A chunk that runs twice
adds only the rows that are missing, so nobody changes a row, not even a worker that was frozen and wakes after the
seal; a snapshot without its marker does not exist for readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from bson.raw_bson import RawBSONDocument

from core.collections import scoped, transaction
from core.errors import Conflict
from core.mongo import RawDocument
from models.customer import Customer
from models.cycle import Cycle
from models.forecast import Line, Sheet, SnapshotMarker, SnapshotRow, VersionLine
from models.keys import line_id, snapshot_row_id
from planning.access import primary_rep
from planning.cells import Cell, EnteredIn, Origin
from planning.costs import ResolvedCost
from planning.fallback import ApprovedCell, approve_line
from planning.months import Month, day_in_zone
from planning.numbers import PRICE
from planning.prices import PriceSource, ResolvedPrice, worth
from planning.stages import Stage
from services import audit, cycle_mails, operations
from services.costs import costs_of
from services.opening import SALES, Heartbeat
from services.plan_facts import CustomerFacts, PlanContext, ProductFacts, chunks, load_context, load_customers
from services.scopes import assignments_on

CUSTOMERS_PER_CHUNK = 50
NAIVE = "naive"
APPROVED = "approved"

Cells = dict[Month, Cell]
Prices = Mapping[Month, ResolvedPrice]


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A line with what counts of it: the submitted version's cells if there is one, and the draft's."""

    customer_id: UUID
    product_id: UUID
    category: str | None
    active: bool
    submitted: Cells | None
    draft: Cells


async def copy_snapshot(cycle_id: UUID, heartbeat: Heartbeat, *, done: int = 0) -> int:
    """Write the rows of the running close; returns the number of customers. Skips the first `done` customers."""
    cycle = await scoped(Cycle).get(cycle_id)
    if cycle.stage != Stage.CLOSING:
        return 0
    customers = await customers_of(cycle)
    context = await load_context(cycle, await planned_products(cycle))
    standard = {id: product.cost for id, product in context.products.items()}
    costs = await costs_of(cycle.start_month, standard, context.rule)
    for chunk in chunks(customers[done:], CUSTOMERS_PER_CHUNK):
        await _copy_chunk(context, chunk, costs)
        done += len(chunk)
        heartbeat(done)
    return done


async def seal(cycle_id: UUID, at: datetime) -> Cycle:
    """closing -> closed: marker with count and hash, cycle, audit event and mails in one transaction."""
    cycle = await scoped(Cycle).get(cycle_id)
    if cycle.stage != Stage.CLOSING:
        return cycle
    streams, digest = await digest_snapshot(cycle.id, cycle.close_number)
    close = {"cycle_id": cycle.id, "close_number": cycle.close_number}
    marker = SnapshotMarker(
        **close,
        streams=streams,
        rows=sum(streams.values()),
        sha256=digest,
        missing_costs=await scoped(SnapshotRow).count({**close, "stream": APPROVED, "cost": None}),
        approved_by=cycle.closed_by,
        approved_at=at,
    )

    async def write() -> Cycle:
        graded = cycle.graded_close or cycle.close_number
        row = await scoped(Cycle).change(
            {"_id": cycle.id, "stage": Stage.CLOSING, "close_number": cycle.close_number},
            {"$set": {"stage": Stage.CLOSED, "closed_at": at, "graded_close": graded}, "$inc": {"rev": 1}},
        )
        if row is None:
            raise Conflict()
        await scoped(SnapshotMarker).insert(marker)
        after = {"close_number": cycle.close_number, "rows": marker.rows, "sha256": digest}
        await audit.record("cycle.closed", "cycle", cycle.id, after=after)
        closed = scoped(Cycle).document(row)
        await cycle_mails.tell_closed(closed)
        await operations.succeed(cycle.closing_operation_id, {"cycle_id": str(cycle.id), "status": "closed", **after})
        return closed

    return await transaction(write)


async def digest_snapshot(cycle_id: UUID, close_number: int) -> tuple[dict[str, int], str]:
    """Rows per stream, and the SHA-256 over all rows as stored, in the order of their key."""
    rows = scoped(SnapshotRow)
    raw = rows.raw.with_options(codec_options=rows.raw.codec_options.with_options(document_class=RawBSONDocument))
    of_close = {"cycle_id": cycle_id, "close_number": close_number}
    counts: dict[str, int] = {}
    digest = sha256()
    for stream in sorted(await rows.distinct("stream", of_close)):
        counts[stream] = 0
        cursor = raw.find(rows.where({**of_close, "stream": stream}), sort=[("customer_id", 1), ("product_id", 1)])
        async for row in cursor:
            digest.update(row.raw)
            counts[stream] += 1
    return counts, digest.hexdigest()


async def customers_of(cycle: Cycle) -> list[UUID]:
    """The customers with a sheet in the cycle, in a fixed order."""
    rows = await scoped(Sheet).rows({"cycle_id": cycle.id}, {"customer_id": 1})
    return sorted({row["customer_id"] for row in rows})


async def planned_products(cycle: Cycle) -> list[UUID]:
    """The products with a line in the cycle, also those that are not sold any more."""
    return await scoped(Line).distinct("product_id", {"cycle_id": cycle.id, "stream": SALES})


async def planned_lines(cycle: Cycle, customer_ids: list[UUID]) -> list[PlannedLine]:
    """The saved lines of these customers with draft and submitted cells."""
    where: dict[str, Any] = {"cycle_id": cycle.id, "customer_id": {"$in": customer_ids}}
    shown = {"customer_id": 1, "version": 1, "superseded": 1}
    sheets = await scoped(Sheet).rows({**where, "version": {"$gt": 0}}, shown)
    versions = {row["customer_id"]: row["version"] for row in sheets if row["version"] > row.get("superseded", 0)}
    submitted: dict[UUID, Cells] = {}
    if versions:
        either = [{"customer_id": customer, "number": number} for customer, number in versions.items()]
        async for row in scoped(VersionLine).find({"cycle_id": cycle.id, "$or": either}, {"line_id": 1, "cells": 1}):
            submitted[row["line_id"]] = read_cells(row["cells"])
    fields = {"customer_id": 1, "product_id": 1, "category": 1, "active": 1, "cells": 1}
    return [
        PlannedLine(
            row["customer_id"],
            row["product_id"],
            row["category"],
            row["active"],
            submitted.get(row["_id"]) if row["customer_id"] in versions else None,
            read_cells(row["cells"]),
        )
        async for row in scoped(Line).find({**where, "stream": SALES}, fields)
    ]


def approved_cells(
    context: PlanContext, facts: CustomerFacts, product: ProductFacts, line: PlannedLine
) -> tuple[ApprovedCell, ...]:
    """What would be approved of a line if the cycle closed now: the fallback rule, cell by cell."""
    prices = dict(zip(context.cycle.months, context.prices(facts, product), strict=True))
    return _approve(context, facts, line, prices, context.naive(facts, product))


def _approve(
    context: PlanContext, facts: CustomerFacts, line: PlannedLine, prices: Prices, naive: Mapping[Month, int | None]
) -> tuple[ApprovedCell, ...]:
    return approve_line(
        context.cycle.months,
        prices,
        consensus={},
        submitted=line.submitted or {},
        draft=line.draft,
        last_approved=facts.last_plan.get(line.product_id, {}),
        naive=naive,
    )


def read_cells(cells: Iterable[Mapping[str, Any]]) -> Cells:
    """Stored cells as the rules see them, by month."""
    return {cell["month"]: read_cell(cell) for cell in cells}


def read_cell(cell: Mapping[str, Any]) -> Cell:
    """A stored cell as the rules see it."""
    return Cell(
        month=cell["month"],
        quantity=cell["quantity"],
        value=cell["value"],
        entered_in=EnteredIn(cell["entered_in"]),
        price=cell["price"],
        price_source=PriceSource(cell["price_source"]),
        origin=None if cell["origin"] is None else Origin(cell["origin"]),
        reason=cell["reason"],
        rev=cell["rev"],
        reviewed=cell["reviewed"],
    )


async def _copy_chunk(context: PlanContext, customer_ids: list[UUID], costs: Mapping[UUID, ResolvedCost]) -> None:
    cycle = context.cycle
    facts = await load_customers(context, customer_ids)
    heads = await _frozen_heads(context, customer_ids)
    # The lock waits for late requests, perhaps past midnight: the day is the deadline's, unless entry ended earlier.
    day = day_in_zone(min(cycle.entry_closed_at or cycle.entry_closes_at, cycle.entry_closes_at), cycle.time_zone)
    assignments = await assignments_on(day, customer_ids)
    rows: list[RawDocument] = []
    for line in await planned_lines(cycle, customer_ids):
        own, product = facts[line.customer_id], context.products[line.product_id]
        rep = primary_rep(assignments[line.customer_id], line.customer_id, day, line.category)
        head = {**heads[line.customer_id], "product_id": product.id, "category": line.category, "rep_id": rep}
        head |= {"unit": product.unit, "cost": costs[product.id].cost}
        rows += _rows_of(context, own, product, line, head)
    await scoped(SnapshotRow).insert_missing(rows)


def _rows_of(
    context: PlanContext, facts: CustomerFacts, product: ProductFacts, line: PlannedLine, head: RawDocument
) -> list[RawDocument]:
    """One row per stream. `sales` is the last version if there is one, else the draft."""
    cycle = context.cycle
    said = line.submitted if line.submitted is not None else line.draft
    naive = context.naive(facts, product)
    prices = dict(zip(cycle.months, context.prices(facts, product), strict=True))
    streams = {
        SALES: [_frozen(said[month]) for month in cycle.months if month in said],
        NAIVE: [_naive(month, naive[month], prices[month]) for month in cycle.months],
        APPROVED: [_approved(cell) for cell in _approve(context, facts, line, prices, naive)],
    }
    if head["plan_rate"] is None:
        _add_rates(context, head["currency"], streams.values())
    key = line_id(cycle.tenant_id, cycle.id, SALES, line.customer_id, product.id)
    return [
        {"_id": snapshot_row_id(cycle.id, cycle.close_number, stream, key), **head, "stream": stream, "cells": cells}
        for stream, cells in streams.items()
    ]


def _add_rates(context: PlanContext, currency: str, streams: Iterable[list[dict[str, Any]]]) -> None:
    """Freeze what one unit of the customer's currency is worth in each month."""
    rates = {month: context.rates.of_month(currency, month) for month in context.cycle.months}
    for cells in streams:
        for cell in cells:
            rate = rates[cell["month"]]
            cell["plan_rate"] = None if rate is None else rate.rate


async def _frozen_heads(context: PlanContext, customer_ids: list[UUID]) -> dict[UUID, RawDocument]:
    """What a row freezes of its cycle and customer: region, group, currency, and the rate where it is always 1."""
    cycle = context.cycle
    fields = {"region": 1, "group": 1, "currency": 1}
    customers = await scoped(Customer).rows({"_id": {"$in": customer_ids}}, fields)
    return {
        row["_id"]: {
            "cycle_id": cycle.id,
            "close_number": cycle.close_number,
            "customer_id": row["_id"],
            "region": row.get("region"),
            "group": row.get("group"),
            "currency": row["currency"],
            "plan_rate": PRICE.factor if context.foreign(row["currency"]) is None else None,
            "unit_factor": PRICE.factor,
            "sales_class": None,
        }
        for row in customers
    }


def _frozen(cell: Cell) -> dict[str, Any]:
    return _row_cell(cell.month, cell.quantity, cell.value, cell.price, cell.price_source, cell.origin, SALES)


def _naive(month: Month, quantity: int | None, price: ResolvedPrice) -> dict[str, Any]:
    return _row_cell(month, quantity, worth(quantity, price.price), price.price, price.source, None, NAIVE)


def _approved(cell: ApprovedCell) -> dict[str, Any]:
    return _row_cell(cell.month, cell.quantity, cell.value, cell.price, cell.price_source, cell.origin, cell.step.value)


def _row_cell(
    month: Month,
    quantity: int | None,
    value: int | None,
    price: int | None,
    source: PriceSource,
    origin: Origin | None,
    step: str,
) -> dict[str, Any]:
    return {
        "month": month,
        "quantity": quantity,
        "value": value,
        "price": price,
        "price_source": source.value,
        "origin": origin.value if origin else None,
        "step": step,
    }
