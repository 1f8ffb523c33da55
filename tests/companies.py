"""A small company with everything a planning round needs, and its cycle in any stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from core.context import acting_as
from models.customer import Customer
from models.cycle import Cycle
from models.product import Product
from models.user import User
from planning.cells import CellChange
from planning.months import add_months, month_range
from services import closing, cycle_moves, cycles, forecasts, opening, submissions
from services.cycles import CycleDraft
from services.forecasts import LineChange
from tests import factories

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
OPENS = datetime(2026, 12, 1, 7, tzinfo=UTC)
ENTRY_CLOSES = datetime(2026, 12, 11, 17, tzinfo=UTC)
CLOSES = datetime(2026, 12, 16, 17, tzinfo=UTC)
DAY = timedelta(days=1)
DURING_ENTRY = datetime(2026, 12, 5, 12, tzinfo=UTC)
FIRST, LAST = "2027-01", "2028-04"
UNITS = 1000
"""Scaled quantity of one unit."""


@dataclass(frozen=True, slots=True)
class Company:
    """Two products that sell monthly, a third that is on the list and never sold, one customer of one rep."""

    rep: User
    manager: User
    customer: Customer
    tea: Product
    cups: Product
    dormant: Product


async def make_company(history_until: str = "2026-11") -> Company:
    """Tea sells 10 units a month at 2.50, cups 4 units at 8.00, for 24 complete months."""
    rep = await factories.make_user("sales_rep", name="Rita Rep")
    manager = await factories.make_user("manager", name="Max Manager")
    customer = await factories.make_customer("C1", region="North", group="Retail")
    tea = await factories.make_product("TEA", list_price="2.50", category="Food")
    cups = await factories.make_product("CUP", list_price="8.00", category="Home")
    dormant = await factories.make_product("OLD", list_price="1.00", category="Home")
    await factories.assign(rep, customer)
    for product in (tea, cups, dormant):
        await factories.allow(customer, product)
    months = month_range(add_months(history_until, -23), 24)
    for month in months:
        await factories.sold(customer, tea, month, 10 * UNITS, 25 * 10_000)
        await factories.sold(customer, cups, month, 4 * UNITS, 32 * 10_000)
    await factories.complete(*months)
    return Company(rep, manager, customer, tea, cups, dormant)


async def draft_cycle(name: str = "December 2026", **changes: Any) -> Cycle:
    """A draft that plans 2027-01 to 2028-04."""
    values: dict[str, Any] = {"opens_at": OPENS, "entry_closes_at": ENTRY_CLOSES, "closes_at": CLOSES}
    return await cycles.create(CycleDraft(name=name, **{**values, **changes}), NOW)


async def open_cycle(name: str = "December 2026", **changes: Any) -> Cycle:
    """The same in entry."""
    cycle = await draft_cycle(name, **changes)
    await opening.prepare(cycle.id, ignore)
    return (await cycle_moves.open_entry(cycle.id, OPENS, None)).cycle


async def close_cycle(cycle_id: UUID, at: datetime = CLOSES + timedelta(minutes=1)) -> Cycle:
    """Close, freeze and seal as the workflow does."""
    await cycle_moves.begin_closing(cycle_id, at, None, None)
    await closing.copy_snapshot(cycle_id, ignore)
    return await closing.seal(cycle_id, at)


async def say(
    cycle: Cycle, company: Company, product: Product, month: str, units: int | None, *, base_rev: int = 0
) -> forecasts.SavedCell:
    """The rep says how many units will be sold."""
    quantity = None if units is None else units * UNITS
    change = LineChange(product.id, CellChange(month, base_rev, quantity=quantity))
    with acting_as(company.rep.id):
        (answer,) = await forecasts.save(cycle.id, company.customer.id, [change], DURING_ENTRY)
    return answer


async def submit(
    cycle: Cycle, company: Company, *, confirm_zero: bool = False, at: datetime = DURING_ENTRY
) -> submissions.Submitted:
    """The rep says that the customer is done."""
    with acting_as(company.rep.id):
        return await submissions.submit(cycle.id, company.customer.id, confirm_zero=confirm_zero, received_at=at)


def ignore(_done: int) -> None:
    """A heartbeat that nobody listens to."""
