"""The load generator, a process of its own: connections that ask the same question again as soon as it is answered.

It knows just enough HTTP/1.1 (keep-alive, `Content-Length`) to cost the servers' cores as little as possible. The order
comes as JSON on standard input, the `Outcome` goes out as JSON.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import cast

import orjson
import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
GRACE_SECONDS = 30.0
"""How long the last answers may take once the time is over."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to ask, over how many connections, and for how long. No more than `max_requests` are sent."""

    port: int
    path: str
    headers: dict[str, str]
    connections: int
    seconds: float
    max_requests: int = 1_000_000

    def request(self) -> bytes:
        """The request as it goes over the wire."""
        lines = [f"GET {self.path} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in self.headers.items())]
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(slots=True)
class Outcome:
    """What came back: seconds per answered request, in no order, and bytes of one answer's body."""

    seconds: float = 0.0
    body_bytes: int = 0
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """Sends the request, waits for the whole answer, and does it again until the time is over."""

    def __init__(self, order: Order, outcome: Outcome, done: asyncio.Future[None]) -> None:
        self.order, self.outcome, self.done = order, outcome, done
        self.request = order.request()
        self.end = time.perf_counter() + order.seconds
        self.head = b""
        self.missing = 0
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self.missing:
            self.missing -= len(data)
        else:
            self.head += data
            before, found, body = self.head.partition(HEAD_END)
            if not found:
                return
            self.head = b""
            length = self._length(before)
            if length < 0:
                return
            self.missing = length - len(body)
        if self.missing <= 0:
            self._answered()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.outcome.errors.append(f"the server closed the connection: {error}")
            self.done.set_result(None)

    def _ask(self) -> None:
        self.sent = time.perf_counter()
        self.transport.write(self.request)

    def _length(self, head: bytes) -> int:
        """Bytes of the body; -1 ends the connection, since the answer is not a good one."""
        status, _, fields = head.partition(b"\r\n")
        named = [line for line in fields.split(b"\r\n") if line.lower().startswith(LENGTH)]
        if b" 200 " not in status or not named:
            self.outcome.errors.append(status.decode("latin-1"))
            self._finish()
            return -1
        self.outcome.body_bytes = int(named[0].split(b":")[1])
        return self.outcome.body_bytes

    def _answered(self) -> None:
        at = time.perf_counter()
        self.outcome.latencies.append(at - self.sent)
        if at < self.end and len(self.outcome.latencies) < self.order.max_requests:
            self._ask()
        else:
            self._finish()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self.transport.close()


async def run(order: Order) -> Outcome:
    """Carry the order out."""
    loop = asyncio.get_running_loop()
    outcome = Outcome()
    waiting: list[asyncio.Future[None]] = [loop.create_future() for _ in range(order.connections)]
    begin = time.perf_counter()
    for done in waiting:
        await loop.create_connection(lambda done=done: Connection(order, outcome, done), "127.0.0.1", order.port)  # type: ignore[misc]
    async with asyncio.timeout(order.seconds + GRACE_SECONDS):
        await asyncio.gather(*waiting)
    outcome.seconds = time.perf_counter() - begin
    return outcome


if __name__ == "__main__":
    uvloop.install()
    sys.stdout.buffer.write(orjson.dumps(asyncio.run(run(Order(**orjson.loads(sys.stdin.buffer.read()))))))
