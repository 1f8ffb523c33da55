"""The edge itself: who gets in, which headers go out, how large and slow a request may be, what an error says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI, Request
from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError
from starlette.responses import Response, StreamingResponse
from starlette.types import Message

from api import errors
from api.app import create_app
from api.middleware.limits import LimitsMiddleware
from api.middleware.request import client_of, info_of
from core import context
from core.errors import Locked, PayloadTooLarge, PlanwrightError
from core.mongo import Mongo
from core.settings import HttpSettings, Settings, SettingsError
from models.tenant import Tenant
from tests.api.conftest import SignIn
from tests.contract import operations
from tests.people import anonymous, somebody

PUBLIC = {
    ("GET", "/api/v1/health"),
    ("GET", "/api/v1/health/db"),
    ("GET", "/api/v1/health/worker"),
    ("GET", "/api/v1/health/ready"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/password-setup/confirm"),
    ("POST", "/api/v1/auth/password-reset"),
    ("POST", "/api/v1/auth/password-reset/confirm"),
}
CUSTOMERS = "/api/v1/customers"


def settings_with(settings: Settings, **http: Any) -> Settings:
    """The test's settings with other HTTP limits."""
    changed = Settings()
    changed.__dict__.update(settings.__dict__)
    changed.http = settings.http.model_copy(update=http)
    return changed


@pytest.fixture
def faulty(settings: Settings, mongo: Mongo) -> FastAPI:
    """An application with routes that go wrong in every way."""
    app = create_app(settings_with(settings, request_timeout_seconds=0.2), mongo=mongo)

    async def unknown(_request: Request) -> Response:
        raise RuntimeError("the secret inside")

    async def database(_request: Request) -> Response:
        raise ServerSelectionTimeoutError("mongo-7.internal:27017")

    async def lost(_request: Request) -> Response:
        raise AutoReconnect("mongo-7.internal:27017")

    async def locked(_request: Request) -> Response:
        raise Locked("Entry is closed.", until=datetime(2026, 12, 1, 8, tzinfo=UTC))

    async def slow(_request: Request) -> Response:
        await asyncio.Event().wait()
        return Response()

    async def read(request: Request) -> Response:
        return Response(str(len(await request.body())))

    async def context_of(request: Request) -> Response:
        return Response(f"{context.request_id.get()} {context.current_user()} {info_of(request.scope).client}")

    for handler in (unknown, database, lost, locked, slow, read, context_of):
        app.router.add_route(f"/faulty/{handler.__name__}", handler, methods=["GET", "POST"])
    return app


# --- who gets in --------------------------------------------------------------------------------------------------


async def test_nothing_opens_without_a_token_except_what_must(api: httpx.AsyncClient) -> None:
    """T21, on every operation of the contract."""
    for method, path, operation in operations():
        if (method, path) in PUBLIC:
            continue
        url = re.sub(r"\{[^}]+\}", str(uuid4()), path)
        is_form = "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
        body: dict[str, Any] = {"files": {"file": b"a"}} if is_form else {"json": {}}
        answer = await api.request(method, url, **(body if method in ("POST", "PUT", "PATCH") else {}))
        assert answer.status_code == 401, f"{method} {path}"
        assert answer.json()["error"]["code"] == "not_authenticated"
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer not.a.token", "bearer \x00"])
async def test_a_token_that_is_none_is_refused(api: httpx.AsyncClient, header: str) -> None:
    answer = await api.get(CUSTOMERS, headers={"Authorization": header})
    assert answer.status_code == 401


async def test_a_role_that_may_not_is_told_why(sign_in: SignIn) -> None:
    viewer = await sign_in("viewer")
    answer = await viewer.post("/api/v1/sop/cycles", json={})
    assert answer.status_code == 403
    assert "viewer" in answer.json()["error"]["message"]


async def test_an_operation_of_another_tenant_does_not_exist(app: FastAPI, sign_in: SignIn, tenant: Tenant) -> None:
    manager = await sign_in("manager")
    answer = await manager.get(f"/api/v1/operations/{uuid4()}")
    assert answer.status_code == 404


