"""Rows of costs: a product's entries."""

from __future__ import annotations

from decimal import Decimal

from core.collections import scoped
from models.product import ProductCost
from planning.access import Action
from tests.api.matrix.base import Row
from tests.api.matrix.world import World


async def make(world: World) -> None:
    for ids, product in ((world.ids, world.product), (world.others, world.hidden_product)):
        entry = ProductCost(product_id=product.id, cost=Decimal("1.25"), valid_from="2025-01-01", valid_to="2025-12-31")
        ids["cost_id"] = (await scoped(ProductCost).insert(entry)).id


ROWS = {
    "list_costs": Row(Action.SEE_COST),
    "add_cost": Row(Action.CHANGE_COSTS, body=lambda _: {"cost": 1.5, "valid_from": "2026-01-01"}),
    "read_cost": Row(Action.SEE_COST),
    "change_cost": Row(Action.CHANGE_COSTS, body=lambda _: {"cost": 1.5}),
    "remove_cost": Row(Action.CHANGE_COSTS),
}
