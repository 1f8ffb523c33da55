"""Opening a cycle: fix the active set, lay out a sheet for every customer, and prefill the lines.

It runs while the cycle is still a draft, chunk by chunk; a chunk that runs twice adds only what is missing, so that a
worker that was frozen and wakes after the opening can't overwrite what people said meanwhile. Only then does the cycle
change its stage (`services.cycle_moves`), so a half-laid cycle is never open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from core.collections import dump, scoped
from core.context import current_tenant
from core.errors import Conflict, NotFound
from core.mongo import RawDocument
from models.customer import Customer
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.keys import line_id, sheet_id
from models.merged import load_merged
from planning.active import Activity, LineFacts, classify_lines, planned_in, sold_in
from planning.prefill import PrefillCell, prefill_line
from planning.prices import ResolvedPrice, worth
from planning.stages import Stage
from services.plan_facts import (
    CustomerFacts,
    PlanContext,
    ProductFacts,
    chunks,
    find_reference,
    load_context,
    load_customers,
)

CUSTOMERS_PER_CHUNK = 50
SALES = "sales"
NO_DRAFT = "The cycle is not a draft any more."

Heartbeat = Callable[[int], None]


async def prepare(cycle_id: UUID, heartbeat: Heartbeat, *, done: int = 0) -> int:
    """Write sheets and prefilled lines of a draft; returns the number of customers.

    `done` > 0 goes on with an interrupted run: whoever has a sheet by then is skipped. `heartbeat` gets the number done
    after every chunk. It begins anew if somebody was merged into another customer meanwhile, which a merge refuses to
    do once there are sheets. Conflict once the cycle is no draft any more, NotFound once it is deleted.
    """
    cycle = await (_demand_draft(cycle_id) if done else _begin(cycle_id))
    context = await load_context(cycle)
    customers = await scoped(Customer).rows({"is_active": True}, {"_id": 1}, sort=[("_id", 1)])
    laid_out = set(await scoped(Sheet).distinct("customer_id", {"cycle_id": cycle_id}))
    missing = [row["_id"] for row in customers if row["_id"] not in laid_out]
    done = len(customers) - len(missing)
    for chunk in chunks(missing, CUSTOMERS_PER_CHUNK):
        await _lay_out(context, chunk)
        done += len(chunk)
        heartbeat(done)
    # Raised, so that a merge which has begun before the sheets were there is either over now or begins anew and waits.
    await scoped(Cycle).update_one({"_id": cycle_id, "stage": Stage.DRAFT}, {"$inc": {"rev": 1}})
    await _demand_draft(cycle_id)
    if await scoped(Sheet).exists({"cycle_id": cycle_id, "customer_id": {"$in": [*(await load_merged()).targets]}}):
        return await prepare(cycle_id, heartbeat)
    return done


async def new_sheet(cycle: Cycle, customer_id: UUID) -> Sheet:
    """Lay out the sheet of a customer who came after the opening, in the caller's transaction. Conflict for one who
    is not active.

    It writes the cycle as well, so that a lock or close that runs at the same time can't pass it by.
    """
    if not await _is_active(customer_id):
        raise Conflict("This customer is not active; there is nothing to plan.")
    written = await scoped(Cycle).change({"_id": cycle.id, "stage": cycle.stage}, {"$inc": {"rev": 1}})
    if written is None:
        raise Conflict()
    lines = await late_lines(cycle, customer_id)
    if lines:
        await scoped(Line).insert_rows(lines, ordered=True)
    sheet = _sheet_of(cycle, customer_id, lines)
    sheet.entry_open = cycle.stage == Stage.ENTRY
    return await scoped(Sheet).insert(sheet)


async def late_lines(cycle: Cycle, customer_id: UUID) -> list[RawDocument]:
    """The lines that the sheet of a customer who came after the opening begins with, like those of all others; none
    for one who is not active."""
    if not await _is_active(customer_id):
        return []
    context = await load_context(cycle)
    return _lines_of(context, customer_id, (await load_customers(context, [customer_id]))[customer_id])


async def _is_active(customer_id: UUID) -> bool:
    return await scoped(Customer).exists({"_id": customer_id, "is_active": True})


async def _begin(cycle_id: UUID) -> Cycle:
    """Fix the plan to start from, and remove what an earlier try has left."""
    cycle = await _demand_draft(cycle_id)
    reference = await find_reference(cycle)
    fixed = await scoped(Cycle).change(
        {"_id": cycle_id, "stage": Stage.DRAFT}, {"$set": {"reference_cycle_id": reference.id if reference else None}}
    )
    if fixed is None:
        raise Conflict(NO_DRAFT)
    await _clear(cycle_id)
    return scoped(Cycle).document(fixed)


async def _demand_draft(cycle_id: UUID) -> Cycle:
    """The draft. Conflict once it is open or cancelled; NotFound, with nothing left of it, once it is deleted."""
    cycle = await scoped(Cycle).one({"_id": cycle_id})
    if cycle is None:
        await _clear(cycle_id)
        raise NotFound("There is no such cycle.")
    if cycle.stage != Stage.DRAFT:
        raise Conflict(NO_DRAFT)
    return cycle


async def _clear(cycle_id: UUID) -> None:
    await scoped(Line).delete({"cycle_id": cycle_id})
    await scoped(Sheet).delete({"cycle_id": cycle_id})


async def _lay_out(context: PlanContext, customer_ids: list[UUID]) -> None:
    """The lines first: a customer with a sheet has all of them."""
    facts = await load_customers(context, customer_ids)
    lines: list[RawDocument] = []
    sheets: list[RawDocument] = []
    for customer_id in customer_ids:
        own = _lines_of(context, customer_id, facts[customer_id])
        lines += own
        sheets.append(dump(_sheet_of(context.cycle, customer_id, own)))
    await _demand_draft(context.cycle.id)
    await scoped(Line).insert_missing(lines)
    await scoped(Sheet).insert_missing(sheets)


def _sheet_of(cycle: Cycle, customer_id: UUID, lines: list[RawDocument]) -> Sheet:
    key = sheet_id(current_tenant(), cycle.id, customer_id, None)
    sheet = Sheet(id=key, cycle_id=cycle.id, customer_id=customer_id)
    sheet.lines = len(lines)
    sheet.mandatory_lines = sum(line["mandatory"] for line in lines)
    return sheet


def _lines_of(context: PlanContext, customer_id: UUID, facts: CustomerFacts) -> list[RawDocument]:
    activities = classify_lines(
        {product: _line_facts(context, facts, product) for product in facts.matrix},
        context.cycle.months,
        customer_has_plan=bool(facts.last_plan),
    )
    return [
        prefilled_line(context, customer_id, facts, context.products[product], activity)
        for product, activity in activities.items()
        if activity.active
    ]


def _line_facts(context: PlanContext, facts: CustomerFacts, product_id: UUID) -> LineFacts:
    product = context.products[product_id]
    return LineFacts(
        sold=any(sold_in(history.quantity, context.active_months) for _, history in context.histories(facts, product)),
        planned=planned_in(facts.last_plan.get(product_id, {})),
        launch_month=product.launch_month,
        gone=not product.life.of(context.cycle.months),
    )


def prefilled_line(
    context: PlanContext, customer_id: UUID, facts: CustomerFacts, product: ProductFacts, activity: Activity
) -> RawDocument:
    """A new line of the stream `sales` as it stands before anybody said anything; every cell has rev 0."""
    cycle = context.cycle
    prefill = prefill_line(cycle.months, facts.last_plan.get(product.id, {}), context.naive(facts, product))
    prices = context.prices(facts, product)
    return {
        "_id": line_id(current_tenant(), cycle.id, SALES, customer_id, product.id),
        "cycle_id": cycle.id,
        "stream": SALES,
        "customer_id": customer_id,
        "product_id": product.id,
        "category": product.category,
        "active": activity.active,
        "mandatory": activity.mandatory,
        "cells": [_cell(cell, price) for cell, price in zip(prefill, prices, strict=True)],
    }


def _cell(cell: PrefillCell, price: ResolvedPrice) -> dict[str, Any]:
    return {
        "month": cell.month,
        "quantity": cell.quantity,
        "value": worth(cell.quantity, price.price),
        "entered_in": "quantity",
        "price": price.price,
        "price_source": price.source.value,
        "origin": cell.origin.value if cell.origin else None,
        "reason": None,
        "rev": 0,
        "reviewed": False,
    }
