"""Saving a forecast: changed cells with the revision they were read at, answered cell by cell.

A save writes cells, sheet and audit event in one transaction that checks the sheet's flags, so neither a submit, nor
the entry lock, nor a close can pass it by; what raced with one of them is either in or refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.context import current_tenant
from core.errors import Conflict, Detail, Locked, NotFound
from core.mongo import RawDocument
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.keys import line_id, sheet_id
from planning.active import ADDED
from planning.cells import Cell, CellChange, CellOutcome, CellStatus, apply_change
from planning.locks import Lock, entry_lock
from planning.prices import ResolvedPrice
from services import audit
from services.closing import read_cell
from services.identity import Caller
from services.opening import SALES, new_sheet, prefilled_line
from services.plan_facts import CustomerFacts, PlanContext, load_context, load_customers
from services.scopes import demand_customer

Chain = dict[str, ResolvedPrice]

NOT_ALLOWED_PRODUCT = "This product is not on the customer's list for the months of this cycle."
INACTIVE = "The customer or the product is inactive: lines that are there can be changed, none can be added."


@dataclass(frozen=True, slots=True)
class LineChange:
    """One changed cell of one product's line."""

    product_id: UUID
    cell: CellChange


@dataclass(frozen=True, slots=True)
class SavedCell:
    """The answer for one cell. `cell` is what stands now; None for a product outside the customer's list."""

    product_id: UUID
    month: str
    status: CellStatus
    reason: str
    cell: Cell | None


@dataclass(frozen=True, slots=True)
class SheetFacts:
    """The sheet of a customer, read inside the transaction, with the cycle and the lock that holds."""

    cycle: Cycle
    sheet: Sheet | None
    lock: Lock


async def save(
    cycle_id: UUID, customer_id: UUID, changes: Sequence[LineChange], received_at: datetime
) -> list[SavedCell]:
    """Save the changed cells of one customer; the answers stand in the order of the changes.

    Locked with the reason when the sheet can't be written; Conflict when every cell conflicts. Other conflicts and
    refusals are entries of the answer. A request is judged by the time it was received.
    """
    context, facts = await _facts_for(cycle_id, customer_id, {change.product_id for change in changes})

    async def write() -> list[SavedCell]:
        sheet = await writable_sheet(cycle_id, customer_id, received_at)
        lines = await _lines(context, customer_id, facts)
        chains = {product: chain_prices(context, facts, product) for product in lines}
        answers = [_apply(context, facts, lines, chains, change, sheet.rev_floor) for change in changes]
        if answers and all(answer.status == CellStatus.CONFLICT for answer in answers):
            raise Conflict("Somebody changed these cells since you read them.", details=_details(answers))
        saved = [answer for answer in answers if answer.status == CellStatus.SAVED]
        if saved:
            await _write(sheet, lines, saved)
        return answers

    return await transaction(write)


@dataclass(frozen=True, slots=True)
class LineRef:
    """Where a line belongs."""

    cycle_id: UUID
    customer_id: UUID
    product_id: UUID


async def find_line(
    caller: Caller,
    received_at: datetime,
    key: UUID,
    cycle_id: UUID | None,
    customer_id: UUID | None,
    product_id: UUID | None,
) -> LineRef:
    """The line of this id: a saved one, or the one that cycle, customer and product name.

    NotFound otherwise, when a saved one is named as another, and, with the same words, when it is not the caller's.
    """
    refusal = NotFound("There is no such line among yours; for one never saved, name its cycle, customer and product.")
    row = await scoped(Line).row({"_id": key, "stream": SALES}, {"cycle_id": 1, "customer_id": 1, "product_id": 1})
    if row is not None:
        cycle_id, customer_id = cycle_id or row["cycle_id"], customer_id or row["customer_id"]
        product_id = product_id or row["product_id"]
    named = cycle_id and customer_id and product_id and LineRef(cycle_id, customer_id, product_id)
    if not named or line_id(current_tenant(), named.cycle_id, SALES, named.customer_id, named.product_id) != key:
        raise refusal
    try:
        await demand_customer(caller.role, caller.user_id, received_at, named.customer_id, caller.regions)
    except NotFound as error:
        raise refusal from error
    return named


