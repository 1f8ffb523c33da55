"""Mails as documents: queued in the transaction of their cause, claimed one by one by whoever delivers, marked after
the server's OK.

Delivery is at least once. A claim holds a mail for `CLAIM` so that two deliverers never send it at the same time; a
deliverer that dies leaves it to the next one after that. A mail goes out twice only if its deliverer dies between the
server's OK and `mark_sent`; both copies then carry the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import dump, scoped, transaction
from core.context import current_tenant
from core.settings import load_settings
from core.text import printable
from models.job import Mail
from models.tenant import Tenant
from models.user import User
from planning.users import NOTIFIED_BY_DEFAULT, notification_of

CLAIM = timedelta(seconds=60)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)

_muted: ContextVar[bool] = ContextVar("planwright_mails_muted", default=False)


@contextmanager
def without_mails() -> Iterator[None]:
    """Inside, `queue` queues nothing. For history that is written later than it happened: its mails are of no use."""
    token = _muted.set(True)
    try:
        yield
    finally:
        _muted.reset(token)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a mail goes to, as of now; times in it are shown in `time_zone`, the own or the company's."""

    name: str
    email: str
    is_active: bool
    tenant_name: str
    time_zone: str


async def queue(
    cause: str, template: str, user_ids: Sequence[UUID], data: dict[str, Any], link_purpose: str | None = None
) -> int:
    """Queue one mail to each of the users, once per (cause, user) whatever is repeated; returns how many are new.

    Joins the caller's transaction, so a mail exists if and only if its cause happened. `data` holds JSON values and
    never a secret: with `link_purpose` the delivery mints the password link itself. People who switched mails of this
    kind off get none. Inside `without_mails` it does nothing.
    """
    if _muted.get():
        return 0
    wanted = list(dict.fromkeys(user_ids))
    domain = sender_domain()

    async def insert() -> int:
        known = set(await scoped(Mail).distinct("user_id", {"cause": cause, "user_id": {"$in": wanted}}))
        left_out = known | await _switched_off(template, wanted)
        fresh = [user_id for user_id in wanted if user_id not in left_out]
        mails = [
            Mail(cause=cause, template=template, data=data, user_id=user_id, message_id="", link_purpose=link_purpose)
            for user_id in fresh
        ]
        if mails:
            await scoped(Mail).insert_rows([{**dump(mail), "message_id": f"<{mail.id}@{domain}>"} for mail in mails])
        return len(mails)

    return await transaction(insert)


async def _switched_off(template: str, user_ids: Sequence[UUID]) -> set[UUID]:
    """Who of these does not want mails of the template's kind."""
    kind = notification_of(template)
    if kind is None:
        return set()
    decided = f"notifications.{kind}"
    off: dict[str, Any] = {decided: False} if NOTIFIED_BY_DEFAULT[kind] else {decided: {"$ne": True}}
    rows = await scoped(User).rows({"_id": {"$in": list(user_ids)}, **off}, {"_id": 1})
    return {row["_id"] for row in rows}


def sender_domain() -> str:
    """The domain of our own address, which Message-IDs end with."""
    address = parseaddr(load_settings().mail.mail_from)[1]
    return address.rpartition("@")[2] or "localhost"


async def has_due() -> bool:
    """Whether a mail of this tenant waits to be sent now."""
    return await scoped(Mail).exists(_due(now()))


async def claim_next() -> Mail | None:
    """Take the mail that waits longest; nobody else gets it within `CLAIM`. None when nothing is due."""
    at = now()
    row = await scoped(Mail).change(
        _due(at),
        {"$set": {"next_try_at": at + CLAIM}, "$inc": {"attempts": 1}},
        sort=[("next_try_at", 1)],
    )
    return None if row is None else Mail.model_validate(row)


async def recipient(user_id: UUID) -> Recipient | None:
    """The person behind a mail; None when there is none any more."""
    user = await scoped(User).one({"_id": user_id})
    if user is None:
        return None
    tenant = await scoped(Tenant).get(current_tenant())
    return Recipient(user.name, user.email, user.is_active, tenant.name, user.time_zone or tenant.time_zone)


async def mark_sent(mail_id: UUID) -> None:
    """The server took it."""
    change = {"state": "sent", "sent_at": now(), "error": None, "next_try_at": None}
    await scoped(Mail).update_one({"_id": mail_id}, {"$set": change})


async def mark_failed(mail_id: UUID, reason: str) -> None:
    """It will never be taken: the address is refused for good."""
    change = {"state": "failed", "error": printable(reason, max_length=500), "next_try_at": None}
    await scoped(Mail).update_one({"_id": mail_id, "state": "queued"}, {"$set": change})


async def postpone(mail: Mail, reason: str) -> None:
    """Try a claimed mail again later, with growing pauses; it has failed when it is three days old."""
    at = now()
    if at - mail.queued_at >= GIVE_UP_AFTER:
        await mark_failed(mail.id, f"Given up after {GIVE_UP_AFTER.days} days. {reason}")
        return
    change = {"next_try_at": at + pause_after(mail.attempts), "error": printable(reason, max_length=500)}
    await scoped(Mail).update_one({"_id": mail.id, "state": "queued"}, {"$set": change})


def pause_after(attempts: int) -> timedelta:
    """How long a mail rests after its n-th try: 30 s, doubling up to an hour."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts - 1, 20)) if attempts > 0 else FIRST_PAUSE


def _due(at: datetime) -> dict[str, Any]:
    return {"state": "queued", "next_try_at": {"$lte": at}}
