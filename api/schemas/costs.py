"""Dated costs at the edge, in the company's base currency."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from api.numbers import Amount
from api.paging import Order, PageQuery
from api.texts import Body, Day
from services.costs import CostFilter

Cost = Annotated[Amount, Field(description="Of one base unit, in the company's base currency.", examples=[1.25])]
From = Annotated[Day, Field(description="The first day on which it holds.", examples=["2026-01-01"])]
To = Annotated[Day, Field(description="The last day on which it holds; null = open.", examples=["2026-12-31"])]


class CostSort(StrEnum):
    """What costs are sorted by."""

    VALID_FROM = "valid_from"
    UPDATED_AT = "updated_at"


class CostQuery(PageQuery):
    """Newest first."""

    sort_by: CostSort = CostSort.VALID_FROM
    order: Order = Order.DESC
    valid_on: Annotated[Day | None, Field(description="Only what holds on this day.")] = None

    def filter(self) -> CostFilter:
        """What the service is asked for."""
        return CostFilter(self.valid_on)


class NewCost(Body):
    """A cost for days that have none yet."""

    cost: Cost
    valid_from: From
    valid_to: To | None = None


class CostPatch(Body):
    """What to change, at least one field; `valid_to: null` leaves the end open."""

    cost: Cost | None = None
    valid_from: From | None = None
    valid_to: To | None = None

    @field_validator("cost", "valid_from", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "must not be null; leave it out to keep it as it is")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> CostPatch:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_change", "must name at least one field to change")
        return self

    def changes(self) -> dict[str, Any]:
        """What was said, null included."""
        return self.model_dump(exclude_unset=True)


class CostRow(BaseModel):
    """What one unit of a product costs from and to a day, both included."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    product_id: UUID
    cost: float = Field(examples=[1.25])
    valid_from: str = Field(examples=["2026-01-01"])
    valid_to: str | None = Field(examples=[None])
    rev: int = Field(examples=[1])
    created_at: datetime
    updated_at: datetime
