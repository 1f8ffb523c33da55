"""The worker as a process: waits for its servers, says how it is, and leaves in order when told to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from core.context import tenant_scope
from core.mongo import Mongo
from core.settings import Settings
from models.tenant import Tenant
from ops.embedded import free_port
from ops.errors import OpsError
from ops.worker_health import WorkerHealth, serving
from services import mails
from tests import factories
from tests.eventually import eventually
from tests.mailserver import running_mail_server
from workflows.client import Workflows

ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def worker_process(port: int, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ops.cli",
        "worker",
        cwd=ROOT,
        env={**os.environ, "WORKER_HEALTH_PORT": str(port), **environment},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def answer(port: int, path: str) -> httpx.Response | None:
    try:
        async with httpx.AsyncClient() as client:
            return await client.get(f"http://127.0.0.1:{port}{path}")
    except httpx.TransportError:
        return None


async def test_a_worker_works_and_leaves_when_told_to(settings: Settings, mongo: Mongo, tenant: Tenant) -> None:
    port, queue = free_port(), f"test-{uuid4()}"
    flows = Workflows(settings.temporal.model_copy(update={"temporal_task_queue": queue}))
    with tenant_scope(tenant.id):
        ann = await factories.make_user()
        await mails.queue("opened:1", "cycle-opened", [ann.id], {})

    async def is_ready() -> bool:
        ready = await answer(port, "/ready")
        return ready is not None and ready.status_code == httpx.codes.OK

    async with running_mail_server() as server:
        environment = {"TEMPORAL_TASK_QUEUE": queue, "SMTP_PORT": str(server.port)}
        async with worker_process(port, **environment) as process:
            await eventually(is_ready, within=60)
            await flows.start_mails(tenant.id)

            async def arrived() -> bool:
                return len(server.mails) == 1

            await eventually(arrived)

            async def counted() -> bool:
                metrics = await answer(port, "/metrics")
                sample = 'planwright_activity_attempts_total{activity="deliver-mails"'
                return metrics is not None and sample in metrics.text

            await eventually(counted)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 40) == 0


async def test_a_worker_waits_for_a_temporal_that_is_not_there_yet(settings: Settings) -> None:
    port = free_port()

    async def waits() -> bool:
        ready = await answer(port, "/ready")
        return ready is not None and ready.json() == {
            "status": "starting",
            "mongodb": True,
            "temporal": False,
            "polling": False,
        }

    async with worker_process(port, TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}") as process:
        await eventually(waits, within=60)
        alive = await answer(port, "/health")
        assert alive is not None
        assert alive.status_code == httpx.codes.OK
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 40) == 0


async def test_a_taken_port_is_one_clear_sentence() -> None:
    port = free_port()
    async with serving(WorkerHealth(), "127.0.0.1", port):
        with pytest.raises(OpsError, match="WORKER_HEALTH_PORT"):
            async with serving(WorkerHealth(), "127.0.0.1", port):
                pass
