"""What was done, by whom, when. One event per action, written in the action's transaction; never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import TenantDocument


class AuditEvent(TenantDocument):
    """`actor_id` is null for the system; `before` and `after` hold the changed fields only."""

    at: datetime = Field(default_factory=now)
    actor_id: UUID | None = None
    action: str
    entity: str
    entity_id: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    reason: str | None = None
    request_id: str = ""

    class Settings:
        name = "audit_events"
        indexes = [
            IndexModel([("tenant_id", 1), ("at", -1)], name="tenant_at"),
            IndexModel([("tenant_id", 1), ("entity", 1), ("entity_id", 1), ("at", -1)], name="tenant_entity"),
        ]
