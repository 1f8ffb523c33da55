"""How much of a cycle's plan is submitted, by value, if it closed now. Decides whether it may close by itself."""

from __future__ import annotations

from uuid import UUID

from core.collections import scoped
from models.cycle import Cycle
from models.forecast import Sheet
from planning.share import Share, SheetValue, closing_share, weigh_sheet
from services.closing import CUSTOMERS_PER_CHUNK, approved_cells, customers_of, planned_lines, planned_products
from services.opening import Heartbeat
from services.plan_facts import PlanContext, chunks, load_context, load_customers


async def measure(cycle_id: UUID, heartbeat: Heartbeat) -> Share:
    """The share of submitted value over all sheets of the cycle; see `planning.share`."""
    cycle = await scoped(Cycle).get(cycle_id)
    context = await load_context(cycle, await planned_products(cycle))
    sheets = await scoped(Sheet).rows({"cycle_id": cycle.id}, {"customer_id": 1, "state": 1})
    submitted = {row["customer_id"] for row in sheets if row["state"] == "submitted"}
    weights: list[SheetValue] = []
    for chunk in chunks(await customers_of(cycle), CUSTOMERS_PER_CHUNK):
        weights += await _weigh(context, chunk, submitted)
        heartbeat(len(weights))
    return closing_share(weights)


async def _weigh(context: PlanContext, customer_ids: list[UUID], submitted: set[UUID]) -> list[SheetValue]:
    facts = await load_customers(context, customer_ids)
    weights = []
    for line in await planned_lines(context.cycle, customer_ids):
        if line.active:
            cells = approved_cells(context, facts[line.customer_id], context.products[line.product_id], line)
            weights.append(weigh_sheet(line.customer_id in submitted, cells))
    return weights
