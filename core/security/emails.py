"""E-mail addresses: one spelling to compare by, and one gate that new ones pass."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from core.errors import Detail, InvalidInput

MAX_LENGTH = 254


def email_key(email: str) -> str:
    """The spelling by which people sign in and by which addresses are unique: trimmed, lower case."""
    return email.strip().lower()


def clean_email(email: str, field: str = "email") -> str:
    """The address as it is stored; raises `InvalidInput` for anything but exactly one deliverable-looking address.

    Lists ("a@x, b@y"), display names, comments, line breaks and quoted local parts are refused: the mail library would
    take some of them as further recipients or headers.
    """
    try:
        return validate_email(
            email.strip(), check_deliverability=False, allow_smtputf8=False, allow_quoted_local=False, strict=True
        ).normalized
    except EmailNotValidError as error:
        problem = "Send exactly one e-mail address, like name@company.com."
        raise InvalidInput(details=[Detail(field, problem)]) from error
