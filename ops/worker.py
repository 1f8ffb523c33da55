"""The worker process: runs workflows and activities, and answers on a port of its own whether it does.

It starts while MongoDB or Temporal are away and waits for them; SIGTERM and Ctrl-C let running activities finish for
half a minute, then cancel them (they are retried elsewhere).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from activities.interceptor import ContextInterceptor
from core.garbage import collect_seldom
from core.logging import configure_logging
from core.mongo import Mongo
from core.settings import Settings, check_secrets
from core.temporal import connect_temporal
from models.registry import DOCUMENTS
from ops.patience import patiently
from ops.registry import WORKFLOWS, activities
from ops.schedules import ensure_schedules
from ops.worker_health import WorkerHealth, serving

log = structlog.get_logger(__name__)

GRACE = timedelta(seconds=30)
# Without one, the SDK hashes every loaded module at the start, for seconds; we don't route by it.
BUILD_ID = "planwright"


def build_worker(
    client: Client,
    settings: Settings,
    *,
    grace: timedelta = GRACE,
    more_activities: Sequence[Callable[..., Any]] = (),
) -> Worker:
    """A worker with everything of the registry; `client` must be connected. Tests add activities of their own."""
    return Worker(
        client,
        task_queue=settings.temporal.temporal_task_queue,
        workflows=WORKFLOWS,
        activities=[*activities(settings), *more_activities],
        interceptors=[ContextInterceptor()],
        max_concurrent_activities=settings.temporal.worker_max_activities,
        graceful_shutdown_timeout=grace,
        build_id=BUILD_ID,
        identity=f"{os.getpid()}@{socket.gethostname()}",
    )


async def run_worker(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises SettingsError for an unfit secret, OpsError for a taken port."""
    configure_logging(settings.app.log_level, settings.app.log_format)
    check_secrets(settings)
    health = WorkerHealth()
    async with serving(health, settings.temporal.worker_health_host, settings.temporal.worker_health_port):
        await until_stopped(work(settings, health))


async def work(settings: Settings, health: WorkerHealth) -> None:
    """Wait for the servers, then run workflows and activities until cancelled."""
    mongo = Mongo(settings.mongo)
    try:
        await patiently("mongodb", lambda: mongo.start(DOCUMENTS))
        health.mongodb = True
        client = await patiently("temporal", lambda: connect_temporal(settings.temporal))
        await patiently("schedules", lambda: ensure_schedules(client, settings.temporal.temporal_task_queue))
        health.temporal = True
        collect_seldom()
        await poll(build_worker(client, settings), health)
    finally:
        await mongo.close()


async def poll(worker: Worker, health: WorkerHealth) -> None:
    """Run the worker; when cancelled, let it finish what it may."""
    running = asyncio.create_task(worker.run())
    health.polling = True
    log.info("worker_started", task_queue=worker.task_queue)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        log.info("worker_stopping", grace_seconds=GRACE.total_seconds())
        await worker.shutdown()
        await running
    finally:
        health.polling = False


async def until_stopped(main: Coroutine[None, None, None]) -> None:
    """Run `main` until it ends or the process is told to stop; `main` is then cancelled and awaited."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(main)
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, task.cancel)
    try:
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
