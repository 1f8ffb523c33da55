"""Products at the edge. `code` is the item code; amounts are JSON numbers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from api.numbers import Amount, Factor
from api.paging import ListQuery
from api.texts import Body, Currency, Day, Id, Line, Month
from planning.products import MAX_CONVERSIONS
from services.products import ProductFilter


class ProductSort(StrEnum):
    """What products are sorted by."""

    CODE = "code"
    NAME = "name"
    UPDATED_AT = "updated_at"

    @property
    def field(self) -> str:
        """The stored field."""
        return "code_key" if self is ProductSort.CODE else str(self)


class ProductQuery(ListQuery):
    """Filters are exact; `is_active` shows active ones unless false is asked for."""

    sort_by: ProductSort = ProductSort.NAME
    category: Annotated[str, Line(100)] | None = None
    family: Annotated[str, Line(100)] | None = None
    brand: Annotated[str, Line(100)] | None = None
    unit: Annotated[str, Line(20)] | None = None
    currency: Currency | None = None
    has_successor: Annotated[bool | None, Field(description="Whether another product takes over.")] = None
    successor_id: Annotated[UUID | None, Field(description="The products that this one takes over from.")] = None
    planning_item_id: Annotated[UUID | None, Field(description="The products that are planned as this one.")] = None
    customer_id: Annotated[UUID | None, Field(description="Only what this customer may order.")] = None
    valid_on: Annotated[
        Day | None, Field(description="With customer_id: what the customer may order on this day, else today.")
    ] = None
    is_active: bool = True

    @model_validator(mode="after")
    def _day_of_a_customer(self) -> ProductQuery:
        if self.valid_on is not None and self.customer_id is None:
            raise PydanticCustomError("customer", "valid_on needs customer_id: it is about a customer's list")
        return self

    def filter(self) -> ProductFilter:
        """What the service is asked for."""
        return ProductFilter(
            search=self.search,
            category=self.category,
            family=self.family,
            brand=self.brand,
            unit=self.unit,
            currency=self.currency,
            successor_id=self.successor_id,
            planning_item_id=self.planning_item_id,
            has_successor=self.has_successor,
            customer_id=self.customer_id,
            valid_on=self.valid_on,
            is_active=self.is_active,
        )


Name = Annotated[str, Line(200, 1), Field(examples=["White hanging heart T-light holder"])]
Unit = Annotated[str, Line(20, 1), Field(description="The base unit: all quantities are in it.", examples=["EA"])]
Word = Annotated[str, Line(100, 1)]
RoundingStep = Annotated[Factor, Field(description="The smallest amount that a spread gives (a case), in base units.")]
Launch = Annotated[Month, Field(description="The first month in which it is planned.")]
End = Annotated[Month, Field(description="The last month in which it is planned; not before the launch month.")]
SuccessorId = Annotated[
    Id, Field(description="The product that takes over. Chains run in no circle and have at most 10 steps.")
]
SuccessorFrom = Annotated[Month, Field(description="The first month in which the successor is sold and planned.")]
SuccessorFactor = Annotated[
    Factor, Field(description="How many units of the successor one unit of this product is.", examples=[1])
]
Node = Annotated[Id, Field(description="The product as which this one is planned; by default itself.")]


class ConversionBody(Body):
    """One `unit` is `factor` base units: a case is 12 EA."""

    unit: Annotated[str, Line(20, 1), Field(examples=["CS"])]
    factor: Annotated[Factor, Field(examples=[12])]


Conversions = Annotated[
    list[ConversionBody],
    Field(max_length=MAX_CONVERSIONS, description="Other units, each once and none of them the base unit."),
]


class NewProduct(Body):
    """A new product. Only code and name are needed; the currency is the company's unless you name another one."""

    code: Annotated[
        str,
        Line(64, 1),
        Field(description="The item code, unique in any case. It never changes: files name it.", examples=["85123A"]),
    ]
    name: Name
    category: Word | None = None
    family: Word | None = None
    brand: Word | None = None
    unit: Unit = "EA"
    conversions: Conversions = Field(default_factory=list)
    rounding_step: RoundingStep | None = None
    list_price: Amount | None = None
    currency: Currency | None = None
    standard_cost: Amount | None = None
    launch_month: Launch | None = None
    end_month: End | None = None
    successor_id: SuccessorId | None = None
    successor_from: SuccessorFrom | None = None
    successor_factor: SuccessorFactor | None = None
    planning_item_id: Node | None = None

    def draft(self) -> dict[str, Any]:
        """What was said; what was not, or null, has its default."""
        return self.model_dump(exclude_none=True)


NOT_CLEARED = ("name", "unit", "conversions", "rounding_step", "currency", "successor_factor")


class ProductPatch(Body):
    """What to change, at least one field; null clears. The item code never changes."""

    name: Name | None = None
    category: Word | None = None
    family: Word | None = None
    brand: Word | None = None
    unit: Unit | None = None
    conversions: Conversions | None = None
    rounding_step: RoundingStep | None = None
    list_price: Amount | None = None
    currency: Currency | None = None
    standard_cost: Amount | None = None
    launch_month: Launch | None = None
    end_month: End | None = None
    successor_id: Annotated[SuccessorId | None, Field(description="null takes month and factor away as well.")] = None
    successor_from: SuccessorFrom | None = None
    successor_factor: SuccessorFactor | None = None
    planning_item_id: Annotated[Node | None, Field(description="null: planned as itself.")] = None

    @field_validator(*NOT_CLEARED, mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "must not be null; leave it out to keep it as it is")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> ProductPatch:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_change", "must name at least one field to change")
        return self

    def changes(self) -> dict[str, Any]:
        """What was said, null included."""
        return self.model_dump(exclude_unset=True)


class ConversionView(BaseModel):
    """One `unit` is `factor` base units."""

    unit: str = Field(examples=["CS"])
    factor: float = Field(examples=[12])


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
                    "family": "Candles",
                    "brand": "Hearth",
                    "unit": "EA",
                    "conversions": [{"unit": "CS", "factor": 12}],
                    "rounding_step": 1,
                    "list_price": 2.95,
                    "currency": "GBP",
                    "launch_month": None,
                    "end_month": None,
                    "successor_id": None,
                    "successor_from": None,
                    "successor_factor": 1,
                    "planning_item_id": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
                    "is_active": True,
                    "rev": 1,
                    "created_at": "2026-11-21T09:00:00Z",
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    id: UUID
    code: Annotated[str, Field(description="The item code.")]
    name: str
    category: str | None = None
    family: str | None = None
    brand: str | None = None
    unit: str
    conversions: list[ConversionView] = Field(default_factory=list)
    rounding_step: float
    list_price: float | None = None
    currency: str
    standard_cost: Annotated[
        float | None, Field(description="Of days without a dated cost; only for those who may see cost.")
    ] = None
    launch_month: str | None = None
    end_month: str | None = None
    successor_id: UUID | None = None
    successor_from: str | None = None
    successor_factor: float = 1
    planning_item_id: UUID
    is_active: bool
    rev: int
    created_at: datetime
    updated_at: datetime
