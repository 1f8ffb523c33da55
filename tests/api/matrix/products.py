"""Rows of products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.search import search_words
from planning.access import Action
from tests import factories
from tests.api.matrix.base import Row
from tests.api.matrix.world import World


def new_product(world: World) -> Mapping[str, Any]:
    return {
        "code": f"{world.mark}-NEW",
        "name": f"{world.mark} new",
        "successor_id": world.product.id,
        "successor_from": "2031-01",
        "planning_item_id": world.product.id,
    }


def changes(world: World) -> Mapping[str, Any]:
    heir = world.hidden_product.id
    return {"name": f"{world.mark} other", "successor_id": heir, "successor_from": "2031-01", "planning_item_id": heir}


def neighbours(world: World) -> Mapping[str, Any]:
    return {"successor_id": world.product.id, "planning_item_id": world.made["predecessor"].id}


async def make(world: World) -> None:
    code = f"{world.mark}-{world.hidden}-P0"
    words = search_words(code)
    world.made["predecessor"] = await factories.make_product(
        code, name=code, search=words, successor_id=world.product.id, successor_from="2031-01"
    )


LINKS = ("successor_id", "planning_item_id")

ROWS = {
    "list_products": Row(Action.READ_PRODUCTS, query=neighbours, quiet_links=LINKS),
    "create_product": Row(Action.CHANGE_PRODUCTS, body=new_product, links=LINKS),
    "read_product": Row(Action.READ_PRODUCTS, scoped=True),
    "change_product": Row(Action.CHANGE_PRODUCTS, body=changes, links=LINKS),
    "delete_product": Row(Action.CHANGE_PRODUCTS),
    "restore_product": Row(Action.CHANGE_PRODUCTS),
}
