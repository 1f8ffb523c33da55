"""Sales lines at the edge. Quantities, money and prices are JSON numbers; `unit_cost` is there for who may see cost."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from api.numbers import Price, SignedMoney, SignedQuantity
from api.paging import Order, PageQuery
from api.patches import Patch
from api.texts import Day, Id, Line, Month, note
from core.text import SOURCE_PATTERN
from planning.sales_types import SalesType
from services.sale_lists import SaleFilter


class Shown(BaseModel):
    """Base of what answers hold: nothing undeclared."""

    model_config = ConfigDict(extra="forbid")


class SaleSort(StrEnum):
    """What sales lines are sorted by."""

    INVOICE_DATE = "invoice_date"


class SaleQuery(PageQuery):
    """Latest invoices first. Filters are exact; a date range means invoice dates."""

    sort_by: SaleSort = SaleSort.INVOICE_DATE
    order: Order = Order.DESC
    customer_id: Annotated[UUID | None, Field(description="With whoever was merged into it.")] = None
    product_id: UUID | None = None
    month: Annotated[Month | None, Field(description="The month that the line counts in.")] = None
    from_date: Annotated[Day | None, Field(description="The first invoice date.")] = None
    to_date: Annotated[Day | None, Field(description="The last invoice date.")] = None
    source: Annotated[str | None, Field(pattern=SOURCE_PATTERN, examples=["erp"])] = None
    import_id: Annotated[UUID | None, Field(description="The import that last changed the line.")] = None
    invoice: Annotated[str | None, Line(64, 1), Field(description="As it is written on the line.")] = None
    line_type: SalesType | None = None

    @model_validator(mode="after")
    def _forwards(self) -> SaleQuery:
        if self.from_date is not None and self.to_date is not None and self.to_date < self.from_date:
            raise PydanticCustomError("backwards", "to_date must not be before from_date")
        return self

    def filter(self) -> SaleFilter:
        """What the service is asked for."""
        values = self.model_dump(include=set(SaleFilter.__slots__))
        return SaleFilter(**values)


Reason = Annotated[str, note(500, 3), Field(description="Why, for the audit trail.", examples=["Wrong customer."])]
LineType = Annotated[SalesType, Strict(False), Field(examples=["sale"])]


class SaleCorrection(Patch):
    """What is right, at least one field, and why. Null clears an optional date, the unit price or the unit cost.

    Revenue that was quantity x unit price follows a corrected quantity or price; other revenue must be said as well.
    """

    cleared_by_null: ClassVar[frozenset[str]] = frozenset(
        ("order_date", "requested_date", "shipped_date", "unit_price", "unit_cost")
    )

    reason: Reason
    customer_id: Id | None = None
    product_id: Id | None = None
    invoice_date: Day | None = None
    order_date: Day | None = None
    requested_date: Day | None = None
    shipped_date: Day | None = None
    line_type: LineType | None = None
    quantity: SignedQuantity | None = None
    unit_price: Annotated[Price | None, Field(description="In the line's currency.")] = None
    unit_cost: Annotated[Price | None, Field(description="In the company's base currency.")] = None
    net_revenue: Annotated[
        SignedMoney | None,
        Field(description="After line discount, without tax and freight, in the company's base currency."),
    ] = None

    @model_validator(mode="after")
    def _corrects_something(self) -> SaleCorrection:
        if self.model_fields_set == {"reason"}:
            raise PydanticCustomError("empty_change", "must name at least one field to correct")
        return self

    def corrections(self) -> dict[str, Any]:
        """What was said, null included, without the reason."""
        said = self.model_dump(exclude_unset=True, exclude={"reason"})
        return said | ({"line_type": str(said["line_type"])} if "line_type" in said else {})


class SaleRow(Shown):
    """One line of an invoice. Of a merged customer's line the customer is who it is now."""

    id: UUID
    invoice: str = Field(examples=["536365"])
    line_number: int = Field(examples=[1])
    customer_id: UUID
    customer_code: str | None = Field(examples=["17850"])
    customer_name: str | None = Field(examples=["Corner Shop"])
    product_id: UUID
    item_code: str | None = Field(examples=["85123A"])
    product_name: str | None = Field(examples=["White hanging heart T-light holder"])
    unit: str | None = Field(examples=["EA"], description="Of the quantity: the product's base unit.")
    invoice_date: str = Field(examples=["2026-11-30"])
    order_date: str | None
    requested_date: str | None
    shipped_date: str | None
    month: str = Field(examples=["2026-11"], description="The month that it counts in.")
    dated_by: str = Field(
        examples=["invoice_date"], description="The date that decided: the company's, or the invoice date without it."
    )
    line_type: SalesType = Field(examples=["sale"])
    quantity: float = Field(examples=[6])
    unit_price: float | None = Field(examples=[2.55], description="In `currency`.")
    net_revenue: float = Field(examples=[15.3], description="In the company's base currency.")
    currency: str = Field(examples=["GBP"], description="The line's own.")
    original_revenue: float | None = Field(description="In `currency`, where that is not the base currency.")
    fx_rate: float | None = Field(description="What one unit of `currency` was converted at.")
    unit_cost: float | None = Field(default=None, description="What the line itself says; left out without the right.")
    cost: float | None = Field(default=None, description="Quantity x unit cost; left out without the right.")
    source: str = Field(examples=["erp"])
    import_id: UUID | None
    corrected_at: datetime | None = Field(description="When a person corrected it, and it still differs.")
    rev: int = Field(examples=[1])


class SaleView(SaleRow):
    """One line, with what its source says of the fields that a person corrected."""

    imported: dict[str, str | float | None] | None = Field(examples=[{"quantity": 60}])
