"""Writing exchange rates, by kind, currency and month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.clock import now
from core.collections import Scoped, dump, scoped
from core.mongo import RawDocument
from models.rate import FxRate
from services.import_apply.keyed import Incoming, Key, KeyedWriter, price
from services.import_kinds.validation import RowError, ValidBatch


class RateWriter(KeyedWriter):
    """Rates into the company's own currency, which has none itself: it is always 1."""

    key = ("kind", "currency", "month")

    @property
    def door(self) -> Scoped[Any]:
        return scoped(FxRate)

    async def prepare(self) -> None:
        """Rates refer to nothing."""

    def incoming(self, batch: ValidBatch) -> tuple[list[Incoming], list[RowError]]:
        columns, own = batch.columns, self.context.currency
        expected = f"another currency than {own}, which is always 1"
        errors = [
            self.context.error(row, "currency", own, expected)
            for row, currency in zip(batch.rows, columns["currency"], strict=True)
            if currency == own
        ]
        kept = batch.without(errors)
        keys = zip(*(kept.columns[name] for name in self.key), strict=True)
        rates = [{"rate": price(scaled)} for scaled in kept.columns["rate"]]
        return [Incoming(*row) for row in zip(kept.rows, keys, rates, strict=True)], errors

    async def stored(self, rows: Sequence[Incoming]) -> Mapping[Key, RawDocument]:
        months = list({row.key[2] for row in rows})
        fields = dict.fromkeys((*self.key, "rate"), 1)
        found = await self.door.rows({"month": {"$in": months}}, fields)
        return {(row["kind"], row["currency"], row["month"]): row for row in found}

    def fresh(self, row: Incoming) -> RawDocument:
        said = dict(zip(self.key, row.key, strict=True))
        return dump(FxRate(**said, rate=row.values["rate"].to_decimal()))

    def update(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        return {"$set": {**changes, "updated_at": now()}, "$inc": {"rev": 1}}
