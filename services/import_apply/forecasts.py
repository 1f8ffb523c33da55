"""Writing forecasts: what a workbook says of the plan, saved sheet by sheet as if it had been typed.

The rules are those of a save (`services.forecasts`): changed cells with the revision that the file holds, a conflict on
the same cell only, one transaction for each sheet and batch that checks the sheet's flags; the file is judged by the
time at which it was received. Masters, prices and lines are read once for a whole batch.

The audit event of a sheet has an id made of import, sheet and place in the file: a run that goes on after a kill finds
it, and neither saves anew nor takes its own cells for somebody else's. So is the journal of the sheet, written in the
same transaction.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from bson.binary import UUID_SUBTYPE, Binary
from pymongo.errors import DuplicateKeyError

from core.collections import scoped, scoped_binary, transaction
from core.context import current_tenant
from core.errors import InvalidInput
from core.mongo import RawDocument
from models.audit import AuditEvent
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.keys import NAMESPACE, line_id, sheet_id
from planning.active import ADDED
from planning.locks import Lock
from planning.months import is_month
from services import audit
from services.forecasts import INACTIVE, lock_of, read_sheet, write_lines, write_lines_as_read
from services.import_apply.base import Plan, Refused, Writer
from services.import_apply.forecast_cells import RowSaid, SheetJudge, rows_said
from services.import_apply.forecast_names import Names, load_names
from services.import_kinds.validation import RowError, ValidBatch
from services.opening import SALES, new_sheet, prefilled_line
from services.plan_facts import CustomerFacts, PlanContext, load_context, load_customers, load_prices

SHEETS_AT_ONCE = 8
"""Sheets are saved side by side: one is written while the database commits another."""
MOST_TOLD = 2_000
"""Refusals of the last moment that a sheet's audit event keeps."""

ByCustomer = Mapping[UUID, list[RowSaid]]
Lines = dict[UUID, RawDocument]


@dataclass(frozen=True, slots=True)
class SheetWork:
    """What a batch says of one sheet; `sheet` None = the customer has none yet."""

    context: PlanContext
    facts: CustomerFacts
    customer_id: UUID
    rows: list[RowSaid]
    event_id: UUID
    sheet: Sheet | None
    judged: SheetJudge


@dataclass(slots=True)
class ForecastPlan(Plan):
    """A batch of forecasts. A row with something that is refused counts as rejected, whatever else of it is saved."""

    sheets: list[SheetWork] = field(default_factory=list)
    rows_new: int = 0
    rows_changed: int = 0

    @property
    def inserted(self) -> int:
        return self.rows_new

    @property
    def updated(self) -> int:
        return self.rows_changed

    def add(self, work: SheetWork) -> None:
        """Count a sheet."""
        self.sheets.append(work)
        judged = work.judged
        self.errors += judged.errors
        self.cells.update(judged.tally)
        rejected = {error.row for error in judged.errors}
        saved = judged.saved - rejected
        self.rows_new += len(saved & judged.new)
        self.rows_changed += len(saved - judged.new)
        self.unchanged += len(work.rows) - len(saved | rejected)


