"""The shape of every good answer: `{"data": …, "meta": …}`.

Hot paths return bytes: `page(...)` and `item(...)` write raw rows with orjson, and no model is built per row.
The models here only declare the same shape for OpenAPI; a test validates real answers against them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

import orjson
from bson import Decimal128
from bson.binary import UUID_SUBTYPE, Binary
from pydantic import BaseModel, Field
from starlette.responses import Response

from core.listing import Listing, uuid_text

T = TypeVar("T")
JSON = "application/json"


class PageMeta(BaseModel):
    """Where in the list this page is. `total` is left out when it was not counted."""

    page: int = Field(examples=[1])
    limit: int = Field(examples=[50])
    has_next: bool = Field(examples=[False])
    total: int | None = Field(default=None, examples=[12])


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    data: list[T]
    meta: PageMeta


class Item(BaseModel, Generic[T]):
    """One thing."""

    data: T


def page(listing: Listing, number: int, limit: int, *, headers: Mapping[str, str] | None = None) -> Response:
    """A page of raw rows."""
    meta: dict[str, Any] = {"page": number, "limit": limit, "has_next": listing.has_next}
    if listing.total is not None:
        meta["total"] = listing.total
    return answer({"data": listing.rows, "meta": meta}, headers=headers)


def item(
    data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, meta: Mapping[str, Any] | None = None
) -> Response:
    """One thing: a dict, a dataclass or a pydantic model."""
    body = {"data": data} if meta is None else {"data": data, "meta": meta}
    return answer(body, status=status, headers=headers)


def accepted(data: Any, location: str) -> Response:
    """202: the work goes on; poll `location`."""
    return item(data, status=202, headers={"Location": location})


def no_content() -> Response:
    """204."""
    return Response(status_code=204)


def answer(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Any JSON answer: UUIDs as text, times as ISO 8601 in UTC with Z, decimals as numbers."""
    return Response(to_json(body), status, headers, JSON)


def to_json(body: Any) -> bytes:
    """The bytes of a JSON value; the only serialiser of answers."""
    return orjson.dumps(body, _plain, orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, Binary) and value.subtype == UUID_SUBTYPE:
        return uuid_text(value)
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
