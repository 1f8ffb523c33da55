"""People over HTTP: invited, found, changed, removed, and always somebody left to administer."""

from __future__ import annotations

import asyncio
from collections import Counter
from io import BytesIO
from typing import Any
from uuid import uuid4

import httpx
import openpyxl
import pytest
from fastapi import FastAPI

from activities.imports import run_import_job
from core.collections import scoped
from core.context import tenant_scope
from models.job import Job, Mail
from models.tenant import Tenant
from models.user import User
from services import files, imports, passwords, users
from services.import_kinds.tables import ImportKind
from tests import factories
from tests.accounts import PASSWORD, person
from tests.api.conftest import SignIn
from tests.imported import counts
from tests.people import signed_in

USERS = "/api/v1/users"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
VIEW = {
    *("id", "email", "name", "role", "grants", "regions", "language", "time_zone", "status", "locked_until"),
    *("last_login_at", "rev", "created_at", "updated_at", "deleted_at"),
}


def somebody(**changes: Any) -> dict[str, Any]:
    """A body that invites."""
    return {"email": f"{uuid4().hex}@acme.example", "name": "Nora New", "role": "manager", **changes}


async def invited(admin: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await admin.post(USERS, json=somebody(**changes))
    assert answer.status_code == 201, answer.text
    user: dict[str, Any] = answer.json()["data"]
    return user


def at(user: dict[str, Any]) -> dict[str, str]:
    """The header that names the version."""
    return {"If-Match": f'"{user["rev"]}"'}


async def test_an_admin_invites_and_the_person_comes_in_by_the_mailed_link(
    api: httpx.AsyncClient, tenant: Tenant, sign_in: SignIn
) -> None:
    admin = await sign_in("admin")
    body = somebody(grants=["see_cost"], regions=["North"], language="de", time_zone="Europe/Berlin")
    answer = await admin.post(USERS, json=body)
    user = answer.json()["data"]
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert set(user) == VIEW
    assert {**user, **body} == user
    assert user["status"] == "invited"
    assert (await admin.get(answer.headers["location"])).json()["data"] == user
    with tenant_scope(tenant.id):
        (mail,) = await scoped(Mail).documents()
        assert (str(mail.user_id), mail.link_purpose) == (user["id"], "setup")
        link = await passwords.mint_link(mail.user_id, mail.link_purpose or "")
    setting = {"token": link.partition("#token=")[2], "password": "seven quiet rivers"}
    assert (await api.post("/api/v1/auth/password-setup/confirm", json=setting)).status_code == 204
    login = {"email": body["email"].upper(), "password": setting["password"]}
    assert (await api.post("/api/v1/auth/login", json=login)).status_code == 200
    assert (await admin.get(f"{USERS}/{user['id']}")).json()["data"]["status"] == "active"


async def test_the_same_key_invites_once(tenant: Tenant, sign_in: SignIn) -> None:
    admin = await sign_in("admin")
    body, key = somebody(), {"Idempotency-Key": uuid4().hex}
    first = await admin.post(USERS, json=body, headers=key)
    again = await admin.post(USERS, json=body, headers=key)
    assert first.status_code == again.status_code == 201
    assert (again.json(), again.headers["etag"]) == (first.json(), first.headers["etag"])
    with tenant_scope(tenant.id):
        assert await scoped(Mail).count() == 1


async def test_an_address_belongs_to_one_person_over_all_companies(tenant: Tenant, sign_in: SignIn) -> None:
    admin = await sign_in("admin")
    outsider = await person(await factories.make_tenant())
    gone = await invited(admin)
    assert (await admin.delete(f"{USERS}/{gone['id']}", headers=at(gone))).status_code == 204
    for email, told in ((outsider.email.upper(), "already belongs"), (gone["email"], "restore them")):
        answer = await admin.post(USERS, json=somebody(email=email))
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "email_taken")
        assert told in answer.json()["error"]["message"]


