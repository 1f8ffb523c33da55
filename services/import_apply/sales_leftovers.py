"""Sales lines that a file does not name although it stands for all months of their source."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from core.collections import scoped_binary
from core.mongo import RawDocument
from models.sale import FROM_FILES, SaleLine
from services.import_apply.base import ImportContext
from services.import_apply.leftovers import Leftovers, Periods, Removal
from services.import_journal import Id
from services.sales import lines_of


class SalesLeftovers(Leftovers[Id]):
    """By source; `units` of the products, by id."""

    def __init__(self, context: ImportContext, units: Mapping[bytes, str]) -> None:
        super().__init__()
        self.context = context
        self.units = units
        self.periods = Periods[str]()

    def add(self, lines: Iterable[RawDocument]) -> None:
        """Lines of the file, with their ids, months and sources."""
        for line in lines:
            self.named.add(line["_id"])
            self.periods.add(line["source"], line["month"])

    async def found(self) -> AsyncIterator[Id]:
        for source, first, last in self.periods.spans():
            of_source = {"$in": [source, None]} if source == FROM_FILES else source
            query = {"month": {"$gte": first, "$lte": last}, "source": of_source}
            async for row in scoped_binary(SaleLine).find(query, {"_id": 1}, batch_size=10_000):
                if not self.named.holds(row["_id"]):
                    yield row["_id"]

    async def removal_of(self, found: Sequence[Id]) -> Removal:
        removal = Removal(await scoped_binary(SaleLine).rows({"_id": {"$in": list(found)}}))
        for line in removal.things:
            removal.touched.add(line["customer_id"])
            removal.months.add(line["month"])
            removal.effect.month(line["month"]).add(line, self.units.get(bytes(line["product_id"]), ""), -1)
        return removal

    async def remove(self, removal: Removal) -> None:
        door = scoped_binary(SaleLine)
        await self.context.journal.note_removed(door, removal.things)
        await door.delete({"_id": {"$in": [line["_id"] for line in removal.things]}})

    def around(self, removal: Removal) -> AbstractAsyncContextManager[None]:
        reason = f"The import {self.context.import_id} replaced sales lines of this month."
        return lines_of(removal.touched, removal.months, reason)
