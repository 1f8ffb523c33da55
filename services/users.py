"""People of a tenant: who they are, and how an admin changes that.

What a change of rights means acts at the next call: `token_version` grows, and older access tokens are dead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import scoped, transaction
from core.errors import Conflict, EmailTaken, InvalidInput
from core.listing import Listing, Window, read_page
from core.search import search_filter, search_words
from core.security.emails import clean_email, email_key
from models.user import LoginIndex, User
from planning.roles import Role
from planning.users import UserStatus, status_of
from services import audit, lockout, passwords, revisions, sessions
from services.persons import clean, person_problems, regions_problem
from services.turns import take_turns

ADMINS = "admins"

SHOWN = (
    "email", "name", "role", "grants", "regions", "language", "time_zone", "is_active", "deleted_at", "last_login_at",
    "rev", "created_at", "updated_at",
)  # fmt: skip
# A missing field is less than null: only a hash is more.
_HAS_PASSWORD = {"$gt": ["$password_hash", None]}
_RIGHTS = ("role", "grants")
_OF_STATUS: Mapping[UserStatus, dict[str, Any]] = {
    UserStatus.INVITED: {"deleted_at": None, "is_active": True, "password_hash": None},
    UserStatus.ACTIVE: {"deleted_at": None, "is_active": True, "password_hash": {"$ne": None}},
    UserStatus.INACTIVE: {"deleted_at": None, "is_active": False},
    UserStatus.DELETED: {"deleted_at": {"$ne": None}},
}


@dataclass(frozen=True, slots=True)
class UserFilter:
    """What to keep; None = any, but deleted people are shown only when they are asked for."""

    search: str | None = None
    role: Role | None = None
    status: UserStatus | None = None

    def query(self) -> dict[str, Any]:
        chosen: dict[str, Any] = {"deleted_at": None} if self.status is None else dict(_OF_STATUS[self.status])
        if self.role is not None:
            chosen["role"] = str(self.role)
        return chosen | search_filter(self.search)


async def list_users(wanted: UserFilter, window: Window) -> Listing:
    """One page of people: `SHOWN` with `status` and `locked_until`, and never a hash."""
    projection = {**dict.fromkeys(SHOWN, 1), "has_password": _HAS_PASSWORD}
    listing = await read_page(scoped(User), wanted.query(), projection, window)
    locked = await lockout.locked_until([row["email"] for row in listing.rows])
    listing.rows[:] = [_seen(row, locked.get(row["email"])) for row in listing.rows]
    return listing


async def read(user_id: UUID) -> dict[str, Any]:
    """One person as in the list, deleted or not; raises `NotFound`."""
    user = await scoped(User).get(user_id)
    row = {name: getattr(user, name) for name in ("id", *SHOWN)}
    locked = await lockout.locked_until([user.email])
    return _seen({**row, "has_password": user.password_hash is not None}, locked.get(user.email))


async def change_user(user_id: UUID, rev: int | None = None, **said: Any) -> bool:
    """Change `email`, `name`, `role`, `grants`, `regions`, `language` or `time_zone`; False when nothing differs.

    A new role, grant or address ends all access tokens at once; a new address ends sessions and mailed links, too.
    Raises `NotFound`, `InvalidInput`, `StaleVersion`, `EmailTaken`, and `Conflict` for somebody who was deleted and
    when nobody would be left to administer the tenant.
    """
    if problems := person_problems(**said):
        raise InvalidInput(details=problems)
    changes = clean(said)
    if "email" in changes:
        changes["email"] = clean_email(changes["email"])

    async def action() -> bool:
        before = await _living(user_id)
        if not await revisions.change(User, user_id, rev, _with_regions(before, changes), entity="user"):
            return False
        await _follow(before, await scoped(User).get(user_id))
        return True

    return await transaction(action)


def _with_regions(user: User, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The changes with the regions that fit the role; raises `InvalidInput` for regions of anybody but a manager."""
    role = changes.get("role", user.role)
    if problems := regions_problem(role, changes.get("regions", ())):
        raise InvalidInput(details=problems)
    left_over = user.regions and role != Role.MANAGER
    return {**changes, "regions": []} if left_over else changes


async def activate(user_id: UUID) -> None:
    """Let a deactivated person in again; twice is once. Raises `NotFound`, and `Conflict` for a deleted one."""
    await _switch(user_id, is_active=True)


