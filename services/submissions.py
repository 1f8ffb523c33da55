"""Submitting a sheet: a rep's statement that a customer is done. It writes an immutable version and locks the sheet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.collections import scoped, transaction
from core.context import current_user
from core.errors import Detail, MandatoryCellsMissing, NotAuthenticated, NotFound
from core.mongo import RawDocument
from models.cycle import Cycle
from models.forecast import Line, Sheet, Version, VersionLine
from models.keys import version_line_id
from planning.lifecycle import Where, takes_part
from planning.prices import PriceSource
from planning.submission import MissingCell, SheetLine, confirm_as_zero, missing_mandatory, unreviewed_count
from services import audit
from services.closing import read_cells
from services.forecasts import chain_prices, read_sheet, writable_sheet, write_cells, write_sheet
from services.opening import SALES
from services.plan_facts import CustomerFacts, PlanContext, load_context, load_customers

SHOWN_CELLS = 100
"""How many missing cells an answer names; the count is always the full one."""


@dataclass(frozen=True, slots=True)
class ChangedPrice:
    """A cell whose stored price is not what the price chain says now. Prices scaled 1/10^8, None = missing."""

    product_id: UUID
    month: str
    stored: int | None
    current: int | None


@dataclass(frozen=True, slots=True)
class Check:
    """What a person should know before submitting."""

    missing: tuple[MissingCell, ...]
    unreviewed: int
    prices_changed: tuple[ChangedPrice, ...]
    lines: int


@dataclass(frozen=True, slots=True)
class Submitted:
    """The sheet after submitting and its new version."""

    sheet: Sheet
    version: Version
    prices_changed: int


async def check(cycle_id: UUID, customer_id: UUID, received_at: datetime) -> Check:
    """What submitting would meet: empty mandatory cells, unreviewed ones, prices that moved. Writes nothing."""
    await read_sheet(cycle_id, customer_id, received_at)
    context, facts, rows = await _load(cycle_id, customer_id)
    return _check(context, facts, rows, customer_id)


async def submit(cycle_id: UUID, customer_id: UUID, *, confirm_zero: bool, received_at: datetime) -> Submitted:
    """Write the version and lock the sheet, in one transaction.

    MandatoryCellsMissing names the empty cells unless `confirm_zero` says that they count as 0. Locked when the sheet
    can't be written (a second submit too).
    """
    submitter = current_user()
    if submitter is None:
        raise NotAuthenticated()

    async def write() -> Submitted:
        standing = await writable_sheet(cycle_id, customer_id, received_at)
        context, facts, rows = await _load(cycle_id, customer_id)
        found = _check(context, facts, rows, customer_id)
        if found.missing and not confirm_zero:
            raise _missing(found.missing)
        await _confirm(context, facts, rows, found.missing, standing.rev_floor)
        changes = {"state": "submitted", "submitted_at": received_at, "submitted_by": submitter}
        sheet = await write_sheet(standing, changes, new_versions=1)
        version = Version(
            cycle_id=cycle_id,
            sheet_id=sheet.id,
            customer_id=customer_id,
            number=sheet.version,
            lines=len(rows),
            unreviewed=found.unreviewed,
            confirmed_zero=len(found.missing),
            submitted_by=submitter,
            submitted_at=received_at,
        )
        await _write_version(version, rows)
        after = {"version": version.number, "lines": version.lines, "confirmed_zero": version.confirmed_zero}
        await audit.record("forecast.submitted", "sheet", sheet.id, after=after)
        return Submitted(sheet, version, len(found.prices_changed))

    return await transaction(write)


async def _load(cycle_id: UUID, customer_id: UUID) -> tuple[PlanContext, CustomerFacts, list[RawDocument]]:
    cycle = await scoped(Cycle).one({"_id": cycle_id})
    if cycle is None:
        raise NotFound("There is no such cycle.")
    where = {"cycle_id": cycle_id, "stream": SALES, "customer_id": customer_id, "active": True}
    rows = await scoped(Line).rows(where)
    products = {row["product_id"] for row in rows}
    context = await load_context(cycle, products)
    return context, (await load_customers(context, [customer_id], products))[customer_id], rows


def _check(context: PlanContext, facts: CustomerFacts, rows: list[RawDocument], customer_id: UUID) -> Check:
    cycle = context.cycle
    lines = [_sheet_line(context, facts, row, customer_id) for row in rows]
    changed: list[ChangedPrice] = []
    for line in lines:
        chain = chain_prices(context, facts, line.product_id)
        for month, cell in line.cells.items():
            if cell.price_source != PriceSource.OVERRIDE and cell.filled and cell.price != chain[month].price:
                changed.append(ChangedPrice(line.product_id, month, cell.price, chain[month].price))
    return Check(
        missing=missing_mandatory(lines, cycle.months, cycle.mandatory_until),
        unreviewed=unreviewed_count(lines, cycle.months),
        prices_changed=tuple(changed),
        lines=len(lines),
    )


def _sheet_line(context: PlanContext, facts: CustomerFacts, row: RawDocument, customer_id: UUID) -> SheetLine:
    product = context.products[row["product_id"]]
    mandatory = row["mandatory"] and takes_part(Where.MANDATORY, facts.is_active, product.is_active)
    return SheetLine(customer_id, product.id, mandatory, read_cells(row["cells"]), product.life)


async def _confirm(
    context: PlanContext, facts: CustomerFacts, rows: list[RawDocument], missing: tuple[MissingCell, ...], floor: int
) -> None:
    """Write the 0 that the person confirmed into each empty mandatory cell."""
    by_product = {row["product_id"]: row for row in rows}
    touched = set()
    for cell in missing:
        row = by_product[cell.product_id]
        standing = read_cells(row["cells"]).get(cell.month)
        price = chain_prices(context, facts, cell.product_id)[cell.month]
        write_cells(row, [confirm_as_zero(cell, standing, price, floor)])
        touched.add(cell.product_id)
    await scoped(Line).update_rows(
        ({"_id": by_product[product]["_id"]}, {"$set": {"cells": by_product[product]["cells"]}}) for product in touched
    )


async def _write_version(version: Version, rows: list[RawDocument]) -> None:
    await scoped(Version).insert(version)
    if not rows:
        return
    await scoped(VersionLine).insert_rows(
        [
            {
                "_id": version_line_id(version.sheet_id, version.number, row["_id"]),
                "cycle_id": version.cycle_id,
                "customer_id": version.customer_id,
                "product_id": row["product_id"],
                "line_id": row["_id"],
                "number": version.number,
                "cells": row["cells"],
            }
            for row in rows
        ],
        ordered=True,
    )


def _missing(cells: tuple[MissingCell, ...]) -> MandatoryCellsMissing:
    named = [
        Detail(f"{cell.product_id}.{cell.month}", "is empty: fill it, or confirm that it counts as 0")
        for cell in cells[:SHOWN_CELLS]
    ]
    return MandatoryCellsMissing(
        f"{len(cells)} mandatory cells are empty. Fill them, or send confirm_zero: true to count them as 0.",
        details=named,
    )
