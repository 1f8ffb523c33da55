"""Laying rows over stored entries: no two share a day, and what is refused is told with what it met."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.intervals import Interval, overlap, runs_backwards
from planning.overlays import Clash, clashes

YEAR = Interval("2026-01-01", "2026-12-31")
OPEN = Interval("2026-01-01")
NEXT = Interval("2027-01-01")


@pytest.mark.parametrize(
    ("stored", "rows", "refused"),
    [
        ([], [YEAR, NEXT], {}),
        ([], [OPEN, NEXT], {1: Clash(OPEN, 0)}),
        ([], [NEXT, OPEN], {1: Clash(NEXT, 0)}),
        ([], [YEAR, YEAR], {1: Clash(YEAR, 0)}),
        ([OPEN], [NEXT], {0: Clash(OPEN)}),
        ([OPEN], [NEXT, YEAR], {}),  # the second row ends the stored entry
        ([OPEN], [YEAR, NEXT], {}),
        ([OPEN], [OPEN], {}),  # says what is stored
        ([OPEN], [OPEN, YEAR], {1: Clash(OPEN, 0)}),  # the first of two rows about one entry counts,
        ([OPEN], [YEAR, OPEN], {1: Clash(YEAR, 0)}),  # whatever is stored
        ([OPEN, NEXT], [OPEN, NEXT], {}),  # also where that should not be stored
        ([YEAR, NEXT], [OPEN], {0: Clash(NEXT)}),
        ([Interval(None, "2025-12-31")], [Interval(None, None)], {}),
        ([Interval(None, "2025-12-31"), YEAR], [Interval(None, None)], {0: Clash(YEAR)}),
    ],
)
def test_a_row_that_shares_a_day_is_refused(
    stored: list[Interval], rows: list[Interval], refused: dict[int, Clash]
) -> None:
    assert clashes(stored, rows) == refused


def test_a_refused_change_leaves_the_stored_entry_in_the_way_of_others() -> None:
    stored = [OPEN]
    backwards = [Interval("2026-01-01", "2026-06-30"), Interval("2026-05-01", "2026-09-30"), NEXT]
    assert clashes(stored, backwards) == {1: Clash(backwards[0], 0)}
    longer = [Interval("2025-06-01", "2026-02-28"), Interval("2026-01-01", "2026-12-31"), NEXT]
    assert clashes(stored, longer) == {1: Clash(longer[0], 0), 0: Clash(OPEN), 2: Clash(OPEN)}


days = st.integers(1, 28).map(lambda day: f"2026-01-{day:02d}")
intervals = st.builds(Interval, st.none() | days, st.none() | days).filter(lambda one: not runs_backwards(one))


def disjoint(entries: list[Interval]) -> bool:
    return not any(overlap(one, other) for one, other in combinations(entries, 2))


def laid(stored: list[Interval], rows: list[Interval]) -> list[Interval]:
    """What stands after the rows that are not refused were written."""
    refused = clashes(stored, rows)
    written = {entry.valid_from: entry for entry in stored}
    written |= {row.valid_from: row for at, row in enumerate(rows) if at not in refused}
    return list(written.values())


by_first_day = st.lists(intervals, max_size=5, unique_by=lambda one: one.valid_from)


@given(by_first_day.filter(disjoint), by_first_day)
def test_what_is_written_never_shares_a_day(stored: list[Interval], rows: list[Interval]) -> None:
    assert disjoint(laid(stored, rows))


@given(by_first_day.filter(disjoint), by_first_day)
def test_writing_the_same_rows_again_changes_nothing(stored: list[Interval], rows: list[Interval]) -> None:
    once = laid(stored, rows)
    accepted = [row for row in rows if row in once]
    assert clashes(once, accepted) == {}
    assert {one.valid_from: one for one in laid(once, accepted)} == {one.valid_from: one for one in once}


@given(by_first_day.filter(disjoint))
def test_rows_that_share_no_day_are_all_taken(rows: list[Interval]) -> None:
    assert clashes([], rows) == {}
