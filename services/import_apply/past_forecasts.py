"""Writing past forecasts: rows of the snapshot that an imported cycle has (`services.past_cycles`).

A row of the file is a cell of a snapshot row. What region, group, category and unit its customer and product have is
frozen as it is now; nobody knows any more what it was then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.context import current_tenant
from core.errors import Unavailable
from core.mongo import RawDocument
from models.customer import Customer
from models.forecast import SnapshotRow
from models.keys import line_id, snapshot_row_id
from models.product import Product
from planning.months import Month
from planning.numbers import PRICE
from planning.past_forecasts import NEEDS_BASE_MONTH, base_month_of, lag_problem
from services.import_apply.base import Plan, References, Refused, Writer, customers_of, products_of, resolved
from services.import_kinds.validation import RowError, ValidBatch
from services.past_cycles import CLOSE, PastCycle, changing, names_of_past, past_cycle_id, run_here, seal_open

RUN_HERE = "the month of a cycle that was run elsewhere: this one was run here, and its own plan counts"

RowKey = tuple[Month, str, UUID, UUID]
"""Base month, stream, customer and product."""


@dataclass(slots=True)
class PastPlan(Plan):
    """A batch of past forecasts: `rows` are the snapshot rows that change, with their cells before and after."""

    rows: list[tuple[RawDocument | None, RawDocument]] = field(default_factory=list)
    cycles: dict[Month, PastCycle] = field(default_factory=dict)
    cells_new: int = 0
    cells_changed: int = 0

    @property
    def inserted(self) -> int:
        return self.cells_new

    @property
    def updated(self) -> int:
        return self.cells_changed


class PastForecastWriter(Writer):
    """Finds rows by cycle, stream, customer and product; what a file says nothing about stays."""

    customers: References
    products: References

    journaled = False

    async def prepare(self) -> None:
        self.customers = await customers_of(self.context)
        self.products = await products_of(self.context)
        self.names = await names_of_past()
        fields = {"region": 1, "group": 1, "currency": 1}
        self.heads = {row["_id"]: row for row in await scoped(Customer).rows({}, fields)}
        self.items = {row["_id"]: row for row in await scoped(Product).rows({}, {"category": 1, "unit": 1})}

    async def plan(self, batch: ValidBatch) -> Plan:
        kept, base_months, errors = await self._with_cycle(batch)
        kept, (customers, products), unknown = resolved(kept, self.customers, self.products)
        plan = PastPlan(errors=errors + unknown)
        months = [base_months[row] for row in kept.rows]
        nothing: list[Any] = [None] * len(kept.rows)
        columns = (kept.columns[name] for name in ("month", "stream", "quantity"))
        said: dict[RowKey, dict[Month, tuple[int, int | None]]] = defaultdict(dict)
        for base, customer, product, month, stream, quantity, value in zip(
            months, customers, products, *columns, kept.columns.get("value", nothing), strict=True
        ):
            said[base, stream, customer.as_uuid(), product.as_uuid()][month] = (quantity, value)
        self._note_cycles(plan, kept, months)
        await self._compare(plan, said)
        plan.unchanged = len(kept.rows) - plan.cells_new - plan.cells_changed
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        assert isinstance(plan, PastPlan)
        if not plan.rows:
            return []
        changed = {after["cycle_id"] for _, after in plan.rows}
        cycles = [cycle for month, cycle in plan.cycles.items() if past_cycle_id(month) in changed]
        rows = scoped(SnapshotRow)
        async with changing(cycles):
            await rows.insert_missing([after for before, after in plan.rows if before is None])
            known = [(before, after) for before, after in plan.rows if before is not None]
            done = await rows.update_rows(
                ({"_id": after["_id"], "cells": before["cells"]}, {"$set": {"cells": after["cells"]}})
                for before, after in known
            )
            if done is not None and done.matched_count != len(known):
                raise Unavailable("Another import changes the same forecasts at this moment; it will be tried again.")
        return []

    async def finish(self) -> None:
        await seal_open()

    async def _with_cycle(self, batch: ValidBatch) -> tuple[ValidBatch, dict[int, Month], list[RowError]]:
        """The rows whose cycle is known and could plan their month, with the month that it was run in."""
        nothing: list[Any] = [None] * len(batch.rows)
        named = batch.columns.get("cycle", nothing)
        told = batch.columns.get("base_month", nothing)
        found: dict[int, Month] = {}
        errors: list[RowError] = []
        for row, name, base, month in zip(batch.rows, named, told, batch.columns["month"], strict=True):
            known = base or self.names.get((name or "").strip().casefold()) or base_month_of(None, name)
            if known is None:
                errors.append(self.context.error(row, "base_month", "", NEEDS_BASE_MONTH))
                continue
            problem = lag_problem(known, month)
            if problem is not None:
                errors.append(self.context.error(row, "month", month, problem))
            found[row] = known
        here = await run_here(set(found.values()))
        column = "base_month" if "base_month" in self.context.titles else "cycle"
        errors += [self.context.error(row, column, base, RUN_HERE) for row, base in found.items() if base in here]
        return batch.without(errors), found, errors

    def _note_cycles(self, plan: PastPlan, batch: ValidBatch, base_months: Sequence[Month]) -> None:
        names = batch.columns.get("cycle", [None] * len(batch.rows))
        months: dict[Month, set[Month]] = defaultdict(set)
        called: dict[Month, str] = {}
        for base, name, month in zip(base_months, names, batch.columns["month"], strict=True):
            months[base].add(month)
            if name is not None:
                called.setdefault(base, name.strip())
        for base, planned in months.items():
            plan.cycles[base] = PastCycle(base, called.get(base), frozenset(planned))

    async def _compare(self, plan: PastPlan, said: Mapping[RowKey, Mapping[Month, tuple[int, int | None]]]) -> None:
        ids = {key: _row_id(key) for key in said}
        stored = {row["_id"]: row for row in await scoped(SnapshotRow).rows({"_id": {"$in": list(ids.values())}})}
        for key, cells in said.items():
            before = stored.get(ids[key])
            after = {**(before or self._new(key, ids[key]))}
            by_month = {cell["month"]: cell for cell in after["cells"]}
            for month, (quantity, value) in cells.items():
                standing = by_month.get(month)
                if standing is None:
                    plan.cells_new += 1
                elif (standing["quantity"], standing["value"]) != (quantity, value):
                    plan.cells_changed += 1
                else:
                    continue
                by_month[month] = _cell(key[1], month, quantity, value)
            after["cells"] = [by_month[month] for month in sorted(by_month)]
            if before is None or after["cells"] != before["cells"]:
                plan.rows.append((before, after))

    def _new(self, key: RowKey, id: UUID) -> RawDocument:
        base_month, stream, customer, product = key
        head, item = self.heads[customer], self.items[product]
        return {
            "_id": id,
            "cycle_id": past_cycle_id(base_month),
            "close_number": CLOSE,
            "stream": stream,
            "customer_id": customer,
            "product_id": product,
            "rep_id": None,
            "region": head.get("region"),
            "group": head.get("group"),
            "category": item.get("category"),
            "unit": item["unit"],
            "currency": head["currency"],
            "plan_rate": PRICE.factor if head["currency"] == self.context.currency else None,
            "cost": None,
            "unit_factor": PRICE.factor,
            "sales_class": None,
            "cells": [],
        }


def _row_id(key: RowKey) -> UUID:
    base_month, stream, customer_id, product_id = key
    cycle_id = past_cycle_id(base_month)
    line = line_id(current_tenant(), cycle_id, stream, customer_id, product_id)
    return snapshot_row_id(cycle_id, CLOSE, stream, line)


def _cell(stream: str, month: Month, quantity: int, value: int | None) -> dict[str, Any]:
    return {
        "month": month,
        "quantity": quantity,
        "value": value,
        "price": None,
        "price_source": "missing",
        "origin": "imported",
        "step": stream,
    }
