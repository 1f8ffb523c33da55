"""One mail to one person, built so that no value can become a header or a second recipient."""

from __future__ import annotations

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses

from email_validator import EmailNotValidError, validate_email

from core.errors import Detail, InvalidInput
from integrations.mail.rendering import Rendered, one_line

_OWN = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


def one_address(address: str, name: str = "") -> Address:
    """Exactly one e-mail address with a display name; raises InvalidInput for lists, line breaks and malformed ones.

    The address itself is never repaired: a "nearly right" one could be somebody else's.
    """
    try:
        checked = validate_email(
            address,
            check_deliverability=False,
            allow_smtputf8=False,
            allow_quoted_local=False,
            globally_deliverable=False,
        )
    except EmailNotValidError as error:
        problem = "This is not exactly one e-mail address."
        raise InvalidInput(problem, details=[Detail("email", problem)]) from error
    return Address(one_line(name), addr_spec=checked.ascii_email or checked.normalized)


def sender_of(mail_from: str) -> Address:
    """Our own address from a setting like `Planwright <planning@company.com>`; a host without dots will do.

    Raises InvalidInput that names the setting.
    """
    found = getaddresses([mail_from])
    name, address = found[0] if len(found) == 1 and mail_from.isprintable() else ("", "")
    if not _OWN.fullmatch(address):
        raise InvalidInput("MAIL_FROM is not an address like 'Planwright <planning@company.com>': correct it.")
    return Address(one_line(name), addr_spec=address)


def compose(sender: Address, recipient: Address, mail: Rendered, *, message_id: str, at: datetime) -> EmailMessage:
    """Text and HTML alternatives, 7-bit safe; the same `message_id` on every try. Raises InvalidInput for a bad one."""
    if not (
        message_id.startswith("<") and message_id.endswith(">") and message_id.isascii() and message_id.isprintable()
    ):
        raise InvalidInput("The Message-ID is malformed.")
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = one_line(mail.subject)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return message
