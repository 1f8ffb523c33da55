"""Writing what stands between a customer and a product: matrix and prices, of which no two entries share a day.

A batch is compared when it is planned. The transaction that writes it meets everybody else who changes the same
customers' entries (`services.customer_items`): if somebody did so since, the batch is compared again, and rows whose
days were taken meanwhile are refused late.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from core.clock import now
from core.collections import Scoped, as_binary, scoped, scoped_binary, transaction
from core.mongo import RawDocument
from models.customer import Customer
from models.product import Product
from planning.intervals import Interval, in_words
from planning.overlays import Clash, clashes
from services.customer_items import Kind
from services.import_apply.base import (
    INACTIVE,
    Id,
    ImportContext,
    Plan,
    References,
    Refused,
    customers_of,
    products_of,
    resolved,
)
from services.import_apply.keyed import Incoming, Key, KeyedWriter, of_customers, price
from services.import_kinds.validation import RowError, ValidBatch
from services.matrix import MATRIX
from services.prices import PRICES

Entries = Mapping[bytes, Mapping[str | None, RawDocument]]
"""Stored entries by customer and product (the bytes of both ids), and first day."""


class ItemOfCustomerWriter(KeyedWriter):
    """Customer x product from a date."""

    key = ("customer_id", "product_id", "valid_from")
    kind: Kind
    compared_fields: tuple[str, ...]
    customers: References
    products: References

    def __init__(self, context: ImportContext) -> None:
        super().__init__(context)
        self.planned: list[Incoming] = []
        self.versions: dict[Id, int] = {}
        """What the customers' counters were before the batch was compared."""
        self.said: dict[bytes, dict[str | None, Interval]] = defaultdict(dict)
        """What earlier batches of a dry run said, which are not stored."""

    @property
    def door(self) -> Scoped[Any]:
        return scoped_binary(self.kind.model)

    async def prepare(self) -> None:
        self.customers = await customers_of(self.context)
        self.products = await products_of(self.context)

    async def plan(self, batch: ValidBatch) -> Plan:
        rows, errors = self.incoming(batch)
        self.versions = await self._versions({row.key[0] for row in rows})
        entries = await self._entries(rows)
        plan = self._against(entries, rows, errors + await self._misfits(rows, entries))
        refused = {error.row for error in plan.errors}
        self.planned = [row for row in rows if row.row not in refused]
        if self.context.dry_run:
            for row in self.planned:
                self.said[_pair(row)][row.key[2]] = _interval(row, entries.get(_pair(row), {}))
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        if not plan.new and not plan.changed:
            return []
        customers = list(self.versions)

        async def action() -> list[Refused]:
            counted = {"$inc": {self.kind.counter: 1}}
            await scoped_binary(Customer).update_many({"_id": {"$in": customers}}, counted)
            moved = await self._versions(customers) != {id: before + 1 for id, before in self.versions.items()}
            current = self._against(await self._entries(self.planned), self.planned, []) if moved else plan
            await self.put(self.door, current.new, current.changed)
            return self._refused_late(plan, current) if moved else []

        return await transaction(action)

    def _refused_late(self, plan: Plan, current: Plan) -> list[Refused]:
        keys = {row.row: row.key for row in self.planned}
        new = {tuple(document[name] for name in self.key) for document in plan.new}
        return [Refused("inserted" if keys[one.row] in new else "updated", one) for one in current.errors]

    def incoming(self, batch: ValidBatch) -> tuple[list[Incoming], list[RowError]]:
        kept, (customers, products), errors = resolved(batch, self.customers, self.products)
        starts = kept.columns.get("valid_from") or [None] * len(kept.rows)
        keys = zip(customers, products, starts, strict=True)
        values = self.values(kept)
        return [Incoming(row, key, said) for row, key, said in zip(kept.rows, keys, values, strict=True)], errors

    @abstractmethod
    def values(self, batch: ValidBatch) -> list[dict[str, Any]]:
        """What each row says besides its key."""

    async def stored(self, rows: Sequence[Incoming]) -> Mapping[Key, RawDocument]:
        entries = await self._entries(rows)
        return {row.key: own for row in rows if (own := entries.get(_pair(row), {}).get(row.key[2])) is not None}

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

    def _against(self, entries: Entries, rows: list[Incoming], errors: list[RowError]) -> Plan:
        """The plan for the rows without errors; those that share a day with another entry are errors of it, too."""
        bad = {error.row for error in errors}
        good = [row for row in rows if row.row not in bad]
        overlaps = list(self._overlaps(good, entries))
        bad = {error.row for error in overlaps}
        kept = (row for row in good if row.row not in bad)
        return self.paired(((row, entries.get(_pair(row), {}).get(row.key[2])) for row in kept), errors + overlaps)

    async def _versions(self, customers: Collection[Id]) -> dict[Id, int]:
        fields = {self.kind.counter: 1}
        rows = await scoped_binary(Customer).rows({"_id": {"$in": list(customers)}}, fields)
        return {row["_id"]: row.get(self.kind.counter, 0) for row in rows}

    async def _entries(self, rows: Sequence[Incoming]) -> Entries:
        shown = dict.fromkeys((*self.key, *self.compared_fields), 1)
        found: dict[bytes, dict[str | None, RawDocument]] = defaultdict(dict)
        for entry in await of_customers(self.door, "product_id", ((row.key[0], row.key[1]) for row in rows), shown):
            found[entry["customer_id"] + entry["product_id"]][entry["valid_from"]] = entry
        return found

    async def _misfits(self, rows: Sequence[Incoming], entries: Entries) -> list[RowError]:
        """Nothing new is tied to an inactive customer or product; what is there may be corrected."""
        new = [row for row in rows if row.key[2] not in entries.get(_pair(row), {})]
        errors = []
        for place, (column, model) in enumerate((("customer_code", Customer), ("item_code", Product))):
            query = {"_id": {"$in": list({row.key[place] for row in new})}, "is_active": False}
            inactive = {row["_id"]: row["code"] for row in await scoped_binary(model).rows(query, {"code": 1})}
            for row in new:
                if row.key[place] in inactive:
                    errors.append(self.context.error(row.row, column, inactive[row.key[place]], INACTIVE))
        return errors

    def _overlaps(self, rows: Sequence[Incoming], entries: Entries) -> Iterable[RowError]:
        by_pair: dict[bytes, list[Incoming]] = defaultdict(list)
        for row in rows:
            by_pair[_pair(row)].append(row)
        for pair, own in by_pair.items():
            stored = entries.get(pair, {})
            known = {first: Interval(first, entry["valid_to"]) for first, entry in stored.items()}
            known |= self.said.get(pair, {})
            if not known and len(own) == 1:
                continue
            for at, clash in clashes(list(known.values()), [_interval(row, stored) for row in own]).items():
                yield self._overlap(own[at], clash, own)

    def _overlap(self, row: Incoming, clash: Clash, rows: Sequence[Incoming]) -> RowError:
        other = f"a stored {self.kind.noun}" if clash.row is None else f"row {rows[clash.row].row}"
        remedy = "; give that one a valid_to" if clash.entry.valid_to is None else ""
        expected = f"days that are free: {other} for this product holds {in_words(clash.entry)}{remedy}"
        return self.context.error(row.row, "valid_from", row.key[2] or "", expected)


