"""Sessions and their tokens. A session is one sign-in with a fixed end; its refresh tokens are one family.

Everything here runs in the context of the session's tenant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from core.clock import now
from core.collections import scoped, transaction
from core.context import acting_as
from core.errors import NotAuthenticated, NotFound
from core.listing import Listing, Window, read_page
from core.security.jwt import AccessClaims
from core.security.kit import kit
from core.security.tokens import new_token, token_hash
from core.text import printable
from models.session import AuthSession, RefreshToken
from models.user import User
from services import audit

SHOWN = ("created_at", "expires_at", "ip", "user_agent")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a person holds after signing in. `expires_in` is seconds; the refresh token works once."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_at: datetime


async def begin(user: Mapping[str, Any], address: str, user_agent: str) -> Tokens:
    """Session, first refresh token, time of sign-in and audit event, together.

    `user` holds `_id`, `role` and `token_version` as they were when the password was checked; raises
    `NotAuthenticated` if the user changed since.
    """
    at = now()
    unchanged = {"_id": user["_id"], "is_active": True, "token_version": user["token_version"]}
    session = AuthSession(
        user_id=user["_id"],
        expires_at=at + timedelta(seconds=kit().settings.security.refresh_token_seconds),
        ip=printable(address, max_length=64),
        user_agent=printable(user_agent, max_length=200),
    )

    async def action() -> Tokens:
        signed_in = await scoped(User).update_one(unchanged, {"$set": {"last_login_at": at}})
        if not signed_in.matched_count:
            raise NotAuthenticated()
        await scoped(AuthSession).insert(session)
        await audit.record("user.signed_in", "user", user["_id"], after={"session_id": str(session.id)})
        return await issue(user, session.tenant_id, session.id, session.expires_at)

    return await transaction(action)


async def issue(user: Mapping[str, Any], tenant_id: UUID, session_id: UUID, until: datetime) -> Tokens:
    """A new pair of tokens for the session, which ends at `until`: no refresh token outlives it."""
    raw = new_token()
    await scoped(RefreshToken).insert(
        RefreshToken(
            token_hash=token_hash(raw),
            tenant_id=tenant_id,
            user_id=user["_id"],
            session_id=session_id,
            expires_at=until,
        )
    )
    claims = AccessClaims(user["_id"], tenant_id, session_id, user["role"], user["token_version"])
    return Tokens(
        access_token=kit().access_tokens.sign(claims, now()),
        expires_in=kit().settings.security.access_token_seconds,
        refresh_token=raw,
        refresh_expires_at=until,
    )


async def living(session_id: UUID, user_id: UUID) -> dict[str, Any] | None:
    """`expires_at` of the session, if it is this user's and neither revoked nor over."""
    alive = {"_id": session_id, "user_id": user_id, "revoked_at": None, "expires_at": {"$gt": now()}}
    return await scoped(AuthSession).row(alive, {"expires_at": 1})


async def revoke(session_id: UUID, reason: str) -> bool:
    """End one session; False when it had ended before."""
    revoked = await scoped(AuthSession).change(
        {"_id": session_id, "revoked_at": None}, {"$set": {"revoked_at": now(), "revoked_reason": reason}}
    )
    return revoked is not None


async def revoke_all(user_id: UUID, reason: str, *, but: UUID | None = None) -> int:
    """End all sessions of a user, perhaps but one, in the transaction of the cause; how many that were."""
    ended = await scoped(AuthSession).update_many(
        {"user_id": user_id, "revoked_at": None, "_id": {"$ne": but}},
        {"$set": {"revoked_at": now(), "revoked_reason": reason}},
    )
    return ended.modified_count


async def list_living(user_id: UUID, window: Window) -> Listing:
    """One page of a user's sessions that are neither revoked nor over; raises `NotFound` where there is no user."""
    await scoped(User).get(user_id)
    alive = {"user_id": user_id, "revoked_at": None, "expires_at": {"$gt": now()}}
    return await read_page(scoped(AuthSession), alive, dict.fromkeys(SHOWN, 1), window)


async def end_one(user_id: UUID, session_id: UUID) -> None:
    """End one session of a user; its tokens are dead at the next call. Raises `NotFound` for one that is not living."""

    async def action() -> None:
        if await living(session_id, user_id) is None or not await revoke(session_id, "ended by hand"):
            raise NotFound()
        await audit.record("session.ended", "session", session_id, after={"user_id": str(user_id)})

    await transaction(action)


async def end_all(user_id: UUID, *, but: UUID | None = None) -> int:
    """End all sessions of a user, perhaps but one; how many that were. Raises `NotFound`."""

    async def action() -> int:
        await scoped(User).get(user_id)
        ended = await revoke_all(user_id, "ended by hand", but=but)
        if ended:
            await audit.record("user.sessions_ended", "user", user_id, after={"sessions": ended})
        return ended

    return await transaction(action)


async def end_family(session_id: UUID) -> None:
    """A refresh token was used twice, so a copy of it exists: end its session, and record that once."""

    async def action() -> None:
        if await revoke(session_id, "refresh token used twice"):
            await audit.record(
                "session.reuse_detected", "session", session_id, reason="A refresh token was used twice."
            )

    log.warning("refresh_reuse", session_id=str(session_id))
    with acting_as(None):
        await transaction(action)
