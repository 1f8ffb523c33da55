"""A company. Everything that tenant settings decide is copied from `planning.defaults` when the tenant is made."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import PlanwrightDocument


class Tenant(PlanwrightDocument):
    """Global: it is what other documents belong to."""

    slug: str
    name: str
    base_currency: str
    time_zone: str
    fiscal_year_start_month: int = 1
    actuals_basis: str = "invoice_date"
    sheet_scope: str = "customer"
    horizon: int = 16
    mandatory_months: int = 12
    entry_days: int = 10
    review_days: int = 5
    reminder_offsets_days: list[int] = Field(default_factory=list)
    auto_close: bool = False
    auto_close_share_percent: int = 80
    is_active: bool = True
    created_at: datetime = Field(default_factory=now)

    class Settings:
        name = "tenants"
        indexes = [IndexModel([("slug", 1)], unique=True, name="slug")]
