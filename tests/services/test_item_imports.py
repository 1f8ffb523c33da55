"""Importing matrix, prices and rates: the same rules as by hand, told row by row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from activities import imports as reading
from core.collections import scoped
from core.context import tenant_scope
from core.errors import Conflict
from integrations.spreadsheets.limits import ReadLimits
from models.customer import Customer, CustomerPrice, MatrixEntry
from models.product import Product
from models.rate import FxRate
from models.sale import SaleLine, SalesRollup
from models.tenant import Tenant
from services import customer_items, matrix, prices, rollups
from services.import_apply.base import INACTIVE
from services.import_apply.items import MatrixWriter
from services.matrix import MATRIX
from services.prices import PRICES
from tests import factories
from tests.imported import counts, errors, imported

MATRIX_HEAD = "customer_code,item_code,valid_from,valid_to"
PRICE_HEAD = "customer_code,item_code,price,currency,valid_from,valid_to"


@pytest.fixture(autouse=True)
async def masters(tenant: Tenant) -> AsyncIterator[tuple[Customer, Product]]:
    with tenant_scope(tenant.id):
        yield await factories.make_customer("C1", currency="USD"), await factories.make_product("P1")


async def days() -> list[tuple[str | None, str | None]]:
    entries = await scoped(MatrixEntry).documents(sort=[("valid_from", 1)])
    return [(entry.valid_from, entry.valid_to) for entry in entries]


@pytest.mark.parametrize("dry_run", [False, True])
async def test_rows_of_one_file_that_share_a_day_are_refused(dry_run: bool) -> None:
    rows = ("C1,P1,2026-01-01,2026-06-30", "C1,P1,2026-06-30,", "C1,P1,2026-07-01,")
    job = await imported("matrix", MATRIX_HEAD, *rows, dry_run=dry_run)
    assert counts(job) == {"inserted": 2, "updated": 0, "unchanged": 0, "rejected": 1}
    assert errors(job) == [
        (3, "valid_from", "days that are free: row 2 for this product holds 2026-01-01 to 2026-06-30")
    ]
    assert await days() == ([] if dry_run else [("2026-01-01", "2026-06-30"), ("2026-07-01", None)])


async def test_a_row_that_shares_a_day_with_a_stored_entry_is_refused(masters: tuple[Customer, Product]) -> None:
    await factories.allow(*masters)
    job = await imported("matrix", MATRIX_HEAD, "C1,P1,2026-01-01,")
    assert errors(job) == [
        (2, "valid_from", "days that are free: a stored entry for this product holds always; give that one a valid_to")
    ]


async def test_a_file_may_end_an_entry_and_begin_the_next_in_any_order(masters: tuple[Customer, Product]) -> None:
    before = await factories.allow(*masters, valid_from="2026-01-01")
    job = await imported("matrix", MATRIX_HEAD, "C1,P1,2027-01-01,", "C1,P1,2026-01-01,2026-12-31")
    assert counts(job) == {"inserted": 1, "updated": 1, "unchanged": 0, "rejected": 0}
    assert await days() == [("2026-01-01", "2026-12-31"), ("2027-01-01", None)]
    after = await scoped(MatrixEntry).get(before.id)
    assert (after.rev, await customer_items.version_of(MATRIX, masters[0].id)) == (2, 2)


async def test_a_dry_run_remembers_the_days_of_earlier_batches(
    masters: tuple[Customer, Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LIMITS", ReadLimits(batch_rows=1))
    for dry_run in (True, False):
        job = await imported("matrix", MATRIX_HEAD, "C1,P1,2026-01-01,", "C1,P1,2027-01-01,", dry_run=dry_run)
        assert counts(job) == {"inserted": 1, "updated": 0, "unchanged": 0, "rejected": 1}


async def test_what_somebody_took_meanwhile_is_refused_late(
    masters: tuple[Customer, Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, product = masters
    write = MatrixWriter.write

    async def late(self: MatrixWriter, plan: object) -> object:
        draft = {"product_id": product.id, "valid_from": "2026-03-01", "valid_to": None}
        await matrix.add(customer.id, [draft])
        return await write(self, plan)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(MatrixWriter, "write", late)
        job = await imported("matrix", MATRIX_HEAD, "C1,P1,2026-01-01,", "C1,P1,2025-01-01,2025-12-31")
    assert counts(job) == {"inserted": 1, "updated": 0, "unchanged": 0, "rejected": 1}
    assert [row for row, _, _ in errors(job)] == [2]
    assert await days() == [("2025-01-01", "2025-12-31"), ("2026-03-01", None)]


async def test_files_and_people_at_once_leave_no_two_entries_that_share_a_day(
    masters: tuple[Customer, Product],
) -> None:
    customer, product = masters

    async def by_hand(month: int) -> None:
        draft = {"product_id": product.id, "valid_from": f"2026-{month:02d}-01", "valid_to": None, "price": Decimal(1)}
        try:
            await prices.add(customer.id, [draft])
        except Conflict:
            return

    files = (imported("prices", PRICE_HEAD, f"C1,P1,2,USD,2026-{month:02d}-15,") for month in range(1, 5))
    await asyncio.gather(*files, *(by_hand(month) for month in range(1, 9)))
    assert await scoped(CustomerPrice).count({}) == 1


async def test_prices_are_in_the_customers_currency(masters: tuple[Customer, Product]) -> None:
    job = await imported(
        "prices",
        PRICE_HEAD,
        "C1,P1,2.50,,2026-01-01,2026-12-31",
        "C1,P1,2.60,usd,2027-01-01,",
        "C1,P1,1,EUR,2025-01-01,",
    )
    assert counts(job) == {"inserted": 2, "updated": 0, "unchanged": 0, "rejected": 1}
    assert errors(job) == [(4, "currency", "USD, the currency of this customer")]
    assert await scoped(CustomerPrice).distinct("currency") == ["USD"]
    assert await customer_items.version_of(PRICES, masters[0].id) == 2
    stored = await scoped(CustomerPrice).documents()
    assert {(one.rev, one.updated_at == one.created_at) for one in stored} == {(1, True)}


async def test_nothing_new_is_tied_to_what_is_inactive(masters: tuple[Customer, Product]) -> None:
    customer = await factories.make_customer("C2", status="inactive", is_active=False)
    await factories.make_product("P2", is_active=False)
    await factories.allow(customer, masters[1], valid_from="2026-01-01")
    job = await imported("matrix", MATRIX_HEAD, "C1,P2,,", "C2,P1,2027-01-01,", "C2,P1,2026-01-01,2026-12-31")
    assert counts(job) == {"inserted": 0, "updated": 1, "unchanged": 0, "rejected": 2}
    assert errors(job) == [
        (2, "item_code", INACTIVE),
        (3, "customer_code", INACTIVE),
    ]


async def test_customers_and_products_may_be_in_any_currency() -> None:
    await imported("customers", "customer_code,name,currency", "C2,Contoso,CHF")
    await imported("products", "item_code,name,list_price,currency", "P2,Clock,10,JPY")
    customer = await scoped(Customer).one({"code": "C2"})
    product = await scoped(Product).one({"code": "P2"})
    assert customer is not None
    assert product is not None
    assert (customer.currency, product.currency) == ("CHF", "JPY")


async def test_rates_arrive_by_month_currency_and_kind() -> None:
    head = "month,currency,kind,rate"
    job = await imported(
        "fx-rates", head, "2027-01,usd,,0.92", "2027-01,USD,budget,0.9", "2027-02,EUR,,1", "2027-02,USD,,0"
    )
    assert counts(job) == {"inserted": 2, "updated": 0, "unchanged": 0, "rejected": 2}
    assert errors(job) == [
        (4, "currency", "another currency than EUR, which is always 1"),
        (5, "rate", "a number above 0"),
    ]
    again = await imported("fx-rates", head, "2027-01,USD,plan,0.93", "2027-01,USD,budget,0.9")
    assert counts(again) == {"inserted": 0, "updated": 1, "unchanged": 1, "rejected": 0}
    plan, budget = await scoped(FxRate).documents(sort=[("kind", -1)])
    assert (plan.kind, plan.rate, plan.rev) == ("plan", Decimal("0.93"), 2)
    assert (budget.kind, budget.rate, budget.rev) == ("budget", Decimal("0.9"), 1)


async def test_a_sale_outside_of_the_matrix_is_kept(masters: tuple[Customer, Product]) -> None:
    await factories.allow(*masters, valid_to="2025-12-31")
    head = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price"
    await factories.make_product("P2")
    job = await imported("sales", head, "I1,P1,1,C1,2026-01-05,3,2.5", "I1,P2,2,C1,2026-01-05,1,2.5")
    assert counts(job) == {"inserted": 2, "updated": 0, "unchanged": 0, "rejected": 0}
    await rollups.refresh()
    assert await scoped(SaleLine).count({}) == await scoped(SalesRollup).count({}) == 2


async def test_sales_in_a_currency_that_nobody_gave_a_rate_for_are_refused() -> None:
    head = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price,currency"
    job = await imported("sales", head, "I1,P1,1,C1,2026-01-05,3,2.5,USD")
    expected = "EUR, or a currency with an exchange rate (actual or plan) for 2026-01"
    assert errors(job) == [(2, "currency", expected)]


async def test_a_wrong_row_hears_of_its_unknown_codes_in_the_same_pass() -> None:
    rows = ("NOPE,P1,1,,2026-12-31,2026-01-01", "C1,NIL,x,,2026-01-01,", ",NIL,1,,2026-01-01,", "C1,P1,2,,2026-01-01,")
    job = await imported("prices", PRICE_HEAD, *rows)
    assert counts(job) == {"inserted": 1, "updated": 0, "unchanged": 0, "rejected": 3}
    assert [(row, column) for row, column, _ in errors(job)] == [
        (2, "valid_to"), (2, "customer_code"), (3, "price"), (3, "item_code"), (4, "customer_code"), (4, "item_code"),
    ]  # fmt: skip
    assert job.result is not None
    assert job.result["errors"] == 6


async def test_a_sale_without_an_amount_hears_of_its_unknown_codes_in_the_same_pass() -> None:
    head = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price"
    job = await imported(
        "sales", head, "1,NIL,1,NOPE,2026-01-05,1,", "2,P1,1,NOPE,soon,1,2", "3,P1,1,C1,2026-01-05,1,2"
    )
    assert counts(job) == {"inserted": 1, "updated": 0, "unchanged": 0, "rejected": 2}
    assert [(row, column) for row, column, _ in errors(job)] == [
        (2, "unit_price"), (2, "customer_code"), (2, "item_code"), (3, "invoice_date"), (3, "customer_code"),
    ]  # fmt: skip
