"""Customers as the API shows them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.paging import ListQuery
from api.texts import Line
from services.customers import CustomerFilter


class CustomerSort(StrEnum):
    """What customers are sorted by."""

    CODE = "code"
    NAME = "name"

    @property
    def field(self) -> str:
        """The stored field."""
        return "code_key" if self is CustomerSort.CODE else "name"


class CustomerQuery(ListQuery):
    """Filters are exact; `is_active` shows active ones unless false is asked for."""

    sort_by: CustomerSort = CustomerSort.NAME
    region: Annotated[str, Line(100)] | None = None
    group: Annotated[str, Line(100)] | None = None
    country: Annotated[str, Line(100)] | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    is_active: bool = True

    def filter(self) -> CustomerFilter:
        """What the service is asked for."""
        return CustomerFilter(self.search, self.region, self.group, self.country, self.currency, self.is_active)


class CustomerRow(BaseModel):
    """A customer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "id": "8d3c7a1e-2f50-4b8e-9a6d-3c1f0e5b7a92",
                    "code": "C-1001",
                    "name": "Northwind Traders",
                    "region": "North",
                    "group": "Retail",
                    "country": "United Kingdom",
                    "currency": "GBP",
                    "status": "active",
                    "is_active": True,
                    "rev": 1,
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    id: UUID
    code: str
    name: str
    region: str | None = None
    group: str | None = None
    country: str | None = None
    currency: str
    status: str
    is_active: bool
    rev: int
    updated_at: datetime
