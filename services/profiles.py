"""One's own profile: what is shown of oneself, what one may change, and what is still to do at the first sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.clock import now
from core.collections import scoped, transaction
from core.errors import InvalidInput
from core.search import search_words
from models.tenant import Tenant
from models.user import User
from services import audit, revisions
from services.identity import Caller
from services.persons import clean, person_problems


@dataclass(frozen=True, slots=True)
class Profile:
    """The caller and the company, for the caller's own eyes."""

    user: User
    tenant: Tenant


async def profile(caller: Caller) -> Profile:
    """The caller's own user and company."""
    return Profile(await scoped(User).get(caller.user_id), await scoped(Tenant).get(caller.tenant_id))


async def change_profile(caller: Caller, rev: int, said: Mapping[str, Any]) -> Profile:
    """Change `name`, `language`, `time_zone` or single `notifications`. The first time confirms the profile, also when
    nothing differs: the first sign-in is done.

    Raises `InvalidInput` and `StaleVersion`.
    """
    if problems := person_problems(**said):
        raise InvalidInput(details=problems)

    async def action() -> None:
        user = await scoped(User).get(caller.user_id)
        changes = clean(said)
        if "notifications" in changes:
            changes["notifications"] = {**user.notifications, **changes["notifications"]}
        if await revisions.change(User, user.id, rev, changes, entity="user"):
            name = changes.get("name", user.name)
            await scoped(User).update_one({"_id": user.id}, {"$set": {"search": search_words(name, user.email)}})
        if user.profile_confirmed_at is None:
            await scoped(User).update_one({"_id": user.id}, {"$set": {"profile_confirmed_at": now()}})
            await audit.record("user.profile_confirmed", "user", user.id)

    await transaction(action)
    return await profile(caller)
