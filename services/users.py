"""People of a tenant: what may be said about them, and how they change."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import scoped, transaction
from core.errors import Conflict, Detail, InvalidInput
from core.text import text_problem
from models.user import User
from planning.access import RULES
from planning.roles import Role
from services import audit, sessions

MAX_NAME = 120
GRANTS = frozenset(str(action) for action, rule in RULES.items() if rule.by_grant)

_LANGUAGE = re.compile(r"[a-z]{2}")


async def change_user(user_id: UUID, **changes: Any) -> bool:
    """Change `name`, `role`, `grants`, `language` or `is_active`; False when nothing differs.

    A new role, grant or state ends all access tokens at once, disabling ends the sessions, too. Raises `NotFound`,
    `InvalidInput`, and `Conflict` when nobody would be left to administer the tenant.
    """
    problems = person_problems(**changes)
    if problems:
        raise InvalidInput(details=problems)

    async def action() -> bool:
        user = await scoped(User).get(user_id)
        after = {name: value for name, value in _stored(changes).items() if getattr(user, name) != value}
        if not after:
            return False
        before = {name: getattr(user, name) for name in after}
        if user.role == Role.ADMIN and user.is_active and (after.get("role") or after.get("is_active") is False):
            await _keep_an_admin(user_id)
        rights = {"role", "grants", "is_active"} & after.keys()
        update = {"$set": {**after, "updated_at": now()}, "$inc": {"token_version": 1 if rights else 0}}
        await scoped(User).update_one({"_id": user_id}, update)
        if after.get("is_active") is False:
            await sessions.revoke_all(user_id, "user disabled")
        await audit.record("user.changed", "user", user_id, before=before, after=after)
        return True

    return await transaction(action)


def person_problems(
    *,
    name: str | None = None,
    role: str | None = None,
    grants: Iterable[str] | None = None,
    language: str | None = None,
    is_active: bool | None = None,
) -> list[Detail]:
    """Everything that is wrong with what is said about a person; what is None is not said."""
    problems: list[Detail] = []
    if name is not None:
        expected = text_problem(name, max_length=MAX_NAME) or (None if name.strip() else "a name")
        if expected:
            problems.append(Detail("name", f"Send {expected}."))
    if role is not None and role not in set(Role):
        problems.append(Detail("role", f"Send one of: {', '.join(Role)}."))
    if grants is not None and not GRANTS.issuperset(grants):
        problems.append(Detail("grants", f"Send any of: {', '.join(sorted(GRANTS))}."))
    if language is not None and not _LANGUAGE.fullmatch(language):
        problems.append(Detail("language", "Send a language code of two letters, like en."))
    if is_active is not None and not isinstance(is_active, bool):
        problems.append(Detail("is_active", "Send true or false."))
    return problems


def _stored(changes: dict[str, Any]) -> dict[str, Any]:
    """The changes as the document holds them; None means that nothing is said."""
    said = {name: value for name, value in changes.items() if value is not None}
    if "name" in said:
        said["name"] = said["name"].strip()
    if "role" in said:
        said["role"] = str(Role(said["role"]))
    if "grants" in said:
        said["grants"] = sorted(said["grants"])
    return said


async def _keep_an_admin(leaving: UUID) -> None:
    """Refuse when no other active admin remains.

    Two admins who disable each other at the same moment read different users: writing to all of them makes the two
    transactions meet.
    """
    others = await scoped(User).update_many(
        {"role": Role.ADMIN, "is_active": True, "_id": {"$ne": leaving}}, {"$set": {"updated_at": now()}}
    )
    if not others.matched_count:
        raise Conflict("This is the last active admin; make somebody else an admin first.")
