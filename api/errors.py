"""Every refusal as the same JSON: `{"error": {"code", "message", "details", "until"?}, "request_id"}`.

One translation (`refusal_of`) and one answer (`answer`) serve the exception handlers, the middleware and the last
door. What is unknown is a 500 that says nothing of its inside; the log says it, under the same request id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pymongo.errors import AutoReconnect, ConnectionFailure, ExecutionTimeout, PyMongoError, WaitQueueTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from core.context import request_id
from core.errors import (
    DatabaseUnavailable,
    Detail,
    InvalidInput,
    MalformedRequest,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    PayloadTooLarge,
    PlanwrightError,
    TooManyRequests,
    all_errors,
)

log = structlog.get_logger(__name__)

MAX_DETAILS = 100
EXAMPLES = "#/components/examples/"
_CONNECTION_ERRORS = (AutoReconnect, ConnectionFailure, ExecutionTimeout, WaitQueueTimeoutError)
# What pydantic calls it -> what to do about it; `{…}` are the limits that pydantic names.
_PLAIN_WORDS = {
    "extra_forbidden": "is not a known field; remove it",
    "missing": "is required",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "uuid_parsing": "must be an id, like 3f2b8c1e-5d4a-4b6f-9e7d-1a2b3c4d5e6f",
    "uuid_type": "must be an id, like 3f2b8c1e-5d4a-4b6f-9e7d-1a2b3c4d5e6f",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "string_type": "must be a text",
    "list_type": "must be a list",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_short": "must have a length of at least {min_length}",
    "string_too_long": "must have a length of at most {max_length}",
    "too_short": "needs more entries: at least {min_length}",
    "too_long": "has too many entries: at most {max_length}",
    "datetime_parsing": "must be a time in ISO 8601 with its offset, like 2026-12-01T17:00:00Z",
    "datetime_from_date_parsing": "must be a time in ISO 8601 with its offset, like 2026-12-01T17:00:00Z",
}


class ErrorDetail(BaseModel):
    """One thing that is wrong."""

    field: str = Field(examples=["entries.0.quantity"], description="Where: a dotted path into the request.")
    message: str = Field(examples=["A quantity has at most 3 decimals."])


class ErrorBody(BaseModel):
    """What was refused, and why."""

    code: str = Field(examples=["not_found"], description="The machine-readable name; see docs/errors.md.")
    message: str = Field(examples=["There is no such thing, or it is not yours to see."])
    details: list[ErrorDetail] = Field(default_factory=list)
    until: str | None = Field(default=None, description="When a lock ends, if that is known.")


class ErrorAnswer(BaseModel):
    """The answer to every refused request."""

    error: ErrorBody
    request_id: str = Field(examples=["5f0c2d6e1b7a4b8c9d3e2f1a0b9c8d7e"])


COMMON_ERRORS: tuple[type[PlanwrightError], ...] = (
    MalformedRequest,
    InvalidInput,
    TooManyRequests,
    DatabaseUnavailable,
)
SIGNED_IN_ERRORS: tuple[type[PlanwrightError], ...] = (NotAuthenticated, NotPermitted)


def errors(*refusals: type[PlanwrightError]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of a route that may refuse like this; classes of one status share an entry."""
    responses: dict[int | str, dict[str, Any]] = {}
    for refusal in refusals:
        entry = responses.setdefault(
            refusal.status, {"model": ErrorAnswer, "description": "", "content": {"application/json": {"examples": {}}}}
        )
        entry["description"] = " / ".join(filter(None, (entry["description"], refusal.default_message)))
        entry["content"]["application/json"]["examples"][refusal.code()] = {"$ref": f"{EXAMPLES}{refusal.code()}"}
    return responses


def examples() -> dict[str, Any]:
    """`components.examples` of the OpenAPI document: one answer for each code."""
    return {
        error.code(): {"summary": error.default_message, "value": _body(error(), "5f0c2d6e1b7a4b8c9d3e2f1a0b9c8d7e")}
        for error in sorted(all_errors(), key=lambda error: error.code())
        if error.__module__ == PlanwrightError.__module__
    }