async def test_nothing_of_one_caller_is_left_for_the_next(faulty: FastAPI, tenant: Tenant) -> None:
    _, known = await somebody(faulty, tenant.id, "manager")
    assert (await known.get(CUSTOMERS)).status_code == 200
    answer = await anonymous(faulty).get("/faulty/context_of", headers={"X-Request-ID": "next"})
    assert answer.text == "next None 127.0.0.1"
    assert context.current_user() is None
    assert context.request_id.get() == ""


# --- what an error says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("start_month", "Dec 2026", "must be a month like 2026-11"),
        ("entry_closes_at", "tomorrow", "must be a time in ISO 8601 with its offset, like 2026-12-01T17:00:00Z"),
        ("entry_closes_at", "2026-12-41T", "must be a time in ISO 8601 with its offset, like 2026-12-01T17:00:00Z"),
        ("horizon", 99, "must be at most 36"),
        ("horizon", "16", "must be a whole number"),
        ("auto_close", "yes", "must be true or false"),
        ("name", "", "must have a length of at least 1"),
        ("name", "x" * 101, "must have a length of at most 100"),
        ("reminder_offsets_days", [1] * 11, "has too many entries: at most 10"),
        ("colour", "red", "is not a known field; remove it"),
    ],
)
async def test_a_field_is_refused_with_what_it_must_be(
    sign_in: SignIn, field: str, value: object, message: str
) -> None:
    manager = await sign_in("manager")
    body = {"name": "December 2026", "entry_closes_at": "2999-12-11T17:00:00Z", field: value}
    answer = await manager.post("/api/v1/sop/cycles", json=body)
    assert answer.status_code == 422
    assert {"field": field, "message": message} in answer.json()["error"]["details"]


@pytest.mark.parametrize(
    ("path", "field", "message"),
    [
        (f"{CUSTOMERS}?limit=1000", "limit", "must be at most 100"),
        (f"{CUSTOMERS}?sort_by=colour", "sort_by", "must be 'code', 'name' or 'updated_at'"),
        ("/api/v1/sop/cycles/x", "cycle_id", "must be an id, like 3f2b8c1e-5d4a-4b6f-9e7d-1a2b3c4d5e6f"),
    ],
)
async def test_an_address_is_refused_with_what_it_must_be(sign_in: SignIn, path: str, field: str, message: str) -> None:
    answer = await (await sign_in("manager")).get(path)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"] == [{"field": field, "message": message}]


async def test_a_body_of_the_wrong_kind_is_told_the_right_one(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    form = await manager.post("/api/v1/imports", json={"kind": "sales"})
    assert (form.status_code, "multipart/form-data" in form.json()["error"]["message"]) == (400, True)
    body = await manager.post("/api/v1/sop/cycles", files={"file": b"a"})
    assert (body.status_code, "application/json" in body.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("unknown", 500, "planwright_error"),
        ("database", 503, "database_unavailable"),
        ("lost", 503, "database_unavailable"),
        ("locked", 423, "locked"),
        ("slow", 503, "unavailable"),
        ("nowhere", 404, "not_found"),
    ],
)
async def test_an_error_says_its_code_and_nothing_of_the_inside(
    faulty: FastAPI, path: str, status: int, code: str
) -> None:
    answer = await anonymous(faulty).get(f"/faulty/{path}", headers={"X-Request-ID": "mine"})
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "mine"
    assert "secret" not in answer.text
    assert "internal" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_lock_says_until_when(faulty: FastAPI) -> None:
    answer = await anonymous(faulty).get("/faulty/locked")
    assert answer.json()["error"]["until"] == "2026-12-01T08:00:00Z"


@pytest.mark.parametrize("given", ["a b", "x" * 65, "a\tb", "", "é"])
async def test_a_request_id_that_could_forge_a_log_line_is_replaced(api: httpx.AsyncClient, given: str) -> None:
    answer = await api.get("/api/v1/health", headers={b"X-Request-ID": given.encode()})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


