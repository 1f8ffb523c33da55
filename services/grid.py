"""The entry grid: a customer's lines with cells, prices, last year's actuals and totals, in one read.

It goes from BSON to JSON with projections and no document per row: scaled integers become JSON numbers in place.
Totals add values only, since quantities of different units are never added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from core.collections import as_binary, scoped, scoped_binary
from core.context import current_tenant
from core.errors import InvalidInput, NotFound
from core.mongo import RawDocument
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.keys import sheet_id
from models.merged import load_merged
from models.product import Product
from models.sale import COUNTS_AS_COMPLETE, MonthStatus, SalesRollup
from models.succession import read_succession
from planning.active import Activity, ActivityReason
from planning.lifecycle import Where, takes_part
from planning.lifespan import lifespan
from planning.locks import entry_lock
from planning.months import add_months
from planning.numbers import MONEY, PRICE, QUANTITY
from planning.stages import Stage, phase_of, status_of
from planning.succession import Succession, carried
from services.opening import SALES, late_lines, prefilled_line
from services.plan_facts import load_context, load_customers

MAX_LINES = 5_000

CYCLE_FIELDS = dict.fromkeys(
    (
        "name",
        "stage",
        "months",
        "mandatory_until",
        "currency",
        "opens_at",
        "entry_closes_at",
        "closes_at",
        "base_month",
    ),
    1,
)
SHEET_FIELDS = dict.fromkeys(
    ("state", "entry_open", "locked_by_close", "version", "rev", "submitted_at", "mandatory_lines"), 1
)
LINE_FIELDS = dict.fromkeys(("product_id", "active", "mandatory", "cells"), 1)
PRODUCT_FIELDS = dict.fromkeys(
    ("code", "name", "category", "unit", "is_active", "launch_month", "end_month", "successor_from"), 1
)
ROLLUP_FIELDS = {"_id": 0, "product_id": 1, "month": 1, "quantity": 1, "revenue": 1}


async def read_grid(
    cycle_id: UUID, customer: Mapping[str, Any], received_at: datetime, *, dormant: bool, search: str | None
) -> dict[str, Any]:
    """The grid of one customer (`customer`: `_id`, `code`, `name`, `is_active`).

    `dormant` adds the lines of the customer's matrix that are not active; `search` keeps the lines whose code or name
    contains the text, dormant ones included. At most 5,000 lines. A customer who came after the opening sees the lines
    that the first save will lay out.
    """
    cycle = await scoped(Cycle).row({"_id": cycle_id}, CYCLE_FIELDS)
    if cycle is None:
        raise NotFound("There is no such cycle.")
    where = {"cycle_id": cycle_id, "stream": SALES, "customer_id": customer["_id"]}
    sheet = await scoped(Sheet).row({"_id": sheet_id(current_tenant(), cycle_id, customer["_id"], None)}, SHEET_FIELDS)
    if sheet is None and cycle["stage"] == Stage.ENTRY:
        rows = await _late_lines(cycle_id, customer["_id"])
    else:
        rows = await scoped(Line).rows(where, LINE_FIELDS, limit=0 if search else MAX_LINES + 1)
    if dormant or search:
        rows += await _virtual_lines(cycle_id, customer["_id"], {row["product_id"] for row in rows})
    products = await _products([row["product_id"] for row in rows])
    if search:
        rows = [row for row in rows if _matches(products.get(row["product_id"]), search.casefold())]
    if len(rows) > MAX_LINES:
        raise InvalidInput(f"There are more than {MAX_LINES} lines; narrow them down with search.")
    last_year = await _last_year(cycle["months"], customer["_id"])
    totals = Totals(cycle["months"])
    lines = _lines(rows, products, last_year, totals, customer_active=customer["is_active"])
    return {
        "cycle": _cycle(cycle),
        "customer": {"id": customer["_id"], **{name: customer[name] for name in ("code", "name", "is_active")}},
        "sheet": _sheet(cycle, sheet, received_at),
        "totals": totals.shown(last_year),
        "lines": lines,
    }


async def _products(ids: list[UUID]) -> dict[UUID, RawDocument]:
    rows = await scoped(Product).rows({"_id": {"$in": ids}}, PRODUCT_FIELDS)
    return {row["_id"]: row for row in rows}


async def _late_lines(cycle_id: UUID, customer_id: UUID) -> list[RawDocument]:
    lines = await late_lines(await scoped(Cycle).get(cycle_id), customer_id)
    return [{**line, "virtual": True} for line in lines]


async def _virtual_lines(cycle_id: UUID, customer_id: UUID, saved: set[UUID]) -> list[RawDocument]:
    """The rest of the matrix, as a first save would store it."""
    cycle = await scoped(Cycle).get(cycle_id)
    context = await load_context(cycle)
    facts = (await load_customers(context, [customer_id]))[customer_id]
    dormant = Activity(active=False, mandatory=False, reason=ActivityReason.DORMANT)
    return [
        {**prefilled_line(context, customer_id, facts, context.products[product], dormant), "virtual": True}
        for product in facts.matrix - saved
    ]


class LastYear:
    """Actuals of the months one year before the planned ones: quantity by product, revenue by month.

    `rows` hold product ids as stored: a rollup per product and month is the most that a sheet reads, and making UUIDs
    of them took a fifth of the whole request.
    """

    def __init__(self, months: list[str], complete: set[str], rows: list[RawDocument]) -> None:
        self.months = [add_months(month, -12) for month in months]
        self.complete = complete
        self.quantity: dict[bytes, dict[str, int]] = defaultdict(dict)
        self.revenue: dict[str, int] = defaultdict(int)
        for row in rows:
            month = row["month"]
            sold = self.quantity[bytes(row["product_id"])]
            sold[month] = sold.get(month, 0) + row["quantity"]
            self.revenue[month] += row["revenue"]

    def hand_over(self, succession: Succession) -> None:
        """Show what was sold of a product with its heir in the planned month, in the heir's units."""
        for product_id in succession.links:
            for month, quantity in self.quantity.pop(product_id.bytes, {}).items():
                heir = succession.heir(product_id, add_months(month, 12))
                of_heir = self.quantity[heir.product.bytes]
                of_heir[month] = of_heir.get(month, 0) + carried(quantity, heir.factor)

    def of_product(self, product_id: UUID) -> list[float | None]:
        """One quantity per planned month; a complete month without sales is 0, an open one without any is null."""
        sold, factor = self.quantity.get(product_id.bytes, {}), QUANTITY.factor
        return [
            sold[month] / factor if month in sold else (0 if month in self.complete else None) for month in self.months
        ]

    def of_month(self, index: int) -> float | None:
        month = self.months[index]
        if month in self.revenue:
            return self.revenue[month] / MONEY.factor
        return 0 if month in self.complete else None


