"""Plans in other currencies: every price counts by the plan rate of its month, or is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.collections import scoped
from core.context import acting_as, tenant_scope
from models.customer import Customer
from models.forecast import Line, SnapshotRow
from models.product import Product
from models.tenant import Tenant
from planning.cells import CellChange, CellStatus
from planning.numbers import MONEY, PRICE
from planning.prices import PriceSource
from services import forecasts, submissions
from services.forecasts import LineChange
from services.grid import read_grid
from tests import factories
from tests.companies import DURING_ENTRY, Company, close_cycle, make_company, open_cycle, say

JANUARY, FEBRUARY, APRIL = "2027-01", "2027-02", "2027-04"


@pytest.fixture
async def company(tenant: Tenant) -> AsyncIterator[Company]:
    """The customer pays dollars for tea; cups have a list price in francs, for which there is no rate."""
    with tenant_scope(tenant.id):
        company = await make_company()
        await scoped(Customer).update_one({"_id": company.customer.id}, {"$set": {"currency": "USD"}})
        await scoped(Product).update_one({"_id": company.cups.id}, {"$set": {"currency": "CHF"}})
        await factories.price(company.customer, company.tea, "3.00", currency="USD")
        await factories.rate("USD", FEBRUARY, "0.90")
        await factories.rate("USD", "2027-03", "0.95")
        await factories.rate("USD", JANUARY, "0.80", kind="budget")
        yield company


async def prices_of(product: Product) -> dict[str, tuple[int | None, str]]:
    line = await scoped(Line).row({"product_id": product.id}, {"cells": 1})
    assert line is not None
    return {cell["month"]: (cell["price"], cell["price_source"]) for cell in line["cells"]}


async def test_opening_values_lines_by_the_rate_of_each_month(company: Company) -> None:
    await open_cycle()
    tea = await prices_of(company.tea)
    assert tea[JANUARY] == (None, "missing")
    assert tea[FEBRUARY] == (270_000_000, "customer")
    assert tea["2027-03"] == (285_000_000, "customer")
    assert tea[APRIL] == (285_000_000, "customer")
    assert set((await prices_of(company.cups)).values()) == {(None, "missing")}
    assert (await prices_of(company.tea)).keys() == tea.keys()


async def test_a_save_values_a_cell_and_says_what_is_missing(company: Company) -> None:
    cycle = await open_cycle()
    saved = await say(cycle, company, company.tea, FEBRUARY, 10)
    assert saved.cell is not None
    assert (saved.cell.value, saved.cell.price_source) == (27 * MONEY.factor, PriceSource.CUSTOMER)
    unpriced = await say(cycle, company, company.tea, JANUARY, 10)
    assert unpriced.cell is not None
    assert (unpriced.status, unpriced.cell.value) == (CellStatus.SAVED, None)
    change = LineChange(company.cups.id, CellChange(FEBRUARY, 0, value=100 * MONEY.factor))
    with acting_as(company.rep.id):
        (refused,) = await forecasts.save(cycle.id, company.customer.id, [change], DURING_ENTRY)
    assert refused.status == CellStatus.REFUSED
    assert refused.reason.startswith("There is no plan rate of CHF for this month or an earlier one.")


async def test_the_grid_counts_missing_prices_and_adds_nothing_for_them(company: Company) -> None:
    cycle = await open_cycle()
    customer: dict[str, Any] = {"_id": company.customer.id, "code": "C1", "name": "C1", "is_active": True}
    grid = await read_grid(cycle.id, customer, DURING_ENTRY, dormant=False, search=None)
    january, february, *_ = grid["totals"]["months"]
    assert (january["value"], january["missing_prices"]) == (0, 2)
    assert (february["value"], february["missing_prices"]) == (27, 1)


async def test_a_rate_that_changes_is_a_price_that_changed(company: Company) -> None:
    cycle = await open_cycle()
    await factories.rate("USD", JANUARY, "0.70")
    await factories.rate("CHF", APRIL, "1")
    check = await submissions.check(cycle.id, company.customer.id, DURING_ENTRY)
    changed = {(one.product_id, one.month): (one.stored, one.current) for one in check.prices_changed}
    assert changed[company.tea.id, JANUARY] == (None, 210_000_000)
    assert (company.tea.id, FEBRUARY) not in changed
    assert changed[company.cups.id, APRIL] == (None, 800_000_000)
    assert (company.cups.id, "2027-03") not in changed


async def test_the_snapshot_freezes_currency_and_rates(company: Company) -> None:
    home = await factories.make_customer("HOME")
    await factories.allow(home, company.tea)
    cycle = await open_cycle()
    await close_cycle(cycle.id)
    abroad = await scoped(SnapshotRow).row(
        {"stream": "approved", "customer_id": company.customer.id, "product_id": company.tea.id}
    )
    assert abroad is not None
    assert (abroad["currency"], abroad["plan_rate"]) == ("USD", None)
    frozen = {cell["month"]: (cell["plan_rate"], cell["price"], cell["value"]) for cell in abroad["cells"]}
    assert frozen[JANUARY] == (None, None, None)
    assert frozen[FEBRUARY] == (90_000_000, 270_000_000, 27 * MONEY.factor)
    assert frozen[APRIL] == (95_000_000, 285_000_000, 285_000)
    own = await scoped(SnapshotRow).row({"stream": "naive", "customer_id": home.id})
    assert own is not None
    assert (own["currency"], own["plan_rate"]) == ("EUR", PRICE.factor)
    assert all("plan_rate" not in cell for cell in own["cells"])
