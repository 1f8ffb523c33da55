"""Counters that guard doors, shared by all API processes: rate buckets and lockouts (global, and short-lived), and the
documents that make two transactions meet when each decides on what the other one changes.
"""

from __future__ import annotations

from datetime import datetime

from pymongo import IndexModel

from core.documents import PlanwrightDocument, TenantDocument


class RateBucket(PlanwrightDocument):
    """A token bucket; `key` names the caller and the route class, `tokens` is what is left at `at`.

    `refused` is the answer of the last update, so that one atomic update both decides and tells.
    """

    key: str
    tokens: float
    refused: bool
    at: datetime

    class Settings:
        name = "rate_buckets"
        indexes = [
            IndexModel([("key", 1)], unique=True, name="key"),
            IndexModel([("at", 1)], expireAfterSeconds=3_600, name="ttl"),
        ]


class LoginGuard(PlanwrightDocument):
    """Sign-in attempts of one key, reserved before any hashing, and forgiven by success.

    `key` is a SHA-256 over the lower-case e-mail and what it is counted with (`services.lockout`), `account` one over
    the e-mail alone, by which all counters of an account are found; after `limit` attempts the next one is refused. An
    address from which somebody has signed in is remembered here, too, with no attempts, no account and a long window.
    """

    key: str
    account: str | None = None
    attempts: int
    limit: int = 0
    window_ends_at: datetime

    class Settings:
        name = "login_guards"
        indexes = [
            IndexModel([("key", 1)], unique=True, name="key"),
            IndexModel([("account", 1)], name="account"),
            IndexModel([("window_ends_at", 1)], expireAfterSeconds=3_600, name="ttl"),
        ]


class Guard(TenantDocument):
    """Written by whoever decides on something that spans documents; `key` names the decision, e.g. `admins`.

    Of two such transactions the second one conflicts, runs again and sees what the first one did.
    """

    key: str
    passes: int = 0

    class Settings:
        name = "guards"
        indexes = [IndexModel([("tenant_id", 1), ("key", 1)], unique=True, name="tenant_key")]
