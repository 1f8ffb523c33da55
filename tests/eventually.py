"""Waiting for something that another process or task will do, without guessing how long it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.02


async def eventually(check: Callable[[], Awaitable[T]], *, within: float = 10.0) -> T:
    """Ask `check` until it answers something true and raises no AssertionError; returns that answer.

    After `within` seconds the last AssertionError is raised, or one that shows the last answer.
    """
    end = time.monotonic() + within
    while True:
        try:
            answer = await check()
            if answer:
                return answer
            failure = AssertionError(f"Not so within {within} s; the last answer was {answer!r}.")
        except AssertionError as error:
            failure = error
        if time.monotonic() >= end:
            raise failure
        await asyncio.sleep(PAUSE)
