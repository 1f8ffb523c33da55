"""Writing sales lines. Half a million rows are usual, so a row costs one dict and no await."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.collections import as_binary, scoped_binary, transaction
from core.errors import InvalidInput
from core.mongo import RawDocument
from core.text import code_key
from models.merged import load_merged
from models.sale import FROM_FILES, SaleLine
from planning.import_modes import Mode
from planning.net_revenue import TOO_LARGE
from planning.sales_types import SalesType, line_cost
from services import audit
from services.import_apply.base import (
    Id,
    Plan,
    References,
    Refused,
    Writer,
    customers_of,
    products_of,
    resolved,
)
from services.import_apply.sales_amounts import with_fitting_numbers, with_revenue
from services.import_apply.sales_leftovers import SalesLeftovers
from services.import_journal import Change
from services.import_kinds.validation import RowError, ValidBatch
from services.month_totals import units_of_products
from services.sale_currencies import Conversion, load_conversion
from services.sale_events import as_said
from services.sales import (
    CORRECTABLE,
    DATE_OF_BASIS,
    differs,
    keep_correction,
    line_ids,
    lines_of,
    said_before,
    stored_lines,
)

OPTIONAL = ("order_date", "requested_date", "shipped_date", "unit_cost")
"""A file without one of these columns leaves what is stored, as one that names no source does."""

Stored = dict[Id, RawDocument]


class SalesWriter(Writer):
    """Found by invoice, item and line number; a line that says something else now is replaced whole, but for columns
    that the file does not have and for what a person corrected (`services.sales.keep_correction`)."""

    basis: str
    """The date that decides in which month a line counts."""
    customers: References
    products: References
    units: dict[bytes, str]
    leftovers: SalesLeftovers
    conversion: Conversion
    owners: Mapping[Id, Id]
    """The customer that each merged one is now."""

    async def prepare(self) -> None:
        self.basis = DATE_OF_BASIS.get(self.context.actuals_basis, "invoice_date")
        self.conversion = await load_conversion(self.context.currency)
        self.customers = await customers_of(self.context)
        self.products = await products_of(self.context)
        self.units = await units_of_products()
        self.leftovers = SalesLeftovers(self.context, self.units)
        merged = await load_merged()
        self.owners = {as_binary(source): as_binary(target) for source, target in merged.targets.items()}

    async def plan(self, batch: ValidBatch) -> Plan:
        priced, unpriced = with_revenue(batch, self.context.error)
        fitting, unfit = with_fitting_numbers(priced, self.context.error)
        kept, (customers, products), unknown = resolved(fitting, self.customers, self.products)
        plan = Plan(errors=unpriced + unfit + unknown)
        if not kept.rows:
            return plan
        lines = self._lines(kept, customers, products)
        stored = await stored_lines([line["_id"] for line in lines])
        self._reconcile(kept, lines, stored, plan)
        plan.errors += self._derive(kept, lines, stored, plan)
        refused = {error.row for error in plan.errors}
        for row, line in zip(kept.rows, lines, strict=True):
            if row not in refused:
                self._compare(plan, row, line, stored.get(line["_id"]))
        if self.context.mode is Mode.REPLACE_PERIOD:
            self.leftovers.add(lines)
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        if not plan.touched:
            return []
        door = scoped_binary(SaleLine)
        reason = f"The import {self.context.import_id} changed sales lines of this month."
        async with lines_of(plan.touched, plan.months, reason):
            await self.put(door, plan.new, [one for one in plan.changed if one[0]["_id"] not in plan.overruled])
            for change in plan.changed:
                if change[0]["_id"] in plan.overruled:
                    await self._overrule(change, plan.overruled[change[0]["_id"]])
        return []

    def _as_owned(self, stored: RawDocument) -> RawDocument:
        """A stored line as the file names its customer: a merged one is named by the code of who it is now."""
        if not self.owners:
            return stored
        said = stored.get("imported") or {}
        if "customer_id" in said:
            said = {**said, "customer_id": self.owners.get(said["customer_id"], said["customer_id"])}
        owner = self.owners.get(stored["customer_id"], stored["customer_id"])
        return {**stored, "customer_id": owner, "imported": said or None}

    def _lines(self, batch: ValidBatch, customers: Sequence[Id], products: Sequence[Id]) -> list[RawDocument]:
        """What the file says, line by line."""
        columns, count = batch.columns, len(batch.rows)
        invoices = columns["invoice"]
        item_keys = {code: code_key(code) for code in set(columns["item_code"])}
        ids = line_ids(invoices, [item_keys[code] for code in columns["item_code"]], columns["line_number"])
        nothing: list[Any] = [None] * count
        currencies = [currency or self.context.currency for currency in columns.get("currency", nothing)]
        named = {
            "_id": ids,
            "invoice": invoices,
            "line_number": columns["line_number"],
            "customer_id": customers,
            "product_id": products,
            "invoice_date": columns["invoice_date"],
            **{name: columns.get(name, nothing) for name in OPTIONAL},
            "line_type": columns["line_type"],
            "quantity": columns["quantity"],
            "unit_price": columns.get("unit_price", nothing),
            "net_revenue": columns["net_revenue"],
            "currency": currencies,
            "original_revenue": [
                None if currency == self.context.currency else amount
                for currency, amount in zip(currencies, columns["net_revenue"], strict=True)
            ],
            "source": columns.get("source", nothing),
            "import_id": [as_binary(self.context.import_id)] * count,
        }
        names = tuple(named)
        return [dict(zip(names, values, strict=True)) for values in zip(*named.values(), strict=True)]

    def _reconcile(self, batch: ValidBatch, lines: Sequence[RawDocument], stored: Stored, plan: Plan) -> None:
        """Fill what the file leaves open with what is stored; keep corrections unless the source says new things."""
        left_open = [name for name in OPTIONAL if name not in batch.columns]
        for line in lines:
            found = stored.get(line["_id"])
            if line["source"] is None:
                line["source"] = FROM_FILES if found is None else found.get("source", FROM_FILES)
            if found is None:
                continue
            before = self._as_owned(found)
            for name in left_open:
                line[name] = said_before(before, name)
            if before.get("corrected_at") is not None and not keep_correction(before, line):
                plan.overruled[line["_id"]] = found

    def _derive(self, batch: ValidBatch, lines: Sequence[RawDocument], stored: Stored, plan: Plan) -> list[RowError]:
        """What follows from what a line says: its month, what it cost, and its revenue in the base currency."""
        dated_by = [self.basis if line[self.basis] is not None else "invoice_date" for line in lines]
        months = self.context.months.months_of([line[name] for line, name in zip(lines, dated_by, strict=True)])
        errors: list[RowError] = []
        for row, line, name, month in zip(batch.rows, lines, dated_by, months, strict=True):
            line["month"], line["dated_by"], line["fx_rate"], line["cost"] = month, name, None, None
            if line["unit_cost"] is not None:
                errors += self._cost(row, line)
            if line["original_revenue"] is not None:
                corrected = (stored.get(line["_id"], {}).get("imported") or {}) if _is_kept(plan, line) else {}
                problem = self.conversion.apply(line, keep_revenue="net_revenue" in corrected)
                errors += [] if problem is None else [self.context.error(row, "currency", line["currency"], problem)]
        return errors

    def _cost(self, row: int, line: RawDocument) -> list[RowError]:
        try:
            line["cost"] = line_cost(SalesType(line["line_type"]), line["quantity"], line["unit_cost"])
        except InvalidInput:
            return [self.context.error(row, "unit_cost", "", TOO_LARGE)]
        return []

    def _compare(self, plan: Plan, row: int, line: RawDocument, before: RawDocument | None) -> None:
        if before is None:
            plan.new.append({**line, "rev": 1})
            self._count(plan, line, 1)
            self._note(plan, line, None)
            return
        changes = differs(self._as_owned(before), line)
        if not changes and line["_id"] not in plan.overruled:
            plan.unchanged += 1
            self._note(plan, line, before)
            return
        if (refusal := self.keeps_standing(row)) is not None:
            plan.errors.append(refusal)
            return
        self._note(plan, line, before)
        rev = before.get("rev")
        change = {name: value for name, value in line.items() if name != "_id"} | {"rev": (rev or 1) + 1}
        if line["_id"] in plan.overruled:
            change |= {"corrected_at": None, "imported": None}
        plan.changed.append(({"_id": line["_id"], "rev": rev}, {"$set": change}))
        plan.touched.add(line["customer_id"])
        if changes:
            self._count(plan, before, -1)
            self._count(plan, line, 1)

    def _count(self, plan: Plan, line: RawDocument, sign: int) -> None:
        """A line that comes or goes: whose it is, and in which month it counts."""
        plan.touched.add(line["customer_id"])
        plan.months.add(line["month"])
        plan.effect.month(line["month"]).add(line, self.units.get(bytes(line["product_id"]), ""), sign)

    def _note(self, plan: Plan, line: RawDocument, before: RawDocument | None) -> None:
        """What the answer tells of a line that is taken."""
        notes = plan.effect.notes
        if line["dated_by"] != self.basis:
            notes["dated_by_invoice_date"] += 1
        if before is not None and before.get("corrected_at") is not None:
            notes["corrections_kept" if _is_kept(plan, line) else "corrections_overruled"] += 1

    async def _overrule(self, change: Change, before: RawDocument) -> None:
        """The source says something new of a line that a person corrected: what they said is in the audit event."""
        query, update = change
        after = update["$set"]
        names = [name for name in CORRECTABLE if before.get(name) != after[name]]

        async def action() -> None:
            await self.put(scoped_binary(SaleLine), (), [change])
            told = {"before": as_said(before, names), "after": as_said(after, names)}
            reason = f"The import {self.context.import_id} says something new of what was corrected."
            await audit.record("sale.correction_overruled", "sale", query["_id"].as_uuid(), **told, reason=reason)

        await transaction(action)


def _is_kept(plan: Plan, line: RawDocument) -> bool:
    """Whether a correction of the line, if there is one, was kept."""
    return line["_id"] not in plan.overruled
