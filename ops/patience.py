"""Waiting for a server that is not there yet, or not at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from pymongo.errors import PyMongoError
from temporalio.service import RPCError

from core.errors import Unavailable

T = TypeVar("T")
log = structlog.get_logger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0


async def patiently(what: str, attempt: Callable[[], Awaitable[T]], *, within: float | None = None) -> T:
    """Try until it works, with growing pauses; after `within` seconds (None = never) the last error is raised.

    Only a server's absence is waited out: everything else is raised at once.
    """
    pause, loop = FIRST_PAUSE, asyncio.get_running_loop()
    end = None if within is None else loop.time() + within
    while True:
        try:
            return await attempt()
        except (Unavailable, RPCError, PyMongoError) as error:
            if end is not None and loop.time() + pause >= end:
                raise
            log.warning("waiting", what=what, error=type(error).__name__, seconds=pause)
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 2)
