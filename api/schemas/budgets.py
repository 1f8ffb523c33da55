"""Budgets at the edge. Quantities and values are JSON numbers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from api.paging import PageQuery
from api.texts import Line, Month
from planning.budgets import Basis, CustomerLevel, ProductLevel
from services.budgets import BudgetFilter


class BudgetLevel(StrEnum):
    """`entry`: as it was decided; `leaf`: spread to customers and products."""

    ENTRY = "entry"
    LEAF = "leaf"


class BudgetQuery(PageQuery):
    """Which budget. Leaves are made month by month."""

    fiscal_year: Annotated[int, Field(ge=1990, le=2199, examples=[2027])]
    version: Annotated[str, Line(60, 1), Field(examples=["1"])] = "1"
    level: BudgetLevel = BudgetLevel.ENTRY
    month: Annotated[Month | None, Field(validate_default=True)] = None

    @field_validator("month")
    @classmethod
    def _leaves_of_a_month(cls, month: str | None, info: ValidationInfo) -> str | None:
        if month is None and info.data.get("level") is BudgetLevel.LEAF:
            raise PydanticCustomError("month_missing", "must be said with level=leaf")
        return month

    def filter(self) -> BudgetFilter:
        """What the service is asked for."""
        return BudgetFilter(self.fiscal_year, self.version, self.month)


class BudgetRow(BaseModel):
    """An entry, or a part of one: then `basis` says what it was spread by, `nothing` = nobody is there to get it.

    The parts of an entry are exactly the entry. `unit` is the product's.
    """

    model_config = ConfigDict(extra="forbid")

    entry_id: UUID
    fiscal_year: Annotated[int, Field(examples=[2027])]
    version: Annotated[str, Field(examples=["1"])]
    month: Annotated[str, Field(examples=["2027-01"])]
    customer_level: CustomerLevel
    customer_key: Annotated[str | None, Field(description="What the level names.", examples=["North"])]
    customer_id: UUID | None
    customer_code: Annotated[str | None, Field(examples=["C-2040"])]
    customer_name: Annotated[str | None, Field(examples=["Harbour Cafes"])]
    product_level: ProductLevel
    product_key: Annotated[str | None, Field(description="What the level names.", examples=["Kitchen"])]
    product_id: UUID | None
    item_code: Annotated[str | None, Field(examples=["85123A"])]
    product_name: Annotated[str | None, Field(examples=["Tea cup"])]
    unit: Annotated[str | None, Field(examples=["EA"])]
    quantity: Annotated[float | None, Field(examples=[120])]
    value: Annotated[float | None, Field(description="In the company's currency.", examples=[354.0])]
    basis: Basis | None
    rev: Annotated[int, Field(examples=[1])]
