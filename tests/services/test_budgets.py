"""Budgets: stored as they were decided, spread exactly when they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.collections import scoped
from core.context import acting_as, tenant_scope
from models.budget import BudgetEntry
from models.tenant import Tenant
from services.budgets import BudgetFilter, leaves_of
from tests import factories
from tests.companies import UNITS, Company, make_company
from tests.imported import counts, errors, imported

LEVELS = "fiscal_year,month,region,customer_code,category,item_code,quantity,value"


@pytest.fixture
async def company(tenant: Tenant) -> AsyncIterator[Company]:
    """Tea sold 10 and cups 4 a month to C1 until 2026-11; C2 in the same region never bought anything."""
    with tenant_scope(tenant.id):
        company = await make_company()
        other = await factories.make_customer("C2", region="North")
        await factories.allow(other, company.tea)
        with acting_as(company.manager.id):
            yield company


async def parts(month: str, year: int = 2027, version: str = "1") -> list[dict[str, Any]]:
    return await leaves_of(BudgetFilter(year, version, month))


async def test_a_number_is_stored_at_its_level(company: Company) -> None:
    job = await imported(
        "budget",
        LEVELS,
        "2027,2027-01,,,,,,1000",
        "2027,2027-01,north,,,,,500",
        "2027,2027-01,,c1,,TEA,12,",
        "2027,2027-01,North,,food,,7,70",
    )
    assert errors(job) == []
    assert counts(job)["inserted"] == 4
    entries = await scoped(BudgetEntry).documents(sort=[("value", 1)])
    assert [(one.customer_level, one.customer_key, one.product_level, one.product_key) for one in entries] == [
        ("customer", "C1", "product", "TEA"),
        ("region", "North", "category", "Food"),
        ("region", "North", "all", None),
        ("all", None, "all", None),
    ]
    assert (entries[0].customer_id, entries[0].product_id) == (company.customer.id, company.tea.id)
    assert (entries[0].quantity, entries[0].value, entries[3].value) == (12 * UNITS, None, 1000 * 10_000)


@pytest.mark.usefixtures("company")
async def test_the_same_again_changes_nothing_and_other_numbers_replace() -> None:
    lines = (LEVELS, "2027,2027-01,north,,,,,500", "2027,2027-02,north,,,,,500")
    await imported("budget", *lines)
    assert counts(await imported("budget", *lines))["unchanged"] == 2
    header = "fiscal_year,version,month,region,value"
    changed = await imported("budget", header, "2027,1,2027-01,NORTH,501", "2027,Low,2027-01,North,400")
    assert counts(changed) == {"inserted": 1, "updated": 1, "unchanged": 0, "rejected": 0}
    entries = await scoped(BudgetEntry).documents({"month": "2027-01"}, sort=[("value", 1)])
    assert [(one.version, one.value, one.rev) for one in entries] == [
        ("Low", 400 * 10_000, 1), ("1", 501 * 10_000, 2),
    ]  # fmt: skip


async def test_what_can_not_be_is_refused(company: Company) -> None:
    await factories.make_product("KG", unit="KG", category="Food")
    job = await imported(
        "budget",
        LEVELS,
        "2027,2028-01,,,,,,1",
        "2027,2027-01,North,C1,,,,1",
        "2027,2027-01,Nowhere,,,,,1",
        "2027,2027-01,,C9,,,,1",
        "2027,2027-01,,,Food,TEA,,1",
        "2027,2027-01,,,Food,,1,",
        "2027,2027-01,,,,,,",
        "2027,2027-01,,,,NOPE,1,",
    )
    assert [(row, column) for row, column, _ in errors(job)] == [
        (2, "month"), (3, "customer_code"), (4, "region"), (5, "customer_code"), (6, "item_code"), (7, "quantity"),
        (8, "quantity"), (9, "item_code"),
    ]  # fmt: skip
    assert "can't be added" in errors(job)[5][2]
    assert await scoped(BudgetEntry).count() == 0
    assert company.tea.is_active


async def test_it_is_spread_by_last_year(company: Company) -> None:
    await imported("budget", LEVELS, "2027,2027-01,north,,,,,114", "2027,2027-01,,,,TEA,33,")
    rows = await parts("2027-01")
    by_value = {row["product_id"]: row["value"] for row in rows if row["value"] is not None}
    assert by_value == {company.tea.id: 50 * 10_000, company.cups.id: 64 * 10_000}
    assert [row["quantity"] for row in rows if row["quantity"] is not None] == [33 * UNITS]
    assert {row["basis"] for row in rows} == {"last_year"}


async def test_without_last_year_it_is_spread_equally_over_active_lines_in_steps(company: Company) -> None:
    crate = await factories.make_product("CRATE", rounding_step="12", category="Crates")
    for code in ("C3", "C4"):
        await factories.allow(await factories.make_customer(code), crate)
    await imported("budget", LEVELS, "2028,2028-06,,,crates,,100,100.01", "2028,2028-06,,C1,crates,,5,")
    rows = await parts("2028-06", 2028)
    spread = sorted(row["quantity"] for row in rows if row["basis"] == "equal")
    assert (spread, sum(spread)) == ([48 * UNITS, 52 * UNITS], 100 * UNITS)
    assert sorted(row["value"] for row in rows if row["value"]) == [500_000, 500_100]
    (nobody,) = [row for row in rows if row["basis"] == "nothing"]
    assert (nobody["customer_id"], nobody["product_id"], nobody["quantity"]) == (None, None, 5 * UNITS)
    assert company.tea.is_active


async def test_what_was_sold_of_a_merged_customer_and_a_predecessor_weighs_for_who_they_are_now(
    company: Company,
) -> None:
    heir = await factories.make_product("TEA2")
    await scoped(type(heir)).update_one(
        {"_id": company.tea.id}, {"$set": {"successor_id": heir.id, "successor_from": "2027-01"}}
    )
    await imported("budget", LEVELS, "2027,2027-01,,C1,,,,57")
    assert {row["product_id"]: row["value"] for row in await parts("2027-01")} == {
        heir.id: 25 * 10_000,
        company.cups.id: 32 * 10_000,
    }
