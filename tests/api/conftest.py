"""The application under test, running in the test's own event loop on the real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from core.mongo import Mongo
from core.settings import Settings
from models.tenant import Tenant
from tests.people import anonymous, somebody

SignIn = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture(scope="session")
async def app(settings: Settings, mongo: Mongo) -> AsyncIterator[FastAPI]:
    """The application, started."""
    app = create_app(settings, mongo=mongo)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token: `await api.get("/api/v1/health")`."""
    async with anonymous(app) as client:
        yield client


@pytest.fixture
def sign_in(app: FastAPI, tenant: Tenant) -> SignIn:
    """A client for a new user of the test's tenant: `manager = await sign_in("manager")`.

    For the user as well, or another tenant, see `tests.people.somebody`.
    """

    async def as_role(role: str, **changes: object) -> httpx.AsyncClient:
        _, client = await somebody(app, tenant.id, role, **changes)
        return client

    return as_role
