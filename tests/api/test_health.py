"""Health: of the process, and of what it depends on."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from api.app import create_app
from core.mongo import Mongo
from core.settings import Settings
from ops.embedded import free_port
from tests.people import anonymous
from workflows.client import Workflows


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
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("PUT", "/sop/cycles", "GET, POST"),
        ("TRACE", "/sop/cycles/7", "DELETE, GET, PATCH"),
        ("PUT", "/forecasts/submit", "POST"),
        ("GET", "/reports/generate", "POST"),
    ],
)
async def test_a_path_names_all_methods_that_it_knows(
    api: httpx.AsyncClient, method: str, path: str, known: str
) -> None:
    """Also a path that one with a parameter would match."""
    answer = await api.request(method, f"/api/v1{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, known)


async def test_ready_means_mongodb_and_tells_of_the_rest(settings: Settings, mongo: Mongo) -> None:
    idle = settings.temporal.model_copy(update={"temporal_task_queue": f"nobody-{uuid4()}"})
    async with anonymous(create_app(settings, mongo=mongo, workflows=Workflows(idle))) as client:
        answer = await client.get("/api/v1/health/ready")
        assert answer.status_code == 200
        assert answer.json()["data"] == {
            "status": "degraded",
            "database": "ok",
            "temporal": "ok",
            "worker": "unavailable",
        }
        worker = await client.get("/api/v1/health/worker")
        assert (worker.status_code, worker.json()["error"]["code"]) == (503, "worker_unavailable")


async def test_without_temporal_the_api_is_degraded_and_reads(settings: Settings, mongo: Mongo) -> None:
    nowhere = settings.temporal.model_copy(update={"temporal_address": f"127.0.0.1:{free_port()}"})
    async with anonymous(create_app(settings, mongo=mongo, workflows=Workflows(nowhere))) as client:
        ready = await client.get("/api/v1/health/ready")
        assert ready.status_code == 200
        assert ready.json()["data"]["temporal"] == "unavailable"
        worker = await client.get("/api/v1/health/worker")
        assert (worker.status_code, worker.json()["error"]["code"]) == (503, "temporal_unavailable")
        assert (await client.get("/api/v1/health")).status_code == 200


async def test_without_a_connection_to_the_database_nothing_is_ready(settings: Settings) -> None:
    away = Mongo(settings.mongo)
    await away.close()
    async with anonymous(create_app(settings, mongo=away)) as client:
        for path in ("db", "ready"):
            answer = await client.get(f"/api/v1/health/{path}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