class ForecastWriter(Writer):
    """Wide files have a column per month, long ones a row; see `services.import_kinds.layouts`."""

    names: Names

    async def prepare(self) -> None:
        titles = self.context.titles
        self.months = tuple(sorted(name for name in titles if is_month(name)))
        if not self.months and titles.keys().isdisjoint(("quantity", "value", "price", "reason")):
            raise InvalidInput(
                "There is nothing to take over: a column quantity or value is needed, or one for each month, titled "
                "like 2027-01."
            )
        self.names = await load_names(self.context)
        self.contexts: dict[UUID, PlanContext] = {}

    async def plan(self, batch: ValidBatch) -> Plan:
        plan = ForecastPlan()
        rows, plan.errors = rows_said(batch, self.months, self.names)
        for cycle_id, by_customer in _by_sheet(rows).items():
            await self._plan_cycle(plan, cycle_id, by_customer)
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        assert isinstance(plan, ForecastPlan)
        done = await _done_before(plan.sheets)
        to_do = [work for work in plan.sheets if work.event_id not in done and work.judged.saved]
        for start in range(0, len(to_do), SHEETS_AT_ONCE):
            some = to_do[start : start + SHEETS_AT_ONCE]
            # All of them end before a failure is raised, so that none goes on behind the back of the next try.
            ends = await asyncio.gather(*map(self._save_once, some), return_exceptions=True)
            for work, end in zip(some, ends, strict=True):
                if isinstance(end, BaseException):
                    raise end
                done[work.event_id] = end
        return [one for work in plan.sheets for one in _refused(done.get(work.event_id))]

    async def _plan_cycle(self, plan: ForecastPlan, cycle_id: UUID, by_customer: ByCustomer) -> None:
        context = await self._context(cycle_id)
        rows = await scoped(Sheet).documents({"cycle_id": cycle_id, "customer_id": {"$in": list(by_customer)}})
        sheets = {sheet.customer_id: sheet for sheet in rows}
        # Read after the sheets: a save that comes in between raises the sheet's revision, and is noticed at the write.
        lines = await _lines(cycle_id, by_customer)
        facts = await _facts(context, by_customer, lines)
        for customer, said in by_customer.items():
            sheet, own = sheets.get(customer), facts[customer]
            lock = lock_of(context.cycle, sheet, self.names.received_at)
            if sheet is None and not own.is_active:
                lock = Lock(False, INACTIVE)
            key = (
                f"import|{self.context.import_id}|{sheet_id(current_tenant(), cycle_id, customer, None)}|{said[0].row}"
            )
            judged = self._judge(context, own, said, lock, lines[customer], sheet)
            plan.add(SheetWork(context, own, customer, said, uuid5(NAMESPACE, key), sheet, judged))

    def _judge(
        self,
        context: PlanContext,
        facts: CustomerFacts,
        rows: Sequence[RowSaid],
        lock: Lock,
        lines: Lines,
        sheet: Sheet | None,
    ) -> SheetJudge:
        prefilled = partial(_prefilled, context, facts, rows[0].customer_id)
        floor = 0 if sheet is None else sheet.rev_floor
        locked = "" if lock.allowed else lock.reason
        judge = SheetJudge(self.names, context, facts, lines, prefilled, self.months, floor, locked)
        judge.judge(rows)
        return judge

    async def _context(self, cycle_id: UUID) -> PlanContext:
        """Read once for the file, with all products of the company: a file of everybody's plan names most of them."""
        if cycle_id not in self.contexts:
            context = await load_context(self.names.cycle(cycle_id), list(self.names.products.values()))
            self.contexts[cycle_id] = context
        return self.contexts[cycle_id]

    async def _save_once(self, work: SheetWork) -> RawDocument:
        """Save a sheet, and give what its audit event tells."""
        try:
            return await transaction(partial(self._save, work))
        except DuplicateKeyError:
            found = await _done_before([work])
            if work.event_id not in found:
                raise
            return found[work.event_id]

    async def _save(self, work: SheetWork) -> RawDocument:
        """In a transaction: the cells as they were judged, or judged anew when sheet or cycle were written since."""
        cycle_id, judged = work.context.cycle.id, work.judged
        if not await _written_as_judged(work):
            facts = await read_sheet(cycle_id, work.customer_id, self.names.received_at)
            sheet = facts.sheet
            if facts.lock.allowed and sheet is None:
                sheet = await new_sheet(facts.cycle, work.customer_id)
            lines = (await _lines(cycle_id, {work.customer_id: work.rows}))[work.customer_id]
            judged = self._judge(work.context, work.facts, work.rows, facts.lock, lines, sheet)
            if sheet is not None and judged.saved:
                await write_lines(sheet, judged.lines)
        told = {
            "import_id": str(self.context.import_id),
            "rows": len(judged.saved),
            "cells": judged.tally["saved"],
            "refused_late": _late(work.judged, judged),
        }
        action = "forecast.imported" if judged.saved else "forecast.import_refused"
        key = sheet_id(current_tenant(), cycle_id, work.customer_id, None)
        await self.context.journal.note_cells(scoped(Line), judged.noted, sheet_id=key, made_of=work.event_id)
        await audit.record_once(work.event_id, action, "sheet", key, after=told)
        return told


