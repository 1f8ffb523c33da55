"""What surrounds every activity: the tenant, the person and the log ids of its input; its errors as Temporal's.

An activity with a heartbeat time-out is also kept alive from here: as long as the process and its event loop live, the
last details that it gave are sent again. So a heartbeat that fails to come means a dead worker, never a long step.

Failures lie in Temporal's history in the clear, so only our own refusals travel with their message: those are written
for people. Of anything else the history gets the class alone, and the worker's log the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter, Histogram
from pymongo.errors import ConnectionFailure, PyMongoError
from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from activities.failures import as_application_error
from core.context import acting_as, request_id, tenant_scope
from core.errors import DatabaseUnavailable, PlanwrightError

log = structlog.get_logger(__name__)

BEATS_PER_TIMEOUT = 4

ATTEMPTS = Counter("planwright_activity_attempts", "Tries of activities by their end.", ["activity", "end"])
SECONDS = Histogram(
    "planwright_activity_seconds",
    "How long a try took.",
    ["activity"],
    buckets=(0.01, 0.05, 0.25, 1, 5, 30, 120, 600),
)


class ContextInterceptor(Interceptor):
    """Give it to the worker; activities then run in the context that their first argument names."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _InContext(next)


class _InContext(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._beats = _Beats(outbound)
        super().init(self._beats)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        name, began, end = activity.info().activity_type, time.perf_counter(), "cancelled"
        try:
            with _context(input.args[0] if input.args else None):
                async with self._beats.kept_up():
                    result = await _in_temporals_words(name, self.next, input)
            end = "completed"
            return result
        except Exception:
            end = "failed"
            raise
        finally:
            ATTEMPTS.labels(name, end).inc()
            SECONDS.labels(name).observe(time.perf_counter() - began)


class _Beats(ActivityOutboundInterceptor):
    """Remembers the details of the last heartbeat (at first those of the last try) and repeats them in time."""

    def __init__(self, next: ActivityOutboundInterceptor) -> None:
        super().__init__(next)
        self._details: Sequence[Any] = ()

    def heartbeat(self, *details: Any) -> None:
        self._details = details
        super().heartbeat(*details)

    @asynccontextmanager
    async def kept_up(self) -> AsyncIterator[None]:
        info = activity.info()
        if info.heartbeat_timeout is None:
            yield
            return
        self._details = info.heartbeat_details
        beating = asyncio.create_task(self._beat(info.heartbeat_timeout.total_seconds() / BEATS_PER_TIMEOUT))
        try:
            yield
        finally:
            beating.cancel()

    async def _beat(self, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            super().heartbeat(*self._details)


@contextmanager
def _context(argument: object) -> Iterator[None]:
    info = activity.info()
    ids = {"workflow_id": info.workflow_id, "activity": info.activity_type, "attempt": info.attempt}
    token = request_id.set(info.workflow_id or "")
    try:
        with ExitStack() as stack:
            stack.enter_context(structlog.contextvars.bound_contextvars(**ids))
            tenant_id = getattr(argument, "tenant_id", None)
            if isinstance(tenant_id, UUID):
                stack.enter_context(tenant_scope(tenant_id))
                stack.enter_context(acting_as(getattr(argument, "user_id", None)))
            yield
    finally:
        request_id.reset(token)


async def _in_temporals_words(name: str, next: ActivityInboundInterceptor, input: ExecuteActivityInput) -> Any:
    """Run the activity; raise nothing but Temporal's own errors."""
    try:
        return await next.execute_activity(input)
    except FailureError:
        raise
    except PlanwrightError as error:
        log.info("activity_refused", code=error.code(), message=error.message)
        raise as_application_error(error) from None
    except PyMongoError as error:
        if not isinstance(error, ConnectionFailure) and not error.timeout:
            raise _defect(name, error) from None
        log.warning("database_away", error=type(error).__name__)
        raise as_application_error(DatabaseUnavailable()) from None
    except Exception as error:  # noqa: BLE001 - nothing is swallowed: it is logged and goes on under another class
        raise _defect(name, error) from None


def _defect(name: str, error: Exception) -> ApplicationError:
    log.exception("activity_failed", error=type(error).__name__)
    return ApplicationError(f"{type(error).__name__} in {name}; see the worker's log.", type=type(error).__name__)
