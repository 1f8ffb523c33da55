"""What `replace_period` removes: what stands in the period of a file, and the file does not name.

A writer whose kind has a period offers its leftovers, to which it tells what the file names while it plans.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from planning.months import Month
from services.import_journal import Id
from services.sales_effects import SalesEffect

PER_STEP = 2_000
_ID_PART = 8
"""Bytes of an id that tell rows apart here: ids are hashes, and a million of them fit into 8 MB."""

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes; of sales lines also whose they are, in which months, and what that changes there."""

    things: Sequence[Any] = ()
    touched: set[Id] = field(default_factory=set)
    months: set[Month] = field(default_factory=set)
    effect: SalesEffect = field(default_factory=SalesEffect)


class Named:
    """What a file names: rows by their id, cells by that of their row and their month."""

    def __init__(self) -> None:
        self._keys = array("Q")
        self._is_sorted = True

    def add(self, id: bytes, month: Month | None = None) -> None:
        """Naming a thing twice is naming it."""
        self._keys.append(_short(id, month))
        self._is_sorted = False

    def holds(self, id: bytes, month: Month | None = None) -> bool:
        """Whether it was named."""
        if not self._is_sorted:
            self._keys, self._is_sorted = array("Q", sorted(self._keys)), True
        key = _short(id, month)
        at = bisect_left(self._keys, key)
        return at < len(self._keys) and self._keys[at] == key


class Periods(Generic[Thing]):
    """The months from the first to the last that a file has of each thing: a source, a stream, a version of a year."""

    def __init__(self) -> None:
        self._spans: dict[Thing, tuple[Month, Month]] = {}

    def add(self, thing: Thing, month: Month) -> None:
        """The file has this month of the thing."""
        first, last = self._spans.get(thing, (month, month))
        self._spans[thing] = (min(first, month), max(last, month))

    def spans(self) -> Iterable[tuple[Thing, Month, Month]]:
        """Each thing with its first and last month, in a fixed order."""
        return ((thing, *self._spans[thing]) for thing in sorted(self._spans, key=str))


class Leftovers(ABC, Generic[Thing]):
    """What a file leaves over of its period."""

    def __init__(self) -> None:
        self.named = Named()

    @abstractmethod
    def found(self) -> AsyncIterator[Thing]:
        """What stands in the period and is not named. It may be removed meanwhile."""

    @abstractmethod
    async def removal_of(self, found: Sequence[Thing]) -> Removal:
        """What removing those among these means that are (still) there."""

    @abstractmethod
    async def remove(self, removal: Removal) -> None:
        """Remove it and note it in the journal, in the caller's transaction."""

    def around(self, removal: Removal) -> AbstractAsyncContextManager[None]:
        """What is done before and after that transaction."""
        return nullcontext()

    async def steps(self) -> AsyncIterator[list[Thing]]:
        """What is found, some at a time."""
        some: list[Thing] = []
        async for one in self.found():
            some.append(one)
            if len(some) == PER_STEP:
                yield some
                some = []
        if some:
            yield some


def _short(id: bytes, month: Month | None) -> int:
    key = int.from_bytes(id[:_ID_PART], "big")
    return key if month is None else key ^ int(month.replace("-", ""))