async def _written_as_judged(work: SheetWork) -> bool:
    """Write what was judged, if neither cycle nor sheet were written since they were read for it."""
    cycle = work.context.cycle
    row = await scoped(Cycle).row({"_id": cycle.id}, {"_id": 0, "rev": 1})
    if work.sheet is None or row is None or row["rev"] != cycle.rev:
        return False
    return await write_lines_as_read(work.sheet, work.judged.lines)


def _by_sheet(rows: Iterable[RowSaid]) -> dict[UUID, dict[UUID, list[RowSaid]]]:
    found: dict[UUID, dict[UUID, list[RowSaid]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row.cycle_id][row.customer_id].append(row)
    return found


async def _lines(cycle_id: UUID, by_customer: ByCustomer) -> dict[UUID, Lines]:
    """The stored lines that the rows are about."""
    tenant = current_tenant()
    ids = {
        line_id(tenant, cycle_id, SALES, customer, row.product_id).bytes: (customer, row.product_id)
        for customer, rows in by_customer.items()
        for row in rows
    }
    lines: dict[UUID, Lines] = {customer: {} for customer in by_customer}
    wanted = [Binary(id, UUID_SUBTYPE) for id in ids]
    for found in await scoped_binary(Line).rows({"_id": {"$in": wanted}}, {"cells": 1}):
        customer, product = ids[bytes(found["_id"])]
        lines[customer][product] = found
    return lines


async def _facts(
    context: PlanContext, by_customer: ByCustomer, lines: Mapping[UUID, Lines]
) -> dict[UUID, CustomerFacts]:
    """All facts of customers with a line that is not stored yet; of the others what prices stand on."""
    products = {row.product_id for rows in by_customer.values() for row in rows}
    whole = [
        customer for customer, rows in by_customer.items() if any(row.product_id not in lines[customer] for row in rows)
    ]
    stored = [customer for customer in by_customer if customer not in set(whole)]
    facts = await load_prices(context, stored, products) if stored else {}
    return facts | (await load_customers(context, whole, products) if whole else {})


async def _done_before(works: Sequence[SheetWork]) -> dict[UUID, RawDocument]:
    """What the audit events of these sheets tell, by event: an earlier try at this batch has done them already."""
    ids = [work.event_id for work in works]
    return {row["_id"]: row["after"] for row in await scoped(AuditEvent).rows({"_id": {"$in": ids}}, {"after": 1})}


def _prefilled(context: PlanContext, facts: CustomerFacts, customer_id: UUID, product_id: UUID) -> RawDocument:
    return prefilled_line(context, customer_id, facts, context.products[product_id], ADDED)


def _late(planned: SheetJudge, judged: SheetJudge) -> list[dict[str, Any]]:
    """What was refused only at the write, each with the count that it was under."""
    if judged is planned:
        return []
    known = {(error.row, error.column) for error in planned.errors}
    counted = {row: "inserted" if row in planned.new else "updated" for row in planned.saved}
    counted |= dict.fromkeys((row for row, _ in known), "rejected")
    # What becomes of cells is counted for the sheet as a whole, with the first of them.
    cells = {name: judged.tally[name] - planned.tally[name] for name in (*planned.tally, *judged.tally)}
    late: list[dict[str, Any]] = []
    for error in judged.errors:
        if (error.row, error.column) not in known and error.row in counted:
            late.append({"counted_as": counted[error.row], "cells": cells, "error": asdict(error)})
            counted[error.row], cells = "rejected", {}
    return late[:MOST_TOLD]


def _refused(told: Mapping[str, Any] | None) -> list[Refused]:
    late = told["refused_late"] if told else ()
    return [Refused(one["counted_as"], RowError(**one["error"]), one["cells"]) for one in late]
