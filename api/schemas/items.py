"""What the lists of a customer's products and prices have in common."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.paging import ListQuery, Order
from api.texts import Day
from services.customer_items import ItemFilter, Sorting

MAX_ENTRIES = 5_000
"""Entries of one customer in one request."""

FIRST_DAY = Field(description="The first day, included.", examples=["2026-01-01"])
LAST_DAY = Field(description="The last day, included; null = open end.", examples=["2026-12-31"])


class ItemSort(StrEnum):
    """What the entries of a customer are sorted by."""

    ITEM_CODE = "item_code"
    NAME = "name"
    VALID_FROM = "valid_from"

    @property
    def field(self) -> str:
        """The stored field."""
        return "code_key" if self is ItemSort.ITEM_CODE else self.value


class ItemQuery(ListQuery):
    """All entries, past and future ones too, unless a day is named."""

    sort_by: ItemSort = ItemSort.ITEM_CODE
    valid_on: Annotated[Day, Field(description="Only what holds on this day.")] | None = None
    product_id: UUID | None = None

    def filter(self) -> ItemFilter:
        """What the service is asked for."""
        return ItemFilter(self.valid_on, self.product_id, self.search)

    def sorting(self) -> Sorting:
        """The order of the list."""
        return Sorting(self.sort_by.field, self.order is Order.DESC)


class ItemView(BaseModel):
    """An entry of customer x product with the product's code and name."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    product_id: UUID
    item_code: str = Field(examples=["85123A"])
    name: str = Field(examples=["White hanging heart T-light holder"])
    category: str | None = Field(examples=["Lighting"])
    unit: str = Field(examples=["EA"])
    product_active: bool = Field(description="False for a product that is not sold any more.", examples=[True])
    valid_to: str | None = Field(examples=[None])
    rev: int = Field(examples=[1])
    updated_at: datetime