class MatrixWriter(ItemOfCustomerWriter):
    """What a customer may order."""

    kind = MATRIX
    compared_fields = ("valid_to",)

    def values(self, batch: ValidBatch) -> list[dict[str, Any]]:
        return _ends(batch)


class PriceWriter(ItemOfCustomerWriter):
    """Customer prices, in the currency of the customer."""

    kind = PRICES
    compared_fields = ("valid_to", "price", "currency")
    currencies: Mapping[Id, str]

    async def prepare(self) -> None:
        await super().prepare()
        rows = scoped(Customer).find({}, {"currency": 1}, batch_size=10_000)
        self.currencies = {as_binary(row["_id"]): row["currency"] async for row in rows}

    def incoming(self, batch: ValidBatch) -> tuple[list[Incoming], list[RowError]]:
        rows, errors = super().incoming(batch)
        own = self.currencies
        said = ({**row.values, "currency": row.values["currency"] or own[row.key[0]]} for row in rows)
        return [Incoming(row.row, row.key, values) for row, values in zip(rows, said, strict=True)], errors

    async def _misfits(self, rows: Sequence[Incoming], entries: Entries) -> list[RowError]:
        """A price from before the customer's currency changed keeps its own; everything else is in the customer's."""
        errors = await super()._misfits(rows, entries)
        for row in rows:
            own, said = self.currencies[row.key[0]], row.values["currency"]
            stored = entries.get(_pair(row), {}).get(row.key[2])
            if said != own and (stored is None or stored["currency"] != said):
                errors.append(self.context.error(row.row, "currency", said, f"{own}, the currency of this customer"))
        return errors

    def values(self, batch: ValidBatch) -> list[dict[str, Any]]:
        currencies = batch.columns.get("currency") or [None] * len(batch.rows)
        said = _ends(batch)
        for values, scaled, currency in zip(said, batch.columns["price"], currencies, strict=True):
            values["price"] = price(scaled)
            values["currency"] = currency
        return said


def _pair(row: Incoming) -> bytes:
    """Customer and product: plain bytes, which are found much faster than ids."""
    return bytes(row.key[0] + row.key[1])


def _ends(batch: ValidBatch) -> list[dict[str, Any]]:
    if "valid_to" not in batch.columns:
        return [{} for _ in batch.rows]
    return [{"valid_to": last} for last in batch.columns["valid_to"]]


def _interval(row: Incoming, stored: Mapping[str | None, RawDocument]) -> Interval:
    """The days of a row; where the file says nothing about the end, that of the stored entry stays."""
    first = row.key[2]
    standing = stored[first]["valid_to"] if first in stored else None
    return Interval(first, row.values.get("valid_to", standing))
