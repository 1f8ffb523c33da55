"""The servers under the tests are the real ones, and skip time as the workflow tests rely on."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient
from temporalio import workflow
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from tests import servers


@workflow.defn(name="sleeper", sandboxed=False)
class Sleeper:
    @workflow.run
    async def run(self, days: int) -> str:
        start = workflow.now()
        await workflow.sleep(timedelta(days=days))
        return str((workflow.now() - start).days)


def test_what_a_killed_run_left_is_deleted_and_the_rest_spared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(servers, "MEMORY_DISK", tmp_path)
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, used = (tmp_path / f"planwright-test-{pid}-x" for pid in (ended.pid, os.getppid()))
    left.mkdir()
    used.mkdir()
    with servers.scratch_directory() as scratch:
        assert sorted(tmp_path.iterdir()) == sorted([used, scratch])


async def test_mongod_takes_transactions(mongodb_uri: str, mongodb_database: str) -> None:
    async with AsyncMongoClient[dict[str, object]](mongodb_uri) as client:
        things = client[mongodb_database]["things"]
        async with client.start_session() as session, await session.start_transaction():
            await things.insert_one({"name": "one"}, session=session)
        assert await things.count_documents({}) == 1


async def test_a_workflow_of_ninety_days_ends_at_once(time_skipper: TimeSkipper) -> None:
    queue = f"sleeper-{uuid4()}"
    async with Worker(time_skipper.client, task_queue=queue, workflows=[Sleeper]):
        assert await time_skipper.client.execute_workflow(Sleeper.run, 90, id=queue, task_queue=queue) == "90"
