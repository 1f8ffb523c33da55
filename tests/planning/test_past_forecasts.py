"""Which cycle a past forecast belongs to."""

from __future__ import annotations

import pytest

from planning.past_forecasts import base_month_of, base_month_problem, lag_problem, name_problem


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


@pytest.mark.parametrize(("base_month", "fits"), [("2025-11", True), ("2026-02", True), ("2026-03", False)])
def test_a_cycle_was_run_in_a_month_that_has_begun(base_month: str, fits: bool) -> None:
    assert (base_month_problem(base_month, "2026-02") is None) is fits


@pytest.mark.parametrize(("named", "fits"), [(None, True), ("2025-11", True), ("2025-10", False)])
def test_a_name_is_that_of_one_cycle(named: str | None, fits: bool) -> None:
    assert (name_problem("2025-11", named) is None) is fits
