"""`planwright setup`: brings database and Temporal to what this version needs. Run it before every start of a new
version; running it twice, or at the same time on two machines, is running it once.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import structlog
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from core.clock import now
from core.mongo import Mongo
from core.settings import Settings
from core.temporal import connect_temporal
from models.registry import DOCUMENTS
from ops.errors import OpsError
from ops.migrations.indexes import bring_up_to_date
from ops.migrations.registry import MIGRATIONS
from ops.migrations.runner import migrate
from ops.patience import patiently
from ops.schedules import ensure_schedules

log = structlog.get_logger(__name__)

SERVERS_WITHIN = 60.0
LOCK = "setup"
LEASE = timedelta(seconds=60)
LOCK_WITHIN = 600.0
ASK_AGAIN = 1.0


async def set_up(settings: Settings, say: Callable[[str], None] = log.info) -> None:
    """Stored documents, indexes, then schedules.

    Raises Unavailable or PyMongoError when a server is not there within a minute, OpsError when a person must act.
    """
    mongo = Mongo(settings.mongo)
    try:
        await patiently("mongodb", mongo.ping, within=SERVERS_WITHIN)
        async with setup_lock(mongo):
            await mongo.start(DOCUMENTS)
            await migrate(mongo, MIGRATIONS, say)
            await bring_up_to_date(mongo, DOCUMENTS, say)
            say(f"MongoDB: {len(DOCUMENTS)} collections with their indexes are there.")
            client = await patiently("temporal", lambda: connect_temporal(settings.temporal), within=SERVERS_WITHIN)
            await ensure_schedules(client, settings.temporal.temporal_task_queue)
            say("Temporal: the schedules are there.")
    finally:
        await mongo.close()


@asynccontextmanager
async def setup_lock(mongo: Mongo, *, within: float = LOCK_WITHIN) -> AsyncIterator[None]:
    """One set-up at a time over all machines. The lease is renewed while the block runs and lapses after a crash.

    Raises OpsError when another one holds it for longer than `within` seconds.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex}"
    end = asyncio.get_running_loop().time() + within
    while not await _take(mongo, owner):
        if asyncio.get_running_loop().time() >= end:
            raise OpsError("Another set-up is still running: wait for it, or look why it does not end, and try again.")
        await asyncio.sleep(ASK_AGAIN)
    renewing = asyncio.create_task(_renew(mongo, owner))
    try:
        yield
    finally:
        renewing.cancel()
        await mongo.database["system_state"].delete_one({"_id": LOCK, "owner": owner})


async def _take(mongo: Mongo, owner: str) -> bool:
    """Whether the lock is ours now: it was free, lapsed, or ours before."""
    at = now()
    query: dict[str, Any] = {"_id": LOCK, "$or": [{"until": {"$lte": at}}, {"owner": owner}]}
    change = {"$set": {"owner": owner, "until": at + LEASE}}
    try:
        await mongo.database["system_state"].find_one_and_update(
            query, change, upsert=True, return_document=ReturnDocument.AFTER
        )
    except DuplicateKeyError:
        return False
    return True


async def _renew(mongo: Mongo, owner: str) -> None:
    while True:
        await asyncio.sleep(LEASE.total_seconds() / 3)
        with suppress(PyMongoError):  # the next time is still within the lease
            await _take(mongo, owner)
