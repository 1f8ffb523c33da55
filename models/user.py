"""People, who stands in for whom, and the global index that makes an e-mail address unique over all tenants."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import PlanwrightDocument, TenantDocument


class User(TenantDocument):
    """A person of one tenant. `token_version` counts role, password and status changes: older access tokens die.

    `regions` narrows a manager to the customers of these regions; empty = all. `notifications` holds what the person
    decided about mails, by kind; what is absent is the default. `deleted_at` is set on people who were removed, who are
    never active: they stay, because what they did names them. `profile_confirmed_at` is when somebody first looked
    through the own profile.
    """

    email: str
    email_key: str
    name: str
    search: list[str] = Field(default_factory=list)
    role: str
    grants: list[str] = Field(default_factory=list)
    regions: list[str] = Field(default_factory=list)
    language: str = "en"
    time_zone: str | None = None
    notifications: dict[str, bool] = Field(default_factory=dict)
    is_active: bool = True
    deleted_at: datetime | None = None
    profile_confirmed_at: datetime | None = None
    rev: int = 1
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
            IndexModel([("tenant_id", 1), ("deleted_at", 1), ("name", 1), ("_id", 1)], name="tenant_name"),
            IndexModel([("tenant_id", 1), ("search", 1)], name="tenant_search"),
        ]


class Delegate(TenantDocument):
    """Who stands in for somebody, from and to a day (both included): they see and plan that person's customers."""

    user_id: UUID
    delegate_id: UUID
    valid_from: str
    valid_to: str
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "delegates"
        indexes = [
            IndexModel(
                [("tenant_id", 1), ("user_id", 1), ("delegate_id", 1), ("valid_from", 1)],
                unique=True,
                name="tenant_user_delegate",
            ),
            IndexModel([("tenant_id", 1), ("delegate_id", 1), ("valid_to", 1)], name="tenant_delegate"),
        ]


class LoginIndex(PlanwrightDocument):
    """Global: which tenant and user an e-mail address signs in to; `email_key` is the address in lower case."""

    email_key: str
    tenant_id: UUID
    user_id: UUID

    class Settings:
        name = "login_index"
        indexes = [IndexModel([("email_key", 1)], unique=True, name="email")]
