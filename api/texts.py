"""Texts and other plain values at the edge, as field types.

Bodies are strict, so each type says itself how its JSON form is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from annotated_types import GroupedMetadata
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints
from pydantic_core import PydanticCustomError

from core.text import text_problem


class Body(BaseModel):
    """Base of every request body: unknown fields are refused, and nothing is converted silently.

    Enums need `Annotated[TheEnum, Strict(False)]`, because JSON knows only their text.
    """

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class Line(GroupedMetadata):
    """A trimmed text on one line: `Annotated[str, Line(100)]`. Lengths count characters."""

    max_length: int
    min_length: int = 0
    multiline: bool = False

    def __iter__(self) -> Iterator[object]:
        yield from StringConstraints(strip_whitespace=True, min_length=self.min_length, max_length=self.max_length)
        yield AfterValidator(self._check)

    def _check(self, text: str) -> str:
        problem = text_problem(text, max_length=self.max_length, multiline=self.multiline)
        if problem:
            raise PydanticCustomError("text", "must be {problem}", {"problem": problem})
        return text


def note(max_length: int, min_length: int = 0) -> Line:
    """A trimmed text that may have several lines: `Annotated[str, note(2000)]`."""
    return Line(max_length, min_length, multiline=True)


def _text_of_time(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) > 40 or "T" not in value.upper():
        raise PydanticCustomError("time", "must be a time in ISO 8601 with its offset, like 2026-12-01T17:00:00Z")
    return value


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise PydanticCustomError("time", "must name its offset from UTC, like 2026-12-01T17:00:00Z")
    if not 2000 <= value.year <= 2200:
        raise PydanticCustomError("time", "must lie between the years 2000 and 2200")
    at = value.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


Moment = Annotated[datetime, Strict(False), BeforeValidator(_text_of_time), AfterValidator(_utc)]
"""An instant: ISO 8601 with an offset in JSON, aware UTC inside, cut to milliseconds."""

Id = Annotated[UUID, Strict(False)]
"""A UUID as text."""

_MONTH = r"^20\d{2}-(0[1-9]|1[0-2])$"


def _is_month(text: str) -> str:
    if re.fullmatch(_MONTH, text, re.ASCII) is None:
        raise PydanticCustomError("month", "must be a month like 2026-11")
    return text


Month = Annotated[str, AfterValidator(_is_month), Field(json_schema_extra={"pattern": _MONTH}, examples=["2026-11"])]
"""A month."""

_DAY = r"^(19|20|21)\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"


def _is_day(text: str) -> str:
    try:
        if re.fullmatch(_DAY, text, re.ASCII) is None:
            raise ValueError
        date.fromisoformat(text)
    except ValueError as error:
        raise PydanticCustomError("day", "must be a date like 2026-11-30") from error
    return text


Day = Annotated[str, AfterValidator(_is_day), Field(json_schema_extra={"format": "date"}, examples=["2026-11-30"])]
"""A document date: ISO text, no time, no zone."""

_CURRENCY = "^[A-Z]{3}$"


def _is_currency(text: str) -> str:
    if re.fullmatch(_CURRENCY, text) is None:
        raise PydanticCustomError("currency", "must be the three capitals of ISO 4217, like EUR")
    return text


Currency = Annotated[
    str, AfterValidator(_is_currency), Field(json_schema_extra={"pattern": _CURRENCY}, examples=["EUR"])
]
"""An ISO 4217 code."""


def said(body: BaseModel) -> dict[str, Any]:
    """The fields that a PATCH names, null included: what it does not name stays as it is."""
    return {name: value for name, value in body if name in body.model_fields_set}