async def read_sheet(cycle_id: UUID, customer_id: UUID, received_at: datetime) -> SheetFacts:
    """The sheet and whether it may be written by a request received at that time."""
    cycle = await scoped(Cycle).one({"_id": cycle_id})
    if cycle is None:
        raise NotFound("There is no such cycle.")
    sheet = await scoped(Sheet).one({"_id": sheet_id(current_tenant(), cycle_id, customer_id, None)})
    return SheetFacts(cycle, sheet, lock_of(cycle, sheet, received_at))


def lock_of(cycle: Cycle, sheet: Sheet | None, received_at: datetime) -> Lock:
    """Whether the sheet may be written by what was received at that time; without one, the sheet that would be laid
    out."""
    return entry_lock(
        stage=cycle.stage,
        sheet_state=sheet.state if sheet else "draft",
        entry_open=sheet.entry_open if sheet else True,
        locked_by_close=sheet.locked_by_close if sheet else False,
        entry_closes_at=cycle.entry_closes_at,
        received_at=received_at,
        opens_at=cycle.opens_at,
    )


async def writable_sheet(cycle_id: UUID, customer_id: UUID, received_at: datetime) -> Sheet:
    """The sheet, for writing it in the caller's transaction; laid out now if the customer came later. Locked, with the
    reason and until when, unless the lock allows writing."""
    facts = await read_sheet(cycle_id, customer_id, received_at)
    if not facts.lock.allowed:
        raise Locked(facts.lock.reason, until=facts.lock.until)
    return facts.sheet or await new_sheet(facts.cycle, customer_id)


async def write_sheet(sheet: Sheet, changes: dict[str, Any], *, new_lines: int = 0, new_versions: int = 0) -> Sheet:
    """Change the sheet by compare-and-set inside the caller's transaction."""
    row = await scoped(Sheet).change(
        _as_read(sheet),
        {
            "$set": {**changes, "locked_by_close": False},
            "$inc": {"rev": 1, "lines": new_lines, "mandatory_lines": new_lines, "version": new_versions},
        },
    )
    if row is None:
        raise Conflict()
    return scoped(Sheet).document(row)


def _as_read(sheet: Sheet) -> dict[str, Any]:
    return {
        "_id": sheet.id,
        "rev": sheet.rev,
        "state": sheet.state,
        "entry_open": sheet.entry_open,
        "locked_by_close": False,
    }


def write_cells(line: RawDocument, cells: Iterable[Cell]) -> None:
    """Put the cells into a raw line, each in the place of its month."""
    places = {cell["month"]: index for index, cell in enumerate(line["cells"])}
    for cell in cells:
        line["cells"][places[cell.month]] = plain_cell(cell)


def plain_cell(cell: Cell) -> dict[str, Any]:
    """A cell as it is stored."""
    return {
        "month": cell.month,
        "quantity": cell.quantity,
        "value": cell.value,
        "entered_in": cell.entered_in.value,
        "price": cell.price,
        "price_source": cell.price_source.value,
        "origin": cell.origin.value if cell.origin else None,
        "reason": cell.reason,
        "rev": cell.rev,
        "reviewed": cell.reviewed,
    }


def chain_prices(context: PlanContext, facts: CustomerFacts, product_id: UUID) -> Chain:
    """The price chain of a line without overrides, by month."""
    prices = context.prices(facts, context.products[product_id])
    return dict(zip(context.cycle.months, prices, strict=True))


async def _facts_for(cycle_id: UUID, customer_id: UUID, product_ids: set[UUID]) -> tuple[PlanContext, CustomerFacts]:
    """Masters and history: read before the transaction, since a save does not decide on them."""
    cycle = await scoped(Cycle).one({"_id": cycle_id})
    if cycle is None:
        raise NotFound("There is no such cycle.")
    context = await load_context(cycle, product_ids)
    facts = (await load_customers(context, [customer_id], product_ids))[customer_id]
    return context, facts


