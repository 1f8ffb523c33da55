"""Statistics of sales at the edge: what may be asked, and what is answered."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.texts import Line, Month
from planning.sales_statistics import Dimension, Measure, ProductWanted
from services.sales_questions import Asked, CustomersWanted, Period

MAX_TOP = 500

Name = Annotated[str, Line(100), Field(description="In any case; empty: those of which nobody said it.")]


class Shown(BaseModel):
    """Base of what answers hold: nothing undeclared."""

    model_config = ConfigDict(extra="forbid")


class SalesAsked(BaseModel):
    """Which sales. Without `from_month` the period decides; without `to_month` it ends with the month that runs now."""

    model_config = ConfigDict(extra="forbid")

    by: Annotated[Dimension, Field(description="What rows or labels are; quarters and years are fiscal.")]
    from_month: Month | None = None
    to_month: Month | None = None
    period: Annotated[Period, Field(description="The months up to `to_month`.")] = Period.MOVING_12_MONTHS
    customer_id: Annotated[UUID | None, Field(description="With whoever was merged into it.")] = None
    region: Name | None = None
    country: Name | None = None
    group: Name | None = None
    product_id: Annotated[UUID | None, Field(description="With what it took over from other products.")] = None
    category: Name | None = None
    family: Name | None = None
    brand: Name | None = None
    unit: Annotated[str, Line(20, 1), Field(description="Only products of this base unit.")] | None = None
    top: Annotated[int, Field(ge=1, le=MAX_TOP, description="Rows or series before the rest.")] = 20
    rank_by: Annotated[
        Measure | None,
        Field(description="The figure that the first ones are the largest of; by default what is drawn, or revenue."),
    ] = None

    def asked(self) -> Asked:
        """What the service is asked for."""
        values: dict[str, Any] = self.model_dump(exclude={*CustomersWanted.__slots__, *ProductWanted.__slots__})
        customers = CustomersWanted(**self.model_dump(include=set(CustomersWanted.__slots__)))
        products = ProductWanted(**self.model_dump(include=set(ProductWanted.__slots__)))
        return Asked(**values, customers=customers, products=products)


class StatisticsQuery(SalesAsked):
    """Rows by period, or by customer, product and so on: the largest first."""


class ChartQuery(SalesAsked):
    """One measure; over time it may be split into series."""

    top: Annotated[int, Field(ge=1, le=50, description="Labels or series before the rest.")] = 10
    measure: Measure = Measure.REVENUE
    series: Annotated[Dimension | None, Field(description="Split time by this: customer, category, …")] = None
    last_year: Annotated[bool, Field(description="Beside the same months of last year.")] = False


class QuantityView(Shown):
    """What was sold in one unit of measure."""

    unit: str = Field(examples=["EA"])
    quantity: float = Field(examples=[1250])
    revenue: float = Field(examples=[3187.5])
    average_price: float | None = Field(examples=[2.55], description="Net revenue of one unit, to four decimals.")


class WithoutCost(Shown):
    """Sales whose cost nobody knows: in revenue and quantity, and neither in cost nor in gross profit."""

    lines: int = Field(examples=[3])
    revenue: float = Field(examples=[120.5])


class SalesFigures(Shown):
    """Figures in the company's base currency. What has to do with cost is left out without the right to see it."""

    quantities: list[QuantityView] = Field(description="One for each unit: different units are never added.")
    revenue: float | None = Field(examples=[183_212.5], description="Null: not complete, and nothing so far.")
    orders: int | None = Field(examples=[311], description="Invoices with goods that were sold or given away.")
    lines: int = Field(examples=[1838])
    cost: float | None = Field(default=None, examples=[110_530.25], description="Null: nobody knows any of it.")
    gross_profit: float | None = Field(
        default=None, examples=[72_561.75], description="Of the sales whose cost is known; null where there are none."
    )
    margin_percent: float | None = Field(default=None, examples=[39.64])
    without_cost: WithoutCost | None = None


class QuantityChange(Shown):
    """A unit's quantity against last year."""

    unit: str = Field(examples=["EA"])
    change: float = Field(examples=[-50])
    change_percent: float | None = Field(examples=[-3.85])


