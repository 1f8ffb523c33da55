"""At the door: who may not come in is told so before any of the body is read, however large it claims to be."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from core.collections import scoped
from core.ratelimit import bucket_id
from core.settings import Settings
from models.guards import RateBucket
from models.tenant import Tenant
from tests.api.conftest import SignIn
from tests.people import BASE_URL, somebody

FORM = {"Content-Type": "multipart/form-data; boundary=x"}
JSON = {"Content-Type": "application/json"}


class Body:
    """Counts what was taken of it."""

    def __init__(self) -> None:
        self.taken = 0

    async def stream(self) -> AsyncIterator[bytes]:
        for _ in range(20):
            self.taken += 1
            yield b"x" * 1024


async def post(app: FastAPI, path: str, body: Body, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as client:
        return await client.post(path, content=body.stream(), headers=headers)


@pytest.mark.parametrize(("path", "kind"), [("/api/v1/imports", FORM), ("/api/v1/sop/cycles", JSON)])
async def test_nothing_is_read_from_somebody_with_a_made_up_token(
    app: FastAPI, path: str, kind: dict[str, str]
) -> None:
    body = Body()
    answer = await post(app, path, body, {**kind, "Authorization": "Bearer made.up.token"})
    assert answer.status_code == 401
    assert body.taken == 0


async def test_nothing_is_read_from_somebody_whose_role_may_not(app: FastAPI, sign_in: SignIn) -> None:
    body, viewer = Body(), await sign_in("viewer")
    answer = await post(app, "/api/v1/imports", body, {**FORM, "Authorization": viewer.headers["Authorization"]})
    assert answer.status_code == 403
    assert body.taken == 0


async def test_somebody_without_a_token_learns_nothing_of_what_is_wrong_with_the_body(app: FastAPI) -> None:
    answer = await post(app, "/api/v1/sop/cycles", Body(), {"Content-Type": "text/plain"})
    assert answer.status_code == 401


async def test_asking_at_the_door_counts_a_call_once(app: FastAPI, tenant: Tenant, settings: Settings) -> None:
    user, manager = await somebody(app, tenant.id, "manager")
    assert (await manager.post("/api/v1/sop/cycles", json={})).status_code == 422
    bucket = await scoped(RateBucket).get(bucket_id(f"write|{tenant.id}|{user.id}"))
    assert bucket.tokens == settings.http.rate_limit_writes_per_minute - 1
