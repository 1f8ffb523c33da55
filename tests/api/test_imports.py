"""Importing over HTTP: what is taken, what is refused at the door, and what a worker makes of it."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import httpx
import openpyxl
import pytest
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.app import create_app
from api.schemas.imports import ImportAnswer, ImportRow, UndoPreview
from core.clock import now
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.mongo import Mongo
from core.settings import Settings
from models.customer import Customer
from models.job import Job, StoredFile
from models.sale import SalesRollup
from models.tenant import Tenant
from ops.worker import build_worker
from services import files, rollups
from tests import factories
from tests.api.conftest import SignIn
from tests.eventually import eventually
from tests.imported import csv_of, imported
from tests.people import somebody

IMPORTS = "/api/v1/imports"
CUSTOMERS = csv_of("customer_code,name,Note", "C1,Northwind,x", "C2,,y")
SALES = csv_of(
    "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price", "I1,P1,1,C1,2026-01-05,3,2.5"
)


@pytest.fixture(scope="module")
async def app(settings: Settings, mongo: Mongo) -> AsyncIterator[FastAPI]:
    """The application with a worker beside it, and a limit for uploads that is easily passed."""
    own = copy.copy(settings)
    own.temporal = settings.temporal.model_copy(update={"temporal_task_queue": f"imports-{uuid4()}"})
    own.http = settings.http.model_copy(update={"upload_limit_bytes": 20_000})
    app = create_app(own, mongo=mongo)
    temporal = await Client.connect(own.temporal.temporal_address, data_converter=pydantic_data_converter)
    async with app.router.lifespan_context(app), build_worker(temporal, own, grace=timedelta(0)):
        yield app


async def send(
    client: httpx.AsyncClient,
    content: bytes,
    name: str = "table.csv",
    headers: dict[str, str] | None = None,
    **form: Any,
) -> httpx.Response:
    return await client.post(IMPORTS, files={"file": (name, content)}, data=form, headers=headers)


async def finished(client: httpx.AsyncClient, location: str) -> dict[str, Any]:
    """The import once it has ended."""

    async def ended() -> dict[str, Any] | None:
        data: dict[str, Any] = (await client.get(location)).json()["data"]
        return data if data["state"] not in ("queued", "running") else None

    return await eventually(ended, within=30) or {}


async def test_a_file_is_taken_and_applied_and_its_errors_are_told(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    answer = await send(manager, CUSTOMERS, kind="customers")
    assert answer.status_code == 202, answer.text
    ImportAnswer.model_validate(answer.json()["data"])
    data = await finished(manager, answer.headers["location"])
    ImportAnswer.model_validate(data)
    assert data["state"] == "succeeded"
    assert data["counts"] == {"rows": 2, "inserted": 1, "updated": 0, "unchanged": 0, "rejected": 1, "errors": 1}
    assert data["errors"] == [
        {"sheet": "", "row": 3, "column": "name", "letter": "B", "value": "", "expected": "a value", "conflict": False}
    ]
    assert [(one["title"], one["letter"], one["column"], one["how"]) for one in data["columns"]] == [
        ("customer_code", "A", "customer_code", "exact"), ("name", "B", "name", "exact"), ("Note", "C", None, None),
    ]  # fmt: skip
    assert data["ignored_columns"] == ["Note"]
    with tenant_scope(tenant.id):
        assert await scoped(Customer).count() == 1


async def test_sales_complete_months_and_reach_the_rollups(tenant: Tenant, sign_in: SignIn) -> None:
    with tenant_scope(tenant.id):
        await factories.make_customer("C1")
        await factories.make_product("P1")
    admin = await sign_in("admin")
    answer = await send(admin, SALES, kind="sales", complete_until="2026-02")
    data = await finished(admin, answer.headers["location"])
    assert data["completed_months"] == ["2026-01", "2026-02"]
    with tenant_scope(tenant.id):
        await rollups.refresh()
        (rollup,) = await scoped(SalesRollup).rows()
    assert (rollup["month"], rollup["quantity"], rollup["revenue"]) == ("2026-01", 3_000, 75_000)


async def test_the_list_shows_the_newest_first_and_filters(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    for kind in ("customers", "products", "customers"):
        await finished(manager, (await send(manager, CUSTOMERS, kind=kind, dry_run="true")).headers["location"])
    rows = (await manager.get(IMPORTS)).json()["data"]
    assert [row["kind"] for row in rows] == ["customers", "products", "customers"]
    ImportRow.model_validate(rows[0])
    found = (await manager.get(IMPORTS, params={"kind": "products", "state": "rejected"})).json()
    assert found["meta"]["total"] == 1
    assert (await manager.get(IMPORTS, params={"kind": "nonsense"})).status_code == 422


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("table.csv", b"", 422),
        ("table.csv", b"a" * 20_001, 413),
        ("table.csv", b"a" * 200_000, 413),
        ("table.csv", b"%PDF-1.7 ...", 415),
        ("table.csv", b"PK\x03\x04 ...", 415),
        ("table.pdf", b"a,b", 415),
        ("table.xlsx", b"a,b", 415),
        ("table.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 ...", 415),
        ("table.xlsm", b"PK\x03\x04", 415),
    ],
)
async def test_what_is_no_table_is_refused_at_the_door(
    tenant: Tenant, sign_in: SignIn, name: str, content: bytes, status: int
) -> None:
    """T29, T33 and T37."""
    manager = await sign_in("manager")
    answer = await send(manager, content, name, kind="customers")
    assert answer.status_code == status, answer.text
    with tenant_scope(tenant.id):
        assert await scoped(Job).count() == 0
        assert await scoped(StoredFile).count() == 0


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"kind": "nonsense"},
        {"kind": "customers", "dry_run": "perhaps"},
        {"kind": "sales", "complete_until": "2026-13"},
        {"kind": "sales", "complete_until": "2199-01"},
        {"kind": "customers", "complete_until": "2026-01"},
        {"kind": "customers", "tenant_id": "x"},
    ],
)
async def test_a_form_that_does_not_fit_is_refused(sign_in: SignIn, form: dict[str, Any]) -> None:
    admin = await sign_in("admin")
    answer = await send(admin, CUSTOMERS, **form)
    assert answer.status_code == 422, answer.text


async def test_a_form_without_a_file_is_refused(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    answer = await manager.post(IMPORTS, data={"kind": "customers"}, files={"other": ("a.csv", b"a")})
    assert answer.status_code == 422


@pytest.mark.parametrize(("role", "kind", "status"), [("sales_rep", "sales", 403), ("viewer", "sales", 403),
                                                      ("manager", "users", 403), ("admin", "users", 202)])  # fmt: skip
async def test_only_some_may_import(sign_in: SignIn, role: str, kind: str, status: int) -> None:
    client = await sign_in(role)
    answer = await send(client, csv_of("email,name,role"), kind=kind)
    assert answer.status_code == status, answer.text


async def test_another_companys_import_does_not_exist(app: FastAPI, sign_in: SignIn) -> None:
    """T14."""
    other = await factories.make_tenant()
    _, stranger = await somebody(app, other.id, "admin")
    manager = await sign_in("manager")
    location = (await send(manager, CUSTOMERS, kind="customers")).headers["location"]
    answer = await stranger.get(location)
    assert answer.status_code == 404
    assert answer.json()["error"] == (await stranger.get(f"{IMPORTS}/{uuid4()}")).json()["error"]
    assert (await stranger.get(IMPORTS)).json()["data"] == []
    await finished(manager, location)


async def test_the_same_key_imports_once_and_another_file_under_it_is_refused(tenant: Tenant, sign_in: SignIn) -> None:
    """T44 for uploads: the file's hash stands for the body."""
    manager = await sign_in("manager")
    key = {"Idempotency-Key": str(uuid4())}
    first = await send(manager, CUSTOMERS, kind="customers", headers=key)
    again = await send(manager, CUSTOMERS, kind="customers", headers=key)
    assert again.headers["location"] == first.headers["location"]
    other = await send(manager, CUSTOMERS + b"C3,x,\n", kind="customers", headers=key)
    assert other.status_code == 422
    with tenant_scope(tenant.id):
        assert await scoped(Job).count() == 1
    await finished(manager, first.headers["location"])


