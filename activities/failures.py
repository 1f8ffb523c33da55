"""How our refusals travel through Temporal: the error's code is the failure's type, its details come along."""

from __future__ import annotations

from datetime import timedelta

from temporalio.exceptions import ApplicationError

from core.errors import PlanwrightError


def as_application_error(error: PlanwrightError) -> ApplicationError:
    """The same refusal as Temporal knows it; retried only where a retry can help.

    The one detail is a dictionary: `details` (list of field and message), `retry_after` seconds, `until` ISO time.
    """
    details = {
        "details": [{"field": detail.field, "message": detail.message} for detail in error.details],
        "retry_after": error.retry_after,
        "until": error.until.isoformat() if error.until else None,
    }
    return ApplicationError(
        error.message,
        details,
        type=error.code(),
        non_retryable=not error.retryable,
        next_retry_delay=timedelta(seconds=error.retry_after) if error.retryable and error.retry_after else None,
    )
