"""Looking for findings: each kind on a small company whose findings can be told by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from bson import Decimal128

from activities.findings import run_findings
from core.clock import now
from core.collections import scoped
from core.context import current_tenant, tenant_scope
from models.customer import Assignment, Customer, MatrixEntry
from models.cycle import Cycle
from models.finding import FoundFinding
from models.forecast import Line
from models.job import Job
from models.product import Product, ProductCost
from models.rate import FxRate
from models.tenant import Tenant
from models.user import User
from planning.findings import FindingKind
from planning.months import add_months, day_in_zone, first_day, month_of
from services import findings, jobs
from tests import factories
from tests.companies import UNITS, Company, make_company, open_cycle, say
from workflows.contracts import JobInput

MONEY = 10_000
TODAY = day_in_zone(now(), "Europe/London")
LAST = add_months(month_of(TODAY), -1)
"""The last complete month."""
FIRST = add_months(LAST, -11)
"""The first month that is looked back at."""
PLANNED = add_months(LAST, 2)
"""The first month of the open cycle."""
TEA_A_YEAR, CUPS_A_YEAR = 12 * 25 * MONEY, 12 * 32 * MONEY

Rows = dict[FindingKind, list[dict[str, Any]]]


@pytest.fixture
async def company(tenant: Tenant) -> AsyncIterator[Company]:
    """Tea sells for 25.00 and cups for 32.00 a month to one customer, who has a rep; the third product never sold, but
    is launched only now. So there is nothing to find."""
    with tenant_scope(tenant.id):
        company = await make_company(history_until=LAST)
        await scoped(Product).update_many({}, {"$set": {"standard_cost": Decimal128("1")}})
        await scoped(Product).update_one({"_id": company.dormant.id}, {"$set": {"launch_month": month_of(TODAY)}})
        yield company


async def look() -> Rows:
    """What a whole look finds, by kind, the most valuable first."""
    job = await findings.request()
    await run_findings(JobInput(tenant_id=current_tenant(), job_id=job.id, kind=findings.FINDINGS))
    done = await scoped(Job).get(job.id)
    assert done.state == "succeeded"
    assert done.result is not None
    found: Rows = {}
    run_id = UUID(done.result["run_id"])
    for row in await scoped(FoundFinding).rows({"run_id": run_id}, sort=[("value", -1), ("_id", 1)]):
        found.setdefault(FindingKind(row["kind"]), []).append(row)
    told = {FindingKind(kind): one["count"] for kind, one in done.result["kinds"].items() if one["count"]}
    assert told == {kind: len(rows) for kind, rows in found.items()}
    return found


async def only(kind: FindingKind) -> dict[str, Any]:
    """The one finding that there is."""
    found = await look()
    assert list(found) == [kind]
    (row,) = found[kind]
    return row


async def _set(product: Product, **values: Any) -> None:
    await scoped(Product).update_one({"_id": product.id}, {"$set": values})


async def _open(**changes: Any) -> Cycle:
    return await open_cycle(start_month=PLANNED, **changes)


async def test_a_tidy_company_has_nothing_to_mend(company: Company) -> None:
    await _open()
    assert await look() == {}


async def test_a_company_without_anything_has_nothing_to_mend(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        assert await look() == {}


async def test_a_product_without_cost_is_worth_what_it_sold(company: Company) -> None:
    await _set(company.tea, standard_cost=None)
    row = await only(FindingKind.MISSING_COST)
    assert (row["value"], row["product_ids"], row["customer_ids"]) == (TEA_A_YEAR, [company.tea.id], [])
    cost = ProductCost(product_id=company.tea.id, cost=Decimal("1"), valid_from="2020-01-01")
    await scoped(ProductCost).insert(cost)
    assert await look() == {}
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    await scoped(ProductCost).update_one({"_id": cost.id}, {"$set": {"valid_to": yesterday}})
    assert (await only(FindingKind.MISSING_COST))["since"] == TODAY.isoformat()
    await _set(company.tea, end_month=LAST)
    assert await look() == {}
    await _set(company.tea, end_month=None, successor_id=company.cups.id, successor_from=month_of(TODAY))
    assert await look() == {}


async def test_a_customer_without_a_rep_today_is_worth_what_it_bought(company: Company) -> None:
    await scoped(Assignment).update_many({}, {"$set": {"valid_to": "2026-03-31"}})
    row = await only(FindingKind.NO_REP)
    assert (row["value"], row["customer_ids"]) == (TEA_A_YEAR + CUPS_A_YEAR, [company.customer.id])
    assert row["since"] == "2026-04-01"
    await scoped(Assignment).delete({})
    assert (await only(FindingKind.NO_REP))["since"] == company.customer.created_at.date().isoformat()
    await scoped(Customer).update_many({}, {"$set": {"is_active": False}})
    assert await look() == {}


async def test_somebody_who_is_gone_is_nobodys_rep(company: Company) -> None:
    await scoped(User).update_one({"_id": company.rep.id}, {"$set": {"is_active": False}})
    assert (await only(FindingKind.NO_REP))["customer_ids"] == [company.customer.id]


async def test_what_is_on_the_list_and_does_not_sell_is_worth_what_is_planned(company: Company) -> None:
    await _set(company.dormant, launch_month=None)
    row = await only(FindingKind.MATRIX_WITHOUT_SALES)
    entry = await scoped(MatrixEntry).row({"product_id": company.dormant.id}, {"_id": 1})
    assert entry is not None
    assert (row["value"], row["since"]) == (0, None)
    assert row["details"] == {"last_sold": None, "entry_id": entry["_id"]}
    assert (row["customer_ids"], row["product_ids"]) == ([company.customer.id], [company.dormant.id])
    await factories.sold(company.customer, company.dormant, add_months(FIRST, -1), UNITS, MONEY)
    cycle = await _open()
    await say(cycle, company, company.dormant, PLANNED, 7)
    row = await only(FindingKind.MATRIX_WITHOUT_SALES)
    assert row["value"] == 7 * MONEY
    assert (row["since"], row["details"]["last_sold"]) == (first_day(FIRST).isoformat(), add_months(FIRST, -1))
    await factories.sold(company.customer, company.dormant, month_of(TODAY), UNITS, MONEY)
    assert await look() == {}


async def test_what_a_predecessor_sold_counts_for_the_one_that_took_over(company: Company) -> None:
    """The heir is not idle, and what the predecessor sells is on the list because the heir is."""
    heir = {"successor_id": company.dormant.id, "successor_from": month_of(TODAY)}
    await _set(company.dormant, launch_month=None)
    await _set(company.tea, **heir)
    await scoped(MatrixEntry).delete({"product_id": company.tea.id})
    assert await look() == {}
    await _set(company.tea, successor_id=None, successor_from=None)
    assert sorted(await look()) == [FindingKind.MATRIX_WITHOUT_SALES, FindingKind.SALES_OUTSIDE_MATRIX]


async def test_what_was_only_given_back_did_not_sell(company: Company) -> None:
    await _set(company.dormant, launch_month=None)
    await factories.sold(company.customer, company.dormant, LAST, -UNITS, -MONEY)
    assert list(await look()) == [FindingKind.MATRIX_WITHOUT_SALES]


async def test_sales_outside_the_list_are_worth_what_was_sold_there(company: Company) -> None:
    await factories.sold(company.customer, company.tea, month_of(TODAY), UNITS, MONEY)
    await scoped(MatrixEntry).update_one({"product_id": company.tea.id}, {"$set": {"valid_to": f"{LAST}-01"}})
    row = await only(FindingKind.SALES_OUTSIDE_MATRIX)
    assert (row["value"], row["details"]) == (MONEY, {"months": [month_of(TODAY)]})
    assert (row["customer_ids"], row["product_ids"]) == ([company.customer.id], [company.tea.id])
    await scoped(MatrixEntry).delete({"product_id": company.tea.id})
    row = await only(FindingKind.SALES_OUTSIDE_MATRIX)
    assert (row["value"], row["since"]) == (TEA_A_YEAR + MONEY, first_day(FIRST).isoformat())
    await factories.allow(company.customer, company.tea, valid_from=TODAY.isoformat())
    assert await look() == {}


async def test_what_a_merged_customer_bought_is_the_other_ones(company: Company) -> None:
    """Its sales keep the pair from being idle, and are outside the other one's list where that does not have them."""
    twin = await factories.make_customer("C1B", is_active=False, status="inactive", merged_into=company.customer.id)
    await _set(company.dormant, launch_month=None)
    await factories.sold(twin, company.dormant, LAST, UNITS, MONEY)
    assert await look() == {}
    saucers = await factories.make_product("SAU", name="Saucers", standard_cost="1")
    await factories.sold(twin, saucers, LAST, UNITS, 3 * MONEY)
    row = await only(FindingKind.SALES_OUTSIDE_MATRIX)
    assert (row["customer_ids"], row["product_ids"], row["value"]) == ([company.customer.id], [saucers.id], 3 * MONEY)


