"""The API process: uvicorn with our settings. `planwright api` runs it; a reverse proxy stands before it."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from core.logging import configure_logging
from core.settings import Settings, check_secrets, load_settings

KEEP_ALIVE_SECONDS = 75
"""Longer than the usual idle time of a proxy, so that it is the proxy who closes."""
GRACE_SECONDS = 5
BACKLOG = 2048


def run(settings: Settings, application: str = "ops.server:build") -> None:
    """Serve until a signal ends it; requests in flight are finished within the request time-out. Raises SettingsError.

    `application` names the function that builds it. Several workers are processes of their own, each with its own
    connections.
    """
    check_secrets(settings)
    configure_logging(settings.app.log_level, settings.app.log_format)
    uvicorn.run(
        application,
        factory=True,
        host=settings.http.api_host,
        port=settings.http.api_port,
        workers=settings.http.api_workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=settings.http.max_concurrency,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.http.request_timeout_seconds) + GRACE_SECONDS,
    )


def build() -> FastAPI:
    """The application of one worker process."""
    settings = load_settings()
    configure_logging(settings.app.log_level, settings.app.log_format)
    return create_app(settings)
