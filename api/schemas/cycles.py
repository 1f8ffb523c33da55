"""Cycles at the edge."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from api.paging import ListQuery, Order
from api.texts import Body, Line, Moment, Month, note
from models.cycle import Cycle
from planning.stages import Stage, phase_of, status_of

Horizon = Annotated[int, Field(ge=1, le=36, examples=[16])]
Percent = Annotated[int, Field(ge=1, le=100, examples=[80])]
Offsets = Annotated[list[Annotated[int, Field(ge=0, le=90)]], Field(max_length=10, examples=[[7, 3, 1]])]


class CycleStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class CycleSort(StrEnum):
    START_MONTH = "start_month"
    CREATED_AT = "created_at"


class CycleQuery(ListQuery):
    """Newest first."""

    sort_by: CycleSort = CycleSort.START_MONTH
    order: Order = Order.DESC
    status: CycleStatus | None = None


class NewCycle(Body):
    """A new draft. Only name and entry_closes_at are needed, or opens_at in its place, from which the tenant's days of
    entry are counted; the rest comes from the tenant."""

    name: Annotated[str, Line(100, 1), Field(examples=["December 2026"])]
    entry_closes_at: Annotated[Moment, Field(examples=["2026-12-11T17:00:00Z"])] | None = None
    opens_at: Annotated[Moment, Field(examples=["2026-12-01T07:00:00Z"])] | None = None
    closes_at: Annotated[Moment, Field(examples=["2026-12-16T17:00:00Z"])] | None = None
    base_month: Month | None = None
    start_month: Month | None = None
    horizon: Horizon | None = None
    mandatory_until: Month | None = None
    auto_close: bool | None = None
    auto_close_share_percent: Percent | None = None
    reminder_offsets_days: Offsets | None = None
    count_working_days: Annotated[
        bool | None, Field(description="Count working days in deadlines that are not said, and in reminder offsets.")
    ] = None


NOT_CLEARED = (
    "name",
    "entry_closes_at",
    "closes_at",
    "auto_close",
    "auto_close_share_percent",
    "reminder_offsets_days",
)


class CyclePatch(Body):
    """What to change, at least one field; `opens_at: null` means that a person opens the cycle, the others can't be
    null. Deadlines lie in the future."""

    name: Annotated[str, Line(100, 1)] | None = None
    opens_at: Moment | None = None
    entry_closes_at: Annotated[Moment, Field(examples=["2026-12-14T17:00:00Z"])] | None = None
    closes_at: Moment | None = None
    auto_close: bool | None = None
    auto_close_share_percent: Percent | None = None
    reminder_offsets_days: Offsets | None = None

    @field_validator(*NOT_CLEARED, mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "must not be null; leave it out to keep it as it is")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> CyclePatch:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_change", "must name at least one field to change")
        return self


class Reopening(Body):
    """Back to entry if the new entry_closes_at lies ahead, else to review."""

    closes_at: Annotated[Moment, Field(examples=["2026-12-20T17:00:00Z"])]
    entry_closes_at: Moment | None = None
    reason: Annotated[str, note(500, 3), Field(examples=["A large order was entered twice."])]


class CycleView(BaseModel):
    """A cycle. `phase` says where an open cycle is: entry, review or closing."""

    id: UUID
    name: str = Field(examples=["December 2026"])
    status: CycleStatus = Field(examples=["open"])
    phase: str | None = Field(examples=["entry"])
    base_month: str = Field(examples=["2026-12"])
    start_month: str = Field(examples=["2027-01"])
    horizon: int = Field(examples=[16])
    months: list[str]
    mandatory_until: str = Field(examples=["2027-12"])
    opens_at: datetime | None
    entry_closes_at: datetime
    closes_at: datetime
    auto_close: bool
    auto_close_share_percent: int = Field(examples=[80])
    reminder_offsets_days: list[int]
    reminder_times: list[datetime] = Field(
        description="When reps with open sheets are reminded, earliest first.", examples=[["2026-12-04T17:00:00Z"]]
    )
    count_working_days: bool
    currency: str = Field(examples=["EUR"])
    time_zone: str = Field(examples=["Europe/London"])
    month_pattern: str = Field(examples=["calendar"])
    close_number: int = Field(examples=[0], description="How often the cycle was closed.")
    graded_close: int | None = Field(description="The close that accuracy is judged by.")
    imported: bool = Field(description="It was run elsewhere, before this system, and its forecasts were imported.")
    waiting_for: UUID | None = Field(description="The cycle in entry that this one waits for before it can open.")
    rev: int = Field(examples=[1])
    created_at: datetime
    opened_at: datetime | None
    entry_closed_at: datetime | None
    closed_at: datetime | None


class OperationView(BaseModel):
    """Work that goes on; poll it until `state` is succeeded or failed."""

    operation_id: UUID
    kind: str = Field(examples=["close"])
    state: str = Field(examples=["queued"])


SHOWN = tuple(name for name in CycleView.model_fields if name not in ("status", "phase"))
LISTED = {("_id" if name == "id" else name): 1 for name in SHOWN} | {"stage": 1}


def show_cycle(cycle: Cycle) -> CycleView:
    """The cycle as callers see it."""
    stage = Stage(cycle.stage)
    fields = {name: getattr(cycle, name) for name in SHOWN}
    return CycleView.model_validate({**fields, "status": status_of(stage), "phase": phase_of(stage)})


def show_row(row: dict[str, object]) -> dict[str, object]:
    """The same from a raw row of a list."""
    stage = Stage(str(row.pop("stage")))
    return {"imported": False, **row, "status": status_of(stage), "phase": phase_of(stage)}
