"""Setting back what an import changed, batch by batch from its last one on, each in one transaction.

What is set back must be as the import left it; everything else stays as it is and is counted as kept. A batch carries
its own mark of being done, so a run that was killed goes on with the next one, and the counts, which are written in the
same transaction, can't drift.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import Scoped, as_binary, scoped_binary, transaction
from core.mongo import RawDocument
from models.customer import Assignment, Customer
from models.imports import JournalBatch
from models.product import Product, ProductCost
from planning.months import Month
from planning.undoing import Found, Obstacle, obstacle
from services.costs import GUARD
from services.import_journal import JOURNALED, SIGNED, Change, Id, Noted, mark_of
from services.matrix import MATRIX
from services.prices import PRICES
from services.product_changes import SUCCESSORS
from services.sales import lines_of
from services.turns import assigning, take_turns
from services.undo_rules import GROUPS, OWN_LINKS, Whole, objections

Heartbeat = Callable[[], None]
Done = Callable[["Step"], Awaitable[None]]
"""Called in the transaction of each batch with what it changed."""
Between = Callable[[], Awaitable[None]]
"""Called after each batch."""
Restored = tuple[RawDocument, RawDocument]
"""A document as it is, and as it will be."""


@dataclass(slots=True)
class Counts:
    """Rows by what an undo does to them: new ones are removed, changed ones restored, removed ones put back; `blocked`
    ones stay as they are."""

    removed: int = 0
    restored: int = 0
    put_back: int = 0
    blocked: int = 0

    @property
    def rows(self) -> int:
        return self.removed + self.restored + self.put_back + self.blocked

    def plus(self, other: Counts) -> Counts:
        return Counts(**{name: value + getattr(other, name) for name, value in asdict(self).items()})


@dataclass(frozen=True, slots=True)
class Blocked:
    """A row that can't be set back: its document as it is (None: it is gone), and why."""

    id: Id
    document: RawDocument | None
    obstacle: Obstacle
    reason: str = ""


@dataclass(slots=True)
class Step:
    """What setting back a batch means for one collection."""

    name: str
    removed: list[RawDocument] = field(default_factory=list)
    restored: list[Restored] = field(default_factory=list)
    put_back: list[RawDocument] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)

    @property
    def door(self) -> Scoped[Any]:
        return scoped_binary(JOURNALED[self.name])

    @property
    def counts(self) -> Counts:
        return Counts(len(self.removed), len(self.restored), len(self.put_back), len(self.blocked))

    @property
    def customers(self) -> set[Id]:
        """Whose sales lines change."""
        return {one["customer_id"] for one in self.documents()} if self.name == SIGNED else set()

    @property
    def months(self) -> set[Month]:
        """The months whose sales lines change."""
        return {one["month"] for one in self.documents()} if self.name == SIGNED else set()

    def documents(self) -> Iterable[RawDocument]:
        """Everything that changes, as it is and as it will be."""
        yield from self.removed
        yield from self.put_back
        for pair in self.restored:
            yield from pair


@dataclass(frozen=True, slots=True)
class Batch:
    """The parts of one batch in one collection that were not set back yet."""

    name: str
    parts: Sequence[Id]
    noted: Noted


async def batches(import_id: UUID) -> AsyncIterator[Batch]:
    """What is left to set back, from the last batch to the first."""
    journal = scoped_binary(JournalBatch)
    left = {"import_id": as_binary(import_id), "undone_at": None}
    rows = await journal.rows(left, {"row": 1, "collection": 1})
    for row, name in sorted({(one["row"], one["collection"]) for one in rows}, reverse=True):
        parts = await journal.rows({**left, "row": row, "collection": name}, sort=[("part", 1)])
        if parts:
            yield Batch(name, [part["_id"] for part in parts], Noted.of(parts))


async def whole_of(import_id: UUID) -> dict[str, Whole]:
    """All that an import changed, by collection, where its rows may stand in each other's way."""
    found: dict[str, Whole] = {}
    async for batch in batches(import_id):
        if batch.name not in GROUPS and batch.name not in OWN_LINKS and batch.name != Assignment.Settings.name:
            continue
        known = found.get(batch.name, Whole())
        before = {bytes(id): entry["before"] for id, entry in batch.noted.entries.items()}
        created = known.created.union(map(bytes, batch.noted.created))
        found[batch.name] = Whole(created, {**known.before, **before})
    return found


async def look(import_id: UUID, name: str, noted: Noted, whole: Whole) -> Step:
    """What setting back these rows means now. Reads only; inside a transaction it is what will be."""
    step = Step(name)
    stored = {row["_id"]: row for row in await step.door.rows({"_id": {"$in": noted.ids}})} if noted.ids else {}
    own = as_binary(import_id)
    options = step.door.raw.codec_options
    for id, mark in noted.created.items():
        document = stored.get(id)
        same = document is not None and _is_same(document, own, mark, options)
        _sort(step, id, document, None, same)
    for id, entry in noted.entries.items():
        document = stored.get(id)
        same = document is not None and entry["after"] is not None and mark_of(document, options) == entry["mark"]
        _sort(step, id, document, entry, same)
    await _object(step, whole)
    return step


def _is_same(document: RawDocument, own: Id, mark: bytes, options: Any) -> bool:
    """Whether a new document is as the import left it. Sales lines name the import that wrote them last."""
    if mark:
        return mark_of(document, options) == mark
    return document["import_id"] == own and document.get("corrected_at") is None


