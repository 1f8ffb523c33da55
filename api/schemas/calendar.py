"""The calendar at the edge: settings, months, the company's own days and public holidays."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator, model_validator
from pydantic_core import PydanticCustomError

from api.paging import PageQuery
from api.texts import Body, Currency, Day, Line, Month
from models.calendar import CompanyDay
from models.tenant import Tenant
from planning.calendar import MonthPattern
from services import holiday_table

Year = Annotated[int, Field(ge=holiday_table.FIRST_YEAR, le=holiday_table.LAST_YEAR, examples=[2026])]
CountryCode = Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["DE"])]
SubdivisionCode = Annotated[str, Line(20, 1), Field(examples=["BE"])]
DayName = Annotated[str, Line(100, 1), Field(examples=["Stocktaking"])]
Weekdays = Annotated[list[Annotated[int, Field(ge=1, le=7)]], Field(min_length=1, max_length=7)]


class Shown(BaseModel):
    """Base of what answers hold: nothing undeclared."""

    model_config = ConfigDict(extra="forbid")


class CalendarQuery(BaseModel):
    """Which months; by default the running fiscal year."""

    model_config = ConfigDict(extra="forbid")

    from_month: Month | None = None
    to_month: Annotated[Month | None, Field(description="At most 240 months.")] = None


class CalendarSettings(Shown):
    """What the company has decided on; weekdays are those of ISO 8601, Monday is 1."""

    time_zone: str = Field(examples=["Europe/Berlin"])
    base_currency: str = Field(examples=["EUR"])
    fiscal_year_start_month: int = Field(examples=[1])
    month_pattern: MonthPattern = Field(examples=["calendar"])
    working_weekdays: list[int] = Field(examples=[[1, 2, 3, 4, 5]])
    holiday_country: str | None = Field(examples=["DE"])
    holiday_subdivision: str | None = Field(examples=["BE"])
    count_working_days: bool = Field(description="Whether days between deadlines of new cycles are working days.")
    entry_days: int = Field(examples=[10], description="Days from opening to the end of entry.")
    review_days: int = Field(examples=[5], description="Days from the end of entry to the close.")
    rev: int = Field(examples=[1])

    @classmethod
    def of(cls, tenant: Tenant) -> CalendarSettings:
        """The settings of a tenant."""
        return cls.model_validate({name: getattr(tenant, name) for name in cls.model_fields})


NOT_CLEARED = (
    "time_zone",
    "base_currency",
    "fiscal_year_start_month",
    "month_pattern",
    "working_weekdays",
    "count_working_days",
)


class CalendarPatch(Body):
    """What to change, at least one field. Another country without a subdivision means the whole country; a null country
    means that there are no public holidays."""

    time_zone: Annotated[str, Line(64, 1), Field(examples=["Europe/Berlin"])] | None = None
    base_currency: Currency | None = None
    fiscal_year_start_month: Annotated[int, Field(ge=1, le=12)] | None = None
    month_pattern: Annotated[MonthPattern, Strict(False)] | None = None
    working_weekdays: Annotated[Weekdays, Field(examples=[[1, 2, 3, 4, 5]])] | None = None
    holiday_country: CountryCode | None = None
    holiday_subdivision: SubdivisionCode | None = None
    count_working_days: bool | None = None

    @field_validator(*NOT_CLEARED, mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "must not be null; leave it out to keep it as it is")
        return value

    @field_validator("working_weekdays")
    @classmethod
    def _each_once(cls, days: list[int]) -> list[int]:
        if len(set(days)) < len(days):
            raise PydanticCustomError("repeated", "must name each weekday once")
        return sorted(days)

    @model_validator(mode="after")
    def _says_something(self) -> CalendarPatch:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_change", "must name at least one field to change")
        return self


class CalendarMonth(Shown):
    """A month with its dates, both included, and its place in the fiscal year."""

    month: str = Field(examples=["2026-11"])
    first_day: str = Field(examples=["2026-11-01"])
    last_day: str = Field(examples=["2026-11-30"])
    days: int = Field(examples=[30])
    working_days: int = Field(examples=[21])
    fiscal_year: int = Field(examples=[2026], description="Named by the calendar year that its last month is in.")
    fiscal_quarter: int = Field(examples=[4])
    fiscal_period: int = Field(examples=[11])


class CalendarView(Shown):
    """The settings, and the months that were asked for."""

    settings: CalendarSettings
    running_month: str = Field(examples=["2026-11"], description="The month of today in the company's time zone.")
    months: list[CalendarMonth]

    @classmethod
    def of(cls, overview: dict[str, Any]) -> CalendarView:
        """What `services.calendar.overview` gives."""
        return cls.model_validate({**overview, "settings": CalendarSettings.of(overview["settings"])})


class CountryQuery(PageQuery):
    """By name."""

    name: Annotated[str, Line(100), Field(description="Beginnings of words of the name, or of the code.")] | None = None


class SubdivisionRow(Shown):
    """A part of a country with holidays of its own."""

    code: str = Field(examples=["BE"])
    name: str | None = Field(examples=["Berlin"])


class CountryRow(Shown):
    """A country whose public holidays are known."""

    code: str = Field(examples=["DE"])
    name: str = Field(examples=["Germany"])
    subdivisions: list[SubdivisionRow]


class HolidayQuery(BaseModel):
    """A year in the company's country, or in another one to look at."""

    model_config = ConfigDict(extra="forbid")

    year: Year
    country: CountryCode | None = None
    subdivision: SubdivisionCode | None = None


class Holiday(Shown):
    """A public holiday; `worked`: the company works on it, by a day of its own."""

    day: str = Field(examples=["2026-12-25"])
    name: str = Field(examples=["Christmas Day"])
    weekday: int = Field(examples=[5])
    worked: bool


class Holidays(Shown):
    """The public holidays of a year, in order; none without a country."""

    year: int = Field(examples=[2026])
    country: str | None = Field(examples=["DE"])
    subdivision: str | None = Field(examples=["BE"])
    days: list[Holiday]


class DaySort(StrEnum):
    DAY = "day"
    NAME = "name"


class DayQuery(PageQuery):
    """Filters are exact."""

    sort_by: DaySort = DaySort.DAY
    year: Year | None = None
    working: bool | None = None


class NewDay(Body):
    """A day that differs from what weekday and public holidays make of it."""

    day: Day
    name: DayName
    working: Annotated[bool, Field(description="Whether the company works on it.")] = False


class DayPatch(Body):
    """What to change, at least one field."""

    day: Day | None = None
    name: DayName | None = None
    working: bool | None = None

    @field_validator("day", "name", "working", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "must not be null; leave it out to keep it as it is")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> DayPatch:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_change", "must name at least one field to change")
        return self


class DayView(Shown):
    """A day of the company's own."""

    id: UUID
    day: str = Field(examples=["2026-12-31"])
    name: str = Field(examples=["Stocktaking"])
    working: bool
    rev: int = Field(examples=[1])
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, day: CompanyDay) -> DayView:
        """The day as callers see it."""
        return cls.model_validate({name: getattr(day, name) for name in cls.model_fields})