async def _last_year(months: list[str], customer_id: UUID) -> LastYear:
    first, last = add_months(months[0], -12), add_months(months[-1], -12)
    span = {"$gte": first, "$lte": last}
    rollups = scoped_binary(SalesRollup)
    stored_under = [as_binary(id) for id in (await load_merged()).with_sources([customer_id])]
    rows = await rollups.rows({"customer_id": {"$in": stored_under}, "month": span}, ROLLUP_FIELDS)
    complete = await scoped(MonthStatus).rows({"month": span, **COUNTS_AS_COMPLETE}, {"_id": 0, "month": 1})
    last_year = LastYear(months, {row["month"] for row in complete}, rows)
    last_year.hand_over(await read_succession())
    return last_year


def _cycle(cycle: RawDocument) -> dict[str, Any]:
    stage = Stage(cycle["stage"])
    return {
        "id": cycle["_id"],
        "name": cycle["name"],
        "status": status_of(stage),
        "phase": phase_of(stage),
        "base_month": cycle["base_month"],
        "months": cycle["months"],
        "mandatory_until": cycle["mandatory_until"],
        "currency": cycle["currency"],
        "entry_closes_at": cycle["entry_closes_at"],
        "closes_at": cycle["closes_at"],
    }


def _sheet(cycle: RawDocument, sheet: RawDocument | None, received_at: datetime) -> dict[str, Any]:
    state = sheet["state"] if sheet else "draft"
    lock = entry_lock(
        stage=cycle["stage"],
        sheet_state=state,
        entry_open=sheet["entry_open"] if sheet else True,
        locked_by_close=sheet["locked_by_close"] if sheet else False,
        entry_closes_at=cycle["entry_closes_at"],
        received_at=received_at,
        opens_at=cycle["opens_at"],
    )
    return {
        "state": state,
        "version": sheet["version"] if sheet else 0,
        "rev": sheet["rev"] if sheet else 0,
        "submitted_at": sheet["submitted_at"] if sheet else None,
        "writable": lock.allowed,
        "reason": lock.reason,
        "until": lock.until,
    }


