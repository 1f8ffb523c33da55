"""What a customer may order: adding, ending, replacing, and no two entries that share a day."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from core.collections import scoped
from core.context import tenant_scope
from core.search import search_words
from models.audit import AuditEvent
from models.customer import Customer, MatrixEntry
from models.product import Product
from models.tenant import Tenant
from tests import factories
from tests.api.conftest import SignIn
from tests.people import somebody


@pytest.fixture
async def masters(tenant: Tenant) -> tuple[Customer, Product, Product]:
    with tenant_scope(tenant.id):
        customer = await factories.make_customer("C1")
        lamp = await factories.make_product("LAMP", name="Lamp", search=search_words("LAMP", "Lamp"))
        clock = await factories.make_product("CLOCK", name="Wall clock", search=search_words("CLOCK", "Wall clock"))
        return customer, lamp, clock


Masters = tuple[Customer, Product, Product]


def path(customer: Customer, entry: str = "") -> str:
    return f"/api/v1/customers/{customer.id}/products" + (f"/{entry}" if entry else "")


def entry(product: Product, first: str | None = None, last: str | None = None) -> dict[str, Any]:
    return {"product_id": str(product.id), "valid_from": first, "valid_to": last}


async def codes(client: httpx.AsyncClient, customer: Customer, **query: str) -> list[str]:
    answer = await client.get(path(customer), params=query)
    assert answer.status_code == 200
    return [row["item_code"] for row in answer.json()["data"]]


async def test_products_are_put_on_a_list_and_shown_with_code_and_name(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp, clock = masters
    manager = await sign_in("manager")
    added = await manager.post(path(customer), json={"entries": [entry(lamp, "2026-01-01"), entry(clock)]})
    assert added.status_code == 201
    assert added.headers["location"] == path(customer)
    listed = await manager.get(path(customer))
    assert listed.headers["etag"] == added.headers["etag"] == '"2"'
    rows = listed.json()["data"]
    assert [(row["item_code"], row["name"], row["valid_from"], row["valid_to"]) for row in rows] == [
        ("CLOCK", "Wall clock", None, None),
        ("LAMP", "Lamp", "2026-01-01", None),
    ]
    assert listed.json()["meta"] == {"page": 1, "limit": 50, "has_next": False, "total": 2}
    with tenant_scope(customer.tenant_id):
        event = await scoped(AuditEvent).one({"action": "matrix_entry.added"})
    assert event is not None
    assert (event.entity_id, len((event.after or {})["entries"])) == (str(customer.id), 2)


async def test_a_list_is_filtered_searched_sorted_and_paged(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp, clock = masters
    manager = await sign_in("manager")
    entries = [entry(lamp, "2026-01-01", "2026-06-30"), entry(lamp, "2026-09-01"), entry(clock, "2026-02-01")]
    assert (await manager.post(path(customer), json={"entries": entries})).status_code == 201
    assert await codes(manager, customer) == ["CLOCK", "LAMP", "LAMP"]
    assert await codes(manager, customer, valid_on="2026-06-30") == ["CLOCK", "LAMP"]
    assert await codes(manager, customer, valid_on="2026-07-01") == ["CLOCK"]
    assert await codes(manager, customer, product_id=str(lamp.id)) == ["LAMP", "LAMP"]
    assert await codes(manager, customer, search="wal") == ["CLOCK"]
    assert await codes(manager, customer, sort_by="valid_from") == ["LAMP", "CLOCK", "LAMP"]
    assert await codes(manager, customer, sort_by="name", order="desc") == ["CLOCK", "LAMP", "LAMP"]
    assert await codes(manager, customer, order="desc") == ["LAMP", "LAMP", "CLOCK"]
    answer = await manager.get(path(customer), params={"limit": 2, "page": 2, "count": "false"})
    assert [row["valid_from"] for row in answer.json()["data"]] == ["2026-09-01"]
    assert answer.json()["meta"] == {"page": 2, "limit": 2, "has_next": False}


async def test_an_overlap_is_refused_and_names_the_entry(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp, clock = masters
    manager = await sign_in("manager")
    first = await manager.post(path(customer), json={"entries": [entry(lamp, "2026-01-01", "2026-12-31")]})
    there = first.json()["data"][0]["id"]
    refused = await manager.post(path(customer), json={"entries": [entry(clock), entry(lamp, "2026-12-31")]})
    assert refused.status_code == 409
    (detail,) = refused.json()["error"]["details"]
    assert detail["field"] == "entries.1.valid_from"
    assert there in detail["message"]
    assert "2026-01-01 to 2026-12-31" in detail["message"]
    assert await codes(manager, customer) == ["LAMP"]
    assert (await manager.post(path(customer), json={"entries": [entry(lamp, "2027-01-01")]})).status_code == 201


@pytest.mark.parametrize(
    ("entries", "field"),
    [
        ([{"product_id": str(uuid4())}], "entries.0.product_id"),
        ([{"product_id": "LAMP"}], "entries.0.product_id"),
        ([{"product_id": "lamp", "valid_from": "2026-02-01", "valid_to": "2026-01-31"}], "entries.0.valid_to"),
        ([{"product_id": "lamp", "valid_from": "2026-02-30"}], "entries.0.valid_from"),
        ([{"product_id": "lamp"}, {"product_id": "lamp", "valid_from": "2026-01-01"}], "entries.1.valid_from"),
        ([{"product_id": "gone"}], "entries.0.product_id"),
        ([], "entries"),
    ],
)
async def test_what_can_not_be_put_on_a_list_is_said_field_by_field(
    masters: Masters, sign_in: SignIn, entries: list[dict[str, str]], field: str
) -> None:
    customer, lamp, _ = masters
    with tenant_scope(customer.tenant_id):
        gone = await factories.make_product("GONE", is_active=False)
    names = {"lamp": str(lamp.id), "gone": str(gone.id)}
    said = [{**one, "product_id": names.get(one["product_id"], one["product_id"])} for one in entries]
    refused = await (await sign_in("manager")).post(path(customer), json={"entries": said})
    assert refused.status_code == 422
    assert [detail["field"] for detail in refused.json()["error"]["details"]] == [field]


async def test_an_entry_is_ended_from_the_version_that_was_read(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp, _ = masters
    manager = await sign_in("manager")
    added = await manager.post(path(customer), json={"entries": [entry(lamp, "2026-01-01")]})
    one = path(customer, added.json()["data"][0]["id"])
    read = await manager.get(one)
    assert (read.status_code, read.headers["etag"]) == (200, '"1"')
    assert (await manager.patch(one, json={"valid_to": "2026-06-30"})).status_code == 428
    ended = await manager.patch(one, json={"valid_to": "2026-06-30"}, headers={"If-Match": '"1"'})
    assert (ended.status_code, ended.headers["etag"], ended.json()["data"]["valid_to"]) == (200, '"2"', "2026-06-30")
    assert (await manager.patch(one, json={"valid_to": None}, headers={"If-Match": '"1"'})).status_code == 412
    backwards = await manager.patch(one, json={"valid_to": "2025-12-31"}, headers={"If-Match": '"2"'})
    assert [detail["field"] for detail in backwards.json()["error"]["details"]] == ["valid_to"]
    assert (await manager.post(path(customer), json={"entries": [entry(lamp, "2026-07-01")]})).status_code == 201
    overlapping = await manager.patch(one, json={"valid_to": None}, headers={"If-Match": '"2"'})
    assert overlapping.status_code == 409
    assert (await manager.delete(one, headers={"If-Match": '"1"'})).status_code == 412
    assert (await manager.delete(one, headers={"If-Match": '"2"'})).status_code == 204
    assert (await manager.get(one)).status_code == 404
    assert (await manager.delete(one, headers={"If-Match": '"2"'})).status_code == 404


async def test_an_entry_of_another_customer_is_not_found_here(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp, _ = masters
    with tenant_scope(customer.tenant_id):
        other = await factories.make_customer("C2")
        foreign = await factories.allow(other, lamp)
    manager = await sign_in("manager")
    one = path(customer, str(foreign.id))
    assert (await manager.get(one)).status_code == 404
    assert (await manager.patch(one, json={"valid_to": None}, headers={"If-Match": '"1"'})).status_code == 404
    assert (await manager.delete(one, headers={"If-Match": '"1"'})).status_code == 404


async def test_a_whole_list_is_replaced_in_one_piece(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp, clock = masters
    manager = await sign_in("manager")
    first = await manager.post(path(customer), json={"entries": [entry(lamp, "2026-01-01"), entry(clock)]})
    kept = {row["item_code"]: row["id"] for row in first.json()["data"]}
    wanted = {"entries": [entry(lamp, "2026-01-01", "2026-06-30"), entry(lamp, "2026-09-01")]}
    assert (await manager.put(path(customer), json=wanted)).status_code == 428
    assert (await manager.put(path(customer), json=wanted, headers={"If-Match": '"1"'})).status_code == 412
    done = await manager.put(path(customer), json=wanted, headers={"If-Match": first.headers["etag"]})
    assert done.status_code == 200
    assert done.headers["etag"] == '"3"'
    body = done.json()["data"]
    assert (len(body["added"]), body["changed"], body["removed"]) == (1, 1, 1)
    rows = (await manager.get(path(customer))).json()["data"]
    assert [(row["valid_from"], row["valid_to"]) for row in rows] == [
        ("2026-01-01", "2026-06-30"),
        ("2026-09-01", None),
    ]
    assert rows[0]["id"] == kept["LAMP"]
    emptied = await manager.put(path(customer), json={"entries": []}, headers={"If-Match": '"3"'})
    assert emptied.json()["data"] == {"added": [], "changed": 0, "removed": 2}
    with tenant_scope(customer.tenant_id):
        assert await scoped(AuditEvent).count({"action": "matrix_entry.replaced"}) == 2


async def test_an_inactive_product_may_stay_on_a_list_that_is_replaced(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp, clock = masters
    with tenant_scope(customer.tenant_id):
        await factories.allow(customer, lamp)
        await scoped(Product).update_many({"_id": {"$in": [lamp.id, clock.id]}}, {"$set": {"is_active": False}})
    manager = await sign_in("manager")
    version = {"If-Match": '"1"'}
    refused = await manager.put(path(customer), json={"entries": [entry(lamp), entry(clock)]}, headers=version)
    assert [detail["field"] for detail in refused.json()["error"]["details"]] == ["entries.1.product_id"]
    kept = await manager.put(path(customer), json={"entries": [entry(lamp)]}, headers=version)
    assert kept.json()["data"] == {"added": [], "changed": 0, "removed": 0}


async def test_of_fifty_who_add_overlapping_entries_at_once_one_succeeds(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp, _ = masters
    manager = await sign_in("manager")
    days = [f"2026-{1 + at % 12:02d}-{1 + at // 12:02d}" for at in range(50)]
    answers = await asyncio.gather(
        *(manager.post(path(customer), json={"entries": [entry(lamp, day, "2027-01-31")]}) for day in days)
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    with tenant_scope(customer.tenant_id):
        assert await scoped(MatrixEntry).count({"customer_id": customer.id}) == 1


async def test_the_same_key_adds_once(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp, _ = masters
    manager = await sign_in("manager")
    key = {"Idempotency-Key": "add-lamp"}
    body = {"entries": [entry(lamp)]}
    first = await manager.post(path(customer), json=body, headers=key)
    again = await manager.post(path(customer), json=body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


async def test_nothing_new_is_tied_to_a_customer_that_is_inactive_or_merged(masters: Masters, sign_in: SignIn) -> None:
    customer, lamp, clock = masters
    inactive = {"is_active": False, "status": "inactive"}
    with tenant_scope(customer.tenant_id):
        merged = await factories.make_customer("C2", merged_into=customer.id, **inactive)
        gone = await factories.make_customer("C3", **inactive)
        there = await factories.allow(gone, clock)
    manager = await sign_in("manager")
    for one, reason in ((merged, "merged into C1"), (gone, "restore it first")):
        refused = await manager.post(path(one), json={"entries": [entry(lamp)]})
        assert refused.status_code == 409
        assert reason in refused.json()["error"]["message"]
    version = {"If-Match": (await manager.get(path(gone))).headers["etag"]}
    both = {"entries": [entry(clock), entry(lamp)]}
    assert (await manager.put(path(gone), json=both, headers=version)).status_code == 409
    ended = await manager.patch(path(gone, str(there.id)), json={"valid_to": "2026-06-30"}, headers={"If-Match": '"1"'})
    assert ended.status_code == 200


async def test_asking_for_products_with_a_customer_gives_only_that_customers(
    app: FastAPI, masters: Masters, sign_in: SignIn
) -> None:
    customer, lamp, clock = masters
    rep, client = await somebody(app, customer.tenant_id, "sales_rep")
    with tenant_scope(customer.tenant_id):
        other = await factories.make_customer("C2")
        await factories.assign(rep, customer)
        await factories.allow(other, clock)
        await factories.allow(customer, lamp, valid_from="2026-01-01", valid_to="2026-06-30")
        await factories.allow(customer, await factories.make_product("NOW"))
    manager = await sign_in("manager")

    async def found(who: httpx.AsyncClient, **query: str) -> list[str]:
        answer = await who.get("/api/v1/products", params={"sort_by": "code", **query})
        assert answer.status_code == 200
        return [row["code"] for row in answer.json()["data"]]

    own = {"customer_id": str(customer.id)}
    assert await found(manager) == ["CLOCK", "LAMP", "NOW"]
    for who in (manager, client):
        assert await found(who, **own) == ["NOW"]
        assert await found(who, **own, valid_on="2026-06-30") == ["LAMP", "NOW"]
        assert await found(who, **own, valid_on="2026-06-30", search="lam") == ["LAMP"]
        assert await found(who, **own, search="clo") == []
    suggested = await client.get("/api/v1/products/suggestions", params={"text": "wal clok", **own})
    assert suggested.json()["data"] == []
    everything = await manager.get("/api/v1/products/suggestions", params={"text": "wal clok"})
    assert [row["code"] for row in everything.json()["data"]] == ["CLOCK"]
    elsewhere = await factories.make_tenant()
    with tenant_scope(elsewhere.id):
        foreign = await factories.make_customer("C1")
    for who, customer_id in ((client, other.id), (manager, foreign.id), (manager, uuid4())):
        for path_of, more in (("products", {}), ("products/suggestions", {"text": "lamp"})):
            hidden = await who.get(f"/api/v1/{path_of}", params={"customer_id": str(customer_id), **more})
            assert hidden.status_code == 404
    lonely = await manager.get("/api/v1/products", params={"valid_on": "2026-06-30"})
    assert lonely.status_code == 422


async def test_a_rep_reads_the_lists_of_the_own_customers_only(app: FastAPI, masters: Masters) -> None:
    customer, lamp, _ = masters
    rep, client = await somebody(app, customer.tenant_id, "sales_rep")
    with tenant_scope(customer.tenant_id):
        own = await factories.make_customer("C2")
        await factories.assign(rep, own)
        for one in (own, customer):
            await factories.allow(one, lamp)
    assert await codes(client, own) == ["LAMP"]
    assert (await client.get(path(customer))).status_code == 404
    assert (await client.post(path(own), json={"entries": [entry(lamp)]})).status_code == 403
