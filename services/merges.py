"""Merging a customer (a prospect, a duplicate) into the one that it really is.

One transaction: the source goes out of use and points to the target, what is tied to it moves where the target says
nothing for itself, and in every open cycle the two drafts become one. It writes every cycle that is not over and both
sheets, so saves, submissions, locks and moves are wholly before it or wholly after it; a cycle that is being opened or
closed refuses it. Sales and closed cycles are left as they are and are read as the target's (`models.merged`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from core.clock import now
from core.collections import scoped, transaction
from core.context import current_tenant
from core.documents import PlanwrightDocument
from core.errors import Conflict, Detail
from core.mongo import RawDocument
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.keys import line_id
from planning import lifecycle
from planning.cells import Cell
from planning.lifecycle import Status
from planning.merging import planned_as, stood_behind, sum_line
from services import audit, merge_plans
from services import lifecycle as standings
from services.closing import read_cells
from services.customer_changes import ENTITY, NODES, words_of
from services.forecasts import chain_prices, plain_cell
from services.identity import Caller
from services.merge_plans import Kept, MergePlan, Moves, SheetPlan
from services.opening import SALES, new_sheet
from services.plan_facts import CustomerFacts, PlanContext, load_context, load_customers
from services.scopes import demand_customer
from services.turns import assigning, take_turns

MERGED = "merged"
"""The stream in which a merged customer's draft is kept as it stood; nobody plans with it."""

Cells = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do, or has done."""

    plan: MergePlan
    kept: Kept


async def preview(caller: Caller, source_id: UUID, target_id: UUID, at: datetime) -> Preview:
    """What merging the source into the target would do now. NotFound outside the caller's scope. Writes nothing."""
    await _demand_both(caller, source_id, target_id, at)
    return Preview(await merge_plans.make(source_id, target_id), await merge_plans.kept_apart(source_id))


async def merge(caller: Caller, source_id: UUID, target_id: UUID, at: datetime) -> Preview:
    """Merge; returns what was done. NotFound outside the caller's scope, Conflict with every obstacle."""

    async def write() -> Preview:
        await take_turns(NODES, *assigning([source_id, target_id]))
        done = await preview(caller, source_id, target_id, at)
        plan = done.plan
        if plan.obstacles:
            raise Conflict(plan.obstacles[0], details=[Detail("customer_id", reason) for reason in plan.obstacles])
        sheets = await _prepare_sheets(plan)
        await _move_entries(plan)
        await _retire(plan)
        for sheet in sheets:
            await _sum_sheet(plan, sheet)
        return done

    return await transaction(write)


async def _demand_both(caller: Caller, source_id: UUID, target_id: UUID, at: datetime) -> None:
    for customer_id in (source_id, target_id):
        await demand_customer(caller.role, caller.user_id, at, customer_id, caller.regions)


# --- the customers ---------------------------------------------------------------------------------------------------


async def _retire(plan: MergePlan) -> None:
    """The source out of use and pointing to the target, with whoever pointed to the source; its names to the target."""
    source, target = plan.source, plan.target
    standing = standings.stored(source, lifecycle.say(standings.standing_of(source), Status.INACTIVE))
    await _change_customer(source, {**standing, "merged_into": target.id})
    await scoped(Customer).update_many({"_id": {"$in": list(plan.flattened)}}, _raised({"merged_into": target.id}))
    node = planned_as(target.planning_customer_id, source.id, target.id, None)
    own_node = None if node == target.id else node
    target.aliases = list(plan.aliases)
    names = {"aliases": target.aliases, "search": words_of(target), "planning_customer_id": own_node}
    await _change_customer(target, names)
    others = planned_as(source.id, source.id, target.id, own_node)
    await scoped(Customer).update_many(
        {"planning_customer_id": source.id, "_id": {"$ne": target.id}}, _raised({"planning_customer_id": others})
    )
    counts = {
        "assignments": plan.assignments.moved,
        "matrix": plan.matrix.moved,
        "prices": plan.prices.moved,
        "merged_before": len(plan.flattened),
        "planned_as": plan.planned_as,
        "open_cycles": sum(sheet.changes for sheet in plan.sheets),
    }
    before = {"status": source.status}
    into = {"into": str(target.id), "into_code": target.code, **counts}
    await audit.record("customer.merged", ENTITY, source.id, before=before, after=into)
    took = {"from": str(source.id), "from_code": source.code, "aliases": list(plan.fresh_aliases), **counts}
    await audit.record("customer.took_over", ENTITY, target.id, after=took)


async def _change_customer(customer: Customer, changes: Mapping[str, Any]) -> None:
    """What is tied to both changes as well, so the counters of their lists do (`services.customer_items`)."""
    update = _raised(changes)
    update["$inc"] |= {"matrix_rev": 1, "price_rev": 1}
    if await scoped(Customer).change({"_id": customer.id, "rev": customer.rev}, update) is None:
        raise Conflict()


def _raised(changes: Mapping[str, Any]) -> RawDocument:
    return {"$set": {**changes, "updated_at": now()}, "$inc": {"rev": 1}}


# --- what is tied to them --------------------------------------------------------------------------------------------


async def _move_entries(plan: MergePlan) -> None:
    tied: tuple[tuple[type[PlanwrightDocument], Moves, tuple[str, ...]], ...] = (
        (Assignment, plan.assignments, ("primary",)),
        (MatrixEntry, plan.matrix, ()),
        (CustomerPrice, plan.prices, ()),
    )
    for model, moves, changed in tied:
        door = scoped(model)
        await door.update_rows(
            (
                {"_id": row["_id"]},
                _raised({"customer_id": plan.target.id, **{name: row[name] for name in changed}}),
            )
            for row in moves.whole
        )
        pieces = [_piece(row, plan.target.id) for row in moves.pieces]
        if pieces:
            await door.insert_rows(pieces, ordered=True)


