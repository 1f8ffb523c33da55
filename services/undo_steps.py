"""Setting back what an import changed, batch by batch from its last one on, each in one transaction.

What is set back must be as the import left it; everything else stays as it is and is counted as kept. A batch carries
its own mark of being done, so a run that was killed goes on with the next one, and the counts, which are written in the
same transaction, can't drift. How it is done depends on the collection (`WAYS`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from core.clock import now
from core.collections import as_binary, scoped_binary, transaction
from models.customer import Assignment
from models.forecast import Line, SnapshotRow
from models.imports import JournalBatch
from services.import_journal import JOURNALED, SIGNED
from services.undo_documents import Documents, Sales
from services.undo_past import PastForecasts
from services.undo_plans import Plans
from services.undo_rules import GROUPS, OWN_LINKS
from services.undo_step import Batch, Step, Undoing, Way, Whole

Heartbeat = Callable[[], None]
Done = Callable[[Step], Awaitable[None]]
"""Called in the transaction of each batch with what it changed."""
Between = Callable[[], Awaitable[None]]
"""Called after each batch."""

WAYS: Mapping[str, Way[Any]] = {
    **{name: Documents() for name in JOURNALED},
    SIGNED: Sales(),
    Line.Settings.name: Plans(),
    SnapshotRow.Settings.name: PastForecasts(),
}
"""How what imports wrote is set back, by the collection's name."""


async def batches(undoing: Undoing) -> AsyncIterator[Batch]:
    """What is left to set back, from the last batch to the first; what is about a sheet all at once."""
    journal = scoped_binary(JournalBatch)
    left = {"import_id": as_binary(undoing.import_id), "undone_at": None}
    rows = await journal.rows(left, {"row": 1, "collection": 1, "sheet_id": 1})
    sheets = sorted({(one["collection"], one["sheet_id"]) for one in rows if one.get("sheet_id") is not None})
    others = {(one["row"], one["collection"]) for one in rows if one.get("sheet_id") is None}
    wanted = [({"collection": name, "sheet_id": sheet}, name, sheet) for name, sheet in sheets]
    wanted += [({"row": row, "collection": name}, name, None) for row, name in sorted(others, reverse=True)]
    for query, name, sheet in wanted:
        parts = await journal.rows({**left, **query}, sort=[("row", 1), ("part", 1)])
        if parts:
            yield Batch(name, parts, sheet)


async def whole_of(undoing: Undoing) -> dict[str, Whole]:
    """All that an import changed, by collection, where its rows may stand in each other's way."""
    found: dict[str, Whole] = {}
    async for batch in batches(undoing):
        if batch.name not in GROUPS and batch.name not in OWN_LINKS and batch.name != Assignment.Settings.name:
            continue
        known, noted = found.get(batch.name, Whole()), batch.noted
        before = {bytes(id): entry["before"] for id, entry in noted.entries.items()}
        created = known.created.union(map(bytes, noted.created))
        found[batch.name] = Whole(created, {**known.before, **before})
    return found


async def look(undoing: Undoing, batch: Batch, whole: Mapping[str, Whole]) -> Step:
    """What setting back this batch means now."""
    step: Step = await WAYS[batch.name].look(undoing, batch, whole.get(batch.name, Whole()))
    return step


async def set_back(undoing: Undoing, done: Done, between: Between) -> None:
    """Set back everything that is as the import left it."""
    names = await scoped_binary(JournalBatch).distinct("collection", {"import_id": as_binary(undoing.import_id)})
    for name in names:
        await WAYS[name].begin(undoing)
    whole = await whole_of(undoing)
    async for batch in batches(undoing):
        await _carry_out(undoing, batch, whole, done)
        await between()
    for name in names:
        await WAYS[name].finish(undoing)


async def take_back(undoing: Undoing, heartbeat: Heartbeat) -> int:
    """Set back what an import wrote before it turned out that it may not; how many rows had to stay."""
    kept = last = 0

    async def done(step: Step) -> None:
        nonlocal last
        last = step.counts.blocked

    async def between() -> None:
        nonlocal kept
        kept += last
        heartbeat()

    await set_back(undoing, done, between)
    return kept


async def _carry_out(undoing: Undoing, batch: Batch, whole: Mapping[str, Whole], done: Done) -> None:
    way = WAYS[batch.name]
    planned = await look(undoing, batch, whole)

    async def action() -> None:
        await way.take_turns(planned)
        step = await look(undoing, batch, whole)
        await way.write(undoing, step)
        marked = {"undone_at": now(), **step.marks()}
        await scoped_binary(JournalBatch).update_many(
            {"_id": {"$in": [part["_id"] for part in batch.parts]}}, {"$set": marked}
        )
        await done(step)

    async with way.around(undoing, planned):
        await transaction(action)
