"""What a migration consists of: for one collection, which stored documents lack something, and what they get.

A step is applied to one range of ids after the other and must be true to two things, because it may be cut off and run
again, and because processes of the version before may still write: it changes only what lacks it at that moment, and
running it over the same documents again changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.collections import Filter, Scoped, scoped
from core.documents import PlanwrightDocument
from core.mongo import RawDocument

Door = Scoped[Any]
Change = Callable[[Door, Filter], Awaitable[int]]

NOW = "$$NOW"
"""For `absent`: the server's time."""


@dataclass(frozen=True, slots=True)
class Step:
    """`change` gets the collection and a query for the ids of one range, and returns how many documents it changed."""

    model: type[PlanwrightDocument]
    change: Change


@dataclass(frozen=True, slots=True)
class Migration:
    """`number` orders migrations and never changes; `why` is one line for the operator."""

    number: int
    why: str
    steps: Sequence[Step]

    @property
    def key(self) -> str:
        """Its id in `migrations_log`."""
        return f"{self.number:04d}"


def absent(model: type[PlanwrightDocument], **values: Any) -> Step:
    """Give fields that are not stored these values (null too); a field that is stored keeps its value, even null."""
    lacking = {"$or": [{name: {"$exists": False}} for name in values]}
    update = [{"$set": {name: _unless_stored(name, value) for name, value in values.items()}}]
    return rewritten(model, lacking, update)


def rewritten(model: type[PlanwrightDocument], lacking: Filter, update: Any) -> Step:
    """Update the documents that `lacking` finds; afterwards it must not find them any more."""

    async def change(door: Door, ids: Filter) -> int:
        return (await door.update_many({"$and": [ids, lacking]}, update)).modified_count

    return Step(model, change)


def computed(
    model: type[PlanwrightDocument], field: str, reads: Sequence[str], value: Callable[[RawDocument], Any]
) -> Step:
    """Give a field that is not stored a value made of the document's other fields."""
    lacking = {field: {"$exists": False}}

    async def change(door: Door, ids: Filter) -> int:
        rows = await door.rows({"$and": [ids, lacking]}, dict.fromkeys(reads, 1))
        updates = [({"_id": row["_id"], **lacking}, {"$set": {field: value(row)}}) for row in rows]
        done = await door.update_rows(updates)
        return 0 if done is None else done.modified_count

    return Step(model, change)


def door_of(step: Step) -> Door:
    """The collection that the step works on."""
    return scoped(step.model)


def _unless_stored(name: str, value: Any) -> dict[str, Any]:
    given = value if value == NOW else {"$literal": value}
    return {"$cond": [{"$eq": [{"$type": f"${name}"}, "missing"]}, given, f"${name}"]}
