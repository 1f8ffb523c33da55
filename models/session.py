"""Signed-in sessions, and the global hashes of the opaque tokens that continue or begin them.

Tokens are stored as SHA-256 only. TTL indexes collect garbage; every read filters on expiry itself.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import PlanwrightDocument, TenantDocument


class AuthSession(TenantDocument):
    """One sign-in; its refresh tokens are one family. Revoking it ends every token of the family at the next call."""

    user_id: UUID
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_reason: str | None = None
    ip: str = ""
    user_agent: str = ""

    class Settings:
        name = "sessions"
        indexes = [
            IndexModel([("tenant_id", 1), ("user_id", 1), ("revoked_at", 1)], name="tenant_user"),
            IndexModel([("expires_at", 1)], expireAfterSeconds=86_400, name="ttl"),
        ]


class RefreshToken(PlanwrightDocument):
    """Global: found by hash before the tenant is known. Used at most once; a second use revokes the family."""

    token_hash: str
    tenant_id: UUID
    user_id: UUID
    session_id: UUID
    used_at: datetime | None = None
    expires_at: datetime

    class Settings:
        name = "refresh_tokens"
        indexes = [
            IndexModel([("token_hash", 1)], unique=True, name="hash"),
            IndexModel([("expires_at", 1)], expireAfterSeconds=0, name="ttl"),
        ]


class PasswordToken(PlanwrightDocument):
    """Global: the hash of a link that sets a password (`setup` or `reset`). Single use."""

    token_hash: str
    tenant_id: UUID
    user_id: UUID
    purpose: str
    used_at: datetime | None = None
    expires_at: datetime

    class Settings:
        name = "password_tokens"
        indexes = [
            IndexModel([("token_hash", 1)], unique=True, name="hash"),
            IndexModel([("user_id", 1)], name="user"),
            IndexModel([("expires_at", 1)], expireAfterSeconds=0, name="ttl"),
        ]


class PasswordRequest(PlanwrightDocument):
    """Global: somebody asked for a new password. Written the same way whoever exists; upkeep makes a mail of it."""

    email_key: str
    asked_at: datetime = Field(default_factory=now)
    expires_at: datetime

    class Settings:
        name = "password_requests"
        indexes = [
            IndexModel([("email_key", 1)], unique=True, name="email"),
            IndexModel([("asked_at", 1)], name="asked"),
            IndexModel([("expires_at", 1)], expireAfterSeconds=0, name="ttl"),
        ]
