"""The one query behind `planning.succession`: which products have a successor, from when, and at which factor."""

from __future__ import annotations

from core.collections import scoped
from models.product import Product
from planning.numbers import PRICE
from planning.succession import Link, Succession

LINK = {"successor_id": 1, "successor_from": 1, "successor_factor": 1}


async def read_succession() -> Succession:
    """The links of all products of the tenant in context, deleted products included."""
    rows = await scoped(Product).rows({"successor_id": {"$ne": None}}, LINK)
    return Succession(
        {
            row["_id"]: Link(
                row["successor_id"], row["successor_from"], PRICE.round_scaled(row["successor_factor"].to_decimal())
            )
            for row in rows
            if row["successor_from"] is not None
        }
    )
