"""Sales lines: what imports store, how corrections and imports meet, and what changes in complete months."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from activities.imports import run_import_job
from core.collections import scoped, transaction
from core.context import tenant_scope
from core.errors import InvalidInput, NotFound, NotPermitted, StaleVersion
from models.audit import AuditEvent
from models.customer import Customer
from models.job import Job
from models.keys import sale_id
from models.product import Product
from models.rate import FxRate
from models.sale import RollupState, SaleLine, SalesRollup
from models.tenant import Tenant
from planning.import_modes import Mode
from planning.roles import Role
from services import month_figures, months, rollups, sale_corrections, sales
from services.identity import Caller
from services.import_kinds.tables import ImportKind
from tests import factories
from tests.exported import brought_back, exported
from tests.imported import accepted, counts, errors, imported
from tests.interrupted import Killed

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
HEADER = (
    "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price,net_revenue,line_type,unit_cost,"
    "order_date,requested_date,shipped_date"
)
PIECES, POUNDS, PRICE = 1_000, 10_000, 100_000_000
CALLER = Caller(uuid4(), uuid4(), uuid4(), Role.MANAGER, frozenset(), "Max", "en")


@pytest.fixture(autouse=True)
async def company(tenant: Tenant) -> AsyncIterator[Tenant]:
    with tenant_scope(tenant.id):
        for number in (1, 2):
            await factories.make_customer(f"C{number}")
            await factories.make_product(f"P{number}")
        yield tenant


async def taken(*rows: str, **options: Any) -> Job:
    return await imported("sales", HEADER, *rows, **options)


async def line(invoice: str = "I1", item: str = "p1") -> SaleLine:
    found = await scoped(SaleLine).one({"_id": id_of(await scoped(Customer).one({}), invoice, item)})
    assert found is not None
    return found


def id_of(somebody: Customer | None, invoice: str = "I1", item: str = "p1") -> UUID:
    assert somebody is not None
    return sale_id(somebody.tenant_id, invoice, item, 1)


async def correct(invoice: str = "I1", reason: str = "Typed wrong", **said: Any) -> SaleLine:
    before = await line(invoice)
    await sale_corrections.correct(CALLER, before.id, before.rev, said, reason, AT)
    return await line(invoice)


async def product(code: str) -> Product:
    found = await scoped(Product).one({"code": code})
    assert found is not None
    return found


async def customer(code: str) -> Customer:
    found = await scoped(Customer).one({"code": code})
    assert found is not None
    return found


# What is stored ------------------------------------------------------------------------------------------------------


async def test_a_line_keeps_all_its_dates_and_what_it_cost() -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,1.1,2025-12-01,2026-01-02,2026-01-03")
    stored = await line()
    assert (stored.order_date, stored.requested_date, stored.shipped_date) == ("2025-12-01", "2026-01-02", "2026-01-03")
    assert (stored.month, stored.dated_by, stored.rev) == ("2026-01", "invoice_date", 1)
    assert (stored.unit_cost, stored.cost, stored.net_revenue) == (110_000_000, 33_000, 75_000)


@pytest.mark.parametrize(
    ("basis", "month", "dated_by"),
    [
        ("invoice_date", "2026-01", "invoice_date"),
        ("order_date", "2025-12", "order_date"),
        ("delivery_date", "2026-02", "shipped_date"),
    ],
)
async def test_the_company_decides_which_date_counts(company: Tenant, basis: str, month: str, dated_by: str) -> None:
    await scoped(Tenant).update_one({"_id": company.id}, {"$set": {"actuals_basis": basis}})
    job = await taken(
        "I1,P1,1,C1,2026-01-05,3,2.5,,,,2025-12-01,,2026-02-03", "I2,P1,1,C1,2026-01-05,3,2.5,,,,,2026-03-01,"
    )
    stored, undated = await line(), await line("I2")
    assert (stored.month, stored.dated_by) == (month, dated_by)
    assert (undated.month, undated.dated_by) == ("2026-01", "invoice_date")
    assert job.result is not None
    assert job.result["sales"]["dated_by_invoice_date"] == (0 if basis == "invoice_date" else 1)


async def test_a_column_that_a_file_does_not_have_stays_as_it_is_and_an_empty_cell_clears() -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,1.1,2025-12-01,,2026-01-03")
    short = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price"
    assert counts(await imported("sales", short, "I1,P1,1,C1,2026-01-05,3,2.5"))["unchanged"] == 1
    assert counts(await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,2025-12-01,,2026-01-03"))["updated"] == 1
    stored = await line()
    assert (stored.unit_cost, stored.cost, stored.order_date) == (None, None, "2025-12-01")


async def test_net_revenue_is_what_is_left_of_totals_and_prices() -> None:
    header = (
        "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price,gross_amount,discount,tax,freight"
    )
    job = await imported(
        "sales",
        header,
        "I1,P1,1,C1,2026-01-05,3,2.5,,1.5,,",
        "I2,P1,1,C1,2026-01-05,3,,12,,2,1",
        "I3,P1,1,C1,2026-01-05,3,2.5,,8,,",
        "I4,P1,1,C1,2026-01-05,3,,12,,13,",
    )
    assert [(await line(one)).net_revenue for one in ("I1", "I2")] == [60_000, 90_000]
    assert errors(job) == [
        (4, "discount", "at most the 7.5 that it is taken off from"),
        (5, "tax", "at most the 12 that it is taken off from"),
    ]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("I1,P1,1,C1,2026-01-05,1,2.5,,return,,,,", "quantity"),
        ("I1,P1,1,C1,2026-01-05,-1,2.5,2.5,cancellation,,,,", "net_revenue"),
        ("I1,P1,1,C1,2026-01-05,-1,2.5,-2.5,price_credit,,,,", "quantity"),
        ("I1,P1,1,C1,2026-01-05,1,,2.5,rebate,,,,", "net_revenue"),
        ("I1,P1,1,C1,2026-01-05,1,,2.5,free_goods,,,,", "net_revenue"),
        ("I1,P1,1,C1,2026-01-05,1,,-2.5,sale,,,,", "net_revenue"),
        ("I1,P1,1,C1,2026-01-05,900000000,1,,sale,900000000,,,", "unit_cost"),
    ],
)
async def test_numbers_that_a_type_can_not_have_are_refused_with_the_reason(row: str, column: str) -> None:
    job = await taken(row)
    assert counts(job)["rejected"] == 1
    assert column in [one[1] for one in errors(job)]
    assert await scoped(SaleLine).count() == 0


async def test_free_goods_need_no_amount_and_other_lines_do() -> None:
    header = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price,line_type"
    job = await imported(
        "sales",
        header,
        "I1,P1,1,C1,2026-01-05,3,,free_goods",
        "I2,P1,1,C1,2026-01-05,3,,sale",
        "I3,P1,1,C1,2026-01-05,3,2.5,free_goods",
    )
    assert [(await line(one)).net_revenue for one in ("I1", "I3")] == [0, 0]
    assert errors(job) == [(3, "unit_price", "a net revenue, a gross amount or a unit price")]


async def test_rollups_sum_what_lines_cost_and_what_nobody_said() -> None:
    await taken(
        "I1,P1,1,C1,2026-01-05,3,2.5,,sale,1.1,,,",
        "I2,P1,1,C1,2026-01-06,-1,2.5,,return,,,,",
        "I3,P1,1,C1,2026-01-07,4,,0,free_goods,,,,",
        "I4,P1,1,C1,2026-01-07,0,,-1,price_credit,,,,",
        "I5,P1,1,C1,2026-01-07,1,9,,service,2,,,",
    )
    await rollups.refresh()
    (row,) = await scoped(SalesRollup).rows()
    assert (row["quantity"], row["revenue"]) == (6_000, 130_000)
    assert (row["cost"], row["uncosted"], row["uncosted_revenue"], row["uncosted_lines"]) == (53_000, 3_000, -25_000, 2)


# Corrections ---------------------------------------------------------------------------------------------------------


async def test_a_correction_is_told_and_the_rollups_follow() -> None:
    await taken("I1,P1,1,C1,2026-01-05,30,2.5,,sale,,,,")
    await rollups.refresh()
    corrected = await correct(quantity=3 * PIECES, product_id=(await product("P2")).id)
    assert (corrected.quantity, corrected.net_revenue, corrected.rev) == (3_000, 75_000, 2)
    assert corrected.corrected_at == AT
    assert corrected.imported == {
        "product_id": (await product("P1")).id, "quantity": 30_000, "net_revenue": 750_000,
    }  # fmt: skip
    await rollups.refresh()
    (row,) = await scoped(SalesRollup).rows()
    assert (row["product_id"], row["quantity"], row["revenue"]) == (corrected.product_id, 3_000, 75_000)
    (event,) = await scoped(AuditEvent).documents({"action": "sale.corrected"})
    assert event.reason == "Typed wrong"
    assert event.before == {"product_id": str((await product("P1")).id), "quantity": 30, "net_revenue": 75}
    assert event.after == {"product_id": str((await product("P2")).id), "quantity": 3, "net_revenue": 7.5}


async def test_saying_what_stands_changes_nothing() -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,,,")
    assert (await correct(quantity=3 * PIECES, line_type="sale")).rev == 1
    assert await scoped(AuditEvent).count({"action": "sale.corrected"}) == 0


async def test_putting_it_back_ends_the_correction() -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,,,")
    await correct(quantity=4 * PIECES)
    back = await correct(quantity=3 * PIECES)
    assert (back.corrected_at, back.imported, back.net_revenue) == (None, None, 75_000)


async def test_another_customer_has_the_line_and_both_are_recomputed() -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,,,")
    await rollups.refresh()
    await correct(customer_id=(await customer("C2")).id)
    assert await scoped(RollupState).count({"dirty": True}) == 2


async def test_revenue_that_is_not_quantity_times_price_must_be_said_as_well() -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,7,sale,,,,", "I2,P1,1,C1,2026-01-05,3,,7,sale,,,,")
    for invoice in ("I1", "I2"):
        with pytest.raises(InvalidInput) as refused:
            await correct(invoice, quantity=4 * PIECES)
        assert [detail.field for detail in refused.value.details] == ["net_revenue"]
    assert (await correct(quantity=4 * PIECES, net_revenue=9 * POUNDS)).net_revenue == 9 * POUNDS
    assert (await correct("I2", line_type="service")).net_revenue == 7 * POUNDS


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"line_type": "price_credit"}, ["quantity", "net_revenue"]),
        ({"line_type": "return"}, ["quantity", "net_revenue"]),
        ({"net_revenue": -1}, ["net_revenue"]),
        ({"customer_id": uuid4()}, ["customer_id"]),
        ({"product_id": uuid4()}, ["product_id"]),
        ({"unit_cost": 10**19}, ["unit_cost"]),
    ],
)
async def test_what_an_import_refuses_is_refused_here(said: dict[str, Any], fields: list[str]) -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,,,")
    with pytest.raises(InvalidInput) as refused:
        await correct(**said)
    assert [detail.field for detail in refused.value.details] == fields


async def test_the_month_and_the_cost_follow() -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,,,")
    corrected = await correct(invoice_date="2026-02-01", unit_cost=2 * PRICE)
    assert (corrected.month, corrected.cost) == ("2026-02", 6 * POUNDS)
    free = await correct(line_type="free_goods")
    assert (free.net_revenue, free.cost) == (0, 6 * POUNDS)


async def test_nobody_corrects_what_they_have_not_read_or_do_not_see() -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,,,")
    stored = await line()
    with pytest.raises(StaleVersion):
        await sale_corrections.correct(CALLER, stored.id, 2, {"quantity": 1}, "Because", AT)
    regional = Caller(uuid4(), uuid4(), uuid4(), Role.MANAGER, frozenset(), "Rita", "en", ("North",))
    with pytest.raises(NotFound):
        await sale_corrections.correct(regional, stored.id, 1, {"quantity": 1}, "Because", AT)
    rep = Caller(uuid4(), uuid4(), uuid4(), Role.VIEWER, frozenset(), "Vera", "en")
    with pytest.raises(NotPermitted):
        await sale_corrections.correct(rep, stored.id, 1, {"unit_cost": 1}, "Because", AT)


async def test_of_two_corrections_at_once_one_is_refused() -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,,,")
    ends = await asyncio.gather(*(correct(quantity=number * PIECES) for number in (4, 5)), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["SaleLine", "StaleVersion"]
    assert (await line()).rev == 2
    assert await scoped(AuditEvent).count({"action": "sale.corrected"}) == 1


async def test_a_kill_right_behind_a_correction_leaves_rollups_and_months_told(monkeypatch: pytest.MonkeyPatch) -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,,,")

    async def dies(action: Any) -> None:
        # Somebody cleans up, and completes the month, behind the marks before the write.
        await rollups.refresh()
        await months.complete(["2026-01"])
        await transaction(action)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sale_corrections, "transaction", dies)
        with pytest.raises(Killed):
            await correct(quantity=4 * PIECES)
    assert (await months.read("2026-01")).status == "restated"
    await rollups.refresh()
    (row,) = await scoped(SalesRollup).rows()
    assert (row["quantity"], (await line()).quantity) == (4_000, 4_000)


# Corrections and imports ---------------------------------------------------------------------------------------------


async def test_an_import_that_repeats_itself_does_not_undo_a_correction() -> None:
    row = "I1,P1,1,C1,2026-01-05,30,2.5,,sale,,,,"
    await taken(row)
    await correct(quantity=3 * PIECES)
    job = await taken(row)
    assert counts(job) == {"inserted": 0, "updated": 0, "unchanged": 1, "rejected": 0}
    assert job.result is not None
    assert job.result["sales"]["corrections_kept"] == 1
    assert (await line()).quantity == 3_000


async def test_news_of_other_fields_is_taken_and_the_correction_stays() -> None:
    await taken("I1,P1,1,C1,2026-01-05,30,2.5,,sale,,,,")
    await correct(quantity=3 * PIECES, invoice_date="2026-02-05")
    job = await taken("I1,P1,1,C2,2026-01-05,30,2.5,,sale,1.5,,,2026-03-01")
    assert counts(job)["updated"] == 1
    stored = await line()
    assert stored.customer_id == (await customer("C2")).id
    assert (stored.quantity, stored.month, stored.shipped_date, stored.cost) == (3_000, "2026-02", "2026-03-01", 45_000)
    assert stored.corrected_at == AT
    assert stored.rev == 3


async def test_what_the_source_says_anew_of_a_corrected_field_holds_and_is_told() -> None:
    await taken("I1,P1,1,C1,2026-01-05,30,2.5,,sale,,,,")
    await correct(quantity=3 * PIECES)
    job = await taken("I1,P1,1,C1,2026-01-05,4,2.5,,sale,,,,")
    stored = await line()
    assert (stored.quantity, stored.corrected_at, stored.imported) == (4_000, None, None)
    assert job.result is not None
    assert job.result["sales"]["corrections_overruled"] == 1
    (event,) = await scoped(AuditEvent).documents({"action": "sale.correction_overruled"})
    assert event.before == {"quantity": 3, "net_revenue": 7.5}
    assert event.after == {"quantity": 4, "net_revenue": 10}


async def test_a_file_that_says_what_the_person_said_changes_nothing() -> None:
    await taken("I1,P1,1,C1,2026-01-05,30,2.5,,sale,,,,")
    await correct(quantity=3 * PIECES)
    assert counts(await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,,,"))["unchanged"] == 1
    assert counts(await taken("I1,P1,1,C1,2026-01-05,30,2.5,,sale,,,,"))["unchanged"] == 1
    assert ((await line()).quantity, (await line()).rev) == (3_000, 2)


async def test_a_correction_of_a_customer_stays_when_customers_are_merged() -> None:
    await taken("I1,P1,1,C1,2026-01-05,30,2.5,,sale,,,,")
    third = await factories.make_customer("C3")
    await correct(customer_id=(await customer("C2")).id)
    await scoped(Customer).update_one({"code": "C1"}, {"$set": {"merged_into": third.id}})
    assert counts(await taken("I1,P1,1,C1,2026-01-05,30,2.5,,sale,,,,"))["unchanged"] == 1
    assert (await line()).customer_id == (await customer("C2")).id


async def test_an_answer_tells_of_lines_that_are_taken_only() -> None:
    await taken("I1,P1,1,C1,2026-01-05,30,2.5,,sale,,,,")
    await correct(quantity=3 * PIECES)
    job = await taken("I1,P1,1,C1,2026-01-05,4,2.5,,sale,,,,", mode=Mode.INSERT_ONLY)
    assert counts(job)["rejected"] == 1
    assert job.result is not None
    assert (job.result["sales"]["corrections_overruled"], (await line()).quantity) == (0, 3_000)


async def test_a_correction_that_does_not_fit_the_news_is_overruled() -> None:
    await taken("I1,P1,1,C1,2026-01-05,0,,-5,price_credit,,,,")
    await correct(line_type="rebate")
    await taken("I1,P1,1,C1,2026-01-05,0,,-5,price_credit,,,,")
    assert (await line()).line_type == "rebate"
    await taken("I1,P1,1,C1,2026-01-05,3,,5,sale,,,,")
    assert ((await line()).line_type, (await line()).imported) == ("sale", None)


async def test_a_correction_between_comparing_and_writing_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    await taken("I1,P1,1,C1,2026-01-05,30,2.5,,sale,,,,")
    before = sales.stored_lines
    writes = 0

    async def slow(ids: Any) -> Any:
        nonlocal writes
        found = await before(ids)
        writes += 1
        if writes == 1:
            await correct(quantity=3 * PIECES)
        return found

    monkeypatch.setattr("services.import_apply.sales_lines.stored_lines", slow)
    job = await accepted("sales", HEADER, "I1,P1,1,C1,2026-01-05,30,2.5,,sale,,2026-01-01,,")
    await run_import_job(job.id)
    assert counts(await scoped(Job).get(job.id))["updated"] == 1
    stored = await line()
    assert (stored.quantity, stored.order_date, stored.rev) == (3_000, "2026-01-01", 3)


# Other currencies ----------------------------------------------------------------------------------------------------

FOREIGN = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price,currency"


async def rate(month: str, value: str, kind: str = "actual") -> None:
    found: dict[str, Any] = {"kind": kind, "currency": "USD", "month": month}
    await scoped(FxRate).delete(found)
    await scoped(FxRate).insert(FxRate(**found, rate=Decimal(value)))


async def test_a_sale_in_another_currency_is_converted_at_the_rate_of_its_month() -> None:
    await rate("2026-01", "0.9", "plan")
    await rate("2026-01", "0.8")
    job = await imported(
        "sales",
        FOREIGN,
        "I1,P1,1,C1,2026-01-05,3,2.5,usd",
        "I2,P1,1,C1,2026-02-05,3,2.5,USD",
        "I3,P1,1,C1,2025-12-05,3,2.5,USD",
    )
    actual, plan = await line("I1"), await line("I2")
    assert (actual.net_revenue, actual.original_revenue, actual.fx_rate) == (60_000, 75_000, 80_000_000)
    assert (actual.currency, actual.unit_price) == ("USD", 250_000_000)
    assert (plan.net_revenue, plan.fx_rate) == (67_500, 90_000_000)
    assert errors(job) == [
        (4, "currency", "EUR, or a currency with an exchange rate (actual or plan) for 2025-12"),
    ]


async def test_a_line_is_converted_anew_when_it_is_imported_anew() -> None:
    await rate("2026-01", "0.9", "plan")
    row = "I1,P1,1,C1,2026-01-05,3,2.5,USD"
    await imported("sales", FOREIGN, row)
    assert counts(await imported("sales", FOREIGN, row))["unchanged"] == 1
    await rate("2026-01", "0.8")
    assert counts(await imported("sales", FOREIGN, row))["updated"] == 1
    assert (await line()).net_revenue == 60_000


async def test_another_rate_does_not_undo_a_correction_of_revenue() -> None:
    await rate("2026-01", "0.9")
    await imported("sales", FOREIGN, "I1,P1,1,C1,2026-01-05,3,2.5,USD")
    with pytest.raises(InvalidInput):
        await correct(quantity=4 * PIECES)
    await correct(net_revenue=5 * POUNDS)
    await rate("2026-01", "0.8")
    await imported("sales", FOREIGN, "I1,P1,1,C1,2026-01-05,3,2.5,USD")
    assert ((await line()).net_revenue, (await line()).fx_rate) == (5 * POUNDS, 80_000_000)
    await imported("sales", FOREIGN, "I1,P1,1,C1,2026-01-05,3,2,USD")
    assert ((await line()).net_revenue, (await line()).corrected_at) == (48_000, None)


async def test_a_correction_into_another_month_is_converted_at_its_rate_and_is_none_of_revenue() -> None:
    await rate("2026-01", "0.9")
    await rate("2026-02", "0.8")
    row = "I1,P1,1,C1,2026-01-05,3,2.5,USD"
    await imported("sales", FOREIGN, row)
    with pytest.raises(InvalidInput) as refused:
        await correct(invoice_date="2025-12-05")
    assert [detail.field for detail in refused.value.details] == ["invoice_date"]
    moved = await correct(invoice_date="2026-02-05")
    assert (moved.net_revenue, moved.fx_rate, moved.imported) == (60_000, 80_000_000, {"invoice_date": "2026-01-05"})
    assert counts(await imported("sales", FOREIGN, row))["unchanged"] == 1
    back = await correct(invoice_date="2026-01-05")
    assert (back.net_revenue, back.fx_rate, back.corrected_at) == (67_500, 90_000_000, None)
    said = await correct(invoice_date="2026-02-05", net_revenue=5 * POUNDS)
    assert (said.net_revenue, said.fx_rate) == (5 * POUNDS, 80_000_000)
    assert (await correct(invoice_date="2026-01-09")).net_revenue == 5 * POUNDS


async def test_an_export_brought_back_changes_no_correction_and_converts_nothing_else() -> None:
    await rate("2026-01", "0.9")
    await imported("sales", FOREIGN, "I1,P1,1,C1,2026-01-05,3,2.5,USD", "I2,P1,1,C1,2026-01-05,3,2.5,")
    await correct(net_revenue=5 * POUNDS, shipped_date="2026-01-09")
    await correct("I2", quantity=4 * PIECES, unit_cost=PRICE)
    stood = [await line(invoice) for invoice in ("I1", "I2")]
    job = await brought_back(ImportKind.SALES, await exported(ImportKind.SALES, "xlsx"), "xlsx")
    assert counts(job) == {"inserted": 0, "updated": 0, "unchanged": 2, "rejected": 0}
    assert [await line(invoice) for invoice in ("I1", "I2")] == stood


# Complete months -----------------------------------------------------------------------------------------------------


async def test_an_import_into_a_complete_month_shows_what_it_made_of_it() -> None:
    await scoped(Product).update_one({"code": "P2"}, {"$set": {"unit": "KG"}})
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,,,", "I2,P2,1,C1,2026-01-05,2,1,,sale,,,,")
    await months.complete(["2026-01"])
    rows = (
        "I1,P1,1,C1,2026-01-05,4,2.5,,sale,,,,",
        "I3,P2,1,C1,2026-01-09,1,1,,sale,,,,",
        "I4,P2,1,C1,2026-02-09,1,1,,,,,,",
    )
    expected = [
        {
            "month": "2026-01",
            "before": figures(2, 9.5, EA=3, KG=2),
            "after": figures(3, 13, EA=4, KG=3),
            "difference": figures(1, 3.5, EA=1, KG=1),
        }
    ]
    checked = await taken(*rows, dry_run=True)
    assert checked.result is not None
    assert checked.result["sales"]["restated"] == expected
    job = await taken(*rows)
    assert job.result is not None
    assert job.result["sales"]["restated"] == expected
    shown = await month_figures.show(CALLER, await months.read("2026-01"), AT)
    assert (shown["status"], shown["restatement"]) == (
        "restated",
        {k: v for k, v in expected[0].items() if k != "month"},
    )


async def test_a_restated_month_is_held_against_what_it_was_when_somebody_last_looked() -> None:
    await taken("I1,P1,1,C1,2026-01-05,3,2.5,,sale,,,,")
    await months.complete(["2026-01"])
    await correct(quantity=4 * PIECES)
    await correct(quantity=5 * PIECES)
    shown = await month_figures.show(CALLER, await months.read("2026-01"), AT)
    assert shown["restatement"]["difference"] == figures(0, 5, EA=2)
    await months.complete_one("2026-01", AT)
    assert "restatement" not in await month_figures.show(CALLER, await months.read("2026-01"), AT)
    await correct(invoice_date="2026-02-05")
    shown = await month_figures.show(CALLER, await months.read("2026-01"), AT)
    assert shown["restatement"]["before"] == figures(1, 12.5, EA=5)
    assert shown["restatement"]["after"] == figures(0, 0)


def figures(rows: int, revenue: float, **quantities: float) -> dict[str, Any]:
    units = [{"unit": unit, "quantity": quantity} for unit, quantity in quantities.items()]
    return {"rows": rows, "revenue": revenue, "quantities": units}