async def test_a_hostile_name_is_only_shown(tenant: Tenant, sign_in: SignIn) -> None:
    """T38."""
    manager = await sign_in("manager")
    answer = await send(manager, CUSTOMERS, "../../etc/pass\u202ewd.csv", kind="customers")
    assert answer.json()["data"]["file"]["name"] == "passwd.csv"
    await finished(manager, answer.headers["location"])


async def test_files_are_kept_until_they_expire(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        kept = await files.store(b"kept", name="a.csv", content_type="text/csv", keep_days=1)
        gone = await files.store(b"gone", name="b.csv", content_type="text/csv", keep_days=-1)
        while await files.delete_expired():
            pass
        assert [chunk async for chunk in files.stream(kept.id)] == [b"kept"]
        assert await scoped(StoredFile).distinct("_id") == [kept.id]
        assert gone.sha256 != kept.sha256


async def test_a_real_sheet_is_read_and_its_errors_are_marked(tenant: Tenant, sign_in: SignIn) -> None:
    """Titles above the header, a total below, a mapping that is kept for the source, and a copy with marked cells."""
    manager = await sign_in("manager")
    sheet = csv_of("Customers;;", "Kd.;Bezeichnung;Note", "C1;Northwind;x", "C2;;y", "Total;;2")
    form: dict[str, Any] = {
        "kind": "customers",
        "source": "ERP",
        "save_mapping": "true",
        "mapping": '{"Kd.": "customer_code"}',
    }
    data = await finished(manager, (await send(manager, sheet, **form)).headers["location"])
    ImportAnswer.model_validate(data)
    assert (data["counts"]["inserted"], data["counts"]["rejected"]) == (1, 1)
    assert data["header_rows"] == [2]
    assert data["left_out"] == [{"row": 5, "text": "Total"}]
    assert [one["how"] for one in data["columns"]] == ["given", "synonym", None]
    answer = await manager.get(f"{IMPORTS}/{data['id']}/errors.xlsx")
    assert answer.headers["content-disposition"].startswith('attachment; filename="table-errors.xlsx"')
    page = openpyxl.load_workbook(BytesIO(answer.content)).active
    assert page["B4"].comment.text == "Bezeichnung: expected a value"  # type: ignore[index]
    again = await finished(manager, (await send(manager, sheet, kind="customers", source="erp")).headers["location"])
    assert again["counts"]["unchanged"] == 1
    assert [one["how"] for one in again["columns"]] == ["saved", "synonym", None]
    clean = await send(manager, csv_of("customer_code,name", "C1,Northwind"), kind="customers")
    data = await finished(manager, clean.headers["location"])
    assert (await manager.get(f"{IMPORTS}/{data['id']}/errors.xlsx")).status_code == 404


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"mapping": "{"}, "mapping"),
        ({"mapping": "[]"}, "mapping"),
        ({"mapping": '{"a": 1}'}, "mapping"),
        ({"mapping": '{"a": NaN}'}, "mapping"),
        ({"mapping": '{"a": "name", "a": "name"}'}, "mapping"),
        ({"mapping": '{"a": "\\ud800"}'}, "mapping"),
        ({"mapping": '{"a": "nonsense"}'}, "mapping"),
        ({"mapping": '{"a": "name", "b": "name"}'}, "mapping"),
        ({"mapping": "[" * 50_000}, "mapping"),
        ({"decimal": ","}, "decimal"),
        ({"date_order": "dmy"}, "date_order"),
        ({"header_row": "0"}, "header_row"),
        ({"sheet": "Data"}, "sheet"),
        ({"source": "nobody"}, "source"),
        ({"save_mapping": "true"}, "save_mapping"),
    ],
)
async def test_what_is_said_of_a_file_must_fit(sign_in: SignIn, form: dict[str, Any], field: str) -> None:
    answer = await send(await sign_in("manager"), CUSTOMERS, kind="customers", **form)
    assert answer.status_code == 422, answer.text
    assert field in {detail["field"].rpartition(".")[2] for detail in answer.json()["error"]["details"]}
    assert len(answer.content) < 5_000


