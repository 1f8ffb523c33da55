"""Writing masters by code: what customers and products have in common, and customers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import Scoped, dump, scoped
from core.mongo import RawDocument
from core.search import search_words
from core.text import code_key
from models.customer import Customer
from planning.lifecycle import Standing, Status, say
from services.import_apply.base import merged_codes
from services.import_apply.keyed import Incoming, Key, KeyedWriter
from services.import_kinds.validation import RowError, ValidBatch

Convert = Callable[[Any], Any]


def same(value: Any) -> Any:
    """The cell as it was parsed."""
    return value


class MasterWriter(KeyedWriter):
    """`fields` maps a column to its stored field and conversion; blank cells of `kept` columns change nothing."""

    key = ("code_key",)
    code_column: str
    fields: Mapping[str, tuple[str, Convert]]
    kept: frozenset[str]

    async def prepare(self) -> None:
        """Masters refer to nothing."""

    def incoming(self, batch: ValidBatch) -> tuple[list[Incoming], list[RowError]]:
        present = [(name, *target) for name, target in self.fields.items() if name in batch.columns]
        codes = batch.columns[self.code_column]
        rows = []
        for at, (row, code) in enumerate(zip(batch.rows, codes, strict=True)):
            cells = [(name, field, convert, batch.columns[name][at]) for name, field, convert in present]
            values = {
                field: convert(cell)
                for name, field, convert, cell in cells
                if cell is not None or name not in self.kept
            }
            values["search"] = search_words(code, values.get("name"))
            rows.append(Incoming(row, (code_key(code),), values, code))
        return rows, []

    async def stored(self, rows: Sequence[Incoming]) -> Mapping[Key, RawDocument]:
        found = await self.door.rows({"code_key": {"$in": [row.key[0] for row in rows]}})
        return {(row["code_key"],): row for row in found}

    def update(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        return {"$set": {**changes, "updated_at": now()}, "$inc": {"rev": 1}}


class CustomerWriter(MasterWriter):
    """Customers; `is_active` follows the status. A row with the code of a merged customer is refused: it would change
    what nobody plans any more."""

    code_column = "customer_code"
    fields = MappingProxyType(
        {name: (name, same) for name in ("name", "region", "group", "country", "currency", "status")}
        | {"aliases": ("aliases", list)}
    )
    kept = frozenset({"currency", "status", "aliases"})
    targets: Mapping[UUID, str]

    async def prepare(self) -> None:
        self.targets = await merged_codes()

    @property
    def door(self) -> Scoped[Any]:
        return scoped(Customer)

    def proposed(self, row: Incoming, before: RawDocument) -> Mapping[str, Any] | RowError:
        if before["_id"] in self.targets:
            expected = f"a customer that was not merged: use {self.targets[before['_id']]}"
            return self.context.error(row.row, self.code_column, row.spelled, expected)
        aliases = row.values.get("aliases", before.get("aliases", []))
        said = {**row.values, "search": search_words(row.spelled, row.values["name"], *aliases)}
        if "status" in said:
            known = before.get("status_before")
            standing = Standing(Status(before["status"]), None if known is None else Status(known))
            said |= _standing(say(standing, Status(said["status"])))
        return said

    def fresh(self, row: Incoming) -> RawDocument:
        values = {"currency": self.context.currency, **row.values}
        values |= _standing(Standing(Status(values.get("status", Status.ACTIVE))))
        values["search"] = search_words(row.spelled, row.values["name"], *row.values.get("aliases", ()))
        return dump(Customer(code=row.spelled, code_key=row.key[0], **values))


def _standing(standing: Standing) -> dict[str, Any]:
    before = None if standing.before is None else str(standing.before)
    return {"status": str(standing.status), "status_before": before, "is_active": standing.is_active}
