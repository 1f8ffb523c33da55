"""What a chaos run was told: every write that was sent and what came back, so that it can be held against the database.

A write without an answer may have happened or not: both are right. A write that was acknowledged must be there.
Times are monotonic seconds; quantities are scaled 1/1000, as stored.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

CellKey = tuple[UUID, UUID, UUID, str]
"""Cycle, customer, product, month."""
JUST_SECONDS = 0.02
PHASES = ("import", "save", "submit", "close", "mail")


@dataclass(slots=True, eq=False)
class Write:
    """One cell that was sent. `acked` None = no answer came; `rev` is the revision that the answer named."""

    quantity: int
    sent: float
    acked: float | None = None
    rev: int | None = None
    saved: bool = False
    """The answer was `saved`, and not `unchanged`."""


@dataclass(slots=True)
class Submit:
    """An acknowledged submission."""

    cycle_id: UUID
    customer_id: UUID
    version: int
    lines: int


@dataclass(slots=True)
class Close:
    """One close. `until` is when the reopening of its cycle was asked for: what was acknowledged before is frozen."""

    cycle_id: UUID
    sent: float
    operation_id: UUID | None = None
    until: float = math.inf


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an invoice. Quantity 1/1000, revenue 1/10000."""

    invoice: str
    item: str
    line: int
    customer: str
    day: str
    quantity: int
    revenue: int
    kind: str


@dataclass(slots=True)
class Upload:
    """A file of sales: its rows by key as the file says them, and the counts that its import must end with."""

    name: str
    rows: dict[tuple[str, str, int], Row]
    counts: dict[str, int]
    import_id: UUID | None = None
    ended: bool = False


@dataclass(slots=True)
class Ledger:
    """Everything that was asked and answered."""

    cells: dict[CellKey, list[Write]] = field(default_factory=dict)
    submits: list[Submit] = field(default_factory=list)
    closes: list[Close] = field(default_factory=list)
    moves: Counter[tuple[str, UUID]] = field(default_factory=Counter)
    """Acknowledged moves other than closes: (audit action, cycle)."""
    uploads: list[Upload] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    retries: int = 0
    lost: int = 0
    """Requests whose end is not known."""
    problems: list[str] = field(default_factory=list)
    """What was wrong already while it ran: answers that nobody should get."""

    def sent(self, key: CellKey, quantity: int, at: float) -> Write:
        write = Write(quantity, at)
        self.cells.setdefault(key, []).append(write)
        return write

    def refused(self, key: CellKey, write: Write) -> None:
        """It did not happen, the answer said so."""
        self.cells[key].remove(write)

    def allowed(self, key: CellKey, until: float = math.inf) -> tuple[Write | None, set[int]]:
        """The last acknowledged write before `until`, and the quantities that may stand: its own, and those sent later
        (but before `until`) whose end was not known by then."""
        base: Write | None = None
        quantities: set[int] = set()
        for write in self.cells.get(key, []):
            if write.acked is not None and write.acked < until:
                base, quantities = write, {write.quantity}
            elif write.sent < until:
                quantities.add(write.quantity)
        return base, quantities


class Phases:
    """What is going on at this moment, so that a kill can be timed and told where it fell."""

    def __init__(self) -> None:
        self.running: Counter[str] = Counter()
        self._entered = {phase: asyncio.Event() for phase in PHASES}
        self._left = {phase: asyncio.Event() for phase in PHASES}
        self._left_at: dict[str, float] = {}

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        self.running[phase] += 1
        self._entered[phase].set()
        self._entered[phase].clear()
        try:
            yield
        finally:
            self.running[phase] -= 1
            self._left_at[phase] = time.monotonic()
            self._left[phase].set()
            self._left[phase].clear()

    def in_flight(self) -> set[str]:
        return {phase for phase, count in self.running.items() if count > 0}

    def just_left(self) -> set[str]:
        """The phases that ended within the last few milliseconds."""
        return {phase for phase, at in self._left_at.items() if time.monotonic() - at < JUST_SECONDS}

    async def next_entry(self, phase: str, within: float) -> bool:
        """Wait for the next beginning of a phase; False when there was none in time."""
        return await self._next(self._entered[phase], within)

    async def next_exit(self, phase: str, within: float) -> bool:
        """Wait for its next end, such as an answer; False when there was none in time."""
        return await self._next(self._left[phase], within)

    async def _next(self, event: asyncio.Event, within: float) -> bool:
        try:
            await asyncio.wait_for(event.wait(), within)
        except TimeoutError:
            return False
        return True


def scaled(units: int) -> int:
    """Whole units as quantities are stored."""
    return units * 1000


def counts_of(raw: dict[str, Any]) -> dict[str, int]:
    """The counts of an import that a file decides."""
    return {name: raw.get(name, 0) for name in ("rows", "inserted", "updated", "unchanged", "rejected")}