async def test_of_parallel_invitations_of_one_address_one_succeeds(sign_in: SignIn) -> None:
    admin = await sign_in("admin")
    body = somebody()
    answers = await asyncio.gather(*(admin.post(USERS, json=body) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} == {"email_taken"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "a@x.example, b@x.example"}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@x.example\r\nBcc: b@x.example"}, "email"),
        ({"name": "   "}, "name"),
        ({"name": "Ann\u202e"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"role": "superuser"}, "role"),
        ({"role": None}, "role"),
        ({"grants": ["everything"]}, "grants"),
        ({"grants": "see_cost"}, "grants"),
        ({"role": "viewer", "regions": ["North"]}, "regions"),
        ({"language": "EN"}, "language"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"password": "seven quiet rivers"}, "password"),
        ({"is_active": False}, "is_active"),
        ({"tenant_id": str(uuid4())}, "tenant_id"),
    ],
)
async def test_what_is_wrong_with_an_invitation_is_named(sign_in: SignIn, wrong: dict[str, Any], field: str) -> None:
    answer = await (await sign_in("admin")).post(USERS, json=somebody(**wrong))
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


async def test_people_are_listed_filtered_searched_and_sorted(tenant: Tenant, sign_in: SignIn) -> None:
    admin = await sign_in("admin", name="Zoe Admin", password_hash="set")
    for name, role in (("Ann Lee", "viewer"), ("Bob Lee", "manager"), ("Cy Ray", "viewer")):
        user = await invited(admin, name=name, role=role, email=f"{name[0]}-{uuid4().hex}@acme.example")
    await admin.delete(f"{USERS}/{user['id']}", headers=at(user))

    async def names(**query: str) -> list[str]:
        answer = (await admin.get(USERS, params=query)).json()
        assert all(set(row) == VIEW for row in answer["data"])
        assert answer["meta"]["total"] == len(answer["data"])
        return [row["name"] for row in answer["data"]]

    assert await names() == ["Ann Lee", "Bob Lee", "Zoe Admin"]
    assert await names(order="desc") == ["Zoe Admin", "Bob Lee", "Ann Lee"]
    assert await names(sort_by="email") == ["Ann Lee", "Zoe Admin", "Bob Lee"]
    assert await names(sort_by="created_at") == ["Zoe Admin", "Ann Lee", "Bob Lee"]
    assert await names(search="lee") == ["Ann Lee", "Bob Lee"]
    assert await names(search="le bo") == ["Bob Lee"]
    assert await names(role="viewer") == ["Ann Lee"]
    assert await names(status="active") == ["Zoe Admin"]
    assert await names(status="deleted") == ["Cy Ray"]
    assert await names(status="inactive") == []
    for query in ({"status": "locked"}, {"role": "boss"}, {"sort_by": "password_hash"}, {"name": "Ann"}):
        assert (await admin.get(USERS, params=query)).status_code == 422


async def test_a_manager_reads_and_changes_nothing_and_others_do_neither(tenant: Tenant, sign_in: SignIn) -> None:
    user = await person(tenant)
    for role, read in (("manager", 200), ("sales_rep", 403), ("viewer", 403)):
        client = await sign_in(role)
        for path in ("", "/export.xlsx", f"/{user.id}"):
            assert (await client.get(f"{USERS}{path}")).status_code == read
        refused = await client.patch(f"{USERS}/{user.id}", json={"name": "X"}, headers={"If-Match": '"1"'})
        assert refused.status_code == 403


