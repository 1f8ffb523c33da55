"""Identity over HTTP: what signing in answers, and what the door refuses (T01-T04, T06-T09, T11, T18, T19, T21-T28)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.collections import scoped
from core.context import tenant_scope
from core.security.kit import kit
from models.audit import AuditEvent
from models.tenant import Tenant
from models.user import User
from services import invitations, passwords, users
from tests import factories
from tests.api.conftest import SignIn

AUTH = "/api/v1/auth"
PASSWORD = "correct horse battery"
PAIR = {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_at"}


async def person(tenant: Tenant, role: str = "sales_rep", **changes: Any) -> User:
    with tenant_scope(tenant.id):
        hashed = await kit().passwords.hash(PASSWORD)
        return await factories.make_user(role, password_hash=hashed, **changes)


async def enter(api: httpx.AsyncClient, user: User, password: str = PASSWORD, **options: Any) -> httpx.Response:
    return await api.post(f"{AUTH}/login", json={"email": user.email, "password": password}, **options)


async def signed_in(api: httpx.AsyncClient, user: User) -> dict[str, Any]:
    answer = await enter(api, user)
    assert answer.status_code == 200, answer.text
    pair: dict[str, Any] = answer.json()["data"]
    return pair


async def me(api: httpx.AsyncClient, token: str) -> httpx.Response:
    return await api.get(f"{AUTH}/me", headers={"Authorization": f"Bearer {token}"})


async def test_a_person_signs_in_stays_in_and_signs_out(api: httpx.AsyncClient, tenant: Tenant) -> None:
    user = await person(tenant, "manager")
    first = await signed_in(api, user)
    assert (await me(api, first["access_token"])).json()["data"]["email"] == user.email
    second = (await api.post(f"{AUTH}/refresh", json={"refresh_token": first["refresh_token"]})).json()["data"]
    left = await api.post(f"{AUTH}/logout", headers={"Authorization": f"Bearer {second['access_token']}"})
    assert (left.status_code, left.content) == (204, b"")
    assert (await me(api, second["access_token"])).status_code == 401
    again = await api.post(f"{AUTH}/refresh", json={"refresh_token": second["refresh_token"]})
    assert (again.status_code, again.json()["error"]["code"]) == (401, "not_authenticated")


async def test_t19_answers_hold_these_fields_and_no_others(api: httpx.AsyncClient, tenant: Tenant) -> None:
    user = await person(tenant, "viewer", grants=["see_cost"])
    answer = await enter(api, user)
    assert set(answer.json()) == {"data"}
    assert set(answer.json()["data"]) == PAIR
    assert answer.headers["cache-control"] == "no-store"
    mine = (await me(api, answer.json()["data"]["access_token"])).json()["data"]
    assert set(mine) == {
        *("id", "email", "name", "role", "grants", "language", "time_zone", "notifications"),
        *("first_login", "last_login_at", "rev", "tenant"),
    }
    assert set(mine["tenant"]) == {"id", "slug", "name", "base_currency", "time_zone"}
    assert (mine["id"], mine["role"], mine["grants"]) == (str(user.id), "viewer", ["see_cost"])
    assert mine["tenant"]["id"] == str(tenant.id)


@pytest.mark.parametrize("role", ["admin", "manager", "sales_rep", "viewer"])
async def test_every_role_sees_itself(sign_in: SignIn, role: str) -> None:
    client = await sign_in(role)
    assert (await client.get(f"{AUTH}/me")).json()["data"]["role"] == role


async def test_t21_without_a_token_nobody_is_anybody(api: httpx.AsyncClient) -> None:
    for answer in (await api.get(f"{AUTH}/me"), await api.post(f"{AUTH}/logout")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic YTpi",
        b"Bearer " + b"A" * 100_000,
        b"Bearer " + "ä.ö.ü".encode(),
        b"Bearer \xff.\xfe.\xfd",
        b"Bearer e30.e30.",
        b"Bearer eyJhbGciOiJub25lIn0.e30.",
        b"Bearer " + b"W1tb" * 400 + b".e30.AA",
        b"Bearer a.b.c, Bearer d.e.f",
    ],
)
async def test_t01_t02_what_is_no_token_is_401(api: httpx.AsyncClient, value: bytes) -> None:
    answer = await api.get(f"{AUTH}/me", headers=[(b"Authorization", value)])
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")


async def test_t04_each_token_opens_its_own_door_only(api: httpx.AsyncClient, tenant: Tenant) -> None:
    user = await person(tenant)
    pair = await signed_in(api, user)
    with tenant_scope(tenant.id):
        link = (await passwords.mint_link(user.id, "setup")).partition("#token=")[2]
    for token in (pair["refresh_token"], link):
        assert (await me(api, token)).status_code == 401
    for token in (pair["access_token"][:256], link):
        assert (await api.post(f"{AUTH}/refresh", json={"refresh_token": token})).status_code == 401
    too_long = await api.post(f"{AUTH}/refresh", json={"refresh_token": pair["access_token"]})
    assert too_long.status_code in (401, 422)
    for token in (pair["access_token"][:256], pair["refresh_token"]):
        body = {"token": token, "password": "a brand new horse"}
        assert (await api.post(f"{AUTH}/password-setup/confirm", json=body)).status_code == 422


@pytest.mark.parametrize("changes", [{"grants": ["see_cost"]}, {"role": "viewer"}])
async def test_t06_a_change_acts_at_the_next_call(
    api: httpx.AsyncClient, tenant: Tenant, changes: dict[str, Any]
) -> None:
    user = await person(tenant)
    token = (await signed_in(api, user))["access_token"]
    assert (await me(api, token)).status_code == 200
    with tenant_scope(tenant.id):
        await users.change_user(user.id, **changes)
    assert (await me(api, token)).status_code == 401


async def test_t06_a_new_password_ends_what_was_before(api: httpx.AsyncClient, tenant: Tenant) -> None:
    user = await person(tenant)
    token = (await signed_in(api, user))["access_token"]
    with tenant_scope(tenant.id):
        link = (await passwords.mint_link(user.id, "setup")).partition("#token=")[2]
    body = {"token": link, "password": "a brand new horse"}
    answer = await api.post(f"{AUTH}/password-setup/confirm", json=body)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await me(api, token)).status_code == 401
    assert (await enter(api, user)).status_code == 401
    assert (await enter(api, user, "a brand new horse")).status_code == 200
    again = await api.post(f"{AUTH}/password-setup/confirm", json=body)
    assert (again.status_code, again.json()["error"]["details"][0]["field"]) == (422, "token")


async def test_t07_of_50_parallel_refreshes_one_succeeds(api: httpx.AsyncClient, tenant: Tenant) -> None:
    body = {"refresh_token": (await signed_in(api, await person(tenant)))["refresh_token"]}
    answers = await asyncio.gather(*(api.post(f"{AUTH}/refresh", json=body) for _ in range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 49}
    (winner,) = (answer.json()["data"] for answer in answers if answer.status_code == 200)
    assert (await me(api, winner["access_token"])).status_code == 401
    with tenant_scope(tenant.id):
        assert await scoped(AuditEvent).count({"action": "session.reuse_detected"}) == 1


async def test_t09_of_200_parallel_wrong_logins_at_most_5_are_checked(api: httpx.AsyncClient, tenant: Tenant) -> None:
    user = await person(tenant)
    before = kit().passwords.checks
    answers = await asyncio.gather(*(enter(api, user, f"wrong horse {number}") for number in range(200)))
    assert kit().passwords.checks - before <= 5
    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 195}
    locked = await enter(api, user)
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 900


async def test_t32_a_forged_forwarded_address_does_not_reset_the_count(api: httpx.AsyncClient, tenant: Tenant) -> None:
    user = await person(tenant)
    answers = [
        await enter(api, user, "wrong horse", headers={"X-Forwarded-For": f"203.0.113.{number}"}) for number in range(6)
    ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


async def test_t11_known_and_unknown_addresses_get_the_same_answer(api: httpx.AsyncClient, tenant: Tenant) -> None:
    known = await person(tenant)
    unknown = known.model_copy(update={"email": f"{uuid4().hex}@acme.example"})
    disabled = await person(tenant, is_active=False)
    answers = [await enter(api, user, "wrong horse") for user in (known, unknown, disabled)]
    seen = {
        (
            answer.status_code,
            str(answer.json()["error"]),
            str(sorted((k, v) for k, v in answer.headers.items() if k != "x-request-id")),
        )
        for answer in answers
    }
    assert len(seen) == 1


@pytest.mark.parametrize(
    "more", [{"tenant_id": str(uuid4())}, {"role": "admin"}, {"id": "x"}, {"is_active": True}, {"token_version": 0}]
)
async def test_t18_no_body_takes_more_than_it_names(
    api: httpx.AsyncClient, tenant: Tenant, more: dict[str, Any]
) -> None:
    user = await person(tenant)
    bodies = {
        "login": {"email": user.email, "password": PASSWORD},
        "refresh": {"refresh_token": "x"},
        "password-setup/confirm": {"token": "x", "password": PASSWORD},
    }
    for path, body in bodies.items():
        answer = await api.post(f"{AUTH}/{path}", json={**body, **more})
        assert answer.status_code == 422
        assert answer.json()["error"]["details"][0]["field"] == next(iter(more))


@pytest.mark.parametrize(
    "value",
    [
        {"$ne": None},
        {"$gt": ""},
        {"$regex": ".*"},
        {"$where": "sleep(1000)"},
        ["ann@acme.example"],
        None,
        True,
        7,
        7.5,
        {},
    ],
)
async def test_t23_t26_only_a_text_is_a_text(api: httpx.AsyncClient, value: Any) -> None:
    good = {"email": "ann@acme.example", "password": PASSWORD}
    for field in good:
        assert (await api.post(f"{AUTH}/login", json={**good, field: value})).status_code == 422
    assert (await api.post(f"{AUTH}/refresh", json={"refresh_token": value})).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b'{"email": "a@b.example", "password": NaN}',
        b'{"email": "a@b.example", "password": -Infinity}',
        b'{"email": "a@b.example", "password": 1e999}',
        b'{"email": "a@b.example", "password": 9223372036854775808}',
        b'{"email": "a\\ud800@b.example", "password": "correct horse"}',
        b'{"email": "a@b.example", "password": "correct \\ud800 horse"}',
        b'{"email": "a\\u0000@b.example", "password": "correct horse"}',
        b'{"email": "a@b.example", "password": "correct \\u0000 horse"}',
        b'{"email": "a\xe2\x80\xae@b.example", "password": "correct horse"}',
        b'{"email": "a@b.example", "email": "c@d.example", "password": "correct horse"}',
        b'{"email": "a@b.example", "password": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b"[" * 60_000,
        b'{"email": "a@b.example", "password": ' + b"7" * 5_000 + b"}",
        b'{"email": "a@b.example", "password": "' + b"x" * 10_240 + b'"}',
        b'{"email": "' + b"x" * 5_000 + b'@b.example", "password": "correct horse"}',
        b'{"email": "a@b.example", "password": ""}',
        b'{"email": "", "password": "correct horse"}',
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"email=a@b.example&password=correct+horse",
    ],
)
async def test_t26_t27_t28_a_poisoned_body_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.post(f"{AUTH}/login", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["code"] in ("malformed_request", "invalid_input")
    assert "correct" not in answer.text


async def test_t27_t29_an_oversized_body_is_refused_before_it_is_read(api: httpx.AsyncClient) -> None:
    body = b'{"email": "a@b.example", "password": "' + b"x" * 17_000_000 + b'"}'
    answer = await api.post(f"{AUTH}/login", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
async def test_t28_another_content_type_is_refused(api: httpx.AsyncClient, tenant: Tenant, kind: str) -> None:
    user = await person(tenant)
    body = f'{{"email": "{user.email}", "password": "{PASSWORD}"}}'.encode()
    answer = await api.post(f"{AUTH}/login", content=body, headers={"Content-Type": kind})
    assert 400 <= answer.status_code < 500


LONG = "seven quiet rivers under glass, "


@pytest.mark.parametrize("password", [LONG * 2, "äöü-ungewöhnliche Wörter " * 3 + "ß", LONG * 4])
async def test_t12_long_and_foreign_passwords_sign_in(api: httpx.AsyncClient, tenant: Tenant, password: str) -> None:
    with tenant_scope(tenant.id):
        user = await invitations.create_user(f"{uuid4().hex}@acme.example", "Ann", "viewer", password=password)
    assert (await enter(api, user, password)).status_code == 200
    assert (await enter(api, user, password[:-1] + "Q")).status_code == 401


async def test_there_is_no_register_route(api: httpx.AsyncClient) -> None:
    for path in ("register", "signup", "users"):
        assert (await api.post(f"{AUTH}/{path}", json={"email": "a@b.example"})).status_code == 404
