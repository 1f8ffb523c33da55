"""Rows of what customers may order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.collections import scoped
from models.customer import MatrixEntry
from planning.access import Action
from tests.api.matrix.base import Row
from tests.api.matrix.world import World


async def make(world: World) -> None:
    for ids, customer in ((world.ids, world.own), (world.others, world.other)):
        entry = await scoped(MatrixEntry).one({"customer_id": customer.id})
        assert entry is not None
        ids["entry_id"] = entry.id


def entries(world: World) -> Mapping[str, Any]:
    return {"entries": [{"product_id": world.product.id, "valid_from": "2026-01-01"}]}


PRODUCT = ("entries.0.product_id",)

ROWS = {
    "list_customer_products": Row(Action.READ_MATRIX, scoped=True),
    "add_customer_products": Row(Action.CHANGE_MATRIX, body=entries, links=PRODUCT, scoped=True),
    "replace_customer_products": Row(Action.CHANGE_MATRIX, body=entries, links=PRODUCT, scoped=True),
    "read_customer_product": Row(Action.READ_MATRIX, scoped=True),
    "change_customer_product": Row(Action.CHANGE_MATRIX, body=lambda _: {"valid_to": "2030-12-31"}, scoped=True),
    "remove_customer_product": Row(Action.CHANGE_MATRIX, scoped=True),
}
