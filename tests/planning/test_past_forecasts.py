"""Which cycle a past forecast belongs to."""

from __future__ import annotations

import pytest

from planning.past_forecasts import base_month_of, lag_problem


@pytest.mark.parametrize(
    ("base_month", "cycle", "expected"),
    [
        ("2025-11", "December 2026", "2025-11"),
        (None, "November 2025", "2025-11"),
        (None, "Budget round", None),
        (None, None, None),
    ],
)
def test_the_month_that_a_cycle_was_run_in(base_month: str | None, cycle: str | None, expected: str | None) -> None:
    assert base_month_of(base_month, cycle) == expected


@pytest.mark.parametrize(
    ("month", "fits"), [("2025-10", False), ("2025-11", True), ("2028-11", True), ("2028-12", False)]
)
def test_a_cycle_plans_its_own_month_and_later_ones(month: str, fits: bool) -> None:
    assert (lag_problem("2025-11", month) is None) is fits
