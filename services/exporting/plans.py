"""Rows of plans: the forecasts of a cycle, long or wide, past forecasts, and budgets.

Forecasts carry the revision of every cell, so that an import knows what was changed since (`planning.forecast_files`).
A line becomes one row, or one for each month.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from bson.binary import Binary

from core.collections import as_binary, scoped, scoped_binary
from core.errors import Detail, InvalidInput
from core.mongo import RawDocument
from core.sheets import Value
from models.budget import BudgetEntry
from models.customer import Customer
from models.cycle import Cycle
from models.forecast import Line, SnapshotRow
from models.product import Product
from planning.budgets import ALL, CustomerLevel, ProductLevel
from planning.forecast_files import revisions_text
from planning.numbers import MONEY, PRICE, QUANTITY, Scale
from planning.stages import Stage
from services.exporting.base import PIECE, Getter, RowSource, binaries, customer_codes, plain, product_codes, streamed
from services.exporting.owned import OwnedSource, together
from services.import_kinds.layouts import wide_table
from services.import_kinds.tables import KindTable
from services.opening import SALES
from services.scopes import ids_in

MONTHS_A_LINE = 16
FILTERS = frozenset({"customer_ids", "product_ids", "region", "category", "cycle_id"})


class PlanSource(OwnedSource):
    """Lines of customers, those that are out of use too: what stands in a plan stands in its file."""

    filters = FILTERS

    async def prepare(self) -> int:
        return await super().prepare() * self.rows_a_line()

    async def owner_codes(self, among: Collection[UUID]) -> Mapping[Binary, str]:
        return await customer_codes(self.asked, among, of_all=True)

    async def lines_kept(self) -> dict[str, Any]:
        """The query for what the filters keep, besides the cycle; loads codes and names of the products."""
        filters = self.asked.filters
        self.refer_to(await product_codes(self.asked, of_all=True))
        query: dict[str, Any] = {}
        if filters.customer_ids:
            query["customer_id"] = {"$in": binaries(filters.customer_ids)}
        if filters.product_ids or filters.category is not None:
            query["product_id"] = {"$in": list(self.others)}
        return query

    async def pieces(self) -> AsyncIterator[Sequence[RawDocument]]:
        for owners in together(self.counts, PIECE // self.rows_a_line()):
            yield self.opened(await self.rows_of({self.owner: {"$in": owners}}))

    def rows_a_line(self) -> int:
        """How many rows a stored document gives."""
        return MONTHS_A_LINE

    def opened(self, lines: Sequence[RawDocument]) -> list[RawDocument]:
        """The documents of some owners as rows: one for each cell."""
        heads = ("customer_id", "product_id", "cycle_id", "stream")
        return [
            {**cell, **{name: line[name] for name in heads if name in line}} for line in lines for cell in line["cells"]
        ]

    def order(self, row: RawDocument) -> tuple[Any, ...]:
        return (self.other_rank[row["product_id"]],)


class ForecastSource(PlanSource):
    """The active lines of a cycle: that which is named, or the one in entry."""

    model = Line
    layouts = ("long", "wide")
    needed = ("customer_id", "product_id", "cells")
    known: Cycle | None = None

    async def kept(self) -> dict[str, Any]:
        self.cycle = await self._cycle()
        self.customer_names = await _names(Customer, "name")
        self.products = await _names(Product, "name", "unit")
        own = await self.lines_kept()
        return {"cycle_id": as_binary(self.cycle.id), "stream": SALES, "active": True, **own}

    async def laid_out(self, table: KindTable) -> KindTable:
        if self.asked.layout == "long":
            return table
        return wide_table(table, dict.fromkeys((await self._cycle()).months, ()))

    def rows_a_line(self) -> int:
        return 1 if self.asked.layout == "wide" else MONTHS_A_LINE

    def opened(self, lines: Sequence[RawDocument]) -> list[RawDocument]:
        if self.asked.layout == "long":
            return super().opened(lines)
        return [{**line, "at": {cell["month"]: cell for cell in line["cells"]}} for line in lines]

    def cells(self) -> Mapping[str, Getter]:
        names, products = self.customer_names, self.products
        shared: dict[str, Getter] = {
            "cycle": lambda _: self.cycle.name,
            "customer_code": lambda row: self.owners[row["customer_id"]],
            "customer_name": lambda row: names[row["customer_id"]]["name"],
            "item_code": lambda row: self.others[row["product_id"]],
            "item_name": lambda row: products[row["product_id"]]["name"],
            "unit": lambda row: products[row["product_id"]]["unit"],
        }
        if self.asked.layout == "wide":
            months = {month: _of_month(month) for month in self.cycle.months}
            return {**shared, "base_revs": _revisions, **months}
        return {
            **shared,
            "month": plain("month"),
            "quantity": _number("quantity", QUANTITY),
            "value": _number("value", MONEY),
            "price": _own_price,
            "reason": plain("reason"),
            "base_rev": plain("rev"),
        }

    async def _cycle(self) -> Cycle:
        """Looked up once: meanwhile another cycle may come into entry."""
        if self.known is None:
            self.known = await self._wanted_cycle()
        return self.known

    async def _wanted_cycle(self) -> Cycle:
        cycle_id = self.asked.filters.cycle_id
        found = await scoped(Cycle).one({"stage": Stage.ENTRY} if cycle_id is None else {"_id": cycle_id})
        if found is None or found.imported:
            said = "must name a cycle: none is in entry" if cycle_id is None else "names no cycle that was run here"
            raise InvalidInput(details=[Detail("filters.cycle_id", said)])
        return found


class PastForecastSource(PlanSource):
    """What was imported of cycles that were run elsewhere."""

    model = SnapshotRow
    needed = ("customer_id", "product_id", "cycle_id", "stream", "cells")

    async def kept(self) -> dict[str, Any]:
        wanted = self.asked.filters.cycle_id
        query = {"imported": True} | ({} if wanted is None else {"_id": wanted})
        rows = await scoped(Cycle).rows(query, {"name": 1, "base_month": 1})
        self.cycles = {as_binary(row["_id"]): row for row in rows}
        return {"cycle_id": {"$in": list(self.cycles)}, "close_number": 1, **await self.lines_kept()}

    def order(self, row: RawDocument) -> tuple[Any, ...]:
        return self.cycles[row["cycle_id"]]["base_month"], *super().order(row), row["stream"]

    def cells(self) -> Mapping[str, Getter]:
        return {
            "cycle": lambda row: self.cycles[row["cycle_id"]]["name"],
            "base_month": lambda row: self.cycles[row["cycle_id"]]["base_month"],
            "customer_code": lambda row: self.owners[row["customer_id"]],
            "item_code": lambda row: self.others[row["product_id"]],
            "month": plain("month"),
            "quantity": _number("quantity", QUANTITY),
            "value": _number("value", MONEY),
            "stream": plain("stream"),
        }


class BudgetSource(RowSource):
    """What was decided. Who does not see all customers gets what was decided for single ones of theirs."""

    filters = frozenset({"from_month", "to_month"})
    needed = ("customer_level", "customer_key", "product_level", "product_key", "quantity", "value")

    async def prepare(self) -> int:
        filters = self.asked.filters
        span = {"$gte": filters.from_month, "$lte": filters.to_month}
        span = {operator: month for operator, month in span.items() if month is not None}
        self.query: dict[str, Any] = {"month": span} if span else {}
        own = await ids_in(self.asked.scope)
        if own is not None:
            self.query["customer_id"] = {"$in": binaries(own)}
        return await scoped_binary(BudgetEntry).count(self.query)

    async def pieces(self) -> AsyncIterator[Sequence[RawDocument]]:
        order = [("fiscal_year", 1), ("version", 1), ("month", 1), ("_id", 1)]
        async for piece in streamed(scoped_binary(BudgetEntry), self.query, self.shown, order):
            yield piece

    def cells(self) -> Mapping[str, Getter]:
        levels = {level.value: ("customer", level.value) for level in CustomerLevel if level != ALL}
        levels |= {level.value: ("product", level.value) for level in ProductLevel if level != ALL}
        columns = {"customer": "customer_code", "product": "item_code"}
        return {columns.get(name, name): _key_of(side, level) for name, (side, level) in levels.items()} | {
            "quantity": _number("quantity", QUANTITY),
            "value": _number("value", MONEY),
        }


async def _names(model: type[Any], *fields: str) -> dict[Binary, RawDocument]:
    rows = await scoped_binary(model).rows({}, dict.fromkeys(fields, 1))
    return {row["_id"]: row for row in rows}


def _number(name: str, scale: Scale) -> Getter:
    def get(row: RawDocument) -> Value:
        scaled = row.get(name)
        return None if scaled is None else scale.to_number(scaled)

    return get


def _own_price(row: RawDocument) -> Value:
    """Only a price that a person set: the one of the chain, written down, would become one."""
    return PRICE.to_number(row["price"]) if row["price_source"] == "override" else None


def _of_month(month: str) -> Getter:
    def get(row: RawDocument) -> Value:
        cell = row["at"].get(month)
        return None if cell is None or cell["quantity"] is None else QUANTITY.to_number(cell["quantity"])

    return get


def _revisions(row: RawDocument) -> Value:
    return revisions_text({cell["month"]: cell["rev"] for cell in row["cells"]})


def _key_of(side: str, level: str) -> Getter:
    def get(row: RawDocument) -> Value:
        key: str | None = row[f"{side}_key"]
        return key if row[f"{side}_level"] == level else None

    return get
