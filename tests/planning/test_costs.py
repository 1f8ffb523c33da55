"""The cost of a month: dated, else standard, else missing."""

from __future__ import annotations

import pytest

from planning.calendar import MonthPattern, MonthRule
from planning.costs import CostSource, DatedCost, ResolvedCost, resolve_cost

SPRING = DatedCost("2026-03-01", "2026-05-31", 80)
LATER = DatedCost("2026-06-02", None, 90)


@pytest.mark.parametrize(
    ("month", "standard", "cost", "source"),
    [
        ("2026-02", 100, 100, CostSource.STANDARD),
        ("2026-03", 100, 80, CostSource.DATED),
        ("2026-05", None, 80, CostSource.DATED),
        ("2026-06", 100, 100, CostSource.STANDARD),  # the later cost begins after the first day
        ("2026-06", None, None, CostSource.MISSING),
        ("2026-06", 0, 0, CostSource.STANDARD),
        ("2026-07", 100, 90, CostSource.DATED),
    ],
)
def test_the_first_day_decides(month: str, standard: int | None, cost: int | None, source: CostSource) -> None:
    assert resolve_cost(month, [SPRING, LATER], standard) == ResolvedCost(cost, source)


def test_where_costs_overlap_all_the_same_the_later_one_wins() -> None:
    newer = DatedCost("2026-04-01", None, 85)
    assert resolve_cost("2026-05", [newer, SPRING], None).cost == 85
    assert resolve_cost("2026-05", [SPRING, newer], None).cost == 85


def test_the_first_day_is_that_of_the_companys_month() -> None:
    """In weeks 2026-05 begins on Monday 27 April."""
    since_may, rule = DatedCost("2026-05-01", None, 85), MonthRule(MonthPattern.WEEKS_4_4_5, 1)
    assert resolve_cost("2026-05", [since_may], None).cost == 85
    assert resolve_cost("2026-05", [since_may], None, rule).source is CostSource.MISSING