# --- headers ------------------------------------------------------------------------------------------------------


async def test_every_answer_carries_the_security_headers(api: httpx.AsyncClient) -> None:
    """T45."""
    for path in ("/api/v1/health", "/api/v1/customers", "/nowhere"):
        headers = (await api.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "max-age" in headers["strict-transport-security"]
        assert "server" not in headers


async def test_only_named_origins_may_call_from_a_browser(api: httpx.AsyncClient) -> None:
    """T45."""
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key"}
    for origin, allowed in (("http://localhost:5173", True), ("https://evil.example", False), ("null", False)):
        answer = await api.get("/api/v1/health", headers={"Origin": origin, "Cookie": "a=b"})
        assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
        assert "access-control-allow-credentials" not in answer.headers
        answer = await api.options("/api/v1/auth/login", headers={"Origin": origin, **preflight})
        assert (answer.status_code == 200) is allowed


async def test_a_refusal_can_be_read_by_a_browser_that_may_call(api: httpx.AsyncClient) -> None:
    answer = await api.get(CUSTOMERS, headers={"Origin": "http://localhost:5173"})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"


async def test_the_documentation_serves_itself_outside_production(
    api: httpx.AsyncClient, settings: Settings, mongo: Mongo
) -> None:
    page = await api.get("/docs")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert re.findall('(?:src|href)="(https?:[^"]*)"', page.text) == []
    for asset in re.findall('(?:src|href)="([^"]*)"', page.text):
        assert (await api.get(asset)).status_code == 200
    assert (await api.get("/docs/openapi.json")).json()["openapi"].startswith("3.0.")
    assert (await api.get("/openapi.json")).json()["openapi"].startswith("3.1.")

    closed = settings_with(settings)
    closed.app = settings.app.model_copy(update={"planwright_env": "prod"})
    closed.security = settings.security.model_copy(update={"bcrypt_rounds": 12})
    async with anonymous(create_app(closed, mongo=mongo)) as client:
        for path in ("/docs", "/openapi.json", "/docs/openapi.json", "/docs/static/swagger-ui.css"):
            assert (await client.get(path)).status_code == 404


def test_the_process_refuses_to_run_with_a_known_secret(settings: Settings, mongo: Mongo) -> None:
    weak = settings_with(settings)
    weak.security = settings.security.model_copy(update={"jwt_secret": type(settings.security.jwt_secret)("changeme")})
    with pytest.raises(SettingsError):
        create_app(weak, mongo=mongo)


# --- how large, how slow, how often -------------------------------------------------------------------------------


async def _chunks(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


@pytest.mark.parametrize("known", [True, False])
async def test_a_body_that_is_too_large_is_stopped_early(faulty: FastAPI, tenant: Tenant, known: bool) -> None:
    """T29: by its length when it says one, else while it arrives."""
    client = (await somebody(faulty, tenant.id, "manager"))[1] if known else anonymous(faulty)
    for content in (b"x" * 1_100_000, _chunks(100_000, 11)):
        answer = await client.post("/faulty/read", content=content)
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "payload_too_large"


async def test_a_stranger_may_send_less_than_somebody_known(faulty: FastAPI, tenant: Tenant) -> None:
    _, known = await somebody(faulty, tenant.id, "manager")
    assert (await known.post("/faulty/read", content=b"x" * 100_000)).text == "100000"
    assert (await anonymous(faulty).post("/faulty/read", content=b"x" * 100_000)).status_code == 413


async def test_a_chunked_body_is_counted_before_it_is_held(settings: Settings) -> None:
    """T29: of 300 MB no more than the limit is ever read."""
    read = 0

    async def receive() -> Message:
        nonlocal read
        read += 1_000_000
        return {"type": "http.request", "body": b"x" * 1_000_000, "more_body": True}

    async def swallow(_scope: Any, receive: Any, _send: Any) -> None:
        while True:
            await receive()

    limits = LimitsMiddleware(swallow, settings=HttpSettings(body_limit_bytes=2_000_000), strangers=None)  # type: ignore[arg-type]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"authorization", b"Bearer x")]}
    with pytest.raises(PayloadTooLarge):
        await limits(scope, receive, receive)  # type: ignore[arg-type]
    assert read == 3_000_000


async def test_a_body_that_never_ends_is_stopped(faulty: FastAPI) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    answer = await anonymous(faulty).post("/faulty/read", content=endless())
    assert answer.status_code == 503


async def test_an_answer_that_is_ready_as_the_time_runs_out_is_sent() -> None:
    """A library below may turn the cancellation into an error of its own, which is then answered."""
    sent: list[str] = []

    async def late(_scope: Any, _receive: Any, send: Any) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 503, "headers": []})

    async def send(message: Message) -> None:
        sent.append(message["type"])

    limits = LimitsMiddleware(late, settings=HttpSettings(request_timeout_seconds=0.01), strangers=None)  # type: ignore[arg-type]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"authorization", b"Bearer x")]}
    await limits(scope, send, send)  # type: ignore[arg-type]
    assert sent == ["http.response.start"]