async def test_a_change_needs_the_version_that_was_read(sign_in: SignIn) -> None:
    admin = await sign_in("admin")
    user = await invited(admin)
    path = f"{USERS}/{user['id']}"
    assert (await admin.patch(path, json={"name": "Ann"})).status_code == 428
    changed = await admin.patch(path, json={"name": "Ann", "role": "viewer", "time_zone": None}, headers=at(user))
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (changed.json()["data"]["name"], changed.json()["data"]["role"]) == ("Ann", "viewer")
    for method, body in (("PATCH", {"name": "Bob"}), ("DELETE", None)):
        assert (await admin.request(method, path, headers=at(user), json=body)).status_code == 412
        assert (await admin.request(method, path, headers={"If-Match": "*"}, json=body)).status_code == 422
    wrong: list[dict[str, Any]] = [
        {}, {"name": None}, {"status": "active"}, {"password": PASSWORD}, {"grants": ["all"]}
    ]  # fmt: skip
    for said in wrong:
        assert (await admin.patch(path, json=said, headers={"If-Match": '"2"'})).status_code == 422, said


async def test_t06_a_change_of_role_or_status_acts_at_the_next_call(
    app: FastAPI, tenant: Tenant, sign_in: SignIn
) -> None:
    admin = await sign_in("admin")
    for change in ("role", "deactivate", "delete", "sessions"):
        user = await person(tenant)
        client = await signed_in(app, user)
        assert (await client.get("/api/v1/auth/me")).status_code == 200
        path, version = f"{USERS}/{user.id}", {"If-Match": '"1"'}
        if change == "role":
            await admin.patch(path, json={"role": "viewer"}, headers=version)
        elif change == "delete":
            await admin.delete(path, headers=version)
        elif change == "sessions":
            await admin.delete(f"{path}/sessions")
        else:
            await admin.post(f"{path}/deactivate")
        assert (await client.get("/api/v1/auth/me")).status_code == 401, change


async def test_a_deleted_person_comes_back_deactivated(api: httpx.AsyncClient, tenant: Tenant, sign_in: SignIn) -> None:
    admin = await sign_in("admin")
    user = await person(tenant)
    path, login = f"{USERS}/{user.id}", {"email": user.email, "password": PASSWORD}
    assert (await admin.delete(path, headers={"If-Match": '"1"'})).status_code == 204
    gone = (await admin.get(path)).json()["data"]
    assert gone["status"] == "deleted"
    assert gone["deleted_at"] is not None
    for deed in ("activate", "deactivate", "invitation"):
        assert (await admin.post(f"{path}/{deed}")).status_code == 409
    assert (await admin.patch(path, json={"name": "X"}, headers=at(gone))).status_code == 409
    assert (await api.post("/api/v1/auth/login", json=login)).status_code == 401
    assert (await admin.post(f"{path}/restore")).json()["data"]["status"] == "inactive"
    assert (await admin.post(f"{path}/restore")).status_code == 409
    assert (await api.post("/api/v1/auth/login", json=login)).status_code == 401
    assert (await admin.post(f"{path}/activate")).json()["data"]["status"] == "active"
    assert (await api.post("/api/v1/auth/login", json=login)).status_code == 200


async def test_t10_an_admin_unlocks_an_account(api: httpx.AsyncClient, tenant: Tenant, sign_in: SignIn) -> None:
    admin = await sign_in("admin")
    user = await person(tenant)
    path, login = f"{USERS}/{user.id}", {"email": user.email, "password": PASSWORD}
    for _ in range(6):
        await api.post("/api/v1/auth/login", json={**login, "password": "wrong horse"})
    assert (await api.post("/api/v1/auth/login", json=login)).status_code == 429
    assert (await admin.get(path)).json()["data"]["locked_until"] is not None
    assert (await admin.post(f"{path}/unlock")).json()["data"]["locked_until"] is None
    assert (await api.post("/api/v1/auth/login", json=login)).status_code == 200


async def test_an_invitation_is_mailed_again(tenant: Tenant, sign_in: SignIn) -> None:
    admin = await sign_in("admin")
    user = await invited(admin)
    path = f"{USERS}/{user['id']}/invitation"
    assert (await admin.post(path)).json()["data"]["status"] == "invited"
    with tenant_scope(tenant.id):
        assert await scoped(Mail).count() == 1
        await scoped(Mail).update_many({}, {"$set": {"state": "sent"}})
    assert (await admin.post(path)).status_code == 200
    with tenant_scope(tenant.id):
        assert await scoped(Mail).count() == 2
    active = await person(tenant)
    assert (await admin.post(f"{USERS}/{active.id}/invitation")).status_code == 409