def _sort(step: Step, id: Id, document: RawDocument | None, entry: Mapping[str, Any] | None, same: bool) -> None:
    came_off = entry is not None and entry["after"] is None
    found = Found(is_there=document is not None, is_same=same)
    against = obstacle(found, removed_by_import=came_off)
    if against is not None:
        step.blocked.append(Blocked(id, document, against))
    elif entry is None and document is not None:
        step.removed.append(document)
    elif entry is not None and document is None:
        step.put_back.append({"_id": id, **entry["before"]})
    elif entry is not None and document is not None:
        gone = entry["after"].keys() - entry["before"].keys()
        before = {name: value for name, value in document.items() if name not in gone}
        step.restored.append((document, before | entry["before"]))


async def _object(step: Step, whole: Whole) -> None:
    """Move what others stand in the way of from what is set back to what is blocked."""
    after = [pair[1] for pair in step.restored] + step.put_back
    reasons = await objections(step.name, [one["_id"] for one in step.removed], after, whole)
    if not reasons:
        return
    for one in step.removed:
        if one["_id"] in reasons:
            step.blocked.append(Blocked(one["_id"], one, Obstacle.USED, reasons[one["_id"]]))
    for one in (*(pair[0] for pair in step.restored), *step.put_back):
        if one["_id"] in reasons:
            step.blocked.append(Blocked(one["_id"], one, Obstacle.IN_THE_WAY, reasons[one["_id"]]))
    step.removed = [one for one in step.removed if one["_id"] not in reasons]
    step.restored = [pair for pair in step.restored if pair[0]["_id"] not in reasons]
    step.put_back = [one for one in step.put_back if one["_id"] not in reasons]


async def set_back(import_id: UUID, done: Done, between: Between) -> None:
    """Set back everything that is as the import left it."""
    await _mark_again(import_id)
    whole = await whole_of(import_id)
    async for batch in batches(import_id):
        await _carry_out(import_id, batch, whole.get(batch.name, Whole()), done)
        await between()


async def take_back(import_id: UUID, heartbeat: Heartbeat) -> int:
    """Set back what an import wrote before it turned out that it may not; how many rows had to stay."""
    kept = last = 0

    async def done(step: Step) -> None:
        nonlocal last
        last = step.counts.blocked

    async def between() -> None:
        nonlocal kept
        kept += last
        heartbeat()

    await set_back(import_id, done, between)
    return kept


async def _carry_out(import_id: UUID, batch: Batch, whole: Whole, done: Done) -> None:
    planned = await look(import_id, batch.name, batch.noted, whole)

    async def action() -> None:
        await _take_turns(planned)
        step = await look(import_id, batch.name, batch.noted, whole)
        await _write(step)
        marked = {"undone_at": now(), "customers": list(step.customers), "months": sorted(step.months)}
        await scoped_binary(JournalBatch).update_many({"_id": {"$in": list(batch.parts)}}, {"$set": marked})
        await done(step)

    if batch.name != SIGNED:
        await transaction(action)
        return
    async with lines_of(planned.customers, planned.months, _reason(import_id)):
        await transaction(action)


async def _mark_again(import_id: UUID) -> None:
    """A run that was killed may have set back its last batch without telling that rollups and months are behind."""
    undone = {"import_id": as_binary(import_id), "collection": SIGNED, "undone_at": {"$ne": None}}
    shown = {"customers": 1, "months": 1}
    last = await scoped_binary(JournalBatch).rows(undone, shown, sort=[("undone_at", -1)], limit=1)
    for part in last:
        async with lines_of(part["customers"], part["months"], _reason(import_id)):
            pass


def _reason(import_id: UUID) -> str:
    return f"The import {import_id} was undone, which changed sales lines of this month."


async def _take_turns(step: Step) -> None:
    """Meet everybody else who decides on the same things, before anything is read."""
    if step.name == ProductCost.Settings.name:
        await take_turns(GUARD)
    elif step.name == Product.Settings.name:
        await take_turns(SUCCESSORS)
    elif step.name == Assignment.Settings.name:
        await take_turns(*assigning(sorted({one["customer_id"].as_uuid() for one in step.documents()})))
    for kind in (MATRIX, PRICES):
        if step.name == kind.model.Settings.name:
            customers = {"_id": {"$in": list({one["customer_id"] for one in step.documents()})}}
            await scoped_binary(Customer).update_many(customers, {"$inc": {kind.counter: 1}})


async def _write(step: Step) -> None:
    if step.removed:
        await step.door.delete({"_id": {"$in": [one["_id"] for one in step.removed]}})
    at = now()
    await step.door.update_rows(_update(was, after, at) for was, after in step.restored)
    if step.put_back:
        again = [{**one, "rev": (one.get("rev") or 1) + 1} for one in step.put_back]
        await step.door.insert_rows(again, ordered=True)


def _update(was: RawDocument, after: RawDocument, at: datetime) -> Change:
    """From what is to what was; the version counts on, so that whoever read what is between can't overwrite it."""
    values = {name: value for name, value in after.items() if name not in was or was[name] != value}
    values["rev"] = (was.get("rev") or 1) + 1
    if "updated_at" in was:
        values["updated_at"] = at
    update: dict[str, Any] = {"$set": values}
    if gone := was.keys() - after.keys():
        update["$unset"] = dict.fromkeys(gone, "")
    return {"_id": was["_id"]}, update
