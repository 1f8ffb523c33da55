"""A connection to the mail server, over which many mails go one after another.

What happened to a mail is a value, not an exception: `sent`, `refused` (for good: this address, this content) or
`later` (anything that may pass: a busy server, a lost connection, our own sender refused). Only a server that can't be
reached at all raises.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from types import TracebackType
from typing import Literal

import aiosmtplib
from aiosmtplib import (
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from core.errors import UpstreamFailed
from core.settings import MailSettings
from core.text import printable


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reason` is the server's or the network's own words, for the operator."""

    state: Literal["sent", "refused", "later"]
    reason: str = ""


SENT = Outcome("sent")


class SmtpConnection:
    """`async with SmtpConnection(settings) as server: await server.send(...)`. Reconnects when the server hangs up."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._client = _client(settings)

    async def __aenter__(self) -> SmtpConnection:
        await self._connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        with suppress(SMTPException, OSError):
            await self._client.quit()
        self._client.close()

    async def send(self, message: EmailMessage, *, sender: str, recipient: str) -> Outcome:
        """Hand the mail over: after `sent` the server has it. Raises UpstreamFailed when no server is there."""
        if not self._client.is_connected:
            await self._connect()
        try:
            await self._client.sendmail(sender, recipient, message.as_bytes(policy=WIRE))
        except SMTPRecipientsRefused as error:
            return _refusal(error.recipients[0])
        except (SMTPRecipientRefused, SMTPDataError) as error:
            return _refusal(error)
        except (SMTPException, OSError) as error:
            # The state of this connection is unknown: the next mail gets a new one.
            self._client.close()
            return Outcome("later", _words(error))
        return SENT

    async def _connect(self) -> None:
        self._client.close()
        self._client = _client(self._settings)
        try:
            await self._client.connect()
        except (SMTPException, OSError) as error:
            raise UpstreamFailed(f"The mail server can't be used: {_words(error)}") from error


def _client(settings: MailSettings) -> aiosmtplib.SMTP:
    password = settings.smtp_password
    return aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username,
        password=password.get_secret_value() if password else None,
        use_tls=settings.smtp_tls == "tls",
        start_tls=settings.smtp_tls == "starttls",
        timeout=settings.smtp_timeout_seconds,
    )


def _refusal(error: SMTPResponseException) -> Outcome:
    return Outcome("refused" if 500 <= error.code < 600 else "later", _words(error))


def _words(error: Exception) -> str:
    if isinstance(error, SMTPResponseException):
        return printable(f"{error.code} {' '.join(error.message.split())}", max_length=300)
    return printable(f"{type(error).__name__}: {' '.join(str(error).split())}", max_length=300)
