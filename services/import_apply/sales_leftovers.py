"""What `replace_period` removes: the lines that a file of sales does not name although it stands for all its months."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.collections import Scoped, scoped_binary
from core.mongo import RawDocument
from models.sale import FROM_FILES, SaleLine
from planning.months import Month
from services.import_journal import Id
from services.sales_effects import SalesEffect

PER_STEP = 2_000
_ID_PART = 8
"""Bytes of an id that tell lines apart here: ids are hashes, and a million of them fit into 8 MB."""


@dataclass(frozen=True, slots=True)
class Removal:
    """Lines that go, whose they are, in which months, and what that changes there."""

    lines: Sequence[RawDocument] = ()
    touched: set[Id] = field(default_factory=set)
    months: set[Month] = field(default_factory=set)
    effect: SalesEffect = field(default_factory=SalesEffect)


async def removal_of(door: Scoped[Any], ids: Sequence[Id], units: Mapping[bytes, str]) -> Removal:
    """What removing the lines among these that are (still) there means; `units` of the products, by id."""
    removal = Removal(await door.rows({"_id": {"$in": list(ids)}}))
    for line in removal.lines:
        removal.touched.add(line["customer_id"])
        removal.months.add(line["month"])
        removal.effect.month(line["month"]).add(line, units.get(bytes(line["product_id"]), ""), -1)
    return removal


class Leftovers:
    """What the file names, and the months from its first to its last, source by source."""

    def __init__(self) -> None:
        self.named = array("Q")
        self.periods: dict[str, tuple[Month, Month]] = {}

    def add(self, lines: Iterable[RawDocument]) -> None:
        """Lines of the file, with their ids, months and sources. Naming one twice is naming it."""
        for line in lines:
            self.named.append(_short(line["_id"]))
            source, month = line["source"], line["month"]
            first, last = self.periods.get(source, (month, month))
            self.periods[source] = (min(first, month), max(last, month))

    async def steps(self) -> AsyncIterator[list[Id]]:
        """The ids of stored lines that the file does not name, some at a time. They may be removed meanwhile."""
        self.named = array("Q", sorted(self.named))
        found: list[Id] = []
        for source, (first, last) in sorted(self.periods.items()):
            of_source = {"$in": [source, None]} if source == FROM_FILES else source
            query = {"month": {"$gte": first, "$lte": last}, "source": of_source}
            async for row in scoped_binary(SaleLine).find(query, {"_id": 1}, batch_size=10_000):
                if self._is_named(row["_id"]):
                    continue
                found.append(row["_id"])
                if len(found) == PER_STEP:
                    yield found
                    found = []
        if found:
            yield found

    def _is_named(self, id: Id) -> bool:
        key = _short(id)
        at = bisect_left(self.named, key)
        return at < len(self.named) and self.named[at] == key


def _short(id: Id) -> int:
    return int.from_bytes(id[:_ID_PART], "big")