async def _lines(context: PlanContext, customer_id: UUID, facts: CustomerFacts) -> dict[UUID, RawDocument]:
    """The lines to change, as stored; a virtual one as its first save will store it. Not on the list = not here."""
    keys = {
        line_id(current_tenant(), context.cycle.id, SALES, customer_id, product): product
        for product in context.products
    }
    rows = await scoped(Line).rows({"_id": {"$in": list(keys)}})
    lines = {row["product_id"]: row for row in rows}
    for product in facts.matrix - lines.keys():
        line = prefilled_line(context, customer_id, facts, context.products[product], ADDED)
        lines[product] = {**line, "new": True}
    return lines


def _apply(
    context: PlanContext,
    facts: CustomerFacts,
    lines: dict[UUID, RawDocument],
    chains: dict[UUID, Chain],
    change: LineChange,
    floor: int,
) -> SavedCell:
    line = lines.get(change.product_id)
    month = change.cell.month
    if line is None:
        reason = why_no_line(context, facts, change.product_id)
        return SavedCell(change.product_id, month, CellStatus.REFUSED, reason, None)
    standing = next((read_cell(cell) for cell in line["cells"] if cell["month"] == month), Cell(month))
    price = chains[change.product_id].get(month)
    outcome: CellOutcome = apply_change(
        standing, change.cell, context.cycle.months, price or ResolvedPrice(None, standing.price_source), floor=floor
    )
    if outcome.status == CellStatus.SAVED:
        write_cells(line, [outcome.cell])
        line["touched"] = True
    return SavedCell(change.product_id, month, outcome.status, outcome.reason, outcome.cell)


def why_no_line(context: PlanContext, facts: CustomerFacts, product_id: UUID) -> str:
    """Why a customer's plan has no line of this product."""
    product = context.products.get(product_id)
    inactive = not facts.is_active or (product is not None and not product.is_active)
    return INACTIVE if inactive else NOT_ALLOWED_PRODUCT


async def write_lines(sheet: Sheet, lines: dict[UUID, RawDocument]) -> None:
    """Store the `touched` lines and the sheet with them, in the caller's transaction."""
    await write_sheet(sheet, {}, new_lines=await store_lines(lines))


async def write_lines_as_read(sheet: Sheet, lines: dict[UUID, RawDocument]) -> bool:
    """The same, if nobody has written or locked the sheet since it was read; False, and nothing is written, if so."""
    new_lines = sum(bool(line.get("touched") and line.get("new")) for line in lines.values())
    counts = {"rev": 1, "lines": new_lines, "mandatory_lines": new_lines}
    if (await scoped(Sheet).update_one(_as_read(sheet), {"$inc": counts})).matched_count == 0:
        return False
    await store_lines(lines)
    return True


async def store_lines(lines: dict[UUID, RawDocument]) -> int:
    """Store the `touched` lines, `new` ones are inserted; how many of these there were."""
    fresh = [line for line in lines.values() if line.get("touched") and line.get("new")]
    known = [line for line in lines.values() if line.get("touched") and not line.get("new")]
    if fresh:
        rows = [{name: value for name, value in line.items() if name not in ("touched", "new")} for line in fresh]
        await scoped(Line).insert_rows(rows, ordered=True)
    await scoped(Line).update_rows(
        ({"_id": line["_id"]}, {"$set": {"cells": line["cells"], "active": True}}) for line in known
    )
    return len(fresh)


async def _write(sheet: Sheet, lines: dict[UUID, RawDocument], saved: list[SavedCell]) -> None:
    await write_lines(sheet, lines)
    after = {
        "cells": [
            {"product_id": str(cell.product_id), "month": cell.month, **plain_cell(cell.cell)}
            for cell in saved
            if cell.cell is not None
        ]
    }
    await audit.record("forecast.saved", "sheet", sheet.id, after=after)


def _details(answers: list[SavedCell]) -> list[Detail]:
    return [Detail(f"{answer.product_id}.{answer.month}", answer.reason) for answer in answers]
