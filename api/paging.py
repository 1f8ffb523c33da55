"""The query of every list: page, limit, order, search and count, with unknown parameters refused.

A resource derives its own query and adds `sort_by` (an enum) and its filters:

    class CustomerQuery(ListQuery):
        sort_by: CustomerSort = CustomerSort.NAME
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from api.texts import Line
from core.listing import Window

MAX_LIMIT = 100
MAX_DEPTH = 100_000


class Order(StrEnum):
    """Ascending or descending."""

    ASC = "asc"
    DESC = "desc"


class PageQuery(BaseModel):
    """What every list understands, those without a search too."""

    model_config = ConfigDict(extra="forbid")

    page: Annotated[int, Field(ge=1, description="Counted from 1.")] = 1
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Rows a page.", validate_default=True)] = 50
    order: Order = Order.ASC
    count: Annotated[bool | None, Field(description="Count all (`meta.total`); by default only up to 10,000.")] = None

    @field_validator("limit")
    @classmethod
    def _not_too_deep(cls, limit: int, info: ValidationInfo) -> int:
        if info.data.get("page", 1) * limit > MAX_DEPTH:
            raise PydanticCustomError("too_deep", "ends beyond row {depth}; filter instead", {"depth": MAX_DEPTH})
        return limit

    def window(self, *fields: str) -> Window:
        """The part of the list that is asked for, sorted by these fields and then by id."""
        direction = 1 if self.order is Order.ASC else -1
        sort = [(field, direction) for field in (*fields, "_id")]
        return Window(skip=(self.page - 1) * self.limit, limit=self.limit, sort=sort, count=self.count)


class ListQuery(PageQuery):
    """A list that is searched by words."""

    search: Annotated[str, Line(100), Field(description="Beginnings of words of the code and name.")] | None = None
