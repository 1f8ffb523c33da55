"""Products as the API shows them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.paging import ListQuery
from api.texts import Line
from services.products import ProductFilter


class ProductSort(StrEnum):
    """What products are sorted by."""

    CODE = "code"
    NAME = "name"

    @property
    def field(self) -> str:
        """The stored field."""
        return "code_key" if self is ProductSort.CODE else "name"


class ProductQuery(ListQuery):
    """Filters are exact; `is_active` shows active ones unless false is asked for."""

    sort_by: ProductSort = ProductSort.NAME
    category: Annotated[str, Line(100)] | None = None
    is_active: bool = True

    def filter(self) -> ProductFilter:
        """What the service is asked for."""
        return ProductFilter(self.search, self.category, self.is_active)


class ProductRow(BaseModel):
    """A product. `standard_cost` is there only for those who may see cost."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "id": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
                    "code": "85123A",
                    "name": "White hanging heart T-light holder",
                    "category": "Lighting",
                    "unit": "EA",
                    "rounding_step": 1,
                    "list_price": 2.95,
                    "currency": "GBP",
                    "launch_month": None,
                    "end_month": None,
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
    category: str | None = None
    unit: str
    rounding_step: float
    list_price: float | None = None
    currency: str
    standard_cost: Annotated[float | None, Field(description="Only for those who may see cost.")] = None
    launch_month: str | None = None
    end_month: str | None = None
    is_active: bool
    rev: int
    updated_at: datetime
