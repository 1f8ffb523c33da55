"""Spreading: nothing lost, nothing invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning.spreading import spread


@pytest.mark.parametrize(
    ("total", "weights", "step", "parts"),
    [
        (100, [1, 1, 1], 1, (34, 33, 33)),
        (10, [5, 3, 2], 1, (5, 3, 2)),
        (7, [3, 2, 2], 1, (3, 2, 2)),
        (10_000, [1, 1, 1], 1_000, (4_000, 3_000, 3_000)),
        (10_500, [1, 2, 1], 1_000, (3_000, 5_500, 2_000)),
        (9, [0, 0, 0], 1, (3, 3, 3)),
        (9, [0, 2, 1], 1, (0, 6, 3)),
        (-100, [1, 1, 1], 1, (-34, -33, -33)),
        (0, [1, 2], 1, (0, 0)),
        (5, [4], 1, (5,)),
    ],
)
def test_by_hand(total: int, weights: list[int], step: int, parts: tuple[int, ...]) -> None:
    assert spread(total, weights, step) == parts


weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=20)


@given(st.integers(-(10**12), 10**12), weights, st.integers(1, 10**4))
def test_the_parts_sum_to_the_total_and_only_one_leaves_the_step(total: int, weights: list[int], step: int) -> None:
    parts = spread(total, weights, step)
    assert sum(parts) == total
    assert sum(part % step != 0 for part in parts) <= 1


@given(st.integers(0, 10**12), weights.filter(any))
def test_no_part_is_a_step_away_from_its_fair_share(total: int, weights: list[int]) -> None:
    for part, weight in zip(spread(total, weights), weights, strict=True):
        assert abs(part * sum(weights) - total * weight) < sum(weights)


@pytest.mark.parametrize(("weights", "step"), [([], 1), ([1, -1], 1), ([1], 0)])
def test_what_cannot_be_spread_is_refused(weights: list[int], step: int) -> None:
    with pytest.raises(InvalidInput):
        spread(10, weights, step)
