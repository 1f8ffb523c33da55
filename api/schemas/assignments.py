"""Who plans which customers, and who stands in, at the edge."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from api.paging import PageQuery
from api.texts import Body, Day, Id, Line
from services.assignments import AssignmentFilter, HandOverWanted, NewAssignment
from services.delegates import NewDelegate

On = Annotated[Day, Field(description="Keep what holds on this day.")]
Category = Annotated[str, Line(100, 1), Field(examples=["Light"])]
LAST_DAY = "The last day, included; null = open."


class AssignmentSort(StrEnum):
    VALID_FROM = "valid_from"
    VALID_TO = "valid_to"


class CustomerAssignmentQuery(PageQuery):
    """By their first day."""

    sort_by: AssignmentSort = AssignmentSort.VALID_FROM
    on: On | None = None
    primary: bool | None = None

    def filter(self) -> AssignmentFilter:
        return AssignmentFilter(on=self.on, primary=self.primary)


class UserAssignmentQuery(CustomerAssignmentQuery):
    """By their first day."""

    customer_id: UUID | None = None

    def filter(self) -> AssignmentFilter:
        return AssignmentFilter(on=self.on, primary=self.primary, customer_id=self.customer_id)


class NewAssignmentBody(Body):
    """Who plans a customer from a day on. `category` only where the company plans customers by category."""

    customer_id: Id
    category: Category | None = None
    valid_from: Annotated[Day, Field(examples=["2026-12-01"])]
    valid_to: Annotated[Day, Field(description=LAST_DAY)] | None = None
    primary: Annotated[
        bool,
        Field(
            description="Whether the plan's rows carry this person's name; on a day only one person's per customer, or "
            "per customer and category."
        ),
    ] = True

    def wanted(self) -> NewAssignment:
        return NewAssignment(**dict(self))


class AssignmentPatch(Body):
    """What to change, at least one field; `valid_to: null` opens the end, the others can't be null."""

    valid_from: Annotated[Day, Field(examples=["2026-12-01"])] | None = None
    valid_to: Annotated[Day, Field(description=LAST_DAY, examples=["2026-11-30"])] | None = None
    primary: bool | None = None

    @field_validator("valid_from", "primary", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        return _demand_said(value)

    @model_validator(mode="after")
    def _says_something(self) -> AssignmentPatch:
        _demand_any(self)
        return self


class HandOverBody(Body):
    """Who hands over to whom. `valid_from` is the first day of who takes over; the other's last is the day before."""

    from_user_id: Id
    to_user_id: Id
    valid_from: Annotated[Day, Field(examples=["2026-12-01"])]
    category: Category | None = None

    def wanted(self) -> HandOverWanted:
        return HandOverWanted(**dict(self))


class AssignmentView(BaseModel):
    """A person plans a customer, or a category of it, from a day to a day, both included."""

    id: UUID
    user_id: UUID
    user_name: str = Field(examples=["Rita Rep"])
    customer_id: UUID
    customer_code: str = Field(examples=["C-1001"])
    customer_name: str = Field(examples=["Northwind"])
    category: str | None = Field(examples=[None])
    valid_from: str = Field(examples=["2026-01-01"])
    valid_to: str | None = Field(examples=[None], description=LAST_DAY)
    primary: bool
    rev: int = Field(examples=[1])
    updated_at: datetime


class HandOverView(BaseModel):
    """What begins, and what ended the day before: the other's entry, and that of a helper who takes over."""

    begun: AssignmentView
    ended: list[AssignmentView]


class DelegateQuery(PageQuery):
    """By their first day."""

    sort_by: AssignmentSort = AssignmentSort.VALID_FROM
    on: On | None = None
    stands_in: Annotated[bool, Field(description="List those for whom the user stands in, instead.")] = False


class NewDelegateBody(Body):
    """Who stands in, by id or by e-mail address, on which days (both included)."""

    delegate_id: Id | None = None
    delegate_email: Annotated[str, Line(254, 3), Field(examples=["ben@acme.example"])] | None = None
    valid_from: Annotated[Day, Field(examples=["2026-12-21"])]
    valid_to: Annotated[Day, Field(examples=["2027-01-06"])]

    @model_validator(mode="after")
    def _names_one(self) -> NewDelegateBody:
        if (self.delegate_id is None) == (self.delegate_email is None):
            raise PydanticCustomError("delegate", "must name either delegate_id or delegate_email")
        return self

    def wanted(self) -> NewDelegate:
        return NewDelegate(**dict(self))


class DelegatePatch(Body):
    """What to change, at least one field; to end it early, name another last day."""

    valid_from: Annotated[Day, Field(examples=["2026-12-21"])] | None = None
    valid_to: Annotated[Day, Field(examples=["2027-01-02"])] | None = None

    @field_validator("valid_from", "valid_to", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        return _demand_said(value)

    @model_validator(mode="after")
    def _says_something(self) -> DelegatePatch:
        _demand_any(self)
        return self


class DelegateView(BaseModel):
    """Somebody stands in for a user, from a day to a day, both included: they see and plan the user's customers."""

    id: UUID
    user_id: UUID
    user_name: str = Field(examples=["Rita Rep"])
    delegate_id: UUID
    delegate_name: str = Field(examples=["Ben Rep"])
    valid_from: str = Field(examples=["2026-12-21"])
    valid_to: str = Field(examples=["2027-01-06"])
    rev: int = Field(examples=[1])
    updated_at: datetime


def _demand_said(value: object) -> object:
    if value is None:
        raise PydanticCustomError("null", "must not be null; leave it out to keep it as it is")
    return value


def _demand_any(body: Body) -> None:
    if not body.model_fields_set:
        raise PydanticCustomError("empty_change", "must name at least one field to change")
