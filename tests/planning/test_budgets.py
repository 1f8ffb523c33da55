"""Budgets: levels, and spreading that loses and invents nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning.budgets import Basis, choose_weights, named_level, spread_in_steps
from planning.spreading import spread


@pytest.mark.parametrize(
    ("names", "level"),
    [
        ({"customer": None, "group": None}, ("all", None)),
        ({"customer": "C1", "group": None}, ("customer", "C1")),
        ({"customer": None, "group": "Retail"}, ("group", "Retail")),
        ({"customer": "C1", "group": "Retail"}, None),
    ],
)
def test_one_level_is_named(names: dict[str, str | None], level: tuple[str, str | None] | None) -> None:
    assert named_level(names) == level


@pytest.mark.parametrize(
    ("last_year", "last_plan", "active", "expected"),
    [
        ((3, -1), (1, 1), (1, 1), (Basis.LAST_YEAR, (3, 0))),
        ((0, -1), (1, 2), (1, 1), (Basis.LAST_PLAN, (1, 2))),
        ((0, 0), (0, 0), (0, 1), (Basis.EQUAL, (0, 1))),
        ((0, -1), (0, 0), (0, 0), (Basis.NOTHING, (0, 0))),
    ],
)
def test_what_a_number_is_spread_by(
    last_year: tuple[int, ...],
    last_plan: tuple[int, ...],
    active: tuple[int, ...],
    expected: tuple[Basis, tuple[int, ...]],
) -> None:
    assert choose_weights(last_year, last_plan, active) == expected


@pytest.mark.parametrize(
    ("total", "weights", "steps", "parts"),
    [
        (10, (1, 1, 1), (1, 1, 1), (4, 3, 3)),
        (100, (1, 1), (12, 12), (52, 48)),
        (100, (1, 1), (12, 1), (48, 52)),
        (30, (1, 1, 1), (12, 12, 1), (12, 0, 18)),
        (7, (0, 3), (1, 1), (0, 7)),
        (5, (1, 2), (10, 10), (0, 5)),
        (0, (1, 2), (1, 1), (0, 0)),
    ],
)
def test_a_number_in_steps(
    total: int, weights: tuple[int, ...], steps: tuple[int, ...], parts: tuple[int, ...]
) -> None:
    assert spread_in_steps(total, weights, steps) == parts


@pytest.mark.parametrize(
    ("total", "weights", "steps"),
    [(1, (), ()), (1, (0, 0), (1, 1)), (1, (1, -1), (1, 1)), (1, (1,), (0,)), (-1, (1,), (1,))],
)
def test_what_can_not_be_spread(total: int, weights: tuple[int, ...], steps: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput):
        spread_in_steps(total, weights, steps)


LEAVES = st.lists(
    st.tuples(st.integers(0, 10**9), st.sampled_from([1, 10, 1_000, 12_000])), min_size=1, max_size=40
).filter(lambda leaves: any(weight for weight, _ in leaves))


@given(st.integers(0, 10**15), LEAVES)
def test_leaves_sum_exactly_to_the_entry(total: int, leaves: list[tuple[int, int]]) -> None:
    weights, steps = [weight for weight, _ in leaves], [step for _, step in leaves]
    parts = spread_in_steps(total, weights, steps)
    assert sum(parts) == total
    assert min(parts) >= 0
    largest = weights.index(max(weights))
    for at, part in enumerate(parts):
        assert at == largest or part % steps[at] == 0
        assert weights[at] or part == 0


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
def test_with_one_step_it_is_the_largest_remainder(total: int, weights: list[int]) -> None:
    assert spread_in_steps(total, weights, [1] * len(weights)) == spread(total, weights)
