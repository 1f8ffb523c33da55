"""Versions at the edge: a thing is read with its `ETag`, and changed with `If-Match` naming what was read.

@router.patch("/things/{thing_id}", …, responses=errors(NotFound, *STALE))
async def change_thing(thing_id: UUID, body: ThingPatch, rev: IfMatch, …) -> Response:
    thing = await things.change(thing_id, rev, body.said())
    return item(ThingView.of(thing), headers=etag(thing.rev))
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Depends, Header

from core.errors import InvalidInput, PreconditionRequired, StaleVersion

STALE = (StaleVersion, PreconditionRequired)
"""What a route that asks for `IfMatch` may refuse with."""

_PATTERN = r'(?:W/)?"?([1-9][0-9]{0,9})"?'
_TAG = re.compile(_PATTERN)


def etag(rev: int) -> dict[str, str]:
    """The header that names the version of what is answered."""
    return {"ETag": f'"{rev}"'}


def demand_if_match(schema: dict[str, Any]) -> None:
    """Say in the OpenAPI document that `If-Match` is needed: to FastAPI it is optional, so that without it we can say
    428."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"].lower() == "if-match":
                    plain = {"type": "string", "pattern": f"^{_PATTERN}$", "examples": ['"3"']}
                    parameter.update({"required": True, "schema": plain})


async def _if_match(
    if_match: Annotated[
        str | None, Header(description='The `ETag` (or `rev`) that was read, e.g. `"3"`.', examples=['"3"'])
    ] = None,
) -> int:
    if if_match is None:
        raise PreconditionRequired()
    return _rev(if_match)


def _rev(if_match: str) -> int:
    tag = _TAG.fullmatch(if_match.strip())
    if tag is None:
        raise InvalidInput('Send If-Match with the ETag that you read, like "3".')
    return int(tag[1])


async def _optional_if_match(
    if_match: Annotated[
        str | None,
        Header(description='The `ETag` (or `rev`) of what is replaced, e.g. `"3"`; none for what is new.'),
    ] = None,
) -> int | None:
    return None if if_match is None else _rev(if_match)


IfMatch = Annotated[int, Depends(_if_match)]
"""The version that the caller has read: 428 without it, 412 (from the service) when it is not the current one."""

OptionalIfMatch = Annotated[int | None, Depends(_optional_if_match)]
"""The same for PUT, which may write something new: the service asks for it where there is something to replace."""
