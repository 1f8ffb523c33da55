"""The one query behind `planning.costs`: what products cost from day to day."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from core.collections import scoped
from models.product import ProductCost
from planning.costs import DatedCost
from planning.numbers import PRICE

FIELDS = {"_id": 0, "product_id": 1, "cost": 1, "valid_from": 1, "valid_to": 1}


async def read_dated_costs(product_ids: Collection[UUID] | None = None) -> dict[UUID, list[DatedCost]]:
    """The dated costs of these products (None = of all), by product; those without any are absent."""
    query = {} if product_ids is None else {"product_id": {"$in": list(product_ids)}}
    found: dict[UUID, list[DatedCost]] = {}
    for row in await scoped(ProductCost).rows(query, FIELDS):
        cost = PRICE.round_scaled(row["cost"].to_decimal())
        found.setdefault(row["product_id"], []).append(DatedCost(row["valid_from"], row["valid_to"], cost))
    return found
