"""Token buckets: one shared by all processes in MongoDB, and one in process for plain reads.

The shared bucket is a single atomic update on the server's own clock, outside every transaction: a caller's rollback
gives nothing back. It fails closed by nature: without a database there is no token.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

from core.errors import TooManyRequests
from core.mongo import RawDocument

_NAMESPACE = UUID("3b0f6a52-54c5-4a80-9d53-0c6f5c7f6f0e")


@dataclass(frozen=True, slots=True)
class Limit:
    """`capacity` requests at once, refilled evenly within `seconds`."""

    capacity: int
    seconds: float = 60.0

    @property
    def refill(self) -> float:
        """Tokens per second."""
        return self.capacity / self.seconds


def bucket_id(key: str) -> UUID:
    """The `_id` of the document that counts for a key."""
    return uuid5(_NAMESPACE, key)


async def take(buckets: AsyncCollection[RawDocument], key: str, limit: Limit) -> float:
    """Take one token of the key's bucket: 0.0 when there was one, else the seconds until there will be."""
    bucket = await buckets.find_one_and_update(
        {"_id": bucket_id(key)}, _take(key, limit), upsert=True, return_document=ReturnDocument.AFTER
    )
    assert bucket is not None, "an upsert answers with its document"
    if not bucket["refused"]:
        return 0.0
    return max(0.0, 1.0 - float(bucket["tokens"])) / limit.refill


async def require(buckets: AsyncCollection[RawDocument], key: str, limit: Limit) -> None:
    """Take one token or raise `TooManyRequests` with the time to wait."""
    wait = await take(buckets, key, limit)
    if wait:
        raise TooManyRequests(retry_after=wait)


def _take(key: str, limit: Limit) -> list[dict[str, Any]]:
    """The update as a pipeline: refill by the time passed, then take one or say `refused`."""
    passed = {"$divide": [{"$subtract": ["$$NOW", {"$ifNull": ["$at", "$$NOW"]}]}, 1000]}
    refilled = {"$add": [{"$ifNull": ["$tokens", limit.capacity]}, {"$multiply": [passed, limit.refill]}]}
    return [
        {"$set": {"key": key, "at": "$$NOW", "tokens": {"$min": [limit.capacity, refilled]}}},
        {"$set": {"refused": {"$lt": ["$tokens", 1]}}},
        {"$set": {"tokens": {"$cond": ["$refused", "$tokens", {"$subtract": ["$tokens", 1]}]}}},
    ]


class LocalBuckets:
    """The same bucket in this process's memory, for reads that must not cost a write. Each process counts for itself.

    It remembers the `max_keys` most recent callers; one forgotten starts with a full bucket.
    """

    def __init__(self, limit: Limit, *, max_keys: int = 50_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._max_keys = max_keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one token: 0.0 when there was one, else the seconds until there will be."""
        at = self._clock()
        tokens, since = self._buckets.pop(key, (float(self._limit.capacity), at))
        tokens = min(float(self._limit.capacity), tokens + (at - since) * self._limit.refill)
        taken = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if taken else tokens, at)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - tokens) / self._limit.refill

    def require(self, key: str) -> None:
        """Take one token or raise `TooManyRequests` with the time to wait."""
        wait = self.take(key)
        if wait:
            raise TooManyRequests(retry_after=wait)
