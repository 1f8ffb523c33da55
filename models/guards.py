"""Counters that guard doors, shared by all API processes: rate buckets and sign-in lockouts. Global, and short-lived."""

from __future__ import annotations

from datetime import datetime

from pymongo import IndexModel

from core.documents import PlanwrightDocument


class RateBucket(PlanwrightDocument):
    """A token bucket; `key` names the caller and the route class, `tokens` is what is left at `at`."""

    key: str
    tokens: float
    at: datetime

    class Settings:
        name = "rate_buckets"
        indexes = [
            IndexModel([("key", 1)], unique=True, name="key"),
            IndexModel([("at", 1)], expireAfterSeconds=3_600, name="ttl"),
        ]


class LoginGuard(PlanwrightDocument):
    """Failed sign-ins of one key (SHA-256 of the lower-case e-mail and the address). Reserved before any hashing."""

    key: str
    attempts: int
    window_ends_at: datetime

    class Settings:
        name = "login_guards"
        indexes = [
            IndexModel([("key", 1)], unique=True, name="key"),
            IndexModel([("window_ends_at", 1)], expireAfterSeconds=3_600, name="ttl"),
        ]
