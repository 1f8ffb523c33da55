"""Importing customers, and other kinds that name one which is inactive or was merged."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.collections import scoped
from core.context import tenant_scope
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.sale import SaleLine
from models.tenant import Tenant
from tests import factories
from tests.imported import counts, errors, imported

RESTORE = "one that is in use: this one is inactive, so restore it first"
SALE = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price"


@pytest.fixture(autouse=True)
async def in_tenant(tenant: Tenant) -> AsyncIterator[None]:
    with tenant_scope(tenant.id):
        yield


async def customer(code: str) -> Customer:
    found = await scoped(Customer).one({"code_key": code.casefold()})
    assert found is not None
    return found


async def test_aliases_and_prospects_come_with_the_file() -> None:
    header = "customer_code,name,status,aliases"
    job = await imported("customers", header, "C1,Acme,prospect,ACM; Acme Ltd ;acm", "C2,Beta,,")
    assert counts(job) == {"inserted": 2, "updated": 0, "unchanged": 0, "rejected": 0}
    acme = await customer("C1")
    assert (acme.aliases, acme.status, acme.is_active) == (["ACM", "Acme Ltd"], "prospect", True)
    assert acme.search == ["c1", "acme", "acm", "ltd"]
    assert (await customer("C2")).aliases == []
    again = await imported("customers", header, "C1,Acme,,", "C2,Beta,active,")
    assert counts(again) == {"inserted": 0, "updated": 0, "unchanged": 2, "rejected": 0}


async def test_a_file_without_aliases_keeps_them_and_what_is_found_by_them() -> None:
    await imported("customers", "customer_code,name,aliases", "C1,Acme,ACM")
    await imported("customers", "customer_code,name", "C1,Acme Tools")
    acme = await customer("C1")
    assert (acme.aliases, acme.search) == (["ACM"], ["c1", "acme", "tools", "acm"])


async def test_the_status_of_a_file_remembers_what_was_before() -> None:
    header = "customer_code,name,status"
    await imported("customers", header, "C1,Acme,prospect")
    await imported("customers", header, "C1,Acme,inactive")
    gone = await customer("C1")
    assert (gone.status, gone.status_before, gone.is_active) == ("inactive", "prospect", False)
    await imported("customers", "customer_code,name", "C1,Acme Tools")
    assert not (await customer("C1")).is_active
    await imported("customers", header, "C1,Acme,active")
    back = await customer("C1")
    assert (back.status, back.status_before, back.is_active) == ("active", None, True)


async def test_too_many_aliases_are_refused() -> None:
    job = await imported("customers", "customer_code,name,aliases", f"C1,Acme,{';'.join(f'a{n}' for n in range(51))}")
    assert errors(job) == [(2, "aliases", "at most 50 names, separated by semicolons")]


async def test_nothing_new_is_tied_to_what_is_inactive_but_its_sales_are_facts() -> None:
    await factories.make_customer("GONE", status="inactive", is_active=False)
    await factories.make_customer("C1")
    await factories.make_product("TEA")
    await factories.make_product("OLD", is_active=False)
    rep = await factories.make_user("sales_rep")
    matrix = await imported("matrix", "customer_code,item_code", "GONE,TEA", "C1,OLD", "C1,TEA")
    assert errors(matrix) == [(2, "customer_code", RESTORE), (3, "item_code", RESTORE)]
    prices = await imported("prices", "customer_code,item_code,price,valid_from", "gone,TEA,2,2026-01-01")
    assert errors(prices) == [(2, "customer_code", RESTORE)]
    reps = await imported("assignments", "email,customer_code,valid_from", f"{rep.email},GONE,2026-01-01")
    assert errors(reps) == [(2, "customer_code", RESTORE)]
    sales = await imported("sales", SALE, "I1,OLD,1,GONE,2026-01-05,3,2.50")
    assert counts(sales)["inserted"] == 1


async def test_the_code_of_a_merged_customer_finds_the_one_that_it_is_now() -> None:
    real = await factories.make_customer("C1")
    old = await factories.make_customer("OLD", status="inactive", is_active=False, merged_into=real.id)
    await factories.make_product("TEA")
    rep = await factories.make_user("sales_rep")
    await imported("matrix", "customer_code,item_code", "old,TEA")
    await imported("prices", "customer_code,item_code,price,valid_from", "OLD,TEA,2,2026-01-01")
    await imported("assignments", "email,customer_code,valid_from", f"{rep.email},OLD,2026-01-01")
    await imported("sales", SALE, "I1,TEA,1,OLD,2026-01-05,3,2.50")
    for model in (MatrixEntry, CustomerPrice, Assignment, SaleLine):
        assert await scoped(model).distinct("customer_id") == [real.id]
    job = await imported("customers", "customer_code,name", "OLD,Another name")
    assert errors(job) == [(2, "customer_code", "a customer that was not merged: use C1")]
    assert (await scoped(Customer).get(old.id)).name == old.name


async def test_of_two_rows_that_name_a_merged_customer_by_both_codes_the_first_counts_however_often() -> None:
    real = await factories.make_customer("C1")
    await factories.make_customer("OLD", status="inactive", is_active=False, merged_into=real.id)
    await factories.make_product("TEA")
    for _ in range(2):
        job = await imported("matrix", "customer_code,item_code,valid_to", "C1,TEA,2026-01-31", "OLD,TEA,2026-12-31")
        taken = "days that are free: row 2 for this product holds until 2026-01-31"
        assert errors(job) == [(3, "valid_from", taken)]
        assert await scoped(MatrixEntry).distinct("valid_to") == ["2026-01-31"]
