"""How large a request may be, how long it may take, and how often a stranger may call.

Bodies are counted as they arrive, so that one without a length is stopped as early as one that admits its size.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware.request import info_of
from core.errors import MalformedRequest, PayloadTooLarge, Unavailable
from core.ratelimit import LocalBuckets
from core.settings import HttpSettings

ANONYMOUS_BODY_BYTES = 65_536
FORM_OVERHEAD_BYTES = 65_536
"""What a multipart body may hold besides the file."""
SLOW_FACTOR = 10
"""Uploads, and answers that are already being sent, may take this many times the request time-out."""
UPLOAD_PATHS = ("/api/v1/imports",)
UNCOUNTED_PATHS = ("/api/v1/health", "/metrics")


@dataclass(frozen=True, slots=True)
class RouteClass:
    """Bytes of a body, and seconds until the answer must have begun."""

    body_bytes: int
    seconds: float


class LimitsMiddleware:
    """Raises PayloadTooLarge or Unavailable (out of time); callers without a token share a bucket per address."""

    def __init__(self, app: ASGIApp, *, settings: HttpSettings, strangers: LocalBuckets) -> None:
        seconds = settings.request_timeout_seconds
        self.app = app
        self.strangers = strangers
        self.plain = RouteClass(settings.body_limit_bytes, seconds)
        self.upload = RouteClass(settings.upload_limit_bytes + FORM_OVERHEAD_BYTES, seconds * SLOW_FACTOR)
        self.anonymous = RouteClass(min(ANONYMOUS_BODY_BYTES, settings.body_limit_bytes), seconds)
        self.sending_seconds = seconds * SLOW_FACTOR

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        known = b"authorization" in headers
        if not known and not scope["path"].startswith(UNCOUNTED_PATHS):
            self.strangers.require(info_of(scope).client)
        limits = self._class_of(scope, known)
        if _length(headers) > limits.body_bytes:
            raise PayloadTooLarge()
        try:
            async with asyncio.timeout(limits.seconds) as clock:
                await self.app(scope, _counted(receive, limits.body_bytes), self._rewinding(clock, send))
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise Unavailable("The request took too long and was stopped; try again.") from error

    def _class_of(self, scope: Scope, known: bool) -> RouteClass:
        if not known:
            return self.anonymous
        if scope["method"] == "POST" and scope["path"].startswith(UPLOAD_PATHS):
            return self.upload
        return self.plain

    def _rewinding(self, clock: asyncio.Timeout, send: Send) -> Send:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The time may run out just now: then the cancellation comes here, or was swallowed by who answers.
                await asyncio.sleep(0)
                if not clock.expired():
                    clock.reschedule(asyncio.get_running_loop().time() + self.sending_seconds)
            await send(message)

        return send_on


def _counted(receive: Receive, limit: int) -> Receive:
    received = 0

    async def receive_counted() -> Message:
        nonlocal received
        message = await receive()
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            if received > limit:
                raise PayloadTooLarge()
        return message

    return receive_counted


def _length(headers: dict[bytes, bytes]) -> int:
    text = headers.get(b"content-length", b"0")
    if not text.isdigit() or len(text) > 15:
        raise MalformedRequest("The Content-Length header is not a number.")
    return int(text)
