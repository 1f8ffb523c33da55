"""Decisions that span documents: whoever decides writes one guard document, so that two who decide at once meet there.

MongoDB lets two transactions pass that read the same documents and change different ones. Of two that pass the same
guard the second conflicts, runs again and sees what the first one did.
"""

from __future__ import annotations

from core.collections import scoped
from models.guards import Guard


async def pass_guard(key: str) -> None:
    """Take turns on this decision; call it in the transaction, before reading what decides."""
    passed = await scoped(Guard).update_one({"key": key}, {"$inc": {"passes": 1}})
    if not passed.matched_count:
        # Of several first ones, one makes the document; the others run again.
        await scoped(Guard).insert(Guard(key=key, passes=1))
