"""A real SMTP server on loopback that keeps what it takes, and refuses or hangs up on command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session

OK = "250 OK"


@dataclass
class MailServer:
    """`refusals` answers RCPT by address; `answers` are given to the next DATAs before it takes any again ("" = hang up
    after the mail was taken, without an answer)."""

    port: int = 0
    refusals: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    connections: int = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else OK
        if answer in (OK, ""):
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        if answer == "":
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return answer or OK

    def connected(self) -> SMTP:
        self.connections += 1
        return SMTP(self, hostname="mail.test", enable_SMTPUTF8=False)


@asynccontextmanager
async def running_mail_server(port: int = 0) -> AsyncIterator[MailServer]:
    """Runs in the test's own event loop, on a free port unless one is given."""
    behaviour = MailServer()
    server = await asyncio.get_running_loop().create_server(behaviour.connected, "127.0.0.1", port)
    behaviour.port = server.sockets[0].getsockname()[1]
    try:
        yield behaviour
    finally:
        server.close()
        server.close_clients() if hasattr(server, "close_clients") else None
        await server.wait_closed()


def part(mail: EmailMessage, subtype: str) -> str:
    """The text of the plain or html alternative."""
    body = mail.get_body((subtype,))
    assert body is not None
    content = body.get_content()
    assert isinstance(content, str)
    return content
