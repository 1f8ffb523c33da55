"""People who can sign in, and what tests of identity ask about them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from core.collections import scoped
from core.context import tenant_scope
from core.errors import NotAuthenticated
from core.security.kit import kit
from models.audit import AuditEvent
from models.tenant import Tenant
from models.user import User
from services import identity
from services.sessions import Tokens
from tests import factories

PASSWORD = "correct horse battery"
HOME, OFFICE, STRANGER = "192.0.2.10", "198.51.100.7", "203.0.113.99"


async def person(tenant: Tenant, role: str = "sales_rep", **changes: Any) -> User:
    """A user who can sign in with PASSWORD."""
    with tenant_scope(tenant.id):
        hashed = await kit().passwords.hash(PASSWORD)
        return await factories.make_user(role, password_hash=hashed, **changes)


async def enter(user: User, *, address: str = HOME, password: str = PASSWORD) -> Tokens:
    return await identity.sign_in(user.email, password, address=address, user_agent="tests")


async def events(tenant_id: UUID, action: str) -> list[AuditEvent]:
    with tenant_scope(tenant_id):
        return await scoped(AuditEvent).documents({"action": action})


async def is_dead(access_token: str) -> bool:
    try:
        await identity.identify(access_token)
    except NotAuthenticated:
        return True
    return False
