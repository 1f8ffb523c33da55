"""Exchange rates by month: what finance plans with, budgets with, and what they came to be."""

from __future__ import annotations

from datetime import datetime

from beanie import DecimalAnnotation
from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import TenantDocument


class FxRate(TenantDocument):
    """One unit of `currency` is `rate` units of the tenant's base currency. `kind` is actual, plan or budget."""

    kind: str
    currency: str
    month: str
    rate: DecimalAnnotation
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "fx_rates"
        indexes = [
            IndexModel(
                [("tenant_id", 1), ("kind", 1), ("currency", 1), ("month", 1)], unique=True, name="tenant_kind_currency"
            ),
        ]
