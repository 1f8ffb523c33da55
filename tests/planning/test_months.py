"""Months: reading, arithmetic, and which month an instant falls into."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning.months import (
    add_months,
    first_day,
    is_month,
    last_complete,
    last_day,
    month_in_zone,
    month_of,
    month_range,
    months_between,
    parse_month,
    zone,
)

months = st.dates(date(1950, 1, 1), date(2900, 12, 31)).map(month_of)
offsets = st.integers(-400, 400)


@pytest.mark.parametrize("text", ["2026-11", "1900-01", "2999-12", "2026-10"])
def test_a_month_is_four_digits_a_dash_and_two_digits(text: str) -> None:
    assert is_month(text)
    assert parse_month(f" {text}\n") == text


@pytest.mark.parametrize(
    "text",
    ["", "2026-00", "2026-13", "2026-1", "26-11", "2026/11", "2026-11-01", "1899-12", "3000-01", "٢٠٢٦-11", "0000-01"],
)
def test_everything_else_is_refused_with_the_text_and_an_example(text: str) -> None:
    assert not is_month(text)
    with pytest.raises(InvalidInput, match="for example 2026-11"):
        parse_month(text)


def test_a_month_with_a_line_break_behind_it_is_no_month_to_the_letter() -> None:
    assert not is_month("2026-11\n")


@pytest.mark.parametrize(
    ("month", "count", "expected"),
    [("2026-11", 0, "2026-11"), ("2026-11", 2, "2027-01"), ("2026-01", -1, "2025-12"), ("2026-11", -23, "2024-12")],
)
def test_adding_months_crosses_years(month: str, count: int, expected: str) -> None:
    assert add_months(month, count) == expected


@pytest.mark.parametrize(("month", "count"), [("1900-01", -1), ("2999-12", 1)])
def test_months_end_where_years_do(month: str, count: int) -> None:
    with pytest.raises(InvalidInput, match="1900-01 to 2999-12"):
        add_months(month, count)


@given(months, offsets)
def test_the_way_back_leads_home(month: str, count: int) -> None:
    assert add_months(add_months(month, count), -count) == month
    assert months_between(month, add_months(month, count)) == count


@given(months, offsets)
def test_later_months_compare_as_greater_text(month: str, count: int) -> None:
    assert (add_months(month, count) > month) == (count > 0)


def test_a_range_is_consecutive_months() -> None:
    assert month_range("2026-11", 3) == ("2026-11", "2026-12", "2027-01")
    assert month_range("2026-11", 0) == ()


def test_a_range_has_no_negative_length() -> None:
    with pytest.raises(InvalidInput):
        month_range("2026-11", -1)


@pytest.mark.parametrize(("month", "last"), [("2024-02", 29), ("2026-02", 28), ("2026-11", 30), ("2026-12", 31)])
def test_a_month_goes_from_its_first_to_its_last_day(month: str, last: int) -> None:
    assert first_day(month).day == 1
    assert last_day(month).day == last
    assert month_of(first_day(month)) == month_of(last_day(month)) == month


@pytest.mark.parametrize(
    ("zone_name", "expected"), [("UTC", "2026-10"), ("Europe/Berlin", "2026-11"), ("America/New_York", "2026-10")]
)
def test_an_instant_near_midnight_belongs_to_the_month_of_the_zone(zone_name: str, expected: str) -> None:
    assert month_in_zone(datetime(2026, 10, 31, 23, 30, tzinfo=UTC), zone_name) == expected


def test_a_naive_time_has_no_month() -> None:
    with pytest.raises(InvalidInput, match="needs its zone"):
        month_in_zone(datetime(2026, 10, 31, 23, 30), "UTC")  # noqa: DTZ001 - the naive time is the case


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "/etc/localtime", "Europe", "UTC\x00"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="IANA"):
        zone(name)


def test_the_last_complete_months_are_the_latest_before_a_month_and_skip_gaps() -> None:
    complete = {"2026-01", "2026-02", "2026-04", "2026-05", "2026-06"}
    assert last_complete(complete, "2026-06", 3) == ("2026-02", "2026-04", "2026-05")
    assert last_complete(complete, "2026-02", 3) == ("2026-01",)
    assert last_complete(complete, "2026-06", 0) == ()
