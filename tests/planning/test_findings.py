"""What counts as a finding: by days and months, both ends included."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.findings import (
    LOOKED_BACK,
    Moment,
    day_after,
    families,
    first_of,
    has_cost,
    is_idle,
    is_sold_still,
    moment_of,
    outside_list,
)
from planning.intervals import Interval
from planning.lifespan import Lifespan
from planning.months import month_range

DAY = date(2026, 11, 28)
YEAR = month_range("2025-11", 12)
NOW = moment_of(DAY, "EUR", YEAR)
ALWAYS = [Interval()]


def test_the_window_is_the_last_twelve_complete_months_before_the_running_one() -> None:
    assert moment_of(DAY, "EUR", [*month_range("2024-01", 34), "2026-11"]).window == YEAR
    assert (NOW.today, NOW.month, NOW.first_month, NOW.complete) == ("2026-11-28", "2026-11", "2025-11", True)


def test_with_fewer_complete_months_the_window_is_what_there_is() -> None:
    few = moment_of(DAY, "EUR", YEAR[3:])
    assert (few.window, few.complete) == (YEAR[3:], False)


def test_without_any_it_is_the_last_year_of_the_calendar() -> None:
    none = moment_of(DAY, "EUR", [])
    assert (none.window, none.complete) == (YEAR, False)


@pytest.mark.parametrize(
    ("listed", "launch", "last_sold", "idle"),
    [
        (ALWAYS, None, None, True),
        (ALWAYS, None, "2025-10", True),
        (ALWAYS, None, "2025-11", False),
        (ALWAYS, None, "2026-11", False),
        (ALWAYS, "2025-11", None, True),
        (ALWAYS, "2025-12", None, False),
        ([Interval("2025-11-01")], None, None, True),
        ([Interval("2025-11-02")], None, None, False),
        ([Interval(None, "2026-11-28")], None, None, True),
        ([Interval(None, "2026-11-27")], None, None, False),
        ([Interval(None, "2026-03-31"), Interval("2026-04-01")], None, None, True),
        ([], None, None, False),
    ],
)
def test_what_was_on_the_list_all_the_time_and_never_sold_is_idle(
    listed: list[Interval], launch: str | None, last_sold: str | None, idle: bool
) -> None:
    assert is_idle(NOW, listed, launch, last_sold) is idle


def test_nobody_can_say_that_something_did_not_sell_before_a_year_is_complete() -> None:
    assert not is_idle(moment_of(DAY, "EUR", YEAR[1:]), ALWAYS, None, None)


@pytest.mark.parametrize(
    ("listed", "outside"),
    [
        ([], ("2026-01", "2026-03")),
        (ALWAYS, ()),
        ([Interval("2026-11-28")], ()),
        ([Interval("2026-11-29")], ("2026-01", "2026-03")),
        ([Interval(None, "2026-01-31")], ("2026-03",)),
        ([Interval(None, "2026-03-01")], ()),
        ([Interval("2026-01-31", "2026-02-28")], ("2026-03",)),
    ],
)
def test_sales_are_outside_the_list_in_months_without_a_day_on_it(
    listed: list[Interval], outside: tuple[str, ...]
) -> None:
    assert outside_list(NOW, listed, ["2026-03", "2026-01"]) == outside


@given(st.lists(st.sampled_from(YEAR), unique=True), st.sampled_from(YEAR), st.sampled_from(YEAR))
def test_months_outside_are_among_those_sold(sold: list[str], first: str, last: str) -> None:
    entry = Interval(f"{min(first, last)}-01", f"{max(first, last)}-01")
    outside = outside_list(NOW, [entry], sold)
    assert set(outside) == {month for month in sold if not min(first, last) <= month <= max(first, last)}


@pytest.mark.parametrize(("end", "still"), [(None, True), ("2026-11", True), ("2026-12", True), ("2026-10", False)])
def test_a_product_is_sold_through_its_last_month(end: str | None, still: bool) -> None:
    assert is_sold_still(NOW, Lifespan(None, end)) is still


@pytest.mark.parametrize(
    ("standard", "costs", "known"),
    [
        (None, [], False),
        (0, [], True),
        (None, [Interval("2026-11-28")], True),
        (None, [Interval("2026-11-29")], False),
        (None, [Interval("2026-01-01", "2026-11-27")], False),
    ],
)
def test_a_cost_is_a_dated_one_or_the_standard_cost(standard: int | None, costs: list[Interval], known: bool) -> None:
    assert has_cost(NOW, standard, costs) is known


def test_something_ended_the_day_after_its_last_day() -> None:
    ended = [Interval("2026-01-01", "2026-03-31"), Interval(None, "2025-12-31"), Interval("2027-01-01", "2027-12-31")]
    assert day_after(ended, NOW, "2020-01-01") == "2026-04-01"
    assert day_after([Interval("2027-01-01")], NOW, "2020-01-01") == "2020-01-01"


def test_a_chain_of_successors_is_one_family_and_a_circle_ends() -> None:
    old, newer, newest, node, other = (uuid4() for _ in range(5))
    nobody: tuple[UUID | None, UUID | None] = (None, None)
    found = families({old: (None, newer), newer: (None, newest), newest: nobody, node: nobody, other: (node, old)})
    assert found == {old: newest, newer: newest, newest: newest, node: node, other: node}
    assert set(families({old: (None, newer), newer: (None, old)})) == {old, newer}


def test_a_family_may_lie_outside_of_what_is_asked_for() -> None:
    old, gone = uuid4(), uuid4()
    assert families({old: (None, gone)}) == {old: gone}


def test_the_first_day_of_months() -> None:
    assert first_of(["2026-03", "2026-01"]) == "2026-01-01"


def test_a_moment_knows_its_lookback() -> None:
    assert isinstance(NOW, Moment)
    assert len(NOW.window) == LOOKED_BACK
