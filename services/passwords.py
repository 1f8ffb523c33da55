"""Passwords: setting one with a mailed link, asking for a new one, and changing the own one.

Asking for a new password is the same work for every address: two counters and one stored request, before anybody looks
whether it exists. Upkeep makes mails of the requests, and the delivery mints the link.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from core.clock import now
from core.collections import scoped, transaction
from core.context import acting_as, current_tenant, tenant_scope
from core.errors import Detail, InvalidInput
from core.ratelimit import Limit, require
from core.security.emails import email_key
from core.security.kit import kit
from core.security.tokens import new_token, token_hash
from models.guards import RateBucket
from models.session import PasswordRequest, PasswordToken
from models.tenant import Tenant
from models.user import LoginIndex, User
from services import audit, lockout, mails, sessions
from services.identity import Caller
from services.sessions import Tokens

DEAD_LINK = "This link was used, replaced or is too old; ask for a new one."
WRONG = "This is not your current password."
SETUP, RESET = "setup", "reset"
RESET_SECONDS = 1800
RESETS_PER_ACCOUNT = Limit(5, 3600)
"""Mails that strangers can cause for one address: five at once, then one in twelve minutes."""
ASKED_WITHIN = timedelta(hours=1)
"""A request that could not be worked on for so long is forgotten: its sender has asked again or given up."""
MOST_REQUESTS = 200


async def accepted_hash(password: str, about: Iterable[str], field: str = "password") -> str:
    """The hash to store; raises `InvalidInput` for a password that is not accepted, with what to do.

    `about` is what is known of the person, so that nothing of it makes the password.
    """
    problem = await kit().passwords.problem(password, about)
    if problem:
        raise InvalidInput(details=[Detail(field, problem)])
    return await kit().passwords.hash(password)


async def ask_for_reset(email: str, *, address: str) -> None:
    """Take down that a new password is wanted for this e-mail address; raises `TooManyRequests`, known or not.

    Whoever exists and may sign in gets a mail within about half a minute.
    """
    await lockout.require_address(kit().settings, address, door="password-reset")
    key = email_key(email)
    digest = sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    await require(scoped(RateBucket).raw, f"password-reset|account|{digest}", RESETS_PER_ACCOUNT)
    at = now()
    fresh = {"_id": uuid4(), "email_key": key, "asked_at": at, "expires_at": at + ASKED_WITHIN}
    await scoped(PasswordRequest).update_one({"email_key": key}, {"$setOnInsert": fresh}, upsert=True)


async def settle_requests() -> int:
    """Make mails of the oldest requests and forget them; returns how many mails. For upkeep, over all tenants.

    Idempotent: a request goes in the transaction that queues its mail.
    """
    alive = {"expires_at": {"$gt": now()}}
    requests = await scoped(PasswordRequest).rows(alive, sort=[("asked_at", 1)], limit=MOST_REQUESTS)
    return sum([await _settle(request) for request in requests])


async def _settle(request: Mapping[str, Any]) -> int:
    found = await scoped(LoginIndex).row({"email_key": request["email_key"]})

    async def action() -> int:
        if not (await scoped(PasswordRequest).delete({"_id": request["_id"]})).deleted_count or found is None:
            return 0
        with tenant_scope(found["tenant_id"]), acting_as(None):
            return await _queue_reset(found["user_id"], request["_id"])

    return await transaction(action)


async def _queue_reset(user_id: UUID, request_id: UUID) -> int:
    """The mail and its audit event, for somebody who could sign in, or could once the first password is set."""
    is_open = await scoped(Tenant).exists({"_id": current_tenant(), "is_active": True})
    if not is_open or not await scoped(User).exists({"_id": user_id, "is_active": True}):
        return 0
    await audit.record("user.password_reset_asked", "user", user_id)
    return await mails.queue(f"password-reset:{request_id}", "password-reset", [user_id], {}, link_purpose=RESET)


async def mint_link(user_id: UUID, purpose: str) -> str:
    """A link with which the user of the tenant in context sets a password once; `purpose` is `setup` or `reset`.

    The token stands in the fragment, which browsers don't send and proxies don't log. Each delivery of a mail mints
    its own; using one ends them all. The host comes from the settings, never from a request.
    """
    settings = kit().settings
    lifetimes: Mapping[str, int] = {SETUP: settings.security.setup_link_seconds, RESET: RESET_SECONDS}
    raw = new_token()
    await scoped(PasswordToken).insert(
        PasswordToken(
            token_hash=token_hash(raw),
            tenant_id=current_tenant(),
            user_id=user_id,
            purpose=purpose,
            expires_at=now() + timedelta(seconds=lifetimes[purpose]),
        )
    )
    return f"{settings.app.app_url.rstrip('/')}/password-{purpose}#token={raw}"


async def set_by_link(token: str, password: str, purpose: str, *, address: str) -> None:
    """Set the password of the link's owner; ends the owner's sessions, other links and lockout.

    Raises `InvalidInput` for a password that is not accepted (the link stays good) and for a link that is not or has
    another purpose, and `TooManyRequests`.
    """
    await lockout.require_address(kit().settings, address)
    link = await scoped(PasswordToken).row(_usable(token, purpose))
    if link is None:
        raise _dead_link()
    with tenant_scope(link["tenant_id"]), acting_as(link["user_id"]):
        user = await scoped(User).one({"_id": link["user_id"], "is_active": True})
        if user is None:
            raise _dead_link()
        hashed = await accepted_hash(password, await _about(user))
        await _use_link(token, purpose, user, hashed)
    await lockout.unlock(user.email)


async def change_own(caller: Caller, current: str, wanted: str, *, address: str, user_agent: str = "") -> Tokens:
    """Change the caller's password; all sessions end, and the answer is the first pair of tokens of a new one.

    Raises `InvalidInput` when the current password is not right or the new one not accepted. Wrong ones count like
    attempts to sign in: `TooManyRequests` once they are used up.
    """
    user = await scoped(User).get(caller.user_id)
    reservation = await lockout.reserve(kit().settings, user.email, address)
    if not await kit().passwords.verify(current, user.password_hash):
        raise InvalidInput(details=[Detail("current_password", WRONG)])
    await lockout.succeed(reservation)
    if current == wanted:
        raise InvalidInput(details=[Detail("new_password", "Use another password than the current one.")])
    hashed = await accepted_hash(wanted, await _about(user), "new_password")

    async def action() -> Tokens:
        as_checked = {"password_hash": user.password_hash, "token_version": user.token_version}
        changed = await _replace(user.id, hashed, as_checked)
        if changed is None:
            raise InvalidInput(details=[Detail("current_password", WRONG)])
        await audit.record("user.password_changed", "user", user.id)
        return await sessions.begin(changed, address, user_agent)

    return await transaction(action)


async def _use_link(token: str, purpose: str, user: User, hashed: str) -> None:
    async def action() -> None:
        claimed = await scoped(PasswordToken).change(_usable(token, purpose), {"$set": {"used_at": now()}})
        if claimed is None or await _replace(user.id, hashed) is None:
            raise _dead_link()
        await audit.record("user.password_set", "user", user.id)

    await transaction(action)


async def _replace(user_id: UUID, hashed: str, as_known: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """Store the hash, and end everything from before: sessions, access tokens and links. None when it can't be."""
    changes = {"$set": {"password_hash": hashed, "updated_at": now()}, "$inc": {"token_version": 1}}
    changed = await scoped(User).change({**(as_known or {}), "_id": user_id, "is_active": True}, changes)
    if changed is not None:
        await end_links(user_id)
        await sessions.revoke_all(user_id, "password set")
    return changed


async def end_links(user_id: UUID) -> None:
    """Use up all links of a user that set a password."""
    await scoped(PasswordToken).update_many({"user_id": user_id, "used_at": None}, {"$set": {"used_at": now()}})


async def _about(user: User) -> tuple[str, ...]:
    company = await scoped(Tenant).get(user.tenant_id)
    return user.email, user.name, company.name


def _usable(token: str, purpose: str) -> dict[str, Any]:
    return {"token_hash": token_hash(token), "purpose": purpose, "used_at": None, "expires_at": {"$gt": now()}}


def _dead_link() -> InvalidInput:
    return InvalidInput(DEAD_LINK, details=[Detail("token", DEAD_LINK)])