async def _customer(company: Company, code: str, name: str, **changes: Any) -> Customer:
    customer = await factories.make_customer(code, name=name, **changes)
    await factories.assign(company.rep, customer)
    return customer


async def test_suspected_duplicates_of_customers_are_worth_what_both_buy(company: Company) -> None:
    await scoped(Customer).update_many({}, {"$set": {"name": "Northwind Traders GmbH"}})
    twin = await _customer(company, "X9", "Northwind Tradrs")
    row = await only(FindingKind.DUPLICATE_CUSTOMERS)
    assert row["customer_ids"] == [company.customer.id, twin.id]  # the one to keep first
    assert row["value"] == TEA_A_YEAR + CUPS_A_YEAR
    assert row["details"] == {"score": 97, "reasons": ["similar_name"]}
    assert row["since"] == max(company.customer.created_at, twin.created_at).date().isoformat()
    await scoped(Customer).update_one({"_id": twin.id}, {"$set": {"planning_customer_id": company.customer.id}})
    assert await look() == {}
    await scoped(Customer).update_one({"_id": twin.id}, {"$set": {"planning_customer_id": None, "is_active": False}})
    assert await look() == {}


async def test_an_alias_is_a_name_and_a_code_is_one_without_its_punctuation(company: Company) -> None:
    await _customer(company, "X90", "Fabrikam", aliases=["Contoso"])
    await _customer(company, "Y7", "Contoso")
    await _customer(company, "x-90", "Adventure Works")
    rows = (await look())[FindingKind.DUPLICATE_CUSTOMERS]
    assert sorted(row["details"]["reasons"] for row in rows) == [["same_code"], ["same_name"]]


