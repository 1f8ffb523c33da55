"""Writing sales lines. Half a million rows are usual, so a row costs one dict and no await."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.collections import as_binary, scoped_binary
from core.errors import InvalidInput
from core.mongo import RawDocument
from core.text import code_key
from models.merged import load_merged
from models.sale import FROM_FILES, SaleLine
from planning.numbers import value_of
from planning.sales_types import SalesType
from services.import_apply.base import (
    Id,
    Plan,
    References,
    Refused,
    Writer,
    customers_of,
    insert_or_update,
    products_of,
    resolved,
)
from services.import_kinds.validation import RowError, ValidBatch
from services.sales import differs, line_ids, lines_of, stored_lines

DATE_OF_BASIS = {"order_date": "order_date", "delivery_date": "shipped_date"}
"""The column that decides in which month something was sold, by the company's `actuals_basis`; else the invoice's."""
BELOW_ZERO = "a number below zero: goods that come back are taken off"
TOO_LARGE = "a quantity and a price whose product has at most 11 digits before the point"


class SalesWriter(Writer):
    """Found by invoice, item and line number; a line that says something else now is replaced whole, except that a file
    that names no source leaves it as it is."""

    customers: References
    products: References
    owners: Mapping[Id, Id]
    """The customer that each merged one is now."""

    async def prepare(self) -> None:
        self.customers = await customers_of(self.context)
        self.products = await products_of(self.context)
        merged = await load_merged()
        self.owners = {as_binary(source): as_binary(target) for source, target in merged.targets.items()}

    async def plan(self, batch: ValidBatch) -> Plan:
        priced, unpriced = self._with_revenue(batch)
        signed, unsigned = self._with_signs(priced)
        kept, (customers, products), unknown = resolved(signed, self.customers, self.products)
        plan = Plan(errors=unpriced + unsigned + unknown)
        lines = self._lines(kept, customers, products) if kept.rows else []
        stored = await stored_lines([line["_id"] for line in lines]) if lines else {}
        for line in lines:
            before = stored.get(line["_id"])
            if line["source"] is None:
                line["source"] = FROM_FILES if before is None else before["source"]
            if before is None:
                plan.new.append(line)
            elif differs(self._as_owned(before), line):
                plan.changed.append(({"_id": line["_id"]}, {"$set": {k: v for k, v in line.items() if k != "_id"}}))
                plan.touched.add(before["customer_id"])
                plan.months.add(before["month"])
            else:
                plan.unchanged += 1
                continue
            plan.touched.add(line["customer_id"])
            plan.months.add(line["month"])
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        if not plan.touched:
            return []
        door = scoped_binary(SaleLine)
        reason = f"The import {self.context.import_id} changed sales lines of this month."
        async with lines_of(plan.touched, plan.months, reason):
            await insert_or_update(door, plan.new, ("_id",))
            await door.update_rows(plan.changed)
        return []

    def _as_owned(self, stored: RawDocument) -> RawDocument:
        """A stored line as the file names its customer: a merged one is named by the code of who it is now."""
        owner = self.owners.get(stored["customer_id"])
        return stored if owner is None else {**stored, "customer_id": owner}

    def _lines(self, batch: ValidBatch, customers: Sequence[Id], products: Sequence[Id]) -> list[RawDocument]:
        columns, count = batch.columns, len(batch.rows)
        invoices, dates = columns["invoice"], columns["invoice_date"]
        item_keys = {code: code_key(code) for code in set(columns["item_code"])}
        ids = line_ids(invoices, [item_keys[code] for code in columns["item_code"]], columns["line_number"])
        nothing: list[Any] = [None] * count
        named = {
            "_id": ids,
            "invoice": invoices,
            "line_number": columns["line_number"],
            "customer_id": customers,
            "product_id": products,
            "invoice_date": dates,
            "month": self._months(batch),
            "line_type": columns["line_type"],
            "quantity": columns["quantity"],
            "unit_price": columns.get("unit_price", nothing),
            "net_revenue": columns["net_revenue"],
            "currency": [currency or self.context.currency for currency in columns.get("currency", nothing)],
            "source": columns.get("source", nothing),
            "import_id": [as_binary(self.context.import_id)] * count,
        }
        names = tuple(named)
        return [dict(zip(names, values, strict=True)) for values in zip(*named.values(), strict=True)]

    def _months(self, batch: ValidBatch) -> list[str]:
        dates: list[str] = batch.columns["invoice_date"]
        other = batch.columns.get(DATE_OF_BASIS.get(self.context.actuals_basis, ""))
        if other is None:
            return self.context.months.months_of(dates)
        return self.context.months.months_of([chosen or day for chosen, day in zip(other, dates, strict=True)])

    def _with_revenue(self, batch: ValidBatch) -> tuple[ValidBatch, list[RowError]]:
        """The batch with `net_revenue` filled: what the file says, else quantity x price."""
        columns = batch.columns
        given = columns.get("net_revenue") or [None] * len(batch.rows)
        if None not in given:
            return batch, []
        errors: list[RowError] = []
        revenue: list[int | None] = []
        for row, said, quantity, price in zip(
            batch.rows, given, columns["quantity"], columns["unit_price"], strict=True
        ):
            try:
                revenue.append(value_of(quantity, price) if said is None else said)
            except InvalidInput:
                revenue.append(None)
                errors.append(self.context.error(row, "quantity", "", TOO_LARGE))
        return ValidBatch(batch.rows, {**columns, "net_revenue": revenue}).without(errors), errors

    def _with_signs(self, batch: ValidBatch) -> tuple[ValidBatch, list[RowError]]:
        """The batch without returns above zero: lines are plain sums, so these would count as sold."""
        types = batch.columns["line_type"]
        if SalesType.RETURN not in types:
            return batch, []
        errors = [
            self.context.error(row, name, "", BELOW_ZERO)
            for name in ("quantity", "net_revenue")
            for row, kind, number in zip(batch.rows, types, batch.columns[name], strict=True)
            if kind == SalesType.RETURN and number > 0
        ]
        return batch.without(errors), errors
