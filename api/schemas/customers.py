"""Customers as the API shows them. `code` is the customer code that people and files know; the id never changes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator, model_validator
from pydantic_core import PydanticCustomError

from api.paging import ListQuery
from api.texts import Body, Currency, Id, Line, said
from models.customer import MAX_ALIASES
from planning.lifecycle import Status
from services.customer_changes import CustomerDraft
from services.customers import CustomerFilter

NOT_CLEARED = ("code", "name", "currency", "aliases", "status")

Code = Annotated[
    str, Line(64, 1), Field(description="The customer code; unique, compared without case.", examples=["C-1001"])
]
Name = Annotated[str, Line(200, 1), Field(examples=["Northwind Traders"])]
Group = Annotated[str, Line(100, 1), Field(examples=["Retail"])]
Region = Annotated[str, Line(100, 1), Field(examples=["North"])]
Country = Annotated[str, Line(100, 1), Field(examples=["United Kingdom"])]
Aliases = Annotated[
    list[Annotated[str, Line(100, 1)]],
    Field(max_length=MAX_ALIASES, description="Other names that people search by.", examples=[["NWT"]]),
]
Node = Annotated[
    Id, Field(description="The customer that this one is planned as, one level deep; its own id = as itself.")
]


class CustomerSort(StrEnum):
    """What customers are sorted by."""

    CODE = "code"
    NAME = "name"
    UPDATED_AT = "updated_at"

    @property
    def field(self) -> str:
        """The stored field."""
        return "code_key" if self is CustomerSort.CODE else self.value


class CustomerQuery(ListQuery):
    """Filters are exact. Inactive customers are hidden unless `is_active`, `status` or `merged` asks for them."""

    sort_by: CustomerSort = CustomerSort.NAME
    region: Annotated[str, Line(100)] | None = None
    group: Annotated[str, Line(100)] | None = None
    country: Annotated[str, Line(100)] | None = None
    currency: Currency | None = None
    status: Status | None = None
    is_active: bool | None = None
    merged: (
        Annotated[bool, Field(description="Only those that were merged into another, or only the others.")] | None
    ) = None

    def filter(self) -> CustomerFilter:
        """What the service is asked for."""
        names = ("search", "region", "group", "country", "currency", "status", "is_active", "merged")
        return CustomerFilter(**{name: getattr(self, name) for name in names})


class NewCustomer(Body):
    """A customer to create. Without a currency it has the company's own."""

    code: Code
    name: Name
    group: Group | None = None
    region: Region | None = None
    country: Country | None = None
    currency: Currency | None = None
    aliases: Aliases = Field(default_factory=list)
    status: Annotated[Status, Strict(False), Field(examples=["prospect"])] = Status.ACTIVE
    planning_customer_id: Node | None = None

    def draft(self) -> CustomerDraft:
        """What the service is asked for."""
        return CustomerDraft(**{**dict(self), "aliases": tuple(self.aliases), "status": str(self.status)})


class CustomerPatch(Body):
    """The fields to change; what is left out stays. Null clears group, region, country and the planning node."""

    code: Code | None = None
    name: Name | None = None
    group: Group | None = None
    region: Region | None = None
    country: Country | None = None
    currency: Currency | None = None
    aliases: Aliases | None = None
    status: Annotated[Status, Strict(False), Field(examples=["active"])] | None = None
    planning_customer_id: Node | None = None

    @field_validator(*NOT_CLEARED, mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "must not be null; leave it out to keep it as it is")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> CustomerPatch:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_change", "must name at least one field to change")
        return self

    def said(self) -> dict[str, object]:
        """The named fields as the service takes them."""
        named = said(self)
        return {**named, "status": str(named["status"])} if "status" in named else named


class CustomerRow(BaseModel):
    """A customer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "id": "8d3c7a1e-2f50-4b8e-9a6d-3c1f0e5b7a92",
                    "code": "C-1001",
                    "name": "Northwind Traders",
                    "group": "Retail",
                    "region": "North",
                    "country": "United Kingdom",
                    "currency": "GBP",
                    "aliases": ["NWT"],
                    "status": "active",
                    "is_active": True,
                    "merged_into": None,
                    "planning_customer_id": "8d3c7a1e-2f50-4b8e-9a6d-3c1f0e5b7a92",
                    "rev": 1,
                    "created_at": "2026-11-20T09:00:00Z",
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    id: UUID
    code: str = Field(description="The customer code.")
    name: str
    group: str | None = None
    region: str | None = None
    country: str | None = None
    currency: str
    aliases: list[str] = Field(description="Other names that people search by.")
    status: Status
    is_active: bool = Field(description="False exactly when the status is inactive.")
    merged_into: UUID | None = Field(default=None, description="The customer that this one turned out to be.")
    planning_customer_id: UUID = Field(description="The customer that this one is planned as; by default itself.")
    rev: int
    created_at: datetime
    updated_at: datetime
