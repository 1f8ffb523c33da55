"""What surrounds every activity: its context, heartbeats that tell a dead worker from a long step, Temporal's words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pymongo.errors import AutoReconnect, OperationFailure
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput

from activities.failures import as_application_error
from activities.interceptor import ContextInterceptor
from core.context import NoTenant, current_tenant, current_user
from core.errors import Detail, InvalidInput, Locked, Unavailable
from tests.eventually import eventually
from workflows.contracts import TenantInput, UpkeepInput

ASKED = TenantInput(tenant_id=uuid4(), user_id=uuid4())


class Server(ActivityOutboundInterceptor):
    """Stands where the server is told of heartbeats."""

    def __init__(self) -> None:
        self.beats: list[tuple[Any, ...]] = []

    def heartbeat(self, *details: Any) -> None:
        self.beats.append(details)


class Body(ActivityInboundInterceptor):
    """The activity itself."""

    def __init__(self, body: Callable[..., Awaitable[Any]]) -> None:
        self.body = body

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self.outbound = outbound

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        return await self.body(*input.args)


async def run(
    body: Callable[..., Awaitable[Any]], argument: object = ASKED, *, server: Server | None = None, **info: Any
) -> Any:
    """Run an activity inside the interceptor, as a worker would."""
    inner = Body(body)
    around = ContextInterceptor().intercept_activity(inner)
    around.init(server or Server())
    environment = ActivityEnvironment()
    environment.info = replace(ActivityEnvironment.default_info(), activity_type="test-activity", **info)
    input = ExecuteActivityInput(fn=body, args=[argument], executor=None, headers={})
    return await environment.run(around.execute_activity, input)


async def test_an_activity_acts_for_the_tenant_and_the_person_of_its_input() -> None:
    async def who(_: TenantInput) -> tuple[object, object]:
        return current_tenant(), current_user()

    assert await run(who) == (ASKED.tenant_id, ASKED.user_id)


async def test_an_activity_without_a_tenant_in_its_input_has_none() -> None:
    async def who(_: UpkeepInput) -> object:
        return current_tenant()

    with pytest.raises(ApplicationError) as failure:
        await run(who, UpkeepInput())
    assert failure.value.type == NoTenant.__name__


@pytest.mark.parametrize(
    ("error", "code", "final"),
    [
        (InvalidInput("Wrong."), "invalid_input", True),
        (Locked("Too late."), "locked", True),
        (Unavailable("Not now."), "unavailable", False),
        (AutoReconnect("gone"), "database_unavailable", False),
    ],
)
async def test_our_errors_travel_under_their_code(error: Exception, code: str, final: bool) -> None:
    async def fail(_: TenantInput) -> None:
        raise error

    with pytest.raises(ApplicationError) as failure:
        await run(fail)
    assert (failure.value.type, failure.value.non_retryable) == (code, final)


@pytest.mark.parametrize("error", [KeyError("canary"), OperationFailure("canary"), ValueError("canary")])
async def test_a_defect_is_retried_and_travels_without_its_words(error: Exception) -> None:
    async def fail(_: TenantInput) -> None:
        raise error

    with pytest.raises(ApplicationError) as failure:
        await run(fail)
    assert failure.value.non_retryable is False
    assert failure.value.message == f"{type(error).__name__} in test-activity; see the worker's log."
    assert failure.value.__cause__ is None


def test_details_and_times_come_along() -> None:
    until = datetime(2026, 11, 21, tzinfo=UTC)
    failure = as_application_error(Locked("Locked.", details=[Detail("cells.0", "too late")], until=until))
    assert failure.details == (
        {"details": [{"field": "cells.0", "message": "too late"}], "retry_after": None, "until": until.isoformat()},
    )
    assert as_application_error(Unavailable(retry_after=7)).next_retry_delay == timedelta(seconds=7)


async def test_a_long_step_is_kept_alive_with_the_last_details_it_gave() -> None:
    server = Server()

    async def beaten(count: int) -> bool:
        return len(server.beats) >= count

    async def work(_: TenantInput) -> None:
        await eventually(lambda: beaten(2))
        outbound.heartbeat("row 7")
        seen = len(server.beats)
        await eventually(lambda: beaten(seen + 2))

    inner = Body(work)
    around = ContextInterceptor().intercept_activity(inner)
    around.init(server)
    outbound = inner.outbound
    environment = ActivityEnvironment()
    environment.info = replace(
        ActivityEnvironment.default_info(), heartbeat_timeout=timedelta(seconds=0.04), heartbeat_details=["row 3"]
    )
    await environment.run(
        around.execute_activity, ExecuteActivityInput(fn=work, args=[ASKED], executor=None, headers={})
    )
    assert list(dict.fromkeys(server.beats)) == [("row 3",), ("row 7",)]


async def test_an_activity_without_a_heartbeat_time_out_sends_none() -> None:
    server = Server()

    async def work(_: TenantInput) -> None:
        return None

    await run(work, server=server)
    assert server.beats == []