def merged(*declared: Mapping[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """Several `errors(...)` as one; later ones add to the examples of the same status."""
    result: dict[int | str, dict[str, Any]] = {}
    for responses in declared:
        for status, entry in responses.items():
            if status not in result or "content" not in entry:
                result[status] = entry
                continue
            known = result[status]["content"]["application/json"]["examples"]
            both = {**known, **entry["content"]["application/json"]["examples"]}
            words = " / ".join(dict.fromkeys((result[status]["description"], entry["description"])))
            result[status] = {**entry, "description": words, "content": {"application/json": {"examples": both}}}
    return result


def refusal_of(error: Exception) -> PlanwrightError:
    """The refusal that an exception means to the caller; anything unknown is the plain 500."""
    if isinstance(error, PlanwrightError):
        return error
    if isinstance(error, RequestValidationError):
        return InvalidInput(details=[_detail(one) for one in error.errors()[:MAX_DETAILS]])
    if isinstance(error, HTTPException):
        return _http_refusal(error)
    if isinstance(error, _CONNECTION_ERRORS) or (isinstance(error, PyMongoError) and error.timeout):
        return DatabaseUnavailable()
    if isinstance(error, ClientDisconnect):
        return MalformedRequest("The connection ended before the body did.")
    return PlanwrightError()


def answer(refusal: PlanwrightError) -> Response:
    """The refusal as an HTTP answer, with the request id of the context."""
    headers = dict(refusal.headers())
    if refusal.status == NotAuthenticated.status:
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(_body(refusal, request_id.get()), option=orjson.OPT_UTC_Z)
    return Response(body, refusal.status, headers, "application/json")


async def handle(_request: Request, error: Exception) -> Response:
    """The one handler. An exception that nobody expected is logged with its stack, and only there."""
    refusal = refusal_of(error)
    if refusal.status == PlanwrightError.status:
        log.error("request failed", exc_info=error)
    elif refusal.status > PlanwrightError.status:
        log.warning("upstream failed", code=refusal.code(), cause=type(error.__cause__ or error).__name__)
    return answer(refusal)


def install(app: FastAPI) -> None:
    """Let the one handler answer everything that the routes raise."""
    for kind in (PlanwrightError, RequestValidationError, HTTPException, PyMongoError, ClientDisconnect):
        app.add_exception_handler(kind, handle)


def _body(refusal: PlanwrightError, request: str) -> dict[str, Any]:
    details = [{"field": detail.field, "message": detail.message} for detail in refusal.details[:MAX_DETAILS]]
    error: dict[str, Any] = {"code": refusal.code(), "message": refusal.message, "details": details}
    if refusal.until is not None:
        error["until"] = refusal.until
    return {"error": error, "request_id": request}


def _detail(found: Mapping[str, Any]) -> Detail:
    location: Sequence[Any] = found["loc"]
    field = ".".join(str(part) for part in location[1:]) or str(location[0])
    words = _PLAIN_WORDS.get(found["type"])
    message = words.format_map(found.get("ctx") or {}) if words else found["msg"].removeprefix("Value error, ")
    return Detail(field[:200], message[:500])


def _http_refusal(error: HTTPException) -> PlanwrightError:
    """Starlette's own answers. A refusal that was raised while the body was read travels as the cause."""
    if isinstance(error.__cause__, PlanwrightError):
        return error.__cause__
    if error.status_code == NotFound.status:
        return NotFound("There is no such path.")
    if error.status_code == MethodNotAllowed.status:
        return MethodNotAllowed(allowed=(error.headers or {}).get("Allow", "").split(", "))
    if error.status_code == PayloadTooLarge.status:
        return PayloadTooLarge()
    if error.status_code < PlanwrightError.status:
        return MalformedRequest(str(error.detail))
    return PlanwrightError()
