"""Health: of the process, and of what it depends on."""

from __future__ import annotations

import httpx


async def test_the_process_answers(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/health")
    assert answer.status_code == 200
    assert answer.json() == {"data": {"status": "ok"}}


async def test_the_database_answers(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/health/db")
    assert answer.json() == {"data": {"status": "ok"}}


async def test_an_unknown_path_is_refused_in_the_envelope(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/nothing", headers={"X-Request-ID": "mine-1"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "mine-1"


async def test_an_unknown_method_is_refused_in_the_envelope(api: httpx.AsyncClient) -> None:
    answer = await api.delete("/api/v1/health")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"
