"""The one error tree.

Every refusal that a caller may meet is a class here. The class decides four things at once: the machine-readable
`code` in the JSON answer, the HTTP status, the type name of the Temporal failure, and whether a retry can help.

    PlanwrightError
    ├── MalformedRequest 400        ├── InvalidInput 422
    ├── NotAuthenticated 401        │   ├── IdempotencyKeyReused 422
    ├── NotPermitted 403            │   └── MandatoryCellsMissing 422
    ├── NotFound 404                ├── Locked 423
    ├── MethodNotAllowed 405        ├── PreconditionRequired 428
    ├── Conflict 409                ├── TooManyRequests 429
    │   ├── StillRunning 409        ├── UpstreamFailed 502
    │   └── EmailTaken 409          └── Unavailable 503
    ├── StaleVersion 412                ├── Overtaken 503
    ├── PayloadTooLarge 413             ├── DatabaseUnavailable 503
    └── UnsupportedFile 415             ├── TemporalUnavailable 503
                                        └── WorkerUnavailable 503
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is wrong: where (`field`, a dotted path into the request) and what to do about it."""

    field: str
    message: str


class PlanwrightError(Exception):
    """Base of every refusal. `message` is one sentence for a person and says what to do."""

    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    default_message: ClassVar[str] = (
        "Something went wrong on our side; try again, and tell your operator the request id."
    )

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Sequence[Detail] = (),
        retry_after: float | None = None,
        until: datetime | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.details = tuple(details)
        self.retry_after = retry_after
        self.until = until
        super().__init__(self.message)

    @classmethod
    def code(cls) -> str:
        """The class name in snake case, e.g. `NotFound` -> `not_found`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def headers(self) -> Mapping[str, str]:
        """Response headers that belong to this refusal (`Retry-After` in whole seconds, rounded up)."""
        if self.retry_after is None:
            return {}
        return {"Retry-After": str(max(1, -int(-self.retry_after // 1)))}


class MalformedRequest(PlanwrightError):
    status = 400
    default_message = "The request could not be read; send a well-formed JSON body."


class NotAuthenticated(PlanwrightError):
    status = 401
    default_message = "Sign in and send a valid access token as 'Authorization: Bearer …'."


class NotPermitted(PlanwrightError):
    status = 403
    default_message = "Your role may not do this."


class NotFound(PlanwrightError):
    status = 404
    default_message = "There is no such thing, or it is not yours to see."


class MethodNotAllowed(PlanwrightError):
    """`allowed` are the methods that the path knows; the answer names them in `Allow`."""

    status = 405
    default_message = "This path does not know this method."

    def __init__(self, message: str | None = None, *, allowed: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)

    def headers(self) -> Mapping[str, str]:
        return {"Allow": ", ".join(self.allowed)}


class Conflict(PlanwrightError):
    status = 409
    default_message = "The state changed meanwhile; read it again and decide anew."


class StillRunning(Conflict):
    default_message = "A request with this Idempotency-Key is still running; ask again shortly."


class EmailTaken(Conflict):
    default_message = "This e-mail address already belongs to a user."


class StaleVersion(PlanwrightError):
    status = 412
    default_message = "Somebody changed this since you read it; read it again."


class PayloadTooLarge(PlanwrightError):
    status = 413
    default_message = "The request is larger than this route accepts."


class UnsupportedFile(PlanwrightError):
    status = 415
    default_message = "Only .csv and .xlsx files without macros or passwords are accepted."


class InvalidInput(PlanwrightError):
    status = 422
    default_message = "Some fields are not acceptable; see the details."


class IdempotencyKeyReused(InvalidInput):
    default_message = "This Idempotency-Key was used with another body; send a new key."


class MandatoryCellsMissing(InvalidInput):
    default_message = "Some mandatory cells are empty; fill them or confirm that they count as 0."


class Locked(PlanwrightError):
    status = 423
    default_message = "This is locked."


class PreconditionRequired(PlanwrightError):
    status = 428
    default_message = "Send If-Match with the version you read."


class TooManyRequests(PlanwrightError):
    status = 429
    default_message = "Too many requests; wait and try again."


class UpstreamFailed(PlanwrightError):
    status = 502
    retryable = True
    default_message = "A system we depend on gave a wrong answer; it will be tried again."


class Unavailable(PlanwrightError):
    status = 503
    retryable = True
    default_message = "A system we depend on does not answer; try again shortly."


class Overtaken(Unavailable):
    default_message = "Somebody changes the same rows at this moment; it will be tried again."


class DatabaseUnavailable(Unavailable):
    default_message = "The database does not answer; try again shortly."


class TemporalUnavailable(Unavailable):
    default_message = "The workflow server does not answer; reading works, this action must wait. Try again shortly."


class WorkerUnavailable(Unavailable):
    default_message = "Temporal answers, but no worker asks it for work; start one."


def all_errors(root: type[PlanwrightError] = PlanwrightError) -> Iterator[type[PlanwrightError]]:
    """Every class of the tree, parents first: for the documentation and its test."""
    yield root
    for child in root.__subclasses__():
        yield from all_errors(child)


def error_by_code(code: str) -> type[PlanwrightError]:
    """The class of a code (as it travels in a Temporal failure); unknown codes are a `PlanwrightError`."""
    return next((error for error in all_errors() if error.code() == code), PlanwrightError)