async def test_another_mapping_under_the_same_key_is_another_request(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    key = {"Idempotency-Key": str(uuid4())}
    first = await send(manager, CUSTOMERS, kind="customers", headers=key)
    other = await send(manager, CUSTOMERS, kind="customers", headers=key, decimal="comma")
    assert (first.status_code, other.status_code) == (202, 422)
    await finished(manager, first.headers["location"])


# Modes, history and undo ----------------------------------------------------------------------------------------------


async def succeeded(client: httpx.AsyncClient, content: bytes, **form: Any) -> dict[str, Any]:
    """An import that has ended well."""
    data = await finished(client, (await send(client, content, **form)).headers["location"])
    assert data["state"] == "succeeded", data
    return data


async def undone(client: httpx.AsyncClient, import_id: str) -> dict[str, Any]:
    """The import once its undo has ended."""

    async def ended() -> dict[str, Any] | None:
        data: dict[str, Any] = (await client.get(f"{IMPORTS}/{import_id}")).json()["data"]
        return data if data["undo"]["state"] not in ("queued", "running") else None

    return await eventually(ended, within=30) or {}


async def test_an_import_is_previewed_undone_and_says_so(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    data = await succeeded(manager, CUSTOMERS, kind="customers")
    assert (data["mode"], data["on_error"], data["undo"], data["undone_at"]) == ("upsert", "skip_rows", None, None)
    assert data["progress"] == {"rows_read": 2, "rows_checked": 2, "rows_written": 1}
    previewed = await manager.post(f"{IMPORTS}/{data['id']}/undo/preview")
    assert previewed.status_code == 200, previewed.text
    UndoPreview.model_validate(previewed.json()["data"])
    wanted = {"removed": 1, "restored": 0, "put_back": 0, "blocked": 0}
    assert previewed.json()["data"] == {"counts": wanted, "refusal": None, "blocked": []}
    key = {"Idempotency-Key": str(uuid4())}
    asked = await manager.post(f"{IMPORTS}/{data['id']}/undo", headers=key)
    assert asked.status_code == 202, asked.text
    assert asked.headers["location"] == f"{IMPORTS}/{data['id']}"
    ended = await undone(manager, data["id"])
    ImportAnswer.model_validate(ended)
    assert (ended["undo"]["state"], ended["undo"]["counts"], ended["undo"]["rows"]) == ("succeeded", wanted, 1)
    assert ended["undone_at"] is not None
    assert ended["undone_by"] == ended["undo"]["requested_by"]
    again = await manager.post(f"{IMPORTS}/{data['id']}/undo", headers=key)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    for path in ("undo", "undo/preview"):
        twice = await manager.post(f"{IMPORTS}/{data['id']}/{path}")
        assert (twice.status_code, twice.json()["error"]["code"]) == (409, "conflict")
    with tenant_scope(tenant.id):
        assert await scoped(Customer).count() == 0
        assert await scoped(Job).count({"kind": "import-undo"}) == 1
    listed = (await manager.get(IMPORTS, params={"undone": "true"})).json()["data"]
    assert [row["id"] for row in listed] == [data["id"]]
    assert (await manager.get(IMPORTS, params={"undone": "false"})).json()["data"] == []


async def test_what_something_newer_touched_is_named_and_nothing_is_undone(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    data = await succeeded(manager, CUSTOMERS, kind="customers")
    customer = (await manager.get("/api/v1/customers")).json()["data"][0]
    etag = {"If-Match": f'"{customer["rev"]}"'}
    await manager.patch(f"/api/v1/customers/{customer['id']}", json={"region": "North"}, headers=etag)
    answer = await manager.post(f"{IMPORTS}/{data['id']}/undo")
    assert answer.status_code == 409, answer.text
    assert answer.json()["error"]["message"].startswith("1 row of 1 can't be set back")
    assert answer.json()["error"]["details"] == [{"field": "blocked", "message": "C1: was changed since"}]
    (row,) = (await manager.post(f"{IMPORTS}/{data['id']}/undo/preview")).json()["data"]["blocked"]
    assert (row["label"], row["action"], row["by_name"]) == ("C1", "customer.changed", "A manager")
    with tenant_scope(tenant.id):
        assert await scoped(Customer).count() == 1


async def test_only_some_may_undo(sign_in: SignIn) -> None:
    manager, regional = await sign_in("manager"), await sign_in("manager", regions=["North"])
    data = await succeeded(manager, CUSTOMERS, kind="customers")
    for client in (regional, await sign_in("sales_rep"), await sign_in("viewer")):
        for path in ("undo", "undo/preview"):
            assert (await client.post(f"{IMPORTS}/{data['id']}/{path}")).status_code == 403
    assert (await manager.post(f"{IMPORTS}/{uuid4()}/undo")).status_code == 404


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"kind": "prices", "mode": "replace_period"}, "mode"),
        ({"kind": "sales", "mode": "replace_period", "on_error": "skip_rows"}, "on_error"),
        ({"kind": "sales", "mode": "replace"}, "mode"),
        ({"kind": "sales", "on_error": "ignore"}, "on_error"),
    ],
)
async def test_a_mode_that_does_not_fit_the_kind_is_refused(sign_in: SignIn, form: dict[str, Any], field: str) -> None:
    answer = await send(await sign_in("manager"), CUSTOMERS, **form)
    assert answer.status_code == 422, answer.text
    assert [detail["field"].split(".")[0] for detail in answer.json()["error"]["details"]] == [field]


