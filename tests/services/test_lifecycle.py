"""Inactive customers and products in a running cycle, in the next one, and on the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.collections import scoped
from core.context import tenant_scope
from core.errors import MandatoryCellsMissing, StaleVersion
from models.audit import AuditEvent
from models.customer import Customer
from models.forecast import Line, Sheet, SnapshotRow
from models.product import Product
from models.tenant import Tenant
from planning.cells import CellStatus
from services import lifecycle, share, submissions
from services.forecasts import INACTIVE
from services.grid import read_grid
from tests import factories
from tests.companies import (
    CLOSES,
    DAY,
    DURING_ENTRY,
    ENTRY_CLOSES,
    FIRST,
    OPENS,
    UNITS,
    Company,
    close_cycle,
    ignore,
    make_company,
    open_cycle,
    say,
    submit,
)


@pytest.fixture
async def company(tenant: Tenant) -> AsyncIterator[Company]:
    with tenant_scope(tenant.id):
        yield await make_company()


async def retire(master: Customer | Product) -> None:
    entity = "customer" if isinstance(master, Customer) else "product"
    assert await lifecycle.deactivate(type(master), master.id, 1, entity=entity)


async def grid(company: Company, cycle_id: Any, **options: Any) -> dict[str, Any]:
    shown = {"code": 1, "name": 1, "is_active": 1}
    customer = await scoped(Customer).row({"_id": company.customer.id}, shown)
    assert customer is not None
    return await read_grid(cycle_id, customer, DURING_ENTRY, **{"dormant": False, "search": None, **options})


async def test_lines_of_an_inactive_product_stay_marked_and_demand_nothing(company: Company) -> None:
    cycle = await open_cycle()
    await say(cycle, company, company.tea, FIRST, None)
    with pytest.raises(MandatoryCellsMissing):
        await submit(cycle, company)
    await retire(company.tea)
    lines = {line["item_code"]: line for line in (await grid(company, cycle.id))["lines"]}
    assert (lines["TEA"]["inactive"], lines["TEA"]["mandatory"], lines["TEA"]["active"]) == (True, False, True)
    assert (lines["CUP"]["inactive"], lines["CUP"]["mandatory"]) == (False, True)
    assert (await say(cycle, company, company.tea, "2027-02", 0)).status == CellStatus.SAVED
    assert (await submissions.check(cycle.id, company.customer.id, DURING_ENTRY)).missing == ()
    assert (await submit(cycle, company)).version.lines == 2
    await close_cycle(cycle.id)
    row = await scoped(SnapshotRow).one({"stream": "approved", "product_id": company.tea.id})
    assert row is not None
    assert [cell.quantity for cell in row.cells[:3]] == [10 * UNITS, 0, 10 * UNITS]


async def test_the_sheet_of_an_inactive_customer_stays_writable_and_is_not_due(company: Company) -> None:
    other = await factories.make_customer("C2")
    await factories.allow(other, company.tea)
    await factories.sold(other, company.tea, "2026-11", 5 * UNITS, 12 * 10_000)
    cycle = await open_cycle()
    await retire(company.customer)
    shown = await grid(company, cycle.id)
    assert not shown["customer"]["is_active"]
    assert {(line["inactive"], line["mandatory"]) for line in shown["lines"]} == {(True, False)}
    assert (await say(cycle, company, company.tea, FIRST, None)).status == CellStatus.SAVED
    assert (await submissions.check(cycle.id, company.customer.id, DURING_ENTRY)).missing == ()
    assert (await share.measure(cycle.id, ignore)).total_value == 5 * 16 * 25_000
    assert (await submit(cycle, company)).version.number == 1
    assert (await share.measure(cycle.id, ignore)).submitted_value == 0


@pytest.mark.parametrize("retired", ["customer", "dormant"])
async def test_no_line_is_added_to_what_is_inactive(company: Company, retired: str) -> None:
    cycle = await open_cycle()
    await retire(getattr(company, retired))
    answer = await say(cycle, company, company.dormant, FIRST, 3)
    assert (answer.status, answer.reason) == (CellStatus.REFUSED, INACTIVE)
    assert {line["item_code"] for line in (await grid(company, cycle.id, dormant=True))["lines"]} == {"TEA", "CUP"}


async def test_the_next_cycle_plans_only_what_is_in_use(company: Company) -> None:
    other = await factories.make_customer("C2")
    await factories.allow(other, company.tea)
    first = await open_cycle()
    await close_cycle(first.id)
    await retire(company.tea)
    await retire(other)
    later = {"opens_at": OPENS + 31 * DAY, "entry_closes_at": ENTRY_CLOSES + 31 * DAY, "closes_at": CLOSES + 31 * DAY}
    second = await open_cycle("January 2027", start_month="2027-01", base_month="2027-01", **later)
    assert await scoped(Sheet).distinct("customer_id", {"cycle_id": second.id}) == [company.customer.id]
    assert await scoped(Line).distinct("product_id", {"cycle_id": second.id}) == [company.cups.id]


async def test_products_come_back_too(company: Company) -> None:
    await retire(company.tea)
    with pytest.raises(StaleVersion):
        await lifecycle.deactivate(Product, company.tea.id, 1, entity="product")
    assert not await lifecycle.deactivate(Product, company.tea.id, 2, entity="product")
    assert await lifecycle.restore(Product, company.tea.id, None, entity="product")
    assert (await scoped(Product).get(company.tea.id)).is_active
    assert not await lifecycle.restore(Product, company.tea.id, None, entity="product")
    actions = await scoped(AuditEvent).distinct("action", {"entity": "product"})
    assert actions == ["product.deactivated", "product.restored"]
