"""Rows of suggestions."""

from __future__ import annotations

from planning.access import Action
from tests.api.matrix.base import Row

ROWS = {
    "suggest_customers": Row(Action.READ_CUSTOMERS, query=lambda world: {"text": world.mark}),
    "suggest_products": Row(
        Action.READ_PRODUCTS,
        query=lambda world: {"text": world.mark, "customer_id": world.own.id},
        links=("customer_id",),
        scoped=True,
    ),
}
