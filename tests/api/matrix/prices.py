"""Rows of customer prices and of the price chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planning.access import Action
from tests import factories
from tests.api.matrix.base import Row
from tests.api.matrix.world import World


async def make(world: World) -> None:
    for ids, customer, product in (
        (world.ids, world.own, world.product),
        (world.others, world.other, world.hidden_product),
    ):
        ids["price_id"] = (await factories.price(customer, product, "2.40", valid_to="2025-12-31")).id


def entries(world: World) -> Mapping[str, Any]:
    return {"entries": [{"product_id": world.product.id, "price": 2.6, "valid_from": "2026-01-01"}]}


def question(world: World) -> Mapping[str, Any]:
    return {
        "customer_id": world.own.id,
        "product_id": world.product.id,
        "month": world.running.months[0],
        "cycle_id": world.running.id,
    }


ROWS = {
    "list_customer_prices": Row(Action.READ_PRICES, scoped=True),
    "add_customer_prices": Row(Action.CHANGE_PRICES, body=entries, links=("entries.0.product_id",), scoped=True),
    "read_customer_price": Row(Action.READ_PRICES, scoped=True),
    "change_customer_price": Row(Action.CHANGE_PRICES, body=lambda _: {"price": 2.5}, scoped=True),
    "remove_customer_price": Row(Action.CHANGE_PRICES, scoped=True),
    "resolve_customer_prices": Row(
        Action.READ_PRICES, query=question, links=("customer_id", "product_id", "cycle_id"), scoped=True
    ),
}