async def test_suspected_duplicates_of_products_leave_successors_out(company: Company) -> None:
    await _set(company.tea, name="Green tea 250 g")
    newer = await factories.make_product("TEA2", name="Green tea, 250 g", standard_cost="1")
    row = await only(FindingKind.DUPLICATE_PRODUCTS)
    assert (row["product_ids"], row["value"]) == ([company.tea.id, newer.id], TEA_A_YEAR)
    await _set(company.tea, successor_id=newer.id, successor_from=add_months(LAST, 24))
    assert await look() == {}


async def test_a_line_without_a_price_is_worth_what_others_pay(company: Company) -> None:
    """The average price of tea over all customers is 2.50."""
    other = await _customer(company, "C2", "Adventure Works")
    await factories.allow(other, company.tea)
    cycle = await _open()
    await _set(company.tea, list_price=None)
    await scoped(Line).update_one(
        {"customer_id": other.id, "product_id": company.tea.id},
        {"$set": {"cells.0.quantity": 4 * UNITS, "cells.1.quantity": 0, "cells.2.price_source": "override"}},
    )
    row = (await look())[FindingKind.MISSING_PRICE][0]
    assert (row["customer_ids"], row["product_ids"], row["cycle_id"]) == ([other.id], [company.tea.id], cycle.id)
    assert row["value"] == 10 * MONEY
    assert row["since"] == first_day(PLANNED).isoformat()
    assert row["details"]["months"] == [cycle.months[0], *cycle.months[3:]]
    await factories.price(other, company.tea, "2.40")
    assert FindingKind.MISSING_PRICE not in await look()


async def test_what_nobody_ever_bought_has_no_value(company: Company) -> None:
    await _set(company.dormant, list_price=None)
    cycle = await _open()
    await say(cycle, company, company.dormant, PLANNED, 7)
    row = await only(FindingKind.MISSING_PRICE)
    assert (row["value"], row["product_ids"]) == (None, [company.dormant.id])