class Totals:
    """Per month: value of the plan, cells without a price, last year's net revenue. Summed scaled, then shown."""

    def __init__(self, months: list[str]) -> None:
        self.months = months
        self.values = [0] * len(months)
        self.missing = [0] * len(months)

    def shown(self, last_year: LastYear) -> dict[str, Any]:
        return {
            "value": sum(self.values) / MONEY.factor,
            "missing_prices": sum(self.missing),
            "months": [
                {
                    "month": month,
                    "value": self.values[index] / MONEY.factor,
                    "missing_prices": self.missing[index],
                    "last_year_value": last_year.of_month(index),
                }
                for index, month in enumerate(self.months)
            ],
        }


def _lines(
    rows: list[RawDocument],
    products: dict[UUID, RawDocument],
    last_year: LastYear,
    totals: Totals,
    *,
    customer_active: bool,
) -> list[dict[str, Any]]:
    lines = []
    for row in rows:
        product = products.get(row["product_id"])
        if product is None:
            continue
        quantity, value = _show(row["cells"], totals)
        in_use = customer_active and product["is_active"]
        life = lifespan(product.get("launch_month"), product.get("end_month"), product.get("successor_from"))
        lines.append(
            {
                "line_id": row["_id"],
                "product_id": row["product_id"],
                "item_code": product["code"],
                "name": product["name"],
                "category": product["category"],
                "unit": product["unit"],
                "active": row["active"],
                "mandatory": row["mandatory"] and takes_part(Where.MANDATORY, in_use),
                "inactive": not in_use,
                "planned_from": life.first,
                "planned_until": life.last,
                "saved": "virtual" not in row,
                "total_quantity": quantity / QUANTITY.factor,
                "total_value": value / MONEY.factor,
                "last_year": last_year.of_product(row["product_id"]),
                "cells": row["cells"],
            }
        )
    lines.sort(key=lambda line: (not line["active"], line["item_code"]))
    return lines


def _show(cells: list[dict[str, Any]], totals: Totals) -> tuple[int, int]:
    """Turn the scaled numbers of a line's cells into JSON numbers, in place, and add them up; returns the line's sums.

    One pass over all there is to show, with everything at hand: a sheet may have 80,000 cells.
    """
    of_quantity, of_money, of_price = QUANTITY.factor, MONEY.factor, PRICE.factor
    values, missing = totals.values, totals.missing
    total_quantity = total_value = 0
    for index, cell in enumerate(cells):
        quantity, value, price = cell["quantity"], cell["value"], cell["price"]
        if quantity is not None:
            total_quantity += quantity
            cell["quantity"] = quantity / of_quantity
            if value is None:
                missing[index] += 1
        if value is not None:
            total_value += value
            values[index] += value
            cell["value"] = value / of_money
        if price is not None:
            cell["price"] = price / of_price
    return total_quantity, total_value


def _matches(product: RawDocument | None, text: str) -> bool:
    return product is not None and (text in product["code"].casefold() or text in product["name"].casefold())
