"""The life of a month's actuals, and control totals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.actuals import Control, MonthState, Posted, compare_sources, judge_completion, judge_reopening

UNIT = 10_000
"""One euro as scaled money."""


@pytest.mark.parametrize(("month", "allowed"), [("2026-10", True), ("2026-11", False), ("2026-12", False)])
def test_only_an_ended_month_becomes_complete(month: str, allowed: bool) -> None:
    verdict = judge_completion(month, "2026-11")
    assert verdict.allowed is allowed
    assert ("not ended yet" in verdict.reason) is not allowed


@pytest.mark.parametrize(
    ("state", "allowed"), [(MonthState.OPEN, False), (MonthState.COMPLETE, True), (MonthState.RESTATED, True)]
)
def test_only_what_is_not_open_is_reopened(state: MonthState, allowed: bool) -> None:
    verdict = judge_reopening("2026-10", state)
    assert verdict.allowed is allowed
    assert "2026-10" in verdict.reason


@pytest.mark.parametrize(
    ("posted", "control", "difference", "rows_difference", "agrees"),
    [
        (Posted(3, 10 * UNIT), None, None, None, None),
        (Posted(3, 10 * UNIT), Control(10 * UNIT), 0, None, True),
        (Posted(3, 10 * UNIT), Control(10 * UNIT, 3), 0, 0, True),
        (Posted(3, 10 * UNIT), Control(10 * UNIT, 4), 0, -1, False),
        (Posted(3, 10 * UNIT), Control(12 * UNIT), -2 * UNIT, None, False),
        (Posted(3, 10 * UNIT + 4), Control(10 * UNIT), 0, None, True),  # below a cent
        (Posted(3, 10 * UNIT + 60), Control(10 * UNIT, 3), 100, 0, False),  # rounds to a cent more
    ],
)
def test_a_source_is_held_against_its_control_total(
    posted: Posted, control: Control | None, difference: int | None, rows_difference: int | None, agrees: bool | None
) -> None:
    (one,) = compare_sources({"erp": posted}, {} if control is None else {"erp": control}, "EUR")
    assert (one.difference, one.rows_difference, one.agrees) == (difference, rows_difference, agrees)


def test_a_control_total_of_a_source_without_lines_is_not_hidden() -> None:
    shop, web = compare_sources({"web": Posted(1, UNIT)}, {"shop": Control(5 * UNIT, 2)}, "EUR")
    assert (shop.source, shop.posted, shop.difference, shop.agrees) == ("shop", Posted(), -5 * UNIT, False)
    assert (web.source, web.control) == ("web", None)


money = st.integers(-(10**12), 10**12)


@given(st.dictionaries(st.sampled_from("abc"), money), st.dictionaries(st.sampled_from("bcd"), money))
def test_every_source_is_shown_once_and_what_agrees_has_no_difference(
    posted: dict[str, int], controls: dict[str, int]
) -> None:
    found = compare_sources(
        {name: Posted(1, revenue) for name, revenue in posted.items()},
        {name: Control(revenue) for name, revenue in controls.items()},
        "EUR",
    )
    assert [one.source for one in found] == sorted(posted.keys() | controls.keys())
    for one in found:
        assert (one.agrees is None) is (one.control is None)
        assert bool(one.agrees) is (one.difference == 0)
