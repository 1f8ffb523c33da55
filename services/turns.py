"""Transactions that decide on what each other changes take turns: each writes to the same guard."""

from __future__ import annotations

from collections.abc import Collection
from uuid import uuid4

from core.collections import scoped
from models.guards import Guard


async def take_turns(*keys: str) -> None:
    """Call it in a transaction before reading what it decides on. `keys` name what is decided, e.g. `delegates:<id>`.

    Of two transactions with a key in common the second one conflicts here, runs again and sees what the first one did.
    """
    guards = scoped(Guard)
    wanted = set(keys)
    query = {"key": {"$in": sorted(wanted)}}
    passed = await guards.update_many(query, {"$inc": {"passes": 1}})
    if passed.matched_count < len(wanted):
        missing = wanted.difference(await guards.distinct("key", query))
        await guards.insert_rows([{"_id": uuid4(), "key": key, "passes": 1} for key in sorted(missing)])


def assigning(customer_ids: Collection[object]) -> list[str]:
    """The keys for deciding who plans these customers."""
    return [f"assignments:{customer_id}" for customer_id in customer_ids]
