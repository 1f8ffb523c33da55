"""What is posted in months: lines, net revenue and demand by unit of measure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from core.collections import scoped
from models.product import Product
from models.sale import MonthTotals, SaleLine, UnitTotal
from planning.months import Month
from services.sale_sums import DEMAND, REVENUE


async def totals_of(of_months: Collection[Month]) -> dict[Month, MonthTotals]:
    """The totals of these months, from their lines, by month; months without lines are absent."""
    if not of_months:
        return {}
    pipeline: list[dict[str, Any]] = [
        {"$match": {"month": {"$in": sorted(of_months)}}},
        {
            "$group": {
                "_id": {"month": "$month", "product": "$product_id"},
                "rows": {"$sum": 1},
                "revenue": REVENUE,
                "quantity": DEMAND,
            }
        },
    ]
    units = await units_of_products()
    found: dict[Month, MonthTotals] = defaultdict(MonthTotals)
    quantities: dict[Month, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    async for row in scoped(SaleLine).aggregate(pipeline, allowDiskUse=True):
        month, unit = row["_id"]["month"], units.get(row["_id"]["product"].bytes, "")
        found[month].rows += row["rows"]
        found[month].revenue += row["revenue"]
        if row["quantity"]:
            quantities[month][unit] += row["quantity"]
    for month, by_unit in quantities.items():
        found[month].quantities = [UnitTotal(unit=unit, quantity=by_unit[unit]) for unit in sorted(by_unit)]
    return dict(found)


async def units_of_products() -> dict[bytes, str]:
    """The base unit of every product, by the bytes of its id."""
    return {row["_id"].bytes: row["unit"] async for row in scoped(Product).find({}, {"unit": 1}, batch_size=10_000)}
