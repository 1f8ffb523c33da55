"""Delivers queued mails: takes them from the database one by one and hands them to the mail server."""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address

import structlog
from temporalio import activity

from core.clock import now
from core.errors import InvalidInput, UpstreamFailed
from core.settings import Settings
from integrations.mail.message import compose, one_address, sender_of
from integrations.mail.rendering import Reader, render
from integrations.mail.smtp import Outcome, SmtpConnection
from models.job import Mail
from services import mails, passwords
from services.mails import Recipient
from workflows.contracts import DELIVER_MAILS_ACTIVITY, Delivered, MailsInput

log = structlog.get_logger(__name__)

MAILS_PER_TRY = 200


@dataclass(frozen=True, slots=True)
class MailActivities:
    """Holds the settings that say where the mail server is and who we are."""

    settings: Settings

    @activity.defn(name=DELIVER_MAILS_ACTIVITY)
    async def deliver_mails(self, _: MailsInput) -> Delivered:
        """Send what is due for the tenant, over one connection. At least once: see `services.mails`.

        A mail that is refused for good has failed and the others go on; one that may pass later rests. Raises
        UpstreamFailed, to be tried again, when the mail server can't be reached.
        """
        sender = sender_of(self.settings.mail.mail_from)
        ends = {"sent": 0, "refused": 0, "later": 0}
        if not await mails.has_due():
            return Delivered()
        async with SmtpConnection(self.settings.mail) as server:
            while sum(ends.values()) < MAILS_PER_TRY and (mail := await mails.claim_next()) is not None:
                outcome = await self._deliver(server, sender, mail)
                ends[outcome.state] += 1
                log.info("mail", mail_id=str(mail.id), template=mail.template, end=outcome.state, reason=outcome.reason)
        more = sum(ends.values()) == MAILS_PER_TRY
        return Delivered(sent=ends["sent"], failed=ends["refused"], postponed=ends["later"], more=more)

    async def _deliver(self, server: SmtpConnection, sender: Address, mail: Mail) -> Outcome:
        recipient = await mails.recipient(mail.user_id)
        if recipient is None or not recipient.is_active:
            outcome = Outcome("refused", "The user is no longer active.")
        else:
            outcome = await self._send(server, sender, mail, recipient)
        if outcome.state == "sent":
            await mails.mark_sent(mail.id)
        elif outcome.state == "refused":
            await mails.mark_failed(mail.id, outcome.reason)
        else:
            await mails.postpone(mail, outcome.reason)
        return outcome

    async def _send(self, server: SmtpConnection, sender: Address, mail: Mail, recipient: Recipient) -> Outcome:
        try:
            address = one_address(recipient.email, recipient.name)
        except InvalidInput as error:
            return Outcome("refused", error.message)
        # Minted now and kept nowhere: each try has a link of its own, and using one ends them all.
        link = await passwords.mint_link(mail.user_id, mail.link_purpose) if mail.link_purpose else None
        reader = Reader(recipient.name, recipient.tenant_name, recipient.time_zone)
        try:
            text = render(mail.template, mail.data, reader, app_url=self.settings.app.app_url, link=link)
        except InvalidInput as error:
            # Queued by a newer version than ours: its own worker may know the template.
            return Outcome("later", error.message)
        message = compose(sender, address, text, message_id=mail.message_id, at=now())
        try:
            return await server.send(message, sender=sender.addr_spec, recipient=address.addr_spec)
        except UpstreamFailed as error:
            await mails.postpone(mail, error.message)
            raise
