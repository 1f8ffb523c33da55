"""Decisions that span documents: whoever decides writes one guard document, so that two who decide at once meet there.

MongoDB lets two transactions pass that read the same documents and change different ones. Of two that pass the same
guard the second conflicts, runs again and sees what the first one did.
"""

from __future__ import annotations

from core.collections import scoped
from core.errors import Conflict
from models.guards import Guard
from models.user import User
from planning.roles import Role

ADMINS = "admins"


async def pass_guard(key: str) -> None:
    """Take turns on this decision; call it in the transaction, before reading what decides."""
    passed = await scoped(Guard).update_one({"key": key}, {"$inc": {"passes": 1}})
    if not passed.matched_count:
        # Of several first ones, one makes the document; the others run again.
        await scoped(Guard).insert(Guard(key=key, passes=1))


async def keep_an_admin() -> None:
    """Call it after an admin was changed, in the same transaction: raises `Conflict` when nobody is left to administer.

    Somebody who was invited and has not set a password yet can't help: only admins who can sign in count.
    """
    await pass_guard(ADMINS)
    if not await scoped(User).exists({"role": Role.ADMIN, "is_active": True, "password_hash": {"$ne": None}}):
        raise Conflict("This is the last admin who can sign in; make somebody else an admin first.")
