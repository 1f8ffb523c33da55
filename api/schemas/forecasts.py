"""Forecasts at the edge. Quantities, values and prices are JSON numbers; null is not 0."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.numbers import Money, Price, Quantity
from api.texts import Body, Id, Line, Month, note
from planning.cells import UNSET, CellChange
from planning.numbers import MONEY, PRICE, QUANTITY
from services.forecasts import LineChange, SavedCell
from services.submissions import Check, Submitted

MAX_CELLS = 20_000


class GridQuery(BaseModel):
    """Which sheet, and which of its lines."""

    model_config = ConfigDict(extra="forbid")

    cycle_id: UUID
    customer_id: UUID
    dormant: Annotated[bool, Field(description="Also the lines of the customer's list that are not active.")] = False
    search: (
        Annotated[str, Line(100), Field(description="Part of an item code or name; finds dormant lines.")] | None
    ) = None


class CellBody(Body):
    """One changed cell. What is left out stays; null clears. Send a quantity or a value, not both."""

    month: Month
    base_rev: Annotated[int, Field(ge=0, le=2**31, description="The cell's rev as you read it; 0 = never saved.")]
    quantity: Quantity | None = None
    value: Money | None = None
    price: Annotated[Price, Field(description="A price of your own; needs a reason. null takes it back.")] | None = None
    reason: Annotated[str, note(500)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> CellBody:
        if not self.model_fields_set & {"quantity", "value", "price", "reason"}:
            raise PydanticCustomError("empty_change", "must set a quantity, a value, a price or a reason")
        return self

    def change(self) -> CellChange:
        """The change as the rules see it."""
        said = {name: getattr(self, name) for name in ("quantity", "value", "price", "reason")}
        given = {name: value if name in self.model_fields_set else UNSET for name, value in said.items()}
        return CellChange(self.month, self.base_rev, **given)


class LineCellBody(CellBody):
    """A changed cell of one product's line."""

    product_id: Id


class SaveBody(Body):
    """Changed cells of one customer."""

    cycle_id: Id
    customer_id: Id
    cells: Annotated[list[LineCellBody], Field(min_length=1, max_length=MAX_CELLS)]

    def changes(self) -> list[LineChange]:
        return [LineChange(cell.product_id, cell.change()) for cell in self.cells]


class LineBody(Body):
    """Changed cells of one line. Name cycle, customer and product for a line that was never saved."""

    cycle_id: Id | None = None
    customer_id: Id | None = None
    product_id: Id | None = None
    cells: Annotated[list[CellBody], Field(min_length=1, max_length=36)]


class SubmitBody(Body):
    """Which sheet. `dry_run` only says what submitting would meet."""

    cycle_id: Id
    customer_id: Id
    confirm_zero: Annotated[bool, Field(description="Empty mandatory cells count as 0.", examples=[True])] = False
    dry_run: bool = False


class CellView(BaseModel):
    month: str = Field(examples=["2027-01"])
    quantity: float | None = Field(examples=[120])
    value: float | None = Field(examples=[354.0])
    entered_in: str = Field(examples=["quantity"])
    price: float | None = Field(examples=[2.95])
    price_source: str = Field(examples=["list"])
    origin: str | None = Field(examples=["typed"])
    reason: str | None
    rev: int = Field(examples=[1])
    reviewed: bool = Field(examples=[True])


class GridLine(BaseModel):
    line_id: UUID
    product_id: UUID
    item_code: str = Field(examples=["85123A"])
    name: str = Field(examples=["White hanging heart"])
    category: str | None
    unit: str = Field(examples=["EA"])
    active: bool
    mandatory: bool
    inactive: bool = Field(description="The product or the customer is inactive: no cell is mandatory.")
    planned_from: str | None = Field(description="The launch month: no earlier cell is mandatory.", examples=[None])
    planned_until: str | None = Field(
        description="The end month, or the last one before the successor takes over: no later cell is mandatory.",
        examples=["2027-06"],
    )
    saved: bool = Field(description="False for a line that exists only in the customer's list so far.")
    total_quantity: float
    total_value: float
    last_year: list[float | None] = Field(description="Actual quantity twelve months before each planned month.")
    cells: list[CellView]