class LastYear(Shown):
    """The months that are all there in both years."""

    months: int = Field(examples=[11])
    this_year: SalesFigures
    last_year: SalesFigures
    revenue_change: float = Field(examples=[5012.25])
    revenue_change_percent: float | None = Field(examples=[2.81])
    quantity_changes: list[QuantityChange]


class UnitPerDay(Shown):
    """A unit's quantity per working day."""

    unit: str = Field(examples=["EA"])
    quantity: float = Field(examples=[59.524])


class PerWorkingDay(Shown):
    """Per working day that has begun."""

    working_days: int = Field(examples=[21])
    revenue: float = Field(examples=[8724.4])
    quantities: list[UnitPerDay]


class ComparedFigures(SalesFigures):
    """Figures with last year's and those of a working day; null where nothing can be compared or no day has begun."""

    last_year: LastYear | None
    per_working_day: PerWorkingDay | None


class WindowFigures(SalesFigures):
    """Figures of the months from `from_month` up to the row's; `complete`: all of them are there."""

    from_month: str = Field(examples=["2025-12"])
    complete: bool = Field(examples=[True])


class StatisticsRow(ComparedFigures):
    """A period, or a customer, product and so on. `key` null: those of which nobody said what is asked."""

    key: str | None = Field(examples=["2026-11"])
    name: str = Field(examples=["2026-11"])
    id: UUID | None = Field(default=None, description="Of a customer, product or rep.")
    code: str | None = Field(default=None, examples=["C-0042"])
    complete: bool | None = Field(default=None, description="Of a period: whether all its months are there.")
    moving_12_months: WindowFigures | None = Field(default=None, description="Of a month.")
    year_to_date: WindowFigures | None = Field(default=None, description="Of a month: its fiscal year so far.")


class RestFigures(ComparedFigures):
    """The rows behind the first ones together. An order counts for each of them that has a part in it."""

    rows: int = Field(examples=[320])


class SalesStatistics(Shown):
    """Figures by row. `rollups_pending`: customers whose sales are still being summed; above 0, ask again later."""

    by: Dimension
    from_month: str = Field(examples=["2025-12"])
    to_month: str = Field(examples=["2026-11"])
    currency: str = Field(examples=["EUR"])
    all_customers: bool = Field(description="False: of the customers that you see, or asked for.")
    months_complete: list[str]
    months_incomplete: list[str]
    months_compared: list[str] = Field(description="All there this year and last year.")
    rollups_pending: int = Field(examples=[0])
    total: ComparedFigures
    rows: list[StatisticsRow]
    rest: RestFigures | None


class Dataset(Shown):
    """One number, or null, for each label."""

    label: str = Field(examples=["Net revenue"])
    key: str | None = Field(description="Of a series.")
    year: str = Field(examples=["this_year"], description="this_year or last_year.")
    unit: str = Field(examples=["EUR"], description="A currency, a unit of measure, or orders.")
    yAxisID: str = Field(examples=["y"])  # noqa: N815 - as chart libraries call it
    data: list[float | None]


class XAxis(Shown):
    """The axis of the labels: of time, or of names."""

    type: str = Field(examples=["time"])
    title: str = Field(examples=["month"])


class YAxis(Shown):
    """An axis of numbers; datasets name it."""

    id: str = Field(examples=["y"])
    title: str = Field(examples=["Net revenue"])
    unit: str = Field(examples=["EUR"])


class Axes(Shown):
    """One axis of labels, one of numbers for each unit."""

    x: XAxis
    y: list[YAxis]


class ChartData(Shown):
    """As chart libraries take it. Null: nothing so far in a period that is not complete; in a complete one it is 0."""

    measure: Measure
    by: Dimension
    series: Dimension | None
    currency: str = Field(examples=["EUR"])
    labels: list[str] = Field(examples=[["2026-10", "2026-11"]])
    keys: list[str | None] = Field(description="Of the labels, in their order.")
    incomplete: list[str] = Field(description="Periods (or months) whose actuals are not all there.")
    months_compared: list[str]
    datasets: list[Dataset]
    axes: Axes
    rollups_pending: int = Field(examples=[0])
