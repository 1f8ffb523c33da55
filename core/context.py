"""Who is asking, as long as this request or activity lasts: the tenant (or a system reason), user and request id.

Tenancy fails closed: outside `tenant_scope` and `system_scope` a query on a tenant collection raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

import structlog


class NoTenant(RuntimeError):
    """A tenant collection was touched without a tenant in context. A defect, never a user's mistake."""


@dataclass(frozen=True, slots=True)
class _System:
    reason: str


_tenant: ContextVar[UUID | _System | None] = ContextVar("planwright_tenant", default=None)
_user: ContextVar[UUID | None] = ContextVar("planwright_user", default=None)
request_id: ContextVar[str] = ContextVar("planwright_request_id", default="")


def current_user() -> UUID | None:
    """The person who acts; None when the system does."""
    return _user.get()


@contextmanager
def acting_as(user_id: UUID | None) -> Iterator[None]:
    """Everything inside is done by this person (None = by the system)."""
    token = _user.set(user_id)
    bound = structlog.contextvars.bind_contextvars(user_id=str(user_id) if user_id else "system")
    try:
        yield
    finally:
        _user.reset(token)
        structlog.contextvars.reset_contextvars(**bound)


def current_tenant() -> UUID:
    """The tenant of this request or activity; raises `NoTenant` when there is none (a system scope has none)."""
    scope = _tenant.get()
    if not isinstance(scope, UUID):
        raise NoTenant("No tenant in context: wrap the call in tenant_scope(tenant_id).")
    return scope


def tenant_filter() -> dict[str, object]:
    """`{"tenant_id": …}` of the context; empty inside a system scope, which reads across tenants on purpose."""
    scope = _tenant.get()
    if isinstance(scope, _System):
        return {}
    return {"tenant_id": current_tenant()}


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[None]:
    """Everything inside reads and writes this tenant only."""
    token = _tenant.set(tenant_id)
    bound = structlog.contextvars.bind_contextvars(tenant_id=str(tenant_id))
    try:
        yield
    finally:
        _tenant.reset(token)
        structlog.contextvars.reset_contextvars(**bound)


@contextmanager
def system_scope(reason: str) -> Iterator[None]:
    """Reads across tenants, for upkeep only. The reason is logged with every line inside."""
    token = _tenant.set(_System(reason))
    bound = structlog.contextvars.bind_contextvars(system_scope=reason)
    try:
        yield
    finally:
        _tenant.reset(token)
        structlog.contextvars.reset_contextvars(**bound)
