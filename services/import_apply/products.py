"""Writing products, by item code, under the rules that hold for people, too (`planning.products`).

Rows may name each other as successors, also new ones. Who succeeds whom is decided twice: when a batch is planned, and
again in the transaction that writes it and that meets everybody else who decides on it; what closed a circle meanwhile
is refused late.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from bson import Decimal128

from core.collections import Scoped, dump, scoped, transaction
from core.mongo import RawDocument
from core.text import code_key
from models.product import Product
from models.succession import read_succession
from planning.products import product_problems, traits_of
from planning.succession import Link, link_problem
from services.import_apply.base import ImportContext, Plan, Refused
from services.import_apply.keyed import Incoming, Key, price
from services.import_apply.masters import MasterWriter, same
from services.import_kinds.validation import RowError, ValidBatch
from services.product_changes import SUCCESSORS, locked_units
from services.turns import take_turns

NO_SUCCESSOR = MappingProxyType({"successor_id": None, "successor_from": None, "successor_factor": Decimal128("1")})
UNKNOWN = "the code of a product that exists and is not inactive, or of a new one near this row"

Stored = Mapping[Key, RawDocument]


@dataclass(frozen=True, slots=True)
class _NewLink:
    """A successor that a row gives to a product."""

    row: int
    product_id: UUID
    code: str
    link: Link


class ProductWriter(MasterWriter):
    """Products; list prices and costs are decimals. A blank successor takes it away."""

    code_column = "item_code"
    fields = MappingProxyType(
        {
            "name": ("name", same),
            "category": ("category", same),
            "family": ("family", same),
            "brand": ("brand", same),
            "unit": ("unit", same),
            "rounding_step": ("rounding_step", price),
            "list_price": ("list_price", price),
            "list_price_currency": ("currency", same),
            "standard_cost": ("standard_cost", price),
            "launch_month": ("launch_month", same),
            "end_month": ("end_month", same),
            "successor_from": ("successor_from", same),
            "successor_factor": ("successor_factor", price),
        }
    )
    kept = frozenset({"unit", "rounding_step", "list_price_currency", "successor_factor"})

    def __init__(self, context: ImportContext) -> None:
        super().__init__(context)
        self.ids: dict[str, UUID] = {}
        """The products that the rows of a batch are about, by code: stored ones, and the new ones with their ids."""
        self.new: set[UUID] = set()
        self.inactive: set[UUID] = set()
        self.links: list[_NewLink] = []
        self.said: dict[str, UUID] = {}
        self.said_links: dict[UUID, Link] = {}
        """What earlier batches of a dry run said: new products, and their and others' successors."""

    @property
    def door(self) -> Scoped[Any]:
        return scoped(Product)

    async def plan(self, batch: ValidBatch) -> Plan:
        await self._find_products(batch)
        rows, errors = self.incoming(batch)
        stored = await self.stored(rows) if rows else {}
        errors += await self._misfits(rows, stored)
        kept = _without(rows, errors)
        self.links = list(self._new_links(kept, stored))
        bad = {self.ids[row.key[0]] for row in rows} - {self.ids[row.key[0]] for row in kept}
        errors += await self._refused_links(bad & self.new)
        plan = self.compared(_without(rows, errors), stored, errors)
        if self.context.dry_run:
            self.said |= {row["code_key"]: row["_id"] for row in plan.new}
            refused = {error.row for error in plan.errors}
            self.said_links |= {one.product_id: one.link for one in self.links if one.row not in refused}
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        if not self.links:
            return await super().write(plan)
        of_row = {link.row: link.product_id for link in self.links}

        async def action() -> list[Refused]:
            await take_turns(SUCCESSORS)
            refused = {of_row[error.row]: error for error in await self._refused_links(frozenset())}
            kept = [row for row in plan.new if row["_id"] not in refused]
            await self.put(self.door, kept, [change for change in plan.changed if change[0]["_id"] not in refused])
            return [Refused("inserted" if id in self.new else "updated", error) for id, error in refused.items()]

        return await transaction(action)

    def incoming(self, batch: ValidBatch) -> tuple[list[Incoming], list[RowError]]:
        rows, errors = super().incoming(batch)
        if "successor" not in batch.columns:
            return rows, errors
        known = []
        for row, code in zip(rows, batch.columns["successor"], strict=True):
            successor = self.ids.get(code_key(code or ""))
            if code is None:
                known.append(replace(row, values={**row.values, **_taken_away(row.values)}))
            elif successor is None:
                errors.append(self.context.error(row.row, "successor", code, UNKNOWN))
            else:
                known.append(replace(row, values={**row.values, "successor_id": successor}))
        return known, errors

    def fresh(self, row: Incoming) -> RawDocument:
        values = {"currency": self.context.currency, **row.values}
        return dump(Product(id=self.ids[row.key[0]], code=row.spelled, code_key=row.key[0], **values))

    async def _find_products(self, batch: ValidBatch) -> None:
        own = {code_key(code) for code in batch.columns["item_code"]}
        named = {code_key(code) for code in batch.columns.get("successor", ()) if code is not None}
        rows = await self.door.rows({"code_key": {"$in": list(own | named)}}, {"code_key": 1, "is_active": 1})
        stored = {row["code_key"]: row["_id"] for row in rows}
        fresh = {key: uuid4() for key in own - stored.keys()}
        self.new = set(fresh.values())
        self.ids = self.said | stored | fresh
        self.inactive = {row["_id"] for row in rows if not row["is_active"]}

    async def _misfits(self, rows: Sequence[Incoming], stored: Stored) -> list[RowError]:
        """What does not fit together, in the row or with what is stored."""
        errors: list[RowError] = []
        units: dict[UUID, Incoming] = {}
        for row in rows:
            before = stored.get(row.key, {})
            after = {name: _plain(value) for name, value in {**before, **row.values}.items()}
            for field, words in product_problems(traits_of(after)):
                # No column holds conversions: what is wrong with them comes from a new unit.
                column = {"successor_id": "successor"}.get(field, "unit" if "." in field else field)
                shown = row.values.get(column)
                errors.append(self.context.error(row.row, column, _plain(shown) or "", f"a value that {words}"))
            successor = row.values.get("successor_id")
            if successor in self.inactive and successor != before.get("successor_id"):
                errors.append(self.context.error(row.row, "successor", "", UNKNOWN))
            if before and after["unit"] != before["unit"]:
                units[before["_id"]] = row
        for product_id, reason in (await locked_units(list(units))).items() if units else ():
            row = units[product_id]
            errors.append(self.context.error(row.row, "unit", row.values["unit"], f"the unit from before. {reason}"))
        return errors

    def _new_links(self, rows: Sequence[Incoming], stored: Stored) -> Iterator[_NewLink]:
        for row in rows:
            before = stored.get(row.key, {})
            successor = row.values.get("successor_id")
            if successor is not None and successor != before.get("successor_id"):
                since = row.values.get("successor_from", before.get("successor_from"))
                yield _NewLink(row.row, self.ids[row.key[0]], row.spelled or "", Link(successor, since))

    async def _refused_links(self, absent: Collection[UUID]) -> list[RowError]:
        """The links that can't be made besides all others: those that close a circle, and those to new products that
        will not be there (`absent`) because their own row is refused. `links` keeps the rest."""
        if not self.links:
            return []
        standing = dict((await read_succession()).links) | self.said_links
        gone, problems = set(absent), dict[int, str]()
        while True:
            found = _problems(self.links, standing, gone)
            problems |= found
            if not found:
                break
            gone |= {one.product_id for one in self.links if one.row in found} & self.new
            self.links = [one for one in self.links if one.row not in found]
        return [self.context.error(row, "successor", "", problem) for row, problem in problems.items()]


def _problems(new: Sequence[_NewLink], standing: Mapping[UUID, Link], gone: Collection[UUID]) -> dict[int, str]:
    """What is wrong with the new links, by row: each one beside the standing ones and the good ones before it."""
    replaced = {one.product_id for one in new}
    links = {product: link for product, link in standing.items() if product not in replaced}
    problems: dict[int, str] = {}
    for one in new:
        problem = UNKNOWN if one.link.successor in gone else link_problem(one.product_id, one.link.successor, links)
        if problem is None:
            links[one.product_id] = one.link
        else:
            problems[one.row] = problem
    return problems


def _without(rows: Sequence[Incoming], errors: Sequence[RowError]) -> list[Incoming]:
    bad = {error.row for error in errors}
    return [row for row in rows if row.row not in bad]


def _taken_away(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """No successor; if the row speaks of its month all the same, the rules say what is missing."""
    return {"successor_id": None} if values.get("successor_from") is not None else NO_SUCCESSOR


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return {name: _plain(inner) for name, inner in value.items()} if isinstance(value, dict) else value
