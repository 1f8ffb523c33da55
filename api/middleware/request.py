"""The outermost room of a request: its id, its context, its log line, its figures, and the last door for errors."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors
from api.middleware.figures import Figures
from core.clock import now
from core.context import request_id

if TYPE_CHECKING:
    from services.identity import Caller

log = structlog.get_logger("api.access")

KEY = "planwright"
QUIET = ("/api/v1/health", "/metrics")
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestInfo:
    """What is known of a running request. `stack` is closed when it ends: contexts entered on it can't leak."""

    __slots__ = ("caller", "client", "id", "received_at", "stack")

    def __init__(self, id: str, client: str, received_at: datetime, stack: ExitStack) -> None:
        self.id = id
        self.client = client
        self.received_at = received_at
        self.stack = stack
        self.caller: Caller | None = None


def info_of(scope: Scope) -> RequestInfo:
    """The info of the request with this scope."""
    info: RequestInfo = scope[KEY]
    return info


class RequestMiddleware:
    """Takes or makes `X-Request-ID`, and gives it back. An error that reaches this door is the plain 500."""

    def __init__(self, app: ASGIApp, *, trusted_proxies: frozenset[str], figures: Figures) -> None:
        self.app = app
        self.trusted_proxies = trusted_proxies
        self.figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0
        id = _request_id(scope)
        header = (b"x-request-id", id.encode())

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        with ExitStack() as stack:
            stack.callback(request_id.reset, request_id.set(id))
            info = RequestInfo(id, client_of(scope, self.trusted_proxies), now(), stack)
            scope[KEY] = info
            self.figures.begin()
            try:
                await self.app(scope, receive, send_with_id)
            except Exception as error:  # the last door: logged with its stack, answered without
                response = await errors.handle(Request(scope), error)
                if status:
                    raise  # half an answer is out; the server must break the connection
                await response(scope, receive, send_with_id)
            finally:
                self._record(scope, info, status, time.perf_counter() - started)

    def _record(self, scope: Scope, info: RequestInfo, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "-")
        self.figures.end(scope["method"], route, status, seconds)
        line = log.debug if scope["path"].startswith(QUIET) else log.info
        line(
            "request",
            method=scope["method"],
            route=route,
            path=scope["path"][:200],
            status=status,
            ms=round(seconds * 1000, 1),
            client=info.client,
        )


def client_of(scope: Scope, trusted: frozenset[str]) -> str:
    """The caller's address. X-Forwarded-For is believed only from a trusted proxy: the last address that is not one."""
    peer: str = (scope.get("client") or ("unknown", 0))[0]
    if peer not in trusted:
        return peer
    for address in reversed(_header(scope, b"x-forwarded-for").split(",")):
        if address.strip() and address.strip() not in trusted:
            return address.strip()[:64]
    return peer


def _request_id(scope: Scope) -> str:
    given = _header(scope, b"x-request-id")
    return given if _GIVEN_ID.fullmatch(given) else uuid4().hex


def _header(scope: Scope, name: bytes) -> str:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return ",".join(value.decode("latin-1") for key, value in headers if key == name)
