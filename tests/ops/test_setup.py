"""Setting up twice, or on two machines at once, is setting up once."""

from __future__ import annotations

import asyncio

import pytest

from core.mongo import Mongo
from core.settings import Settings
from models.registry import DOCUMENTS
from ops.errors import OpsError
from ops.setup import LOCK, set_up, setup_lock


async def test_set_up_twice_leaves_the_indexes_as_they_are(settings: Settings, mongo: Mongo) -> None:
    said: list[str] = []
    await asyncio.gather(set_up(settings, said.append), set_up(settings, said.append))
    await mongo.start(DOCUMENTS)
    assert len(said) == 4
    assert "tenant_due" in await mongo.database["mails"].index_information()
    assert await mongo.database["system_state"].find_one({"_id": LOCK}) is None


async def test_a_second_set_up_waits_for_the_first(mongo: Mongo) -> None:
    order: list[str] = []

    async def second() -> None:
        async with setup_lock(mongo):
            order.append("second")

    async with setup_lock(mongo):
        waiting = asyncio.create_task(second())
        with pytest.raises(OpsError):
            async with setup_lock(mongo, within=0):
                pass
        order.append("first")
    await waiting
    assert order == ["first", "second"]


async def test_a_lock_of_a_crashed_set_up_lapses(mongo: Mongo) -> None:
    async with setup_lock(mongo):
        crashed = await mongo.database["system_state"].find_one({"_id": LOCK})
    assert crashed is not None
    crashed["until"] = crashed["until"].replace(year=2020)
    await mongo.database["system_state"].insert_one(crashed)
    async with setup_lock(mongo, within=0):
        pass
