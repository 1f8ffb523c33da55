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
    month_pattern: str = "calendar"
    """How months are cut: `calendar`, or weeks in the pattern `4-4-5`, `4-5-4` or `5-4-4`."""
    working_weekdays: list[int] = Field(default_factory=lambda: [1, 2, 3, 4, 5])
    holiday_country: str | None = None
    """ISO 3166 code of the country whose public holidays nobody works on; null = none."""
    holiday_subdivision: str | None = None
    count_working_days: bool = False
    """Whether `entry_days`, `review_days` and reminder offsets count working days."""
    actuals_basis: str = "invoice_date"
    sheet_scope: str = "customer"
    horizon: int = 16
    mandatory_months: int = 12
    entry_days: int = 10
    review_days: int = 5
    reminder_offsets_days: list[int] = Field(default_factory=list)
    auto_close: bool = False
    auto_close_share_percent: int = 80
    facts_begun: int = 0
    """Raised by whatever begins that fixes currency and months (a cycle, an import of sales), so that it and a change
    of those settings can't pass each other by."""
    is_active: bool = True
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "tenants"
        indexes = [IndexModel([("slug", 1)], unique=True, name="slug")]
