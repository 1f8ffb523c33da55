"""Months of actuals at the edge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.numbers import SignedMoney
from api.paging import Order, PageQuery
from api.texts import Body, Month, note
from core.text import SOURCE_PATTERN
from planning.actuals import MonthState

Source = Annotated[str, Field(pattern=SOURCE_PATTERN, examples=["erp"], description="The name of a system.")]
Rows = Annotated[int, Field(ge=0, le=1_000_000_000, examples=[1840])]


class Shown(BaseModel):
    """Base of what answers hold: nothing undeclared."""

    model_config = ConfigDict(extra="forbid")


class MonthQuery(PageQuery):
    """Newest first; by default from the first to the last month that holds anything or runs now."""

    order: Order = Order.DESC
    from_month: Month | None = None
    to_month: Month | None = None
    status: MonthState | None = None


class ControlTotalBody(Body):
    """What finance says that a source holds for the month: net revenue in the base currency, and lines if they count
    them."""

    revenue: SignedMoney
    rows: Rows | None = None


class MonthReopening(Body):
    """Why the month is opened again."""

    reason: Annotated[str, note(500, 3), Field(examples=["The credit notes of November are missing."])]


class ControlTotalView(Shown):
    """What finance says, and who entered it when."""

    revenue: float = Field(examples=[183_412.5])
    rows: int | None = Field(examples=[1840])
    entered_by: UUID | None
    entered_at: datetime


class MonthSource(Shown):
    """One source of a month. Differences are what is posted minus the control total; null where there is none."""

    source: str = Field(examples=["erp"])
    rows: int = Field(examples=[1838], description="Sales lines that are posted.")
    revenue: float = Field(examples=[183_212.5], description="Their net revenue in the base currency.")
    control_total: ControlTotalView | None
    difference: float | None = Field(examples=[-200])
    rows_difference: int | None = Field(examples=[-2])
    agrees: bool | None = Field(examples=[False])


class UnitFigure(Shown):
    """Demand in one unit of measure."""

    unit: str = Field(examples=["EA"])
    quantity: float = Field(examples=[1250])


class TotalsView(Shown):
    """What is posted: lines, net revenue in the base currency, demand by unit."""

    rows: int = Field(examples=[1838])
    revenue: float = Field(examples=[183_212.5])
    quantities: list[UnitFigure]


class TotalsCompared(Shown):
    """What was posted before and what is after, and after minus before."""

    before: TotalsView
    after: TotalsView
    difference: TotalsView


class MonthView(Shown):
    """A month of actuals. Figures are left out for those who see some of the customers only."""

    month: str = Field(examples=["2026-11"])
    first_day: str = Field(examples=["2026-11-01"])
    last_day: str = Field(examples=["2026-11-30"])
    status: MonthState = Field(examples=["complete"])
    ended: bool = Field(examples=[True], description="Whether it has ended in the company's time zone.")
    completed_at: datetime | None
    completed_by: UUID | None
    restated_at: datetime | None = Field(description="When its lines last changed after it was complete.")
    rev: int = Field(examples=[2], description="0 before anybody said anything of the month.")
    currency: str | None = Field(default=None, examples=["EUR"])
    rows: int | None = Field(default=None, examples=[1838])
    revenue: float | None = Field(default=None, examples=[183_212.5])
    agrees: bool | None = Field(
        default=None, examples=[False], description="Whether all control totals agree; null when there are none."
    )
    sources: list[MonthSource] | None = None
    restatement: TotalsCompared | None = Field(
        default=None, description="Of a restated month: what was posted when it became complete, and what is now."
    )
