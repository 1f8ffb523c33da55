"""Writing dated costs of products, of which no two share a day.

A batch is compared twice: when it is planned, and again in the transaction that writes it and that meets everybody else
who changes costs (`services.costs`). Whose days somebody took meanwhile is refused late.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from core.clock import now
from core.collections import Scoped, as_binary, scoped_binary, transaction
from core.mongo import RawDocument
from models.product import Product, ProductCost
from planning.intervals import Interval, in_words
from planning.overlays import Clash, clashes
from services.costs import GUARD
from services.import_apply.base import Id, ImportContext, Plan, References, Refused, products_of, resolved
from services.import_apply.keyed import Incoming, Key, KeyedWriter, price
from services.import_kinds.validation import RowError, ValidBatch
from services.turns import take_turns

INACTIVE = "the code of a product that is not inactive; restore it first"

Entries = Mapping[Id, Mapping[str, RawDocument]]


class CostWriter(KeyedWriter):
    """Product from a date. Without a column for the end, a stored end stays."""

    key = ("product_id", "valid_from")
    products: References

    def __init__(self, context: ImportContext) -> None:
        super().__init__(context)
        self.planned: list[Incoming] = []
        self.said: dict[Id, dict[str, Interval]] = defaultdict(dict)
        """What earlier batches of a dry run said, which are not stored."""

    @property
    def door(self) -> Scoped[Any]:
        return scoped_binary(ProductCost)

    async def prepare(self) -> None:
        self.products = await products_of(self.context)

    async def plan(self, batch: ValidBatch) -> Plan:
        rows, errors = self.incoming(batch)
        entries = await self._entries(rows)
        plan = self._against(entries, rows, errors + await self._of_inactive(rows, entries))
        refused = {error.row for error in plan.errors}
        self.planned = [row for row in rows if row.row not in refused]
        if self.context.dry_run:
            for row in self.planned:
                self.said[row.key[0]][row.key[1]] = _interval(row, entries.get(row.key[0], {}))
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        if not plan.new and not plan.changed:
            return []
        keys = {row.row: row.key for row in self.planned}
        new = {(document["product_id"], document["valid_from"]) for document in plan.new}

        async def action() -> list[Refused]:
            await take_turns(GUARD)
            again = self._against(await self._entries(self.planned), self.planned, [])
            await self.put(self.door, again.new, again.changed)
            return [Refused("inserted" if keys[one.row] in new else "updated", one) for one in again.errors]

        return await transaction(action)

    def incoming(self, batch: ValidBatch) -> tuple[list[Incoming], list[RowError]]:
        kept, (products,), errors = resolved(batch, self.products)
        rows = []
        for at, row in enumerate(kept.rows):
            values = {"cost": price(kept.columns["cost"][at])}
            if "valid_to" in kept.columns:
                values["valid_to"] = kept.columns["valid_to"][at]
            rows.append(Incoming(row, (products[at], kept.columns["valid_from"][at]), values))
        return rows, errors

    async def stored(self, rows: Sequence[Incoming]) -> Mapping[Key, RawDocument]:
        return _by_key(await self._entries(rows))

    def fresh(self, row: Incoming) -> RawDocument:
        at = now()
        return {
            "_id": as_binary(uuid4()),
            **dict(zip(self.key, row.key, strict=True)),
            "valid_to": None,
            **row.values,
            "rev": 1,
            "created_at": at,
            "updated_at": at,
        }

    def update(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        return {"$set": {**changes, "updated_at": now()}, "$inc": {"rev": 1}}

    def _against(self, entries: Entries, rows: Sequence[Incoming], errors: list[RowError]) -> Plan:
        """The plan for the rows without errors; those that share a day with another entry are errors of it, too."""
        bad = {error.row for error in errors}
        good = [row for row in rows if row.row not in bad]
        overlaps = list(self._overlaps(good, entries))
        bad = {error.row for error in overlaps}
        return self.compared((row for row in good if row.row not in bad), _by_key(entries), errors + overlaps)

    async def _entries(self, rows: Sequence[Incoming]) -> Entries:
        shown = dict.fromkeys((*self.key, "cost", "valid_to"), 1)
        found: dict[Id, dict[str, RawDocument]] = defaultdict(dict)
        products = list({row.key[0] for row in rows})
        for entry in await self.door.rows({"product_id": {"$in": products}}, shown) if products else ():
            found[entry["product_id"]][entry["valid_from"]] = entry
        return found

    async def _of_inactive(self, rows: Sequence[Incoming], entries: Entries) -> list[RowError]:
        """Nothing new is tied to an inactive product; what is there may be corrected."""
        new = [row for row in rows if row.key[1] not in entries.get(row.key[0], {})]
        query = {"_id": {"$in": list({row.key[0] for row in new})}, "is_active": False}
        inactive = {row["_id"]: row["code"] for row in await scoped_binary(Product).rows(query, {"code": 1})}
        return [
            self.context.error(row.row, "item_code", inactive[row.key[0]], INACTIVE)
            for row in new
            if row.key[0] in inactive
        ]

    def _overlaps(self, rows: Sequence[Incoming], entries: Entries) -> Iterator[RowError]:
        by_product: dict[Id, list[Incoming]] = defaultdict(list)
        for row in rows:
            by_product[row.key[0]].append(row)
        for product, own in by_product.items():
            stored = entries.get(product, {})
            known = {first: Interval(first, entry["valid_to"]) for first, entry in stored.items()}
            known |= self.said.get(product, {})
            intervals = [_interval(row, stored) for row in own]
            for at, clash in clashes(list(known.values()), intervals).items():
                yield self._overlap(own[at], clash, own)

    def _overlap(self, row: Incoming, clash: Clash, rows: Sequence[Incoming]) -> RowError:
        other = "a stored cost" if clash.row is None else f"row {rows[clash.row].row}"
        remedy = "; give that one a valid_to" if clash.entry.valid_to is None else ""
        expected = f"days that are free: {other} of this product holds {in_words(clash.entry)}{remedy}"
        return self.context.error(row.row, "valid_from", row.key[1], expected)


def _by_key(entries: Entries) -> dict[Key, RawDocument]:
    return {(product, first): entry for product, own in entries.items() for first, entry in own.items()}


def _interval(row: Incoming, stored: Mapping[str, RawDocument]) -> Interval:
    """The days of a row; where the file says nothing about the end, that of the stored entry stays."""
    first = row.key[1]
    standing = stored[first]["valid_to"] if first in stored else None
    return Interval(first, row.values.get("valid_to", standing))
