"""Budgets: what finance promised for a fiscal year, at whatever level it was decided."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import TenantDocument


class BudgetEntry(TenantDocument):
    """One month of one level. `_id` is made of the natural key (`models.keys`), so that writing twice is writing once.

    The level is what is named: a customer, or a group, region or country of customers, or none (all of them); a
    product, or a category, family or brand, or none. It is spread to customer x product on read. `quantity` is scaled
    1/1000, `value` 1/10000 in the tenant's base currency; at least one of them is said.
    """

    fiscal_year: int
    version: str
    month: str
    customer_level: str
    customer_key: str | None = None
    customer_id: UUID | None = None
    product_level: str
    product_key: str | None = None
    product_id: UUID | None = None
    quantity: int | None = None
    value: int | None = None
    import_id: UUID | None = None
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "budget"
        indexes = [
            IndexModel([("tenant_id", 1), ("fiscal_year", 1), ("version", 1), ("month", 1)], name="tenant_year"),
        ]
