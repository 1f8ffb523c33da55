"""The seasonal naive: last year's month, the year before, the last complete month, null."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.months import month_range
from planning.naive import NaiveValue, naive_line, naive_quantity

COMPLETE = frozenset(month_range("2024-01", 34))  # to 2026-10
SINCE_2024 = {"2024-01": 7}


@pytest.mark.parametrize(
    ("target", "quantity", "from_month"),
    [
        ("2026-12", 120, "2025-12"),  # last year's month
        ("2027-10", 90, "2026-10"),  # last year's month, the last complete one
        ("2027-11", 110, "2025-11"),  # last year's month is still open: the year before
        ("2028-11", 90, "2026-10"),  # neither is complete: the last complete month
        ("2026-11", 110, "2025-11"),
    ],
)
def test_the_month_that_is_repeated(target: str, quantity: int, from_month: str) -> None:
    history = SINCE_2024 | {"2025-11": 110, "2025-12": 120, "2026-10": 90}
    assert naive_quantity(target, history, COMPLETE) == NaiveValue(quantity, from_month)


def test_a_complete_month_without_sales_is_0_not_null() -> None:
    assert naive_quantity("2026-12", SINCE_2024, COMPLETE) == NaiveValue(0, "2025-12")


def test_a_month_before_the_line_existed_is_passed_over() -> None:
    history = {"2026-09": 5, "2026-10": 8}
    assert naive_quantity("2026-12", history, COMPLETE) == NaiveValue(8, "2026-10")
    assert naive_quantity("2026-12", history, COMPLETE, since="2024-01") == NaiveValue(0, "2025-12")


def test_a_line_that_never_sold_has_no_naive() -> None:
    assert naive_quantity("2026-12", {}, COMPLETE) == NaiveValue(None, None)


def test_a_launched_line_that_did_not_sell_yet_repeats_its_0() -> None:
    assert naive_quantity("2026-12", {}, COMPLETE, since="2026-10") == NaiveValue(0, "2026-10")


def test_without_a_complete_month_there_is_no_naive() -> None:
    assert naive_quantity("2026-12", SINCE_2024, frozenset()) == NaiveValue(None, None)


def test_months_that_are_complete_only_later_are_not_known() -> None:
    assert naive_quantity("2024-01", SINCE_2024, COMPLETE) == NaiveValue(None, None)


def test_a_month_of_returns_is_0() -> None:
    assert naive_quantity("2026-12", {"2025-12": -4}, COMPLETE) == NaiveValue(0, "2025-12")


months = st.sampled_from(month_range("2022-01", 60))


@given(st.dictionaries(months, st.integers(-100, 100)), st.frozensets(months), st.none() | months)
def test_a_line_never_knows_the_future(history: dict[str, int], complete: frozenset[str], since: str | None) -> None:
    targets = month_range("2026-01", 16)
    line = naive_line(targets, history, complete, since=since)
    assert list(line) == list(targets)
    for target, naive in line.items():
        assert naive == naive_quantity(target, history, complete, since=since)
        if naive.from_month is None:
            assert naive.quantity is None
        else:
            assert naive.from_month in complete
            assert naive.from_month < target
            assert naive.quantity == max(0, history.get(naive.from_month, 0))
