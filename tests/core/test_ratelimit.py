"""Token buckets: exact under parallel hits, refilled by time, one per key."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from core.clock import now
from core.collections import scoped
from core.errors import TooManyRequests
from core.mongo import Mongo
from core.ratelimit import Limit, LocalBuckets, bucket_id, require, take
from models.guards import RateBucket

LIMIT = Limit(20, seconds=3_600)


async def test_of_200_parallel_hits_exactly_20_pass(mongo: Mongo) -> None:
    key = f"test|{uuid4()}"
    waits = await asyncio.gather(*(take(scoped(RateBucket).raw, key, LIMIT) for _ in range(200)))
    assert sum(wait == 0.0 for wait in waits) == 20
    assert all(0 < wait <= 180 for wait in waits if wait)


async def test_time_refills_a_bucket_evenly_and_never_over_the_brim(mongo: Mongo) -> None:
    key = f"test|{uuid4()}"
    buckets = scoped(RateBucket)
    for _ in range(21):
        await take(buckets.raw, key, LIMIT)
    await buckets.update_one({"_id": bucket_id(key)}, {"$set": {"at": now() - timedelta(seconds=2 * 180)}})
    assert [await take(buckets.raw, key, LIMIT) == 0.0 for _ in range(3)] == [True, True, False]
    await buckets.update_one({"_id": bucket_id(key)}, {"$set": {"at": now() - timedelta(days=2)}})
    assert [await take(buckets.raw, key, LIMIT) == 0.0 for _ in range(21)] == [True] * 20 + [False]


async def test_keys_do_not_share_a_bucket(mongo: Mongo) -> None:
    one = Limit(1, seconds=3_600)
    first, second = f"test|{uuid4()}", f"test|{uuid4()}"
    await require(scoped(RateBucket).raw, first, one)
    await require(scoped(RateBucket).raw, second, one)
    with pytest.raises(TooManyRequests) as refusal:
        await require(scoped(RateBucket).raw, first, one)
    assert 3_590 < int(refusal.value.headers()["Retry-After"]) <= 3_600


async def test_a_bucket_is_a_document_of_its_model(mongo: Mongo) -> None:
    key = f"test|{uuid4()}"
    await take(scoped(RateBucket).raw, key, LIMIT)
    bucket = await scoped(RateBucket).get(bucket_id(key))
    assert (bucket.key, bucket.tokens, bucket.refused) == (key, 19, False)


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_the_bucket_in_process_counts_the_same_way() -> None:
    clock = Clock()
    buckets = LocalBuckets(Limit(2, seconds=60), clock=clock)
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 30.0]
    assert buckets.take("b") == 0.0
    clock.at = 30.0
    assert [buckets.take("a"), buckets.take("a")] == [0.0, 30.0]
    clock.at = 10_000.0
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 30.0]
    with pytest.raises(TooManyRequests):
        buckets.require("a")


def test_the_bucket_in_process_forgets_the_oldest_callers() -> None:
    buckets = LocalBuckets(Limit(1, seconds=60), max_keys=2, clock=Clock())
    assert [buckets.take(key) for key in ("a", "b", "a")] == [0.0, 0.0, 60.0]
    assert buckets.take("c") == 0.0
    assert buckets.take("a") > 0.0
    assert buckets.take("b") == 0.0