async def test_readers_and_strangers_wait_once_they_have_asked_too_often(
    settings: Settings, mongo: Mongo, tenant: Tenant
) -> None:
    app = create_app(settings_with(settings, rate_limit_per_minute=2), mongo=mongo)
    _, first = await somebody(app, tenant.id, "manager")
    _, second = await somebody(app, tenant.id, "manager")
    assert [(await first.get(CUSTOMERS)).status_code for _ in range(3)] == [200, 200, 429]
    assert (await second.get(CUSTOMERS)).status_code == 200
    stranger = anonymous(app)
    answers = [await stranger.get("/nowhere", headers={"X-Forwarded-For": f"10.0.0.{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert (await stranger.get("/api/v1/health")).status_code == 200


async def test_writers_wait_in_all_processes(settings: Settings, mongo: Mongo, tenant: Tenant) -> None:
    changed = settings_with(settings, rate_limit_writes_per_minute=2)
    _, client = await somebody(create_app(changed, mongo=mongo), tenant.id, "viewer")
    other_process = anonymous(create_app(changed, mongo=mongo), headers=client.headers)
    statuses = [(await one.post("/api/v1/sop/cycles", json={})).status_code for one in (client, other_process, client)]
    assert statuses == [403, 403, 429]


def test_a_forwarded_address_is_believed_from_a_proxy_only() -> None:
    headers = [(b"x-forwarded-for", b"6.6.6.6, 203.0.113.9"), (b"x-forwarded-for", b"10.0.0.2")]
    scope = {"client": ("10.0.0.1", 1), "headers": headers}
    assert client_of(scope, frozenset()) == "10.0.0.1"
    assert client_of(scope, frozenset({"10.0.0.1", "10.0.0.2"})) == "203.0.113.9"


async def test_figures_count_by_template_and_not_by_path(api: httpx.AsyncClient, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    for _ in range(3):
        await manager.get(f"/api/v1/operations/{uuid4()}")
    text = (await api.get("/metrics")).text
    assert 'route="/api/v1/operations/{operation_id}",status="404"' in text


async def test_large_answers_are_compressed_for_those_who_can(faulty: FastAPI) -> None:
    async def large(_request: Request) -> Response:
        return Response("x" * 100_000)

    async def streamed(_request: Request) -> Response:
        return StreamingResponse(_chunks(10, 3))

    faulty.router.add_route("/faulty/large", large)
    faulty.router.add_route("/faulty/streamed", streamed)
    client = anonymous(faulty)
    assert (await client.get("/faulty/large")).headers["content-encoding"] == "gzip"
    plain = await client.get("/faulty/large", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len((await client.get("/faulty/streamed")).content) == 30


def test_an_unknown_exception_is_the_plain_500() -> None:
    assert errors.refusal_of(KeyError("inside")).message == PlanwrightError.default_message
