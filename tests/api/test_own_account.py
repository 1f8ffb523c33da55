"""One's own account over HTTP: profile, first sign-in, password, sessions, and asking for a new password (T11, T13)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.collections import scoped
from core.context import tenant_scope
from core.settings import Settings
from models.job import Mail
from models.tenant import Tenant
from models.user import User
from services import passwords
from tests import factories
from tests.accounts import PASSWORD, person
from tests.api.conftest import SignIn

AUTH = "/api/v1/auth"
NEW = "seven quiet rivers"


async def login(api: httpx.AsyncClient, user: User, password: str = PASSWORD) -> httpx.Response:
    return await api.post(f"{AUTH}/login", json={"email": user.email, "password": password})


async def token(api: httpx.AsyncClient, user: User, password: str = PASSWORD) -> dict[str, str]:
    """The header of a fresh session."""
    pair = (await login(api, user, password)).json()["data"]
    return {"Authorization": f"Bearer {pair['access_token']}"}


class TestProfile:
    async def test_the_first_sign_in_ends_with_the_first_look_at_the_profile(self, sign_in: SignIn) -> None:
        client = await sign_in("viewer", name="Vera")
        answer = await client.get(f"{AUTH}/me")
        mine = answer.json()["data"]
        assert (mine["first_login"], answer.headers["etag"]) == (True, '"1"')
        assert set(mine["notifications"].values()) == {True}
        kept = await client.patch(f"{AUTH}/me", json={"name": mine["name"]}, headers={"If-Match": '"1"'})
        assert (kept.json()["data"]["first_login"], kept.headers["etag"]) == (False, '"1"')
        assert (await client.get(f"{AUTH}/me")).json()["data"]["first_login"] is False

    async def test_name_language_zone_and_mails_are_ones_own_to_change(self, sign_in: SignIn) -> None:
        client = await sign_in("sales_rep")
        body = {
            "name": "Rosa", "language": "de", "time_zone": "Europe/Berlin", "notifications": {"cycle_opened": False},
        }  # fmt: skip
        mine = (await client.patch(f"{AUTH}/me", json=body, headers={"If-Match": '"1"'})).json()["data"]
        assert (mine["name"], mine["language"], mine["time_zone"], mine["rev"]) == ("Rosa", "de", "Europe/Berlin", 2)
        assert mine["notifications"] == {
            "cycle_opened": False, "cycle_closed": True, "cycle_below_share": True, "cycle_waiting": True,
        }  # fmt: skip
        assert (await client.patch(f"{AUTH}/me", json=body)).status_code == 428
        assert (await client.patch(f"{AUTH}/me", json=body, headers={"If-Match": '"1"'})).status_code == 412

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"role": "admin"},
            {"email": "other@acme.example"},
            {"name": ""},
            {"name": None},
            {"time_zone": "Mars"},
            {"notifications": {}},
            {"notifications": {"password_reset": False}},
            {"notifications": {"cycle_opened": "no"}},
            {"notifications": None},
        ],
    )
    async def test_nothing_else_is(self, sign_in: SignIn, body: dict[str, Any]) -> None:
        client = await sign_in("viewer")
        assert (await client.patch(f"{AUTH}/me", json=body, headers={"If-Match": '"1"'})).status_code == 422
        assert (await client.get(f"{AUTH}/me")).json()["data"]["first_login"] is True


class TestOwnPassword:
    async def test_changing_it_ends_all_sessions_and_gives_a_new_one(
        self, api: httpx.AsyncClient, tenant: Tenant
    ) -> None:
        user = await person(tenant)
        here, elsewhere = await token(api, user), await token(api, user)
        body = {"current_password": PASSWORD, "new_password": NEW}
        answer = await api.post(f"{AUTH}/password", json=body, headers=here)
        assert answer.status_code == 200, answer.text
        for old in (here, elsewhere):
            assert (await api.get(f"{AUTH}/me", headers=old)).status_code == 401
        fresh = {"Authorization": f"Bearer {answer.json()['data']['access_token']}"}
        (session,) = (await api.get(f"{AUTH}/sessions", headers=fresh)).json()["data"]
        assert session["current"] is True
        assert (await login(api, user)).status_code == 401
        assert (await login(api, user, NEW)).status_code == 200

    async def test_a_refusal_says_what_to_do(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        user = await person(tenant)
        mine = await token(api, user)
        for current, wanted, field, words in (
            ("wrong horse", NEW, "current_password", "not your current password"),
            (PASSWORD, "short", "new_password", "at least 12 characters"),
            (PASSWORD, "password1234", "new_password", "several uncommon words"),
            (PASSWORD, user.email, "new_password", "several uncommon words"),
        ):
            body = {"current_password": current, "new_password": wanted}
            answer = await api.post(f"{AUTH}/password", json=body, headers=mine)
            [detail] = answer.json()["error"]["details"]
            assert (answer.status_code, detail["field"]) == (422, field)
            assert words in detail["message"]
        assert (await api.get(f"{AUTH}/me", headers=mine)).status_code == 200

    async def test_t09_guessing_the_current_one_is_locked_like_signing_in(
        self, api: httpx.AsyncClient, tenant: Tenant
    ) -> None:
        user = await person(tenant)
        mine = await token(api, user)
        bodies = [{"current_password": f"wrong {number}", "new_password": NEW} for number in range(20)]
        answers = await asyncio.gather(*(api.post(f"{AUTH}/password", json=body, headers=mine) for body in bodies))
        assert Counter(answer.status_code for answer in answers) == {422: 5, 429: 15}


class TestSessions:
    async def test_one_sees_and_ends_ones_own(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        user = await person(tenant)
        mine, *others = [await token(api, user) for _ in range(4)]
        listed = (await api.get(f"{AUTH}/sessions", headers=mine)).json()
        assert [one["current"] for one in listed["data"]] == [False, False, False, True]
        assert set(listed["data"][0]) == {"id", "created_at", "expires_at", "ip", "user_agent", "current"}
        newest = f"{AUTH}/sessions/{listed['data'][0]['id']}"
        assert (await api.delete(newest, headers=mine)).status_code == 204
        assert (await api.delete(newest, headers=mine)).status_code == 404
        assert (await api.delete(f"{AUTH}/sessions", headers=mine)).status_code == 204
        for other in others:
            assert (await api.get(f"{AUTH}/me", headers=other)).status_code == 401
        (left,) = (await api.get(f"{AUTH}/sessions", headers=mine)).json()["data"]
        assert left["current"] is True

    async def test_nobody_ends_anothers_by_its_id(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        mine, theirs = await token(api, await person(tenant)), await token(api, await person(tenant))
        (session,) = (await api.get(f"{AUTH}/sessions", headers=theirs)).json()["data"]
        assert (await api.delete(f"{AUTH}/sessions/{session['id']}", headers=mine)).status_code == 404
        assert (await api.get(f"{AUTH}/me", headers=theirs)).status_code == 200

    async def test_an_admin_sees_and_ends_anybodys(
        self, api: httpx.AsyncClient, tenant: Tenant, sign_in: SignIn
    ) -> None:
        user, admin = await person(tenant), await sign_in("admin")
        one, two = await token(api, user), await token(api, user)
        path = f"/api/v1/users/{user.id}/sessions"
        listed = (await admin.get(path)).json()["data"]
        assert set(listed[0]) == {"id", "created_at", "expires_at", "ip", "user_agent"}
        assert (await admin.delete(f"{path}/{listed[0]['id']}")).status_code == 204
        assert (await api.get(f"{AUTH}/me", headers=two)).status_code == 401
        assert (await api.get(f"{AUTH}/me", headers=one)).status_code == 200
        assert (await admin.delete(path)).status_code == 204
        assert (await api.get(f"{AUTH}/me", headers=one)).status_code == 401
        assert (await (await sign_in("manager")).get(path)).status_code == 403


class TestReset:
    async def test_t11_t13_a_forgotten_password_is_set_by_a_mailed_link_once(
        self, api: httpx.AsyncClient, tenant: Tenant, settings: Settings
    ) -> None:
        user = await person(tenant)
        mine = await token(api, user)
        asked = await api.post(f"{AUTH}/password-reset", json={"email": user.email}, headers={"Host": "evil.example"})
        assert (asked.status_code, asked.content) == (204, b"")
        await passwords.settle_requests()
        with tenant_scope(tenant.id):
            (mail,) = await scoped(Mail).documents()
            link = await passwords.mint_link(mail.user_id, mail.link_purpose or "")
        assert link.startswith(f"{settings.app.app_url}/password-reset#token=")
        body = {"token": link.partition("#token=")[2], "password": NEW}
        assert (await api.post(f"{AUTH}/password-setup/confirm", json=body)).status_code == 422
        weak = await api.post(f"{AUTH}/password-reset/confirm", json={**body, "password": "password1234"})
        assert (weak.status_code, weak.json()["error"]["details"][0]["field"]) == (422, "password")
        answers = await asyncio.gather(*(api.post(f"{AUTH}/password-reset/confirm", json=body) for _ in range(20)))
        assert Counter(answer.status_code for answer in answers) == {204: 1, 422: 19}
        assert (await api.get(f"{AUTH}/me", headers=mine)).status_code == 401
        assert (await login(api, user)).status_code == 401
        assert (await login(api, user, NEW)).status_code == 200

    async def test_t11_the_answer_is_the_same_whoever_exists(self, api: httpx.AsyncClient, tenant: Tenant) -> None:
        known, disabled = await person(tenant), await person(tenant, is_active=False)
        with tenant_scope(tenant.id):
            unset = await factories.make_user()
        seen = set()
        for email in (known.email, disabled.email, unset.email, f"{uuid4().hex}@acme.example", "no address"):
            for _ in range(6):
                answer = await api.post(f"{AUTH}/password-reset", json={"email": email})
                headers = sorted(
                    (name, value)
                    for name, value in answer.headers.items()
                    if name not in ("x-request-id", "retry-after")
                )
                seen.add((answer.status_code, str(answer.json()["error"] if answer.content else ""), str(headers)))
        assert sorted(status for status, *_ in seen) == [204, 429]

    async def test_t32_a_forged_forwarded_address_does_not_reset_the_count(
        self, api: httpx.AsyncClient, tenant: Tenant
    ) -> None:
        body = {"email": (await person(tenant)).email}
        answers = [
            await api.post(f"{AUTH}/password-reset", json=body, headers={"X-Forwarded-For": f"203.0.113.{number}"})
            for number in range(7)
        ]
        assert [answer.status_code for answer in answers] == [204] * 5 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) > 0

    @pytest.mark.parametrize("value", [{"$ne": None}, ["a@acme.example"], None, 7, "", "x" * 300])
    async def test_t23_only_a_text_is_an_address(self, api: httpx.AsyncClient, value: Any) -> None:
        assert (await api.post(f"{AUTH}/password-reset", json={"email": value})).status_code == 422
