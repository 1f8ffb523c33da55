"""The HTTP application: `create_app(settings)` builds it, its lifespan connects it.

It starts and reads without Temporal. It needs the database to start; later it says 503 while that is away.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from api import docs, errors, routing
from api.middleware.figures import Figures
from api.middleware.headers import SecurityHeadersMiddleware
from api.middleware.limits import LimitsMiddleware
from api.middleware.request import RequestMiddleware
from api.routes.registry import ROUTERS
from core.mongo import Mongo
from core.ratelimit import Limit, LocalBuckets
from core.settings import Settings, check_secrets
from models.registry import DOCUMENTS
from workflows.client import Workflows

TITLE = "Planwright"
VERSION = "0.1.0"
GZIP_FROM_BYTES = 16_384
COMPRESSED_ALREADY = ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "image/*")
ALLOWED_HEADERS = ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Request-ID"]
SHOWN_HEADERS = ["Content-Disposition", "ETag", "Location", "Retry-After", "X-Request-ID"]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(settings: Settings, *, mongo: Mongo | None = None, workflows: Workflows | None = None) -> FastAPI:
    """The application for these settings. Raises SettingsError for a signing secret that nobody should run with.

    `mongo`: a connection that the caller has started and will close; otherwise the lifespan makes its own.
    """
    check_secrets(settings)
    app = _routes_only()
    app.state.settings = settings
    app.state.figures = Figures()
    app.state.mongo = mongo
    app.state.workflows = workflows or Workflows(settings.temporal)
    app.state.strangers = LocalBuckets(Limit(settings.http.rate_limit_per_minute))
    app.state.readers = LocalBuckets(Limit(settings.http.rate_limit_per_minute))
    errors.install(app)
    docs.install(app, public=settings.app.planwright_env != "prod")
    _add_middleware(app, settings)
    return app


def contract() -> dict[str, Any]:
    """The OpenAPI document, which depends on no setting."""
    return _routes_only().openapi()


def _routes_only() -> FastAPI:
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description="Sales & operations planning: monthly cycles, one plan, trusted actuals.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    routing.install(app, ROUTERS)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Innermost first. All of them are pure ASGI: one BaseHTTPMiddleware costs two thirds of the throughput."""
    http = settings.http
    app.add_middleware(
        GZipMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=1, exclude_content_types=COMPRESSED_ALREADY
    )
    app.add_middleware(LimitsMiddleware, settings=http, strangers=app.state.strangers)
    app.add_middleware(RequestMiddleware, trusted_proxies=frozenset(http.trusted_proxies), figures=app.state.figures)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=http.cors_origins,
        allow_methods=METHODS,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=SHOWN_HEADERS,
    )
    app.add_middleware(SecurityHeadersMiddleware)


def keep_for_good() -> None:
    """Take what the process was started with out of the garbage collector's sight, for it is never garbage.

    Each grid makes thousands of containers and so sets off full collections, which otherwise walk through all modules
    and models again: a sixth of its time.
    """
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    owned = None if app.state.mongo else Mongo(settings.mongo)
    try:
        if owned:
            await owned.start(DOCUMENTS)
            app.state.mongo = owned
            keep_for_good()
        yield
    finally:
        if owned:
            await owned.close()
