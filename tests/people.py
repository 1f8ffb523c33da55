"""People who call the API in tests: each has a real user and a real session, and a client that sends their token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.security.jwt import AccessClaims
from core.security.kit import kit
from models.session import AuthSession
from models.user import User
from tests import factories
from tests.contract import check_answer

BASE_URL = "http://planwright.test"


def anonymous(app: FastAPI, **options: Any) -> httpx.AsyncClient:
    """A client without a token. Each of its answers is held against the OpenAPI document."""
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(
        transport=transport, base_url=BASE_URL, event_hooks={"response": [check_answer]}, **options
    )


async def signed_in(app: FastAPI, user: User) -> httpx.AsyncClient:
    """A client that acts as this user."""
    return anonymous(app, headers={"Authorization": f"Bearer {await access_token(user)}"})


async def somebody(app: FastAPI, tenant_id: UUID, role: str, **changes: Any) -> tuple[User, httpx.AsyncClient]:
    """A new user of the tenant with this role, and a client that acts as them."""
    with tenant_scope(tenant_id):
        user = await factories.make_user(role, **changes)
    return user, await signed_in(app, user)


async def access_token(user: User) -> str:
    """An access token of a new session, as signing in would give it."""
    with tenant_scope(user.tenant_id):
        session = AuthSession(user_id=user.id, expires_at=now() + timedelta(days=1))
        await scoped(AuthSession).insert(session)
    claims = AccessClaims(user.id, user.tenant_id, session.id, user.role, user.token_version)
    return kit().access_tokens.sign(claims, now())
