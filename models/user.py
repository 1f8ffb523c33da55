"""People, and the global index that makes an e-mail address unique over all tenants."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import PlanwrightDocument, TenantDocument


class User(TenantDocument):
    """A person of one tenant. `token_version` counts role, password and status changes: older access tokens die."""

    email: str
    email_key: str
    name: str
    role: str
    grants: list[str] = Field(default_factory=list)
    language: str = "en"
    is_active: bool = True
    password_hash: str | None = None
    token_version: int = 0
    last_login_at: datetime | None = None
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "users"
        indexes = [
            IndexModel([("tenant_id", 1), ("email_key", 1)], unique=True, name="tenant_email"),
            IndexModel([("tenant_id", 1), ("role", 1), ("is_active", 1)], name="tenant_role"),
        ]


class LoginIndex(PlanwrightDocument):
    """Global: which tenant and user an e-mail address signs in to; `email_key` is the address in lower case."""

    email_key: str
    tenant_id: UUID
    user_id: UUID

    class Settings:
        name = "login_index"
        indexes = [IndexModel([("email_key", 1)], unique=True, name="email")]
