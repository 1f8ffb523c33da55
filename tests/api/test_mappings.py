"""Column mappings over HTTP: saved per kind and source, used by the next file, never two titles for one column."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.schemas.mappings import MappingView
from core.collections import scoped
from core.context import tenant_scope
from models.audit import AuditEvent
from models.imports import ColumnMapping
from models.tenant import Tenant
from tests.api.conftest import SignIn

MAPPINGS = "/api/v1/import-mappings"
WEBSHOP = f"{MAPPINGS}/sales/Webshop%20export"
BODY = {"columns": [{"title": "Art.-Nr.", "column": "item_code"}, {"title": "Remark", "column": None}]}


async def saved(
    client: httpx.AsyncClient, url: str = WEBSHOP, body: Any = None, rev: int | None = None
) -> httpx.Response:
    headers = {} if rev is None else {"If-Match": f'"{rev}"'}
    return await client.put(url, json=BODY if body is None else body, headers=headers)


async def test_a_mapping_is_saved_read_replaced_and_deleted(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    created = await saved(manager)
    assert created.status_code == 201, created.text
    assert created.headers["location"] == WEBSHOP
    read = await manager.get(f"{MAPPINGS}/sales/%20WEBSHOP%20%20Export")
    assert read.headers["etag"] == '"1"'
    view = read.json()["data"]
    MappingView.model_validate(view)
    assert (view["source"], view["columns"]) == ("Webshop export", BODY["columns"])
    replaced = await saved(manager, body={"columns": [{"title": "SKU 2", "column": "item_code"}]}, rev=1)
    assert (replaced.status_code, replaced.headers["etag"]) == (200, '"2"')
    assert (await manager.delete(WEBSHOP, headers={"If-Match": '"1"'})).status_code == 412
    assert (await manager.delete(WEBSHOP)).status_code == 428
    assert (await manager.delete(WEBSHOP, headers={"If-Match": '"2"'})).status_code == 204
    assert (await manager.get(WEBSHOP)).status_code == 404
    assert (await manager.delete(WEBSHOP, headers={"If-Match": '"2"'})).status_code == 404
    with tenant_scope(tenant.id):
        actions = await scoped(AuditEvent).distinct("action", {"entity": "column_mapping"})
    assert actions == ["column_mapping.changed", "column_mapping.created", "column_mapping.removed"]


async def test_what_is_there_is_replaced_with_its_version_only(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    assert (await saved(manager, rev=1)).status_code == 412
    assert (await saved(manager)).status_code == 201
    assert (await saved(manager)).status_code == 428
    assert (await saved(manager, rev=7)).status_code == 412


async def test_the_list_shows_and_filters(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    await saved(manager)
    await saved(manager, f"{MAPPINGS}/prices/ERP", {"columns": [{"title": "VK", "column": "price"}]})
    rows = (await manager.get(MAPPINGS)).json()["data"]
    assert [(row["kind"], row["source"]) for row in rows] == [("prices", "ERP"), ("sales", "Webshop export")]
    found = (await manager.get(MAPPINGS, params={"kind": "sales"})).json()
    assert [row["source"] for row in found["data"]] == ["Webshop export"]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([{"title": "A", "column": "nonsense"}], "There is no column 'nonsense'; there are currency"),
        (
            [{"title": "A", "column": "quantity"}, {"title": "B", "column": "quantity"}],
            "Two titles are given for quantity",
        ),
        ([{"title": "Art. Nr", "column": "quantity"}, {"title": "art-nr.", "column": None}], "stands twice"),
        ([{"title": "!!", "column": "quantity"}], "letters or digits"),
        ([], "at least"),
        ([{"title": "A"}], "required"),
        ([{"title": "A", "column": "quantity", "tenant_id": "x"}], "not a known field"),
    ],
)
async def test_a_mapping_that_cannot_be_is_refused(sign_in: SignIn, columns: list[Any], words: str) -> None:
    answer = await saved(await sign_in("manager"), body={"columns": columns})
    assert answer.status_code == 422, answer.text
    assert words in answer.text


@pytest.mark.parametrize("source", ["x" * 61, "a%2Fb", "a%00b", "%20"])
async def test_a_source_has_a_plain_name(tenant: Tenant, sign_in: SignIn, source: str) -> None:
    answer = await saved(await sign_in("manager"), f"{MAPPINGS}/sales/{source}")
    assert answer.status_code in (404, 422), answer.text
    with tenant_scope(tenant.id):
        assert await scoped(ColumnMapping).count() == 0
