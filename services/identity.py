"""Who somebody is: signing in, staying signed in, being recognised on every request, signing out.

Access tokens are short and prove nothing by themselves: `identify` reads the user and the session on every request, so
disabling, a new role or password, and signing out act at the next call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from core.clock import now
from core.collections import scoped, transaction
from core.context import acting_as, tenant_scope
from core.errors import NotAuthenticated
from core.security.emails import email_key
from core.security.kit import kit
from core.security.tokens import token_hash
from models.session import RefreshToken
from models.tenant import Tenant
from models.user import LoginIndex, User
from planning.access import Actor, is_regional
from planning.roles import Role
from services import audit, lockout, sessions
from services.sessions import Tokens

log = structlog.get_logger(__name__)

WRONG = "The e-mail address or the password is not right."
ENDED = "Your session has ended; sign in again."
NOBODY = UUID(int=0)

_OF_CALLER = {"name": 1, "language": 1, "role": 1, "grants": 1, "regions": 1, "token_version": 1}
_OF_SIGN_IN = {"password_hash": 1, "role": 1, "token_version": 1}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the database knows them now."""

    user_id: UUID
    tenant_id: UUID
    session_id: UUID
    role: Role
    grants: frozenset[str]
    name: str
    language: str
    regions: tuple[str, ...] = ()

    @property
    def actor(self) -> Actor:
        """The part of the caller that the access rules need."""
        return Actor(self.role, self.grants, is_regional(self.role, self.regions))


async def identify(access_token: object) -> Caller:
    """The caller behind an access token, by one decode and two projected reads; raises `NotAuthenticated`.

    The claims are compared with the user as stored: a token from before a change of role, password or state is dead.
    """
    claims = kit().access_tokens.read(access_token)
    with tenant_scope(claims.tenant_id):
        user = await scoped(User).row({"_id": claims.user_id, "is_active": True}, _OF_CALLER)
        session = await sessions.living(claims.session_id, claims.user_id)
    if user is None or session is None or (user["role"], user["token_version"]) != (claims.role, claims.token_version):
        raise NotAuthenticated()
    return Caller(
        user_id=claims.user_id,
        tenant_id=claims.tenant_id,
        session_id=claims.session_id,
        role=Role(user["role"]),
        grants=frozenset(user["grants"]),
        name=user["name"],
        language=user["language"],
        regions=tuple(user.get("regions", ())),
    )


async def sign_in(email: str, password: str, *, address: str, user_agent: str = "") -> Tokens:
    """Begin a session. Raises `NotAuthenticated` or, once the attempts are used up, `TooManyRequests`.

    Unknown, disabled, not yet set up and wrong password are one answer, made by the same reads and the same hashing.
    """
    reservation = await lockout.reserve(kit().settings, email, address)
    index = await scoped(LoginIndex).row({"email_key": email_key(email)}, {"tenant_id": 1, "user_id": 1})
    tenant_id, user_id = (index["tenant_id"], index["user_id"]) if index else (NOBODY, NOBODY)
    with tenant_scope(tenant_id), acting_as(user_id if index else None):
        user = await scoped(User).row({"_id": user_id, "is_active": True}, _OF_SIGN_IN)
        is_open = await _is_open(tenant_id)
        stored = user["password_hash"] if user and is_open else None
        fits = await kit().passwords.verify(password, stored)
        if user is None or not fits:
            log.info("sign_in_refused", address=address)
            raise NotAuthenticated(WRONG)
        await _renew_hash(user, password)
        tokens = await sessions.begin(user, address, user_agent)
    await lockout.succeed(reservation)
    return tokens


async def refresh(refresh_token: str) -> Tokens:
    """The next pair of tokens of the session, in exchange for the current refresh token; raises `NotAuthenticated`.

    One atomic update decides who of several used the token first. Everybody else proves that a copy exists: the
    session is revoked and the event recorded, and the tokens of the first die with it.
    """
    found = await scoped(RefreshToken).row({"token_hash": token_hash(refresh_token), "expires_at": {"$gt": now()}})
    if found is None:
        raise NotAuthenticated(ENDED)
    with tenant_scope(found["tenant_id"]):
        user = await scoped(User).row({"_id": found["user_id"], "is_active": True}, _OF_SIGN_IN)
        session = await sessions.living(found["session_id"], found["user_id"])
        is_open = await _is_open(found["tenant_id"])
        # All that may refuse is read before the token is claimed: whoever claims it gets the answer.
        if found["used_at"] is None and (user is None or session is None or not is_open):
            raise NotAuthenticated(ENDED)
        first = await scoped(RefreshToken).change({"_id": found["_id"], "used_at": None}, {"$set": {"used_at": now()}})
        if first is None or user is None or session is None:
            await sessions.end_family(found["session_id"])
            raise NotAuthenticated(ENDED)
        return await sessions.issue(user, found["tenant_id"], found["session_id"], session["expires_at"])


async def sign_out(caller: Caller) -> None:
    """End the caller's session, and only this one. Doing it twice is the same as once."""

    async def action() -> None:
        if await sessions.revoke(caller.session_id, "signed out"):
            await audit.record("user.signed_out", "user", caller.user_id)

    await transaction(action)


async def _is_open(tenant_id: UUID) -> bool:
    return await scoped(Tenant).exists({"_id": tenant_id, "is_active": True})


async def _renew_hash(user: Mapping[str, Any], password: str) -> None:
    """Hash anew when the settings ask for other rounds than when the password was set."""
    passwords, old = kit().passwords, user["password_hash"]
    if passwords.is_outdated(old):
        renewed = await passwords.hash(password)
        await scoped(User).update_one({"_id": user["_id"], "password_hash": old}, {"$set": {"password_hash": renewed}})
