"""A careful HTTP client: asks again with the same Idempotency-Key until it gets an answer that is one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

import httpx

from bench.chaos_ledger import Ledger

GIVE_UP_SECONDS = 100.0
"""Longer than the lease of a key that a killed API held."""
PASSING = frozenset({429, 502, 503})
LONGEST_PAUSE = 5.0
EXPECTED = frozenset({200, 201, 202, 409, 423})


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0 = no answer came within the time or the one try: nobody knows whether it happened."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body.get("error", {}).get("code", ""))

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class Client:
    """One signed-in person."""

    def __init__(self, url: str, ledger: Ledger, chance: Random) -> None:
        limits = httpx.Limits(max_connections=8, max_keepalive_connections=4)
        self._http = httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=40, limits=limits)
        self._ledger = ledger
        self._chance = chance

    async def sign_in(self, email: str, password: str) -> None:
        answer = await self.ask("POST", "/auth/login", {"email": email, "password": password}, keyed=False)
        if not answer.good:
            raise RuntimeError(f"{email} can't sign in: {answer.status} {answer.body}")
        self._http.headers["Authorization"] = f"Bearer {answer.data['access_token']}"

    async def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        keyed: bool = True,
        once: bool = False,
        upload: tuple[str, bytes, dict[str, str]] | None = None,
        phase: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> Answer:
        """Ask until there is an answer; `once` gives up at the first trouble. `upload` is (name, content, fields).

        An answer that no caller should ever see (500, an unexpected 4xx) is a problem in the ledger.
        """
        options: dict[str, Any] = {} if body is None else {"json": body}
        if upload is not None:
            name, content, fields = upload
            options = {"files": {"file": (name, content, "text/csv")}, "data": fields}
        if keyed and method != "GET":
            options["headers"] = {"Idempotency-Key": str(UUID(int=self._chance.getrandbits(128)))}
        end = time.monotonic() + GIVE_UP_SECONDS
        while True:
            with phase():
                answer, pause = await self._try(method, path, options)
            if pause is None:
                return answer
            if once or time.monotonic() > end:
                self._ledger.lost += method != "GET"
                return Answer(0, {})
            self._ledger.retries += 1
            await asyncio.sleep(pause * self._chance.uniform(0.7, 1.3))

    async def close(self) -> None:
        await self._http.aclose()

    async def _try(self, method: str, path: str, options: dict[str, Any]) -> tuple[Answer, float | None]:
        """The answer, and how long to wait before asking again; None = it is final."""
        try:
            response = await self._http.request(method, path, **options)
            body = response.json() if response.content else {}
        except (httpx.TransportError, ValueError):
            return Answer(0, {}), 0.5
        answer = Answer(response.status_code, body)
        self._ledger.answers[answer.status] += 1
        if answer.status in PASSING or answer.code == "still_running":
            return answer, min(LONGEST_PAUSE, float(response.headers.get("Retry-After", "1")))
        if answer.status >= 500:
            self._ledger.problems.append(f"{method} {path} answered {answer.status} {answer.body.get('error')}")
            return answer, 1.0
        if answer.status not in EXPECTED:
            self._ledger.problems.append(f"{method} {path} answered {answer.status} {answer.body.get('error')}")
        return answer, None