def _piece(row: RawDocument, target_id: UUID) -> RawDocument:
    """A new entry of the target for the days that it said nothing for; the source's own stays as it was."""
    at = now()
    own = {name: value for name, value in row.items() if name != "of"}
    return {**own, "_id": uuid4(), "customer_id": target_id, "rev": 1, "created_at": at, "updated_at": at}


# --- the open cycles -------------------------------------------------------------------------------------------------


async def _prepare_sheets(plan: MergePlan) -> list[SheetPlan]:
    """Write every cycle that is not over, so that this meets its moves; and lay out the target's sheet where it came
    late, while its history is still its own: the source's numbers come with the source's lines."""
    for cycle in plan.cycles:
        if await scoped(Cycle).change({"_id": cycle.id, "stage": cycle.stage}, {"$inc": {"rev": 1}}) is None:
            raise Conflict()
    ready = []
    for sheet in plan.sheets:
        if not sheet.changes:
            await _remove_sheet(sheet)
        elif sheet.target is not None:
            ready.append(sheet)
        else:
            await new_sheet(sheet.cycle, plan.target.id)
            again = await merge_plans.sheet_plan(sheet.cycle, plan.source.id, plan.target.id)
            ready.append(again)
    return ready


async def _remove_sheet(sheet: SheetPlan) -> None:
    if sheet.source is not None:
        await scoped(Sheet).delete({"_id": sheet.source.id})


async def _sum_sheet(plan: MergePlan, sheet: SheetPlan) -> None:
    """The source's draft into the target's, line by line; the source's own is kept aside."""
    await _remove_sheet(sheet)
    context = await load_context(sheet.cycle, sheet.source_lines.keys() | sheet.target_lines.keys())
    facts = (await load_customers(context, [plan.target.id], list(context.products)))[plan.target.id]
    summed = {product: _summed(context, facts, sheet, product) for product in context.products}
    fresh = [product for product in sheet.source_lines if product not in sheet.target_lines]
    await scoped(Line).update_many(
        {"_id": {"$in": [line["_id"] for line in sheet.source_lines.values()]}}, {"$set": {"stream": MERGED}}
    )
    if fresh:
        await scoped(Line).insert_rows([_new_line(plan, sheet, product, summed[product]) for product in fresh])
    await scoped(Line).update_rows(
        ({"_id": line["_id"]}, {"$set": _line_changes(sheet, product, summed[product])})
        for product, line in sheet.target_lines.items()
        if product in sheet.source_lines or summed[product] != line["cells"]
    )
    await _write_sheet(plan, sheet)
    await audit.record("forecast.merged", "sheet", _target_sheet(sheet).id, after=_told(plan, sheet))


def _summed(context: PlanContext, facts: CustomerFacts, sheet: SheetPlan, product: UUID) -> list[RawDocument]:
    prices = chain_prices(context, facts, product)
    target = _said(sheet.target, sheet.target_lines.get(product))
    source = _said(sheet.source, sheet.source_lines.get(product))
    floor = 0 if sheet.target is None else sheet.target.rev_floor
    return [plain_cell(cell) for cell in sum_line(sheet.cycle.months, target, source, prices, floor)]


def _said(sheet: Sheet | None, line: RawDocument | None) -> Cells:
    if line is None:
        return {}
    submitted = sheet is not None and sheet.version > sheet.superseded
    return stood_behind(read_cells(line["cells"]), submitted=submitted)


def _new_line(plan: MergePlan, sheet: SheetPlan, product: UUID, cells: list[RawDocument]) -> RawDocument:
    key = line_id(current_tenant(), sheet.cycle.id, SALES, plan.target.id, product)
    own = {**sheet.source_lines[product], "_id": key, "customer_id": plan.target.id, "cells": cells}
    return {**own, "stream": SALES}


def _line_changes(sheet: SheetPlan, product: UUID, cells: list[RawDocument]) -> RawDocument:
    both = [lines[product] for lines in (sheet.source_lines, sheet.target_lines) if product in lines]
    return {"cells": cells, **{name: any(line[name] for line in both) for name in ("active", "mandatory")}}


async def _write_sheet(plan: MergePlan, sheet: SheetPlan) -> None:
    standing = _target_sheet(sheet)
    products = sheet.source_lines.keys() | sheet.target_lines.keys()
    mandatory = sum(
        any(lines[product]["mandatory"] for lines in (sheet.source_lines, sheet.target_lines) if product in lines)
        for product in products
    )
    changes = {
        "state": str(sheet.state_after),
        "superseded": standing.version,
        "submitted_at": None,
        "submitted_by": None,
        "lines": len(products),
        "mandatory_lines": mandatory,
    }
    unlocked = {"_id": standing.id, "rev": standing.rev, "locked_by_close": False}
    if await scoped(Sheet).change(unlocked, {"$set": changes, "$inc": {"rev": 1}}) is None:
        raise Conflict()


def _target_sheet(sheet: SheetPlan) -> Sheet:
    if sheet.target is None:
        raise Conflict()
    return sheet.target


def _told(plan: MergePlan, sheet: SheetPlan) -> dict[str, Any]:
    return {
        "from": str(plan.source.id),
        "from_code": plan.source.code,
        "cycle_id": str(sheet.cycle.id),
        "state": str(sheet.state_after),
        "lines_moved": sheet.lines_moved,
        "lines_summed": sheet.lines_summed,
        "cells_moved": sheet.cells.moved,
        "cells_summed": sheet.cells.summed,
        "kept_in_stream": MERGED,
    }
