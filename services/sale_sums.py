"""What lines count as (`planning.sales_types`), as expressions of pipelines on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from planning.sales_types import DEMAND_TYPES, REVENUE_TYPES, SalesType

Expression = dict[str, Any]


def is_one_of(types: Iterable[SalesType]) -> Expression:
    """Whether a line is of one of these types."""
    return {"$in": ["$line_type", [str(one) for one in types]]}


def counted(condition: Expression, figure: str | int) -> Expression:
    """The sum of a figure over the lines of a group for which the condition holds."""
    return {"$sum": {"$cond": [condition, figure, 0]}}


IS_DEMAND = is_one_of(DEMAND_TYPES)
IS_REVENUE = is_one_of(REVENUE_TYPES)
DEMAND = counted(IS_DEMAND, "$quantity")
REVENUE = counted(IS_REVENUE, "$net_revenue")
