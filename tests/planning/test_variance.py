"""Plan against actual of one number."""

from __future__ import annotations

from decimal import Decimal

import pytest

from planning.variance import Variance, variance


@pytest.mark.parametrize(
    ("plan", "actual", "difference", "percent"),
    [
        (200, 250, 50, "25.00"),
        (200, 150, -50, "-25.00"),
        (300, 400, 100, "33.33"),
        (20_000, 20_001, 1, "0.00"),  # 0.005 is half of a step: to the even 0
        (0, 50, 50, None),
        (-10, 50, 60, None),
        (None, 50, None, None),
        (200, None, None, None),
        (200, 0, -200, "-100.00"),
    ],
)
def test_the_variance_is_null_where_it_is_undefined(
    plan: int | None, actual: int | None, difference: int | None, percent: str | None
) -> None:
    assert variance(plan, actual) == Variance(difference, None if percent is None else Decimal(percent))