class GridMonthTotal(BaseModel):
    month: str
    value: float
    missing_prices: int
    last_year_value: float | None


class GridTotals(BaseModel):
    value: float
    missing_prices: int
    months: list[GridMonthTotal]


class GridSheet(BaseModel):
    state: str = Field(examples=["draft"])
    version: int
    rev: int
    submitted_at: datetime | None
    writable: bool
    reason: str
    until: datetime | None


class GridCycle(BaseModel):
    id: UUID
    name: str
    status: str
    phase: str | None
    base_month: str
    months: list[str]
    mandatory_until: str
    currency: str
    entry_closes_at: datetime
    closes_at: datetime


class GridCustomer(BaseModel):
    id: UUID
    code: str
    name: str
    is_active: bool


class Grid(BaseModel):
    """A customer's sheet, ready to show."""

    cycle: GridCycle
    customer: GridCustomer
    sheet: GridSheet
    totals: GridTotals
    lines: list[GridLine]


class SavedCellView(BaseModel):
    product_id: UUID
    month: str
    status: str = Field(examples=["saved"], description="saved, unchanged, conflict or refused")
    reason: str
    cell: CellView | None = Field(description="The cell as it stands now.")


class MissingCellView(BaseModel):
    product_id: UUID
    month: str


class ChangedPriceView(BaseModel):
    product_id: UUID
    month: str
    stored: float | None
    current: float | None


class CheckView(BaseModel):
    """What submitting would meet."""

    lines: int = Field(examples=[42])
    missing: list[MissingCellView]
    unreviewed: int
    prices_changed: list[ChangedPriceView]


class SubmissionView(BaseModel):
    """The version that the submission wrote."""

    customer_id: UUID
    version: int
    lines: int
    unreviewed: int = Field(description="Prefilled cells that nobody looked at; submitting does not review them.")
    confirmed_zero: int
    prices_changed: int
    submitted_at: datetime


def show_saved(saved: SavedCell) -> dict[str, Any]:
    """The answer for one cell."""
    cell = saved.cell
    return {
        "product_id": saved.product_id,
        "month": saved.month,
        "status": saved.status,
        "reason": saved.reason,
        "cell": None
        if cell is None
        else {
            "month": cell.month,
            "quantity": _number(cell.quantity, QUANTITY.factor),
            "value": _number(cell.value, MONEY.factor),
            "entered_in": cell.entered_in,
            "price": _number(cell.price, PRICE.factor),
            "price_source": cell.price_source,
            "origin": cell.origin,
            "reason": cell.reason,
            "rev": cell.rev,
            "reviewed": cell.reviewed,
        },
    }


def show_check(check: Check) -> dict[str, Any]:
    return {
        "lines": check.lines,
        "missing": [{"product_id": cell.product_id, "month": cell.month} for cell in check.missing],
        "unreviewed": check.unreviewed,
        "prices_changed": [
            {
                "product_id": change.product_id,
                "month": change.month,
                "stored": _number(change.stored, PRICE.factor),
                "current": _number(change.current, PRICE.factor),
            }
            for change in check.prices_changed
        ],
    }


def show_submitted(submitted: Submitted) -> dict[str, Any]:
    version = submitted.version
    return {
        "customer_id": version.customer_id,
        "version": version.number,
        "lines": version.lines,
        "unreviewed": version.unreviewed,
        "confirmed_zero": version.confirmed_zero,
        "prices_changed": submitted.prices_changed,
        "submitted_at": version.submitted_at,
    }


def _number(scaled: int | None, factor: int) -> float | None:
    return None if scaled is None else scaled / factor
