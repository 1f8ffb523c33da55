"""A client, workers on task queues of their own, and the histories that runs leave behind."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from core.mongo import Mongo
from core.settings import Settings
from ops.worker import build_worker
from tests.mailserver import MailServer, running_mail_server
from workflows.client import Workflows

_PLAIN = {"stackTrace": "", "identity": "worker"}
HISTORIES = Path(__file__).parent / "histories"

StartWorker = Callable[..., AbstractAsyncContextManager[Worker]]
Remember = Callable[[WorkflowHandle[Any, Any], str], Awaitable[None]]


@pytest.fixture(scope="session")
async def temporal(temporal_address: str) -> Client:
    """A client whose workflows run in real time."""
    return await Client.connect(temporal_address, data_converter=pydantic_data_converter)


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    async with running_mail_server() as server:
        yield server


@pytest.fixture
def own_settings(settings: Settings, mail_server: MailServer) -> Settings:
    """The process's settings with a task queue and a mail server of this test's own."""
    own = copy.copy(settings)
    own.temporal = settings.temporal.model_copy(update={"temporal_task_queue": f"test-{uuid4()}"})
    own.mail = settings.mail.model_copy(update={"smtp_port": mail_server.port, "smtp_timeout_seconds": 5.0})
    return own


@pytest.fixture
def own_queue(own_settings: Settings) -> str:
    return own_settings.temporal.temporal_task_queue


@pytest.fixture
def flows(own_settings: Settings, temporal: Client) -> Workflows:
    """The way to Temporal as the API has it, on this test's queue."""
    return Workflows(own_settings.temporal, temporal)


@pytest.fixture
def worker(own_settings: Settings, temporal: Client, mongo: Mongo) -> StartWorker:
    """`async with worker():` runs everything of the registry; further activities and another client may be given."""

    @asynccontextmanager
    async def running(*more: Callable[..., Any], client: Client = temporal) -> AsyncIterator[Worker]:
        built = build_worker(client, own_settings, grace=timedelta(0), more_activities=more)
        async with built:
            yield built

    return running


@pytest.fixture
def remember() -> Remember:
    """Keep a run's history for the replay test, once. With RECORD_HISTORIES=1 in the environment new ones are written;
    a recorded one is never written again, because runs of that age may still be alive somewhere."""

    async def write(handle: WorkflowHandle[Any, Any], name: str) -> None:
        path = HISTORIES / f"{name}.json"
        if os.environ.get("RECORD_HISTORIES") == "1" and not path.exists():
            path.write_text(without_traces((await handle.fetch_history()).to_json()) + "\n")

    return write


def without_traces(history: str) -> str:
    """The history without the paths and names of the machine that it ran on, which no replay needs."""

    def clean(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: _PLAIN[name] if name in _PLAIN else clean(value) for name, value in part.items()}
        return [clean(value) for value in part] if isinstance(part, list) else part

    return re.sub(r"\d+@[^\s\"]+-(?=[0-9a-f]{32}\")", "worker-", json.dumps(clean(json.loads(history)), indent=2))
