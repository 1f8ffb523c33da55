"""Writing masters by code: what customers and products have in common, and customers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from core.clock import now
from core.collections import Scoped, dump, scoped
from core.mongo import RawDocument
from core.search import search_words
from core.text import code_key
from models.customer import Customer
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
    """Customers; `is_active` follows the status."""

    code_column = "customer_code"
    fields = MappingProxyType(
        {name: (name, same) for name in ("name", "region", "group", "country", "currency", "status")}
    )
    kept = frozenset({"currency", "status"})

    @property
    def door(self) -> Scoped[Any]:
        return scoped(Customer)

    def incoming(self, batch: ValidBatch) -> tuple[list[Incoming], list[RowError]]:
        rows, errors = super().incoming(batch)
        return [_with_activity(row) for row in rows], errors

    def fresh(self, row: Incoming) -> RawDocument:
        values = {"currency": self.context.currency, **row.values}
        return dump(Customer(code=row.spelled, code_key=row.key[0], **values))


def _with_activity(row: Incoming) -> Incoming:
    if "status" not in row.values:
        return row
    return replace(row, values={**row.values, "is_active": row.values["status"] == "active"})
