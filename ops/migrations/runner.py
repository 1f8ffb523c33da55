"""Brings stored documents to what this version's models say, under the lock of `planwright setup`.

`migrations_log` holds a document per migration. A run walks each collection by id in batches and writes down where it
is, so that one that was cut off goes on there. A migration that changed something runs again at the next set-up,
because processes of the version before may have written on meanwhile; the first run that finds nothing settles it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from core.clock import now
from core.context import system_scope
from core.mongo import Mongo, RawDocument
from ops.migrations.steps import Door, Migration, door_of

log = structlog.get_logger(__name__)

LOG = "migrations_log"
DOCUMENTS_PER_BATCH = 5_000


async def migrate(
    mongo: Mongo,
    migrations: Sequence[Migration],
    say: Callable[[str], None],
    *,
    batch: int = DOCUMENTS_PER_BATCH,
    told: Callable[[int], None] = lambda _: None,
) -> int:
    """Run what is not settled, in order; returns how many documents were changed. `told` hears of every batch."""
    settled = {row["_id"] async for row in mongo.database[LOG].find({"settled_at": {"$ne": None}}, {"_id": 1})}
    changed = 0
    for migration in migrations:
        if migration.key not in settled:
            with system_scope(f"migration {migration.key}: {migration.why}"):
                changed += await _Run(mongo, migration, batch, told).through(say)
    return changed


class _Run:
    """One run of one migration."""

    def __init__(self, mongo: Mongo, migration: Migration, batch: int, told: Callable[[int], None]) -> None:
        self.log = mongo.database[LOG]
        self.migration = migration
        self.batch = batch
        self.told = told

    async def through(self, say: Callable[[str], None]) -> int:
        """From where the last run was cut off, or from the beginning; returns how many documents this run changed,
        what it had changed before it was cut off included."""
        begun = await self._begin()
        for number in range(begun["step"], len(self.migration.steps)):
            await self._walk(number, begun["last_id"] if number == begun["step"] else None)
        changed = await self._end()
        if changed:
            say(f"Migration {self.migration.key}: {changed} documents changed ({self.migration.why}).")
        return changed

    async def _walk(self, number: int, last_id: Any) -> None:
        step = self.migration.steps[number]
        door = door_of(step)
        while (end := await self._end_of_batch(door, last_id)) is not None:
            ids = {"_id": {"$lte": end} if last_id is None else {"$gt": last_id, "$lte": end}}
            changed = await step.change(door, ids)
            last_id = end
            await self._note({"$set": {"step": number, "last_id": last_id}, "$inc": {"changed": changed}})
            self.told(changed)

    async def _end_of_batch(self, door: Door, last_id: Any) -> Any:
        """The last id of the next batch; None behind the last document. Reads the index of ids only."""
        beyond = {} if last_id is None else {"_id": {"$gt": last_id}}
        full = await door.rows(beyond, {"_id": 1}, sort=[("_id", 1)], skip=self.batch - 1, limit=1)
        found = full or await door.rows(beyond, {"_id": 1}, sort=[("_id", -1)], limit=1)
        return found[0]["_id"] if found else None

    async def _begin(self) -> RawDocument:
        at = now()
        known = await self.log.find_one({"_id": self.migration.key})
        if known is not None and known["finished_at"] is None:
            log.info("migration_goes_on", migration=self.migration.key, step=known["step"])
            return known
        fresh = {"step": 0, "last_id": None, "changed": 0, "started_at": at, "finished_at": None, "settled_at": None}
        change = {"$set": {"why": self.migration.why, **fresh}, "$inc": {"runs": 1}}
        await self.log.update_one({"_id": self.migration.key}, change, upsert=True)
        return fresh

    async def _end(self) -> int:
        """Write down that it ran through, and that it is settled when there was nothing to change."""
        at = now()
        row = await self.log.find_one({"_id": self.migration.key}, {"changed": 1})
        changed = int(row["changed"]) if row else 0
        await self._note(
            {
                "$set": {"finished_at": at, "settled_at": None if changed else at, "last_id": None},
                "$inc": {"changed_in_all": changed},
            }
        )
        return changed

    async def _note(self, change: dict[str, Any]) -> None:
        await self.log.update_one({"_id": self.migration.key}, change)
