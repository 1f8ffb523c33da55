"""What one unit of a product costs in a month: the dated cost of its first day, else the standard cost, else missing.

A missing cost is null and counted; it never becomes 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from planning.calendar import CALENDAR_MONTHS, MonthRule
from planning.intervals import covers
from planning.months import Month


class CostSource(StrEnum):
    """Where a cost came from."""

    DATED = "dated"
    STANDARD = "standard"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class DatedCost:
    """A cost (scaled 1/10^8) from the first to the last day, both included; None = open end."""

    valid_from: str
    valid_to: str | None
    cost: int


@dataclass(frozen=True, slots=True)
class ResolvedCost:
    """The cost of a month (scaled, None when missing) and its source."""

    cost: int | None
    source: CostSource


def resolve_cost(
    month: Month, dated: Iterable[DatedCost], standard_cost: int | None, rule: MonthRule = CALENDAR_MONTHS
) -> ResolvedCost:
    """The cost of one month. Dated costs do not overlap; where they do all the same, the one that began last wins."""
    day = rule.first_day(month).isoformat()
    valid = [entry for entry in dated if covers(entry, day)]
    if valid:
        return ResolvedCost(max(valid, key=lambda entry: entry.valid_from).cost, CostSource.DATED)
    return ResolvedCost(standard_cost, CostSource.MISSING if standard_cost is None else CostSource.STANDARD)
