"""What was found missing or doubtful in the master data when somebody last looked."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from core.documents import TenantDocument


class FoundFinding(TenantDocument):
    """One finding of one run. Readers take the run that the last successful job names; other runs are garbage.

    `value` is scaled money in the base currency, null where nobody can say. Names are not stored: they are read with
    the page.
    """

    run_id: UUID
    kind: str
    value: int | None = None
    customer_ids: list[UUID] = Field(default_factory=list)
    product_ids: list[UUID] = Field(default_factory=list)
    cycle_id: UUID | None = None
    since: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    expires_at: datetime

    class Settings:
        name = "findings"
        indexes = [
            IndexModel([("tenant_id", 1), ("run_id", 1), ("kind", 1), ("value", 1), ("_id", 1)], name="tenant_value"),
            IndexModel([("tenant_id", 1), ("run_id", 1), ("kind", 1), ("customer_ids", 1)], name="tenant_customers"),
            IndexModel([("tenant_id", 1), ("run_id", 1), ("kind", 1), ("product_ids", 1)], name="tenant_products"),
            IndexModel([("expires_at", 1)], expireAfterSeconds=0, name="ttl"),
        ]
