"""Writing past forecasts: rows of the snapshot that an imported cycle has (`services.past_cycles`).

A row of the file is a cell of a snapshot row. What region, group, category and unit its customer and product have is
frozen as it is now; nobody knows any more what it was then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import scoped
from core.context import current_tenant
from core.mongo import RawDocument
from core.text import code_key
from models.customer import Customer
from models.forecast import SnapshotRow
from models.keys import line_id, snapshot_row_id
from models.product import Product
from planning.months import Month
from planning.numbers import PRICE
from planning.past_forecasts import (
    NEEDS_BASE_MONTH,
    base_month_of,
    base_month_problem,
    lag_problem,
    name_problem,
)
from services import past_cycles
from services.import_apply.base import (
    ImportContext,
    Plan,
    References,
    Refused,
    Writer,
    customers_of,
    insert_all,
    products_of,
    resolved,
    update_all,
)
from services.import_apply.leftovers import Leftovers, Periods, Removal
from services.import_kinds.validation import RowError, ValidBatch
from services.journal_cells import PAST_CELL, SAID_OF_PAST, Entries
from services.months import running_month
from services.past_cycles import CLOSE, PastCycle, names_of_past, past_cycle_id, run_here

RUN_HERE = "the month of a cycle that was run elsewhere: this one was run here, and its own plan counts"

RowKey = tuple[Month, str, UUID, UUID]
"""Base month, stream, customer and product."""
Said = dict[RowKey, dict[Month, tuple[int, int, int | None]]]
"""By row and month: the row of the file, quantity and value."""
CellKey = tuple[UUID, Month]


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


class PastLeftovers(Leftovers[CellKey]):
    """Cells of a stream of a cycle."""

    def __init__(self, context: ImportContext) -> None:
        super().__init__()
        self.context = context
        self.periods = Periods[tuple[Month, str]]()

    def add(self, row_id: UUID, key: RowKey, month: Month) -> None:
        """A cell of the file."""
        self.named.add(row_id.bytes, month)
        self.periods.add(key[:2], month)

    async def found(self) -> AsyncIterator[CellKey]:
        for (base_month, stream), first, last in self.periods.spans():
            query = {"cycle_id": past_cycle_id(base_month), "close_number": CLOSE, "stream": stream}
            async for row in scoped(SnapshotRow).find(query, {"cells.month": 1}):
                for cell in row["cells"]:
                    if first <= cell["month"] <= last and not self.named.holds(row["_id"].bytes, cell["month"]):
                        yield row["_id"], cell["month"]

    async def removal_of(self, found: Sequence[CellKey]) -> Removal:
        """The things are rows with the cells that go."""
        wanted = set(found)
        rows = await scoped(SnapshotRow).rows({"_id": {"$in": list({id for id, _ in wanted})}})
        return Removal([(row, cell) for row in rows for cell in row["cells"] if (row["_id"], cell["month"]) in wanted])

    async def remove(self, removal: Removal) -> None:
        rows = {row["_id"]: row for row, _ in removal.things}
        gone: dict[UUID, list[RawDocument]] = defaultdict(list)
        for row, cell in removal.things:
            gone[row["_id"]].append(cell)
        left = {id: [cell for cell in row["cells"] if cell not in gone[id]] for id, row in rows.items()}
        entries = Entries(PAST_CELL, SAID_OF_PAST)
        for id, cells in gone.items():
            head = None if left[id] else {k: v for k, v in rows[id].items() if k not in ("_id", "cells")}
            entries.add(id, [cell["month"] for cell in cells], cells, [None] * len(cells), head=head)
        door = scoped(SnapshotRow)
        await past_cycles.open_for_rows({row["cycle_id"] for row in rows.values()})
        await self.context.journal.note_cells(door, entries)
        await door.delete({"_id": {"$in": [id for id, cells in left.items() if not cells]}})
        await door.update_rows(({"_id": id}, {"$set": {"cells": cells}}) for id, cells in left.items() if cells)


class PastForecastWriter(Writer):
    """Finds rows by cycle, stream, customer and product; what a file says nothing about stays."""

    customers: References
    products: References
    leftovers: PastLeftovers

    async def prepare(self) -> None:
        self.leftovers = PastLeftovers(self.context)
        self.customers = await customers_of(self.context)
        self.products = await products_of(self.context)
        self.names = {**await names_of_past()}
        self.running = await running_month(now())
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
        said: Said = defaultdict(dict)
        for row, base, customer, product, month, stream, quantity, value in zip(
            kept.rows, months, customers, products, *columns, kept.columns.get("value", nothing), strict=True
        ):
            said[base, stream, customer.as_uuid(), product.as_uuid()][month] = (row, quantity, value)
        self._note_cycles(plan, kept, months)
        known = len(plan.errors)
        await self._compare(plan, said)
        refused = len(plan.errors) - known
        plan.unchanged = len(kept.rows) - plan.cells_new - plan.cells_changed - refused
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        assert isinstance(plan, PastPlan)
        if not plan.rows:
            return []
        changed = {after["cycle_id"] for _, after in plan.rows}
        cycles = [cycle for month, cycle in plan.cycles.items() if past_cycle_id(month) in changed]
        await past_cycles.changed(cycles, partial(self._write_rows, plan))
        return []

    async def _write_rows(self, plan: PastPlan) -> None:
        rows = scoped(SnapshotRow)
        await self.context.journal.note_cells(rows, _noted(plan.rows))
        await insert_all(rows, [after for before, after in plan.rows if before is None])
        await update_all(
            rows,
            [
                ({"_id": after["_id"], "cells": before["cells"]}, {"$set": {"cells": after["cells"]}})
                for before, after in plan.rows
                if before is not None
            ],
        )

    async def finish(self) -> None:
        await past_cycles.seal_open()

    async def _with_cycle(self, batch: ValidBatch) -> tuple[ValidBatch, dict[int, Month], list[RowError]]:
        """The rows whose cycle is known and could plan their month, with the month that it was run in."""
        column = "base_month" if "base_month" in self.context.titles else "cycle"
        nothing: list[Any] = [None] * len(batch.rows)
        named = batch.columns.get("cycle", nothing)
        told = batch.columns.get("base_month", nothing)
        found: dict[int, Month] = {}
        errors: list[RowError] = []
        for row, name, base, month in zip(batch.rows, named, told, batch.columns["month"], strict=True):
            known = base or self.names.get(code_key(name or "")) or base_month_of(None, name)
            if known is None:
                errors.append(self.context.error(row, "base_month", "", NEEDS_BASE_MONTH))
                continue
            problems = (
                (column, known, base_month_problem(known, self.running)),
                ("cycle", name, name_problem(known, self.names.get(code_key(name or "")))),
                ("month", month, lag_problem(known, month)),
            )
            wrong = [self.context.error(row, one, said, why) for one, said, why in problems if why is not None]
            errors += wrong
            if name is not None and not wrong:
                self.names[code_key(name)] = known
            if known <= self.running:
                found[row] = known
        here = await run_here(set(found.values()))
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

    async def _compare(self, plan: PastPlan, said: Said) -> None:
        ids = {key: _row_id(key) for key in said}
        stored = {row["_id"]: row for row in await scoped(SnapshotRow).rows({"_id": {"$in": list(ids.values())}})}
        for key, cells in said.items():
            before = stored.get(ids[key])
            after = {**(before or self._new(key, ids[key]))}
            by_month = {cell["month"]: cell for cell in after["cells"]}
            for month, (row, quantity, value) in cells.items():
                self.leftovers.add(ids[key], key, month)
                standing = by_month.get(month)
                if standing is not None and (standing["quantity"], standing["value"]) == (quantity, value):
                    continue
                if standing is not None and (refusal := self.keeps_standing(row)) is not None:
                    plan.errors.append(refusal)
                    continue
                if standing is None:
                    plan.cells_new += 1
                else:
                    plan.cells_changed += 1
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


def _noted(rows: Iterable[tuple[RawDocument | None, RawDocument]]) -> Entries:
    """What the journal keeps of rows that change."""
    entries = Entries(PAST_CELL, SAID_OF_PAST)
    for before, after in rows:
        was = {cell["month"]: cell for cell in before["cells"]} if before is not None else {}
        changed = [cell for cell in after["cells"] if was.get(cell["month"]) != cell]
        months = [cell["month"] for cell in changed]
        entries.add(after["_id"], months, [was.get(month) for month in months], changed)
    return entries


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
