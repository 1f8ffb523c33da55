"""Products. Amounts are decimals in the tenant's or the named currency, per unit of measure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from beanie import DecimalAnnotation
from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import TenantDocument


class Product(TenantDocument):
    """`rounding_step` is the smallest amount that a spread gives (a case), in units."""

    code: str
    code_key: str
    name: str
    search: list[str] = Field(default_factory=list)
    category: str | None = None
    unit: str = "EA"
    rounding_step: DecimalAnnotation = DecimalAnnotation("1")
    list_price: DecimalAnnotation | None = None
    currency: str
    standard_cost: DecimalAnnotation | None = None
    launch_month: str | None = None
    end_month: str | None = None
    is_active: bool = True
    planning_item_id: UUID | None = None
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "products"
        indexes = [
            IndexModel([("tenant_id", 1), ("code_key", 1)], unique=True, name="tenant_code"),
            IndexModel([("tenant_id", 1), ("name", 1), ("_id", 1)], name="tenant_name"),
            IndexModel([("tenant_id", 1), ("search", 1)], name="tenant_search"),
        ]