async def test_a_file_that_is_taken_whole_tells_the_same_as_its_dry_run(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    form: dict[str, Any] = {"kind": "customers", "on_error": "reject_file"}
    checked = await finished(manager, (await send(manager, CUSTOMERS, **form, dry_run="true")).headers["location"])
    data = await finished(manager, (await send(manager, CUSTOMERS, **form)).headers["location"])
    assert data["state"] == checked["state"] == "rejected"
    for name in ("counts", "errors", "message", "removed", "errors_left_out"):
        assert data[name] == checked[name]
    assert data["progress"]["rows_written"] == 0
    with tenant_scope(tenant.id):
        assert await scoped(Customer).count() == 0


async def test_reps_see_the_imports_that_they_sent(app: FastAPI, tenant: Tenant, sign_in: SignIn) -> None:
    user, rep = await somebody(app, tenant.id, "sales_rep")
    manager = await sign_in("manager")
    others = await succeeded(manager, CUSTOMERS, kind="customers")
    with tenant_scope(tenant.id), acting_as(user.id):
        own = await imported("products", "item_code,name", "N1,New")
    assert [row["id"] for row in (await rep.get(IMPORTS)).json()["data"]] == [str(own.id)]
    assert (await rep.get(IMPORTS, params={"requested_by": others["requested_by"]})).json()["data"] == []
    assert (await rep.get(f"{IMPORTS}/{own.id}")).status_code == 200
    assert (await rep.get(f"{IMPORTS}/{others['id']}")).status_code == 404
    assert len((await manager.get(IMPORTS)).json()["data"]) == 2


async def test_the_history_is_filtered_by_who_when_and_how(tenant: Tenant, sign_in: SignIn) -> None:
    admin, manager = await sign_in("admin"), await sign_in("manager")
    first = await succeeded(admin, CUSTOMERS, kind="customers", dry_run="true")
    second = await succeeded(manager, CUSTOMERS, kind="customers", mode="insert_only")
    for query, found in (
        ({"requested_by": first["requested_by"]}, [first]),
        ({"mode": "insert_only"}, [second]),
        ({"received_from": second["received_at"]}, [second]),
        ({"received_before": second["received_at"]}, [first]),
        ({"source": "nowhere"}, []),
    ):
        rows = (await admin.get(IMPORTS, params=query)).json()["data"]
        assert [row["id"] for row in rows] == [one["id"] for one in found], query
    assert (await admin.get(IMPORTS, params={"received_from": "yesterday"})).status_code == 422


async def test_a_file_is_received_when_its_first_byte_is_read(tenant: Tenant, sign_in: SignIn) -> None:
    """Deadlines are judged by that, however long the rest of the file takes."""
    manager = await sign_in("manager")
    last_part: list[datetime] = []

    async def slowly() -> AsyncIterator[bytes]:
        boundary = "slow"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{{}}"'
        yield (head.format("kind") + "\r\n\r\ncustomers\r\n").encode()
        begun = now()
        yield (head.format("file") + '; filename="a.csv"\r\n\r\n').encode() + CUSTOMERS
        await eventually(_later(begun))
        last_part.append(now())
        yield f"\r\n--{boundary}--\r\n".encode()

    answer = await manager.post(
        IMPORTS, content=slowly(), headers={"Content-Type": "multipart/form-data; boundary=slow"}
    )
    assert answer.status_code == 202, answer.text
    received = datetime.fromisoformat(answer.json()["data"]["received_at"])
    assert received < last_part[0] - timedelta(milliseconds=100)
    await finished(manager, answer.headers["location"])


def _later(than: datetime) -> Any:
    async def check() -> bool:
        return now() - than > timedelta(milliseconds=200)

    return check
