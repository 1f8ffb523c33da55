"""The idempotency store: what an Idempotency-Key did the first time, it does only once.

A key belongs to a user and a route. It is reserved with a lease before anything happens; the effect's transaction marks
it done together with the answer, and only while the lease is still its own: so an effect and its record exist together
or not at all, whatever crashes when. After the lease the same key may try again, and finds the operation that the first
try had begun.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from pymongo.errors import DuplicateKeyError

from core.clock import now
from core.collections import scoped, transaction
from core.context import current_user
from core.errors import IdempotencyKeyReused, NotAuthenticated, StillRunning
from models.idempotency import IdempotencyRecord

LEASE = timedelta(seconds=60)
KEPT = timedelta(hours=24)
TRIES = 3
_ANSWERED = {"state": 1, "body_hash": 1, "lease_until": 1, "operation_id": 1, "answer": 1, "expires_at": 1}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it was sent, to be sent again byte for byte."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to act for a key until `lease_until`. `operation_id` is what an earlier try had begun."""

    record_id: UUID
    lease_until: datetime
    operation_id: UUID | None = None


async def claim(route: str, key: str, body_hash: str) -> Claim | Answer:
    """Reserve the key for the user in context, or the answer that it got before.

    Raises StillRunning while another try holds the lease, IdempotencyKeyReused when the key came with another body.
    """
    for _ in range(TRIES):
        fresh = await _reserve(route, key, body_hash)
        if fresh is not None:
            return fresh
        found = await scoped(IdempotencyRecord).row(_key(route, key), _ANSWERED)
        if found is None:
            continue
        if found["expires_at"] <= now():
            await scoped(IdempotencyRecord).delete({"_id": found["_id"], "expires_at": found["expires_at"]})
            continue
        if found["body_hash"] != body_hash:
            raise IdempotencyKeyReused()
        if found["state"] == "done":
            return _answer_of(found["answer"])
        return await _take_over(found)
    raise StillRunning(retry_after=1)


async def once(held: Claim, effect: Callable[[], Awaitable[Answer]]) -> Answer:
    """Run the effect and mark the key done, in one transaction. It may be rerun, so it only touches the database.

    A refusal gives the key back: nothing happened, and the caller may correct the circumstances and try again.
    """

    async def action() -> Answer:
        answer = await effect()
        await finish(held, answer)
        return answer

    try:
        return await transaction(action)
    except StillRunning:
        raise
    except BaseException:
        await release(held)
        raise


async def attach(held: Claim, operation_id: UUID) -> None:
    """Remember the operation that this key began; call it in the transaction that writes the operation."""
    await _change(held, {"operation_id": operation_id})


async def finish(held: Claim, answer: Answer) -> None:
    """Mark the key done with its answer. Raises StillRunning when the lease was lost to another try."""
    stored = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
    await _change(held, {"state": "done", "answer": stored, "expires_at": now() + KEPT})


async def pause(held: Claim) -> None:
    """End the lease now and keep what was begun: the next try with this key goes on at once."""
    await scoped(IdempotencyRecord).update_one(_held(held), {"$set": {"lease_until": now()}})


async def release(held: Claim) -> None:
    """Give the key back unused."""
    await scoped(IdempotencyRecord).delete(_held(held))


async def _reserve(route: str, key: str, body_hash: str) -> Claim | None:
    at = now()
    record = IdempotencyRecord(
        id=uuid4(),
        user_id=_user(),
        route=route,
        key=key,
        body_hash=body_hash,
        state="running",
        lease_until=at + LEASE,
        created_at=at,
        expires_at=at + KEPT,
    )
    try:
        await scoped(IdempotencyRecord).insert(record)
    except DuplicateKeyError:
        return None
    return Claim(record.id, record.lease_until)


async def _take_over(found: Mapping[str, Any]) -> Claim:
    at, lease = now(), found["lease_until"]
    if lease > at:
        raise StillRunning(retry_after=(lease - at).total_seconds())
    mine = at + LEASE
    query = {"_id": found["_id"], "state": "running", "lease_until": lease}
    if await scoped(IdempotencyRecord).change(query, {"$set": {"lease_until": mine}}) is None:
        raise StillRunning(retry_after=1)
    return Claim(found["_id"], mine, found.get("operation_id"))


async def _change(held: Claim, fields: dict[str, Any]) -> None:
    changed = await scoped(IdempotencyRecord).update_one(_held(held), {"$set": fields})
    if not changed.matched_count:
        raise StillRunning("Another try with this Idempotency-Key took over; ask again shortly.", retry_after=1)


def _held(held: Claim) -> dict[str, Any]:
    return {"_id": held.record_id, "state": "running", "lease_until": held.lease_until}


def _key(route: str, key: str) -> dict[str, Any]:
    return {"user_id": _user(), "route": route, "key": key}


def _user() -> UUID:
    user = current_user()
    if user is None:
        raise NotAuthenticated()
    return user


def _answer_of(stored: Mapping[str, Any]) -> Answer:
    return Answer(stored["status"], bytes(stored["body"]), stored["headers"])
