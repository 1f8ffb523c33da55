"""How much of a cycle's plan is submitted, by value, if it closed now. Decides whether it may close by itself."""

from __future__ import annotations

from uuid import UUID

from core.collections import scoped
from models.customer import Customer
from models.cycle import Cycle
from models.forecast import Sheet
from planning.lifecycle import Where, takes_part
from planning.share import Share, SheetValue, closing_share, weigh_sheet
from services.closing import CUSTOMERS_PER_CHUNK, approved_cells, customers_of, planned_lines, planned_products
from services.opening import Heartbeat
from services.plan_facts import PlanContext, chunks, load_context, load_customers


async def measure(cycle_id: UUID, heartbeat: Heartbeat) -> Share:
    """The share of submitted value over all sheets of the cycle that weigh (see `planning.share`, and
    `planning.lifecycle` for inactive customers)."""
    cycle = await scoped(Cycle).get(cycle_id)
    context = await load_context(cycle, await planned_products(cycle))
    sheets = await scoped(Sheet).rows({"cycle_id": cycle.id}, {"customer_id": 1, "state": 1})
    submitted = {row["customer_id"] for row in sheets if row["state"] == "submitted"}
    weights: list[SheetValue] = []
    for chunk in chunks(await _weighed_customers(cycle), CUSTOMERS_PER_CHUNK):
        weights += await _weigh(context, chunk, submitted)
        heartbeat(len(weights))
    return closing_share(weights)


async def _weighed_customers(cycle: Cycle) -> list[UUID]:
    inactive = set(await scoped(Customer).distinct("_id", {"is_active": False}))
    return [id for id in await customers_of(cycle) if takes_part(Where.SHARE, id not in inactive)]


async def _weigh(context: PlanContext, customer_ids: list[UUID], submitted: set[UUID]) -> list[SheetValue]:
    facts = await load_customers(context, customer_ids)
    weights = []
    for line in await planned_lines(context.cycle, customer_ids):
        if line.active:
            cells = approved_cells(context, facts[line.customer_id], context.products[line.product_id], line)
            weights.append(weigh_sheet(line.customer_id in submitted, cells))
    return weights
