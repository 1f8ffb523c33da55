"""The worker's own small HTTP server: `/health` (it lives), `/ready` (it polls for work), `/metrics` (Prometheus)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ops.errors import OpsError


@dataclass(slots=True)
class WorkerHealth:
    """What the worker has reached; it polls for work once both servers have been there."""

    mongodb: bool = False
    temporal: bool = False
    polling: bool = False


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the worker's: it stops its work first and this server last."""
        yield


@asynccontextmanager
async def serving(health: WorkerHealth, host: str, port: int) -> AsyncIterator[None]:
    """Answer while the block runs. Raises OpsError when the port can't be had."""
    with _listening(host, port) as listener:
        config = uvicorn.Config(health_app(health), lifespan="off", log_config=None, access_log=False)
        server = _Server(config)
        answering = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await answering


def health_app(health: WorkerHealth) -> Starlette:
    """The three routes, without a server."""

    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        word = "ok" if health.polling else "starting"
        return JSONResponse({"status": word, **asdict(health)}, status_code=200 if health.polling else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/health", alive), Route("/ready", ready), Route("/metrics", metrics)])


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            raise OpsError(
                f"The worker can't answer on {host}:{port} ({error.strerror}): choose another WORKER_HEALTH_PORT."
            ) from error
        listener.setblocking(False)
        yield listener
