"""Setting back whole documents: new ones are removed, changed ones say again what they said, removed ones come back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.clock import now
from core.collections import Scoped, as_binary, scoped, scoped_binary
from core.mongo import RawDocument
from models.customer import Assignment, Customer
from models.imports import JournalBatch
from models.product import Product, ProductCost
from models.sale import SaleLine
from planning.months import Month
from planning.undoing import Found, Obstacle, obstacle
from services.costs import GUARD
from services.import_journal import JOURNALED, SIGNED, Change, Id, mark_of
from services.matrix import MATRIX
from services.prices import PRICES
from services.product_changes import SUCCESSORS
from services.sales import lines_of
from services.turns import assigning, take_turns
from services.undo_rules import objections
from services.undo_step import Batch, Blocked, Counts, Step, Undoing, Way, Whole

Restored = tuple[RawDocument, RawDocument]
"""A document as it is, and as it will be."""


@dataclass(slots=True)
class DocumentStep(Step):
    """Documents by what becomes of them."""

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
        return {one["month"] for one in self.documents()} if self.name == SIGNED else set()

    def marks(self) -> RawDocument:
        return {"customers": list(self.customers), "months": sorted(self.months)}

    def documents(self) -> Iterator[RawDocument]:
        """Everything that changes, as it is and as it will be."""
        yield from self.removed
        yield from self.put_back
        for pair in self.restored:
            yield from pair


class Documents(Way[DocumentStep]):
    """Any collection whose documents stand for themselves."""

    async def look(self, undoing: Undoing, batch: Batch, whole: Whole) -> DocumentStep:
        step, noted = DocumentStep(batch.name), batch.noted
        stored = {row["_id"]: row for row in await step.door.rows({"_id": {"$in": noted.ids}})} if noted.ids else {}
        own = as_binary(undoing.import_id)
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

    async def take_turns(self, step: DocumentStep) -> None:
        turn = TURNS.get(step.name)
        if turn is not None:
            await turn(step)

    async def write(self, undoing: Undoing, step: DocumentStep) -> None:
        if step.removed:
            await step.door.delete({"_id": {"$in": [one["_id"] for one in step.removed]}})
        at = now()
        await step.door.update_rows(_update(was, after, at) for was, after in step.restored)
        if step.put_back:
            again = [{**one, "rev": (one.get("rev") or 1) + 1} for one in step.put_back]
            await step.door.insert_rows(again, ordered=True)


class Sales(Documents):
    """Sales lines name the import that wrote them last; rollups and months follow them."""

    async def untouched(self, undoing: Undoing, batch: Batch) -> Counts | None:
        """Whether all lines of the batch name the import and were corrected by nobody: counting is fast."""
        noted = batch.noted
        if any(entry["after"] is None for entry in noted.entries.values()):
            return None
        query = {"_id": {"$in": noted.ids}, "import_id": undoing.import_id, "corrected_at": None}
        if await scoped(SaleLine).count(query) != len(noted.ids):
            return None
        return Counts(removed=len(noted.created), restored=len(noted.entries))

    def around(self, undoing: Undoing, step: DocumentStep) -> AbstractAsyncContextManager[None]:
        return lines_of(step.customers, step.months, _reason(undoing))

    async def begin(self, undoing: Undoing) -> None:
        """A killed run may have set back its last batch without telling that rollups and months are behind."""
        undone = {"import_id": as_binary(undoing.import_id), "collection": SIGNED, "undone_at": {"$ne": None}}
        shown = {"customers": 1, "months": 1}
        last = await scoped_binary(JournalBatch).rows(undone, shown, sort=[("undone_at", -1)], limit=1)
        for part in last:
            async with lines_of(part["customers"], part["months"], _reason(undoing)):
                pass


def _is_same(document: RawDocument, own: Id, mark: bytes, options: Any) -> bool:
    """Whether a new document is as the import left it. Sales lines name the import that wrote them last."""
    if mark:
        return mark_of(document, options) == mark
    return document["import_id"] == own and document.get("corrected_at") is None


def _sort(
    step: DocumentStep, id: Id, document: RawDocument | None, entry: Mapping[str, Any] | None, same: bool
) -> None:
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


async def _object(step: DocumentStep, whole: Whole) -> None:
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


def _reason(undoing: Undoing) -> str:
    return f"The import {undoing.import_id} was undone, which changed sales lines of this month."


# --- turns ------------------------------------------------------------------------------------------------------------


def _of_customers(step: DocumentStep) -> Iterable[Id]:
    return {one["customer_id"] for one in step.documents()}


async def _costs(_: DocumentStep) -> None:
    await take_turns(GUARD)


async def _successors(_: DocumentStep) -> None:
    await take_turns(SUCCESSORS)


async def _assigning(step: DocumentStep) -> None:
    await take_turns(*assigning(sorted(id.as_uuid() for id in _of_customers(step))))


def _counted(counter: str) -> Callable[[DocumentStep], Awaitable[None]]:
    async def count_on(step: DocumentStep) -> None:
        customers = {"_id": {"$in": list(_of_customers(step))}}
        await scoped_binary(Customer).update_many(customers, {"$inc": {counter: 1}})

    return count_on


TURNS: Mapping[str, Callable[[DocumentStep], Awaitable[None]]] = {
    ProductCost.Settings.name: _costs,
    Product.Settings.name: _successors,
    Assignment.Settings.name: _assigning,
    **{kind.model.Settings.name: _counted(kind.counter) for kind in (MATRIX, PRICES)},
}
"""How to meet others who decide on the same things, by collection."""
