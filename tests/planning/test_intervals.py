"""Effective-dated entries: both ends belong to them, an open end has no end."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.intervals import Interval, covers, in_words, overlap, overlapping, runs_backwards

SPRING = Interval("2026-03-01", "2026-05-31")


@pytest.mark.parametrize(
    ("entry", "day", "within"),
    [
        (SPRING, "2026-02-28", False),
        (SPRING, "2026-03-01", True),
        (SPRING, "2026-05-31", True),
        (SPRING, "2026-06-01", False),
        (Interval(None, "2026-05-31"), "1999-01-01", True),
        (Interval("2026-03-01"), "2199-01-01", True),
        (Interval(), "2026-03-01", True),
    ],
)
def test_both_ends_belong_to_it(entry: Interval, day: str, within: bool) -> None:
    assert covers(entry, day) == within


@pytest.mark.parametrize(
    ("entry", "backwards"),
    [
        (SPRING, False),
        (Interval("2026-03-01", "2026-03-01"), False),
        (Interval("2026-03-02", "2026-03-01"), True),
        (Interval(None, "2026-03-01"), False),
        (Interval("2026-03-01"), False),
    ],
)
def test_it_may_not_end_before_it_begins(entry: Interval, backwards: bool) -> None:
    assert runs_backwards(entry) == backwards


@pytest.mark.parametrize(
    ("other", "meet"),
    [
        (Interval("2026-06-01", None), False),
        (Interval("2026-05-31", None), True),
        (Interval(None, "2026-02-28"), False),
        (Interval(None, "2026-03-01"), True),
        (Interval("2026-04-01", "2026-04-01"), True),
        (Interval(), True),
    ],
)
def test_they_overlap_when_they_share_a_day(other: Interval, meet: bool) -> None:
    assert overlap(SPRING, other) == overlap(other, SPRING) == meet


def test_the_earliest_entry_in_the_way_is_named() -> None:
    summer, autumn = Interval("2026-06-01", "2026-08-31"), Interval("2026-09-01", None)
    assert overlapping(Interval("2026-05-01", None), [autumn, SPRING, summer]) == SPRING
    assert overlapping(Interval("2026-08-31", None), [autumn, SPRING, summer]) == summer
    assert overlapping(Interval("2026-01-01", "2026-02-28"), [autumn, SPRING, summer]) is None
    assert overlapping(SPRING, []) is None


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (SPRING, "2026-03-01 to 2026-05-31"),
        (Interval("2026-03-01"), "from 2026-03-01"),
        (Interval(None, "2026-05-31"), "until 2026-05-31"),
        (Interval(), "always"),
    ],
)
def test_it_is_named_in_words(entry: Interval, words: str) -> None:
    assert in_words(entry) == words


START = date(2026, 1, 1)
days = st.integers(0, 12).map(lambda offset: (START + timedelta(offset)).isoformat())
intervals = st.builds(Interval, st.none() | days, st.none() | days).filter(lambda one: not runs_backwards(one))


@given(intervals, intervals)
def test_overlapping_is_sharing_a_day(one: Interval, other: Interval) -> None:
    every_day = [(START + timedelta(offset)).isoformat() for offset in range(-1, 14)]
    assert overlap(one, other) == any(covers(one, day) and covers(other, day) for day in every_day)
