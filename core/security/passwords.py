"""Passwords: what is accepted, and hashing that neither blocks the event loop nor tells who exists.

libpass's `bcrypt_sha256` hashes the password before bcrypt sees it, so that all of a long password counts and a NUL
does no harm. Texts are normalised (NFKC) first: the same letters typed on two systems are the same password.
"""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from passlib.hash import bcrypt_sha256

from core.errors import Unavailable
from core.security.strength import weakness
from core.security.tokens import new_token
from core.settings import SecuritySettings

T = TypeVar("T")

MAX_LENGTH = 128
MAX_THREADS = 4
MAX_WAITING = 64


def password_problem(password: str, *, min_length: int) -> str | None:
    """What is wrong with a new password whoever chose it, as a sentence for that person; None when nothing is."""
    if len(password) < min_length:
        return f"Use at least {min_length} characters."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    if "\x00" in password or any("\ud800" <= letter <= "\udfff" for letter in password):
        return "Use characters that can be typed."
    if len(set(password)) < 4:
        return "Use more than three different characters."
    return None


class Passwords:
    """Hashing in a bounded pool of threads. `checks` counts the comparisons done: for metrics, and to prove limits.

    More than `MAX_WAITING` callers at once raise `Unavailable`: a queue of sign-ins longer than that answers too late
    for anybody, and would starve the rest of the process.
    """

    def __init__(self, settings: SecuritySettings) -> None:
        threads = max(1, min(MAX_THREADS, os.cpu_count() or 1))
        self._min_length = settings.password_min_length
        self._min_score = settings.password_min_score
        self._hasher = bcrypt_sha256.using(rounds=settings.bcrypt_rounds)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobodys_hash: str | None = None
        self.checks = 0

    async def problem(self, password: str, about: Iterable[str] = ()) -> str | None:
        """What is wrong with a new password, as a sentence that says what to do; None when it is accepted.

        `about` is what is known of the person. Strength is estimated in the pool, too: it takes up to half a second.
        """
        found = password_problem(password, min_length=self._min_length)
        if found is not None:
            return found
        known = tuple(about)
        return await self._run(lambda: weakness(_normal(password), known, self._min_score))

    async def hash(self, password: str) -> str:
        """The salted hash to store."""
        return await self._run(lambda: str(self._hasher.hash(_normal(password))))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether it is the right password. Without a stored hash the same work is done on a dummy, and it is not.

        So an unknown address costs what a known one with a wrong password costs.
        """
        if self._nobodys_hash is None:
            self._nobodys_hash = await self.hash(new_token())
        against = stored or self._nobodys_hash
        self.checks += 1
        fits = await self._run(lambda: _fits(password, against))
        return fits and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other rounds than the settings ask for now."""
        return bool(self._hasher.needs_update(stored))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("Too many people are signing in at this moment; try again shortly.", retry_after=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def _fits(password: str, stored: str) -> bool:
    return bool(bcrypt_sha256.verify(_normal(password), stored))


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
