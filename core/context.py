"""Who is asking, as long as this request or activity lasts: the tenant (or a system reason), user and request id.

Tenancy fails closed: outside `tenant_scope` and `system_scope` a query on a tenant collection raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID


class NoTenant(RuntimeError):
    """A tenant collection was touched without a tenant in context. A defect, never a user's mistake."""


@dataclass(frozen=True, slots=True)
class _System:
    reason: str


_tenant: ContextVar[UUID | _System | None] = ContextVar("planwright_tenant", default=None)
_user: ContextVar[UUID | None] = ContextVar("planwright_user", default=None)
request_id: ContextVar[str] = ContextVar("planwright_request_id", default="")


def context_ids() -> dict[str, str]:
    """The ids of the context, as each line of the log carries them; without a person it is the system that acts."""
    ids = {"request_id": request_id.get()} if request_id.get() else {}
    scope = _tenant.get()
    if isinstance(scope, _System):
        ids["system_scope"] = scope.reason
    elif scope is not None:
        ids["tenant_id"] = str(scope)
    if scope is not None:
        ids["user_id"] = str(_user.get() or "system")
    return ids


def current_user() -> UUID | None:
    """The person who acts; None when the system does."""
    return _user.get()


@contextmanager
def acting_as(user_id: UUID | None) -> Iterator[None]:
    """Everything inside is done by this person (None = by the system)."""
    token = _user.set(user_id)
    try:
        yield
    finally:
        _user.reset(token)


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
    try:
        yield
    finally:
        _tenant.reset(token)


@contextmanager
def system_scope(reason: str) -> Iterator[None]:
    """Reads across tenants, for upkeep only. The reason is logged with every line inside."""
    token = _tenant.set(_System(reason))
    try:
        yield
    finally:
        _tenant.reset(token)
