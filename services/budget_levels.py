"""What a budget may be decided for: the customers and products of a level, by the key that people write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.text import code_key
from models.customer import Customer
from models.merged import load_merged
from models.product import Product
from planning.budgets import ALL, CustomerLevel, ProductLevel


@dataclass(slots=True)
class Members:
    """Who belongs to a key of a level; `shown` is the key as the masters spell it."""

    shown: str | None
    ids: list[UUID] = field(default_factory=list)
    units: set[str] = field(default_factory=set)


Levels = Mapping[tuple[str, str | None], Members]
"""(level, folded key) -> members."""


async def customer_levels() -> Levels:
    """The customers by every level; a merged one's code finds what it is now, and it belongs to no level itself."""
    merged = await load_merged()
    fields = {"code": 1, "code_key": 1, "group": 1, "region": 1, "country": 1}
    rows = await scoped(Customer).rows({}, fields, sort=[("_id", 1)])
    names = [level.value for level in CustomerLevel if level not in (CustomerLevel.CUSTOMER, CustomerLevel.ALL)]
    levels = _levels([row for row in rows if row["_id"] not in merged.targets], CustomerLevel.CUSTOMER, names)
    codes = {row["_id"]: row["code_key"] for row in rows}
    for source, owner in merged.targets.items():
        levels[CustomerLevel.CUSTOMER, codes[source]] = levels[CustomerLevel.CUSTOMER, codes[owner]]
    return levels


async def product_levels() -> Levels:
    """The products by every level, with their units."""
    fields = {"code": 1, "code_key": 1, "category": 1, "family": 1, "brand": 1, "unit": 1}
    rows = await scoped(Product).rows({}, fields, sort=[("_id", 1)])
    names = [level.value for level in ProductLevel if level not in (ProductLevel.PRODUCT, ProductLevel.ALL)]
    return _levels(rows, ProductLevel.PRODUCT, names)


def _levels(rows: list[dict[str, Any]], own: str, names: list[str]) -> dict[tuple[str, str | None], Members]:
    found: dict[tuple[str, str | None], Members] = {(ALL, None): Members(None)}
    for row in rows:
        keys = [(ALL, None, None), (str(own), row["code_key"], row["code"])]
        keys += [(name, code_key(row[name]), row[name]) for name in names if row.get(name)]
        for level, key, shown in keys:
            members = found.setdefault((level, key), Members(shown))
            members.ids.append(row["_id"])
            if "unit" in row:
                members.units.add(row["unit"])
    return found