async def test_admins_who_remove_each_other_at_once_leave_one(app: FastAPI, tenant: Tenant) -> None:
    people = [await person(tenant, "admin") for _ in range(10)]
    clients = [await signed_in(app, user) for user in people]
    version = {"If-Match": '"1"'}
    answers = await asyncio.gather(
        *(
            request
            for me, client in enumerate(clients)
            for other in (people[(me + 1) % 10],)
            for request in (
                client.post(f"{USERS}/{other.id}/deactivate"),
                client.delete(f"{USERS}/{other.id}", headers=version),
                client.patch(f"{USERS}/{other.id}", json={"role": "viewer"}, headers=version),
            )
        )
    )
    assert {answer.status_code for answer in answers} <= {200, 204, 401, 409, 412}
    with tenant_scope(tenant.id):
        left = await scoped(User).count({"role": "admin", "is_active": True})
    assert left >= 1
    last = [client for client in clients if (await client.get("/api/v1/auth/me")).status_code == 200]
    assert last


async def test_the_last_admin_is_told_what_to_do(app: FastAPI, tenant: Tenant) -> None:
    user = await person(tenant, "admin")
    admin = await signed_in(app, user)
    path, version = f"{USERS}/{user.id}", {"If-Match": '"1"'}
    for answer in (
        await admin.post(f"{path}/deactivate"),
        await admin.delete(path, headers=version),
        await admin.patch(path, json={"role": "manager"}, headers=version),
    ):
        assert answer.status_code == 409
        assert "make somebody else an admin first" in answer.json()["error"]["message"]


async def test_the_exported_list_imports_untouched_without_a_change(tenant: Tenant, sign_in: SignIn) -> None:
    admin = await sign_in("admin", name="=HYPERLINK(1)")
    await invited(admin, name='+1 Änn, "Lee"', language="de")
    gone = await invited(admin)
    await admin.delete(f"{USERS}/{gone['id']}", headers=at(gone))
    answer = await admin.get(f"{USERS}/export.xlsx")
    assert answer.headers["content-type"] == XLSX
    assert "users.xlsx" in answer.headers["content-disposition"]
    sheet = openpyxl.load_workbook(BytesIO(answer.content))["users"]
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]] == ["email", "name", "role", "language"]
    assert {row[1].value for row in rows[1:]} == {'+1 Änn, "Lee"', "=HYPERLINK(1)"}
    assert {cell.data_type for row in rows for cell in row} == {"s"}
    with tenant_scope(tenant.id):
        stored = await files.store(answer.content, name="users.xlsx", content_type=XLSX)
        job = await imports.accept(stored, kind=ImportKind.USERS, file_kind="xlsx")
        await run_import_job(job.id)
        done = await scoped(Job).get(job.id)
    assert counts(done) == {"inserted": 0, "updated": 0, "unchanged": 2, "rejected": 0}


async def test_another_companys_people_do_not_exist(tenant: Tenant, sign_in: SignIn) -> None:
    admin = await sign_in("admin")
    outsider = await person(await factories.make_tenant())
    path, version = f"{USERS}/{outsider.id}", {"If-Match": '"1"'}
    answers = [
        await admin.get(path),
        await admin.patch(path, json={"name": "X"}, headers=version),
        await admin.delete(path, headers=version),
        await admin.get(f"{path}/sessions"),
        await admin.delete(f"{path}/sessions"),
        *[await admin.post(f"{path}/{deed}") for deed in ("restore", "activate", "deactivate", "unlock", "invitation")],
    ]
    assert {answer.status_code for answer in answers} == {404}
    with tenant_scope(outsider.tenant_id):
        assert (await users.read(outsider.id))["rev"] == 1
