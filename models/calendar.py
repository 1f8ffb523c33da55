"""A company's own days: what differs from the table of public holidays of its country."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import TenantDocument


class CompanyDay(TenantDocument):
    """One day that the company works although the table says holiday (`working`), or the other way round."""

    day: str
    name: str
    working: bool = False
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "company_days"
        indexes = [IndexModel([("tenant_id", 1), ("day", 1)], unique=True, name="tenant_day")]
