"""The idempotency store: one record per (tenant, user, route, key), with the body's hash and the saved answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pymongo import IndexModel

from core.documents import TenantDocument


class IdempotencyRecord(TenantDocument):
    """`running` holds a lease until `lease_until`; `done` repeats `answer` until `expires_at`."""

    user_id: UUID
    route: str
    key: str
    body_hash: str
    state: str
    lease_until: datetime
    operation_id: UUID | None = None
    answer: dict[str, Any] | None = None
    created_at: datetime
    expires_at: datetime

    class Settings:
        name = "idempotency"
        indexes = [
            IndexModel([("tenant_id", 1), ("user_id", 1), ("route", 1), ("key", 1)], unique=True, name="key"),
            IndexModel([("expires_at", 1)], expireAfterSeconds=0, name="ttl"),
        ]