async def test_a_list_entry_without_a_price_is_found_without_a_cycle(company: Company) -> None:
    await _set(company.dormant, list_price=None)
    row = await only(FindingKind.MISSING_PRICE)
    assert (row["value"], row["cycle_id"], row["details"]) == (0, None, {"months": [month_of(TODAY)]})


async def test_a_price_in_a_currency_without_a_rate_is_missing(company: Company) -> None:
    await _set(company.dormant, currency="USD")
    assert (await only(FindingKind.MISSING_PRICE))["product_ids"] == [company.dormant.id]
    month = month_of(TODAY)
    await scoped(FxRate).insert(FxRate(kind="plan", currency="USD", month=month, rate=Decimal("0.9")))
    assert await look() == {}


async def test_a_price_that_changed_since_the_opening_is_worth_the_difference(company: Company) -> None:
    """Cups are planned at 8.00 and cost 8.50 now: 4 pieces in each month of the cycle."""
    cycle = await _open()
    await _set(company.cups, list_price=Decimal128("8.5"))
    row = await only(FindingKind.PRICE_CHANGED)
    assert (row["customer_ids"], row["product_ids"], row["cycle_id"]) == (
        [company.customer.id],
        [company.cups.id],
        cycle.id,
    )
    assert row["value"] == len(cycle.months) * 2 * MONEY
    assert row["details"] == {"months": cycle.months, "planned_price": 800_000_000, "price": 850_000_000}
    assert cycle.opened_at is not None
    assert row["since"] == cycle.opened_at.date().isoformat()
    await scoped(Line).update_many({}, {"$set": {"cells.$[].price_source": "override"}})
    assert await look() == {}


async def test_a_price_that_is_gone_is_missing_and_not_changed(company: Company) -> None:
    cycle = await _open()
    await say(cycle, company, company.dormant, PLANNED, 7)
    await _set(company.dormant, list_price=None)
    row = await only(FindingKind.MISSING_PRICE)
    assert row["cycle_id"] == cycle.id


async def test_closed_cycles_and_drafts_are_not_looked_at(company: Company) -> None:
    cycle = await _open()
    await _set(company.cups, list_price=Decimal128("8.5"))
    await scoped(Cycle).update_one({"_id": cycle.id}, {"$set": {"stage": "closed"}})
    assert await look() == {}


async def test_another_company_is_never_looked_at(company: Company) -> None:
    other = await factories.make_tenant()
    with tenant_scope(other.id):
        await factories.make_customer("Z1")
        await factories.make_product("Z1")
        assert sorted(await look()) == [FindingKind.MISSING_COST, FindingKind.NO_REP]
    assert await look() == {}


async def test_a_look_replaces_the_one_before_and_what_was_cut_off(company: Company) -> None:
    await scoped(Assignment).delete({})
    await look()
    long_ago = now() + jobs.KEPT_FOR - timedelta(days=1)
    cut_off, running = uuid4(), uuid4()
    for run_id, expires_at in ((cut_off, long_ago), (running, now() + jobs.KEPT_FOR)):
        await scoped(FoundFinding).insert(FoundFinding(run_id=run_id, kind="no_rep", expires_at=expires_at))
    row = await only(FindingKind.NO_REP)
    assert set(await scoped(FoundFinding).distinct("run_id")) == {row["run_id"], running}


async def test_who_asks_while_somebody_is_looking_gets_the_same_look(company: Company) -> None:
    job = await findings.request()
    assert (await findings.request()).id == job.id
    await run_findings(JobInput(tenant_id=company.customer.tenant_id, job_id=job.id, kind=findings.FINDINGS))
    assert (await findings.request()).id != job.id


async def test_a_look_that_runs_twice_counts_once(company: Company) -> None:
    await scoped(Assignment).delete({})
    job = await findings.request()
    for _ in range(2):
        await run_findings(JobInput(tenant_id=company.customer.tenant_id, job_id=job.id, kind=findings.FINDINGS))
    assert await scoped(FoundFinding).count() == 1