async def deactivate(user_id: UUID) -> None:
    """Keep a person out from the next call on: sessions and mailed links end. Twice is once.

    Raises `NotFound`, and `Conflict` for somebody who was deleted and for the last admin.
    """
    await _switch(user_id, is_active=False)


async def delete(user_id: UUID, rev: int | None) -> None:
    """Remove a person from lists and from the door; what they did keeps their name, and the address stays theirs.

    Raises `NotFound`, `StaleVersion`, and `Conflict` for the last admin and for somebody who was deleted before.
    """

    async def action() -> None:
        user = await _living(user_id)
        gone = {"deleted_at": now(), "is_active": False}
        await revisions.change(User, user_id, rev, gone, entity="user", action="deleted")
        await _end_access(user, "user deleted")

    await transaction(action)


async def restore(user_id: UUID) -> None:
    """Take back a deletion. The person comes back deactivated: whether they may sign in again is decided anew.

    Raises `NotFound`, and `Conflict` for somebody who was not deleted.
    """

    async def action() -> None:
        user = await scoped(User).get(user_id)
        if user.deleted_at is None:
            raise Conflict("This user is not deleted.")
        await revisions.change(User, user_id, None, {"deleted_at": None}, entity="user", action="restored")

    await transaction(action)


async def unlock(user_id: UUID) -> None:
    """Forget the wrong passwords that were tried on the account, from everywhere; raises `NotFound`."""

    async def action() -> None:
        user = await scoped(User).get(user_id)
        if await lockout.unlock(user.email):
            await audit.record("user.unlocked", "user", user_id)

    await transaction(action)


async def _living(user_id: UUID) -> User:
    user = await scoped(User).get(user_id)
    if user.deleted_at is not None:
        raise Conflict("This user was deleted; restore them first.")
    return user


async def _switch(user_id: UUID, *, is_active: bool) -> None:
    deed = "activated" if is_active else "deactivated"

    async def action() -> None:
        user = await _living(user_id)
        if not await revisions.change(User, user_id, None, {"is_active": is_active}, entity="user", action=deed):
            return
        if not is_active:
            await _end_access(user, "user deactivated")

    await transaction(action)


async def _follow(before: User, after: User) -> None:
    """What else a change means: search words, the sign-in index, dead tokens, and that an admin remains."""
    key = email_key(after.email)
    moved = key != before.email_key
    rights = moved or any(getattr(before, name) != getattr(after, name) for name in _RIGHTS)
    found_by = {"search": search_words(after.name, after.email), "email_key": key}
    if moved:
        await _move_address(before, key)
    await scoped(User).update_one({"_id": after.id}, {"$set": found_by, "$inc": {"token_version": int(rights)}})
    if before.is_active and before.role == Role.ADMIN and after.role != Role.ADMIN:
        await _keep_an_admin()


async def _move_address(user: User, key: str) -> None:
    """The new address signs in, the old one is free; whoever holds the old mailbox has nothing left."""
    if await scoped(LoginIndex).exists({"email_key": key}):
        raise EmailTaken()
    await scoped(LoginIndex).update_one({"email_key": user.email_key}, {"$set": {"email_key": key}})
    await _end_doors(user.id, "address changed")


async def _end_access(user: User, reason: str) -> None:
    await scoped(User).update_one({"_id": user.id}, {"$inc": {"token_version": 1}})
    await _end_doors(user.id, reason)
    if user.role == Role.ADMIN and user.is_active:
        await _keep_an_admin()


async def _end_doors(user_id: UUID, reason: str) -> None:
    await sessions.revoke_all(user_id, reason)
    await passwords.end_links(user_id)


def _seen(row: dict[str, Any], locked_until: datetime | None) -> dict[str, Any]:
    status = status_of(
        is_deleted=row.get("deleted_at") is not None,
        is_active=row.pop("is_active"),
        has_password=row.pop("has_password"),
    )
    return {**row, "status": status, "locked_until": locked_until}


async def _keep_an_admin() -> None:
    """Call it after an admin was changed, in the same transaction: raises `Conflict` when nobody is left to administer.

    Somebody who was invited and has not set a password yet can't help: only admins who can sign in count.
    """
    await take_turns(ADMINS)
    if not await scoped(User).exists({"role": Role.ADMIN, "is_active": True, "password_hash": {"$ne": None}}):
        raise Conflict("This is the last admin who can sign in; make somebody else an admin first.")
