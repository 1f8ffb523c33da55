"""Months by pattern, fiscal years, working days, and days between deadlines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning import months
from planning.calendar import (
    CALENDAR_MONTHS,
    DayCount,
    FiscalMonth,
    MonthPattern,
    MonthRule,
    WorkingDays,
)

DAY = timedelta(days=1)
WEEKS = [MonthPattern.WEEKS_4_4_5, MonthPattern.WEEKS_4_5_4, MonthPattern.WEEKS_5_4_4]
MONDAY_TO_FRIDAY = frozenset(range(1, 6))
BERLIN = "Europe/Berlin"

rules = st.builds(MonthRule, st.sampled_from(MonthPattern), st.integers(1, 12))
week_rules = st.builds(MonthRule, st.sampled_from(WEEKS), st.integers(1, 12))
days = st.dates(date(1950, 1, 1), date(2900, 12, 31))
labels = days.map(months.month_of)


@dataclass
class Settings:
    month_pattern: str
    fiscal_year_start_month: int


def weeks_of(rule: MonthRule, first: str) -> list[int]:
    """The length in weeks of the twelve months from this one."""
    return [((rule.last_day(month) - rule.first_day(month)).days + 1) // 7 for month in months.month_range(first, 12)]


def test_settings_make_the_rule() -> None:
    assert MonthRule.of(Settings("4-4-5", 4)) == MonthRule(MonthPattern.WEEKS_4_4_5, 4)
    assert MonthRule.of(Settings("calendar", 1)) == CALENDAR_MONTHS


@given(labels)
def test_without_a_pattern_months_are_those_of_the_calendar(month: str) -> None:
    rule = MonthRule(MonthPattern.CALENDAR, 7)
    assert (rule.first_day(month), rule.last_day(month)) == (months.first_day(month), months.last_day(month))
    assert rule.month_of(rule.last_day(month)) == month
    assert rule.months_of([rule.first_day(month).isoformat()]) == [month]


@pytest.mark.parametrize(
    ("start_month", "month", "first", "last"),
    [
        (1, "2026-01", date(2025, 12, 29), date(2026, 1, 25)),
        (1, "2026-02", date(2026, 1, 26), date(2026, 2, 22)),
        (1, "2026-03", date(2026, 2, 23), date(2026, 3, 29)),
        (1, "2026-12", date(2026, 11, 23), date(2027, 1, 3)),
        (1, "2027-01", date(2027, 1, 4), date(2027, 1, 31)),
        (4, "2026-04", date(2026, 3, 30), date(2026, 4, 26)),
        (4, "2027-03", date(2027, 2, 22), date(2027, 3, 28)),
    ],
)
def test_a_4_4_5_month_goes_from_a_monday_to_a_sunday(start_month: int, month: str, first: date, last: date) -> None:
    rule = MonthRule(MonthPattern.WEEKS_4_4_5, start_month)
    assert (rule.first_day(month), rule.last_day(month)) == (first, last)
    assert rule.month_of(first) == rule.month_of(last) == month


@pytest.mark.parametrize(
    ("pattern", "usual", "long"),
    [
        (MonthPattern.WEEKS_4_4_5, [4, 4, 5] * 4, [*[4, 4, 5] * 3, 4, 4, 6]),
        (MonthPattern.WEEKS_4_5_4, [4, 5, 4] * 4, [*[4, 5, 4] * 3, 4, 5, 5]),
        (MonthPattern.WEEKS_5_4_4, [5, 4, 4] * 4, [*[5, 4, 4] * 3, 5, 4, 5]),
    ],
)
def test_the_53rd_week_belongs_to_the_last_period(pattern: MonthPattern, usual: list[int], long: list[int]) -> None:
    rule = MonthRule(pattern, 1)
    assert weeks_of(rule, "2025-01") == usual
    assert weeks_of(rule, "2026-01") == long


@pytest.mark.parametrize("pattern", WEEKS)
@given(day=days)
def test_fiscal_years_that_begin_in_january_are_the_years_of_iso_8601(pattern: MonthPattern, day: date) -> None:
    assert int(MonthRule(pattern, 1).month_of(day)[:4]) == day.isocalendar().year


@given(rules, days)
def test_every_day_belongs_to_exactly_one_month(rule: MonthRule, day: date) -> None:
    month = rule.month_of(day)
    assert months.is_month(month)
    assert rule.first_day(month) <= day <= rule.last_day(month)
    neighbours = (months.add_months(month, -1), months.add_months(month, 1))
    assert not any(rule.first_day(one) <= day <= rule.last_day(one) for one in neighbours)


@given(rules, labels)
def test_months_follow_each_other_without_gap_or_overlap(rule: MonthRule, month: str) -> None:
    assert rule.first_day(months.add_months(month, 1)) == rule.last_day(month) + DAY
    assert rule.month_of(rule.first_day(month)) == rule.month_of(rule.last_day(month)) == month


@given(week_rules, labels)
def test_months_by_weeks_are_near_the_calendar_month_they_are_named_by(rule: MonthRule, month: str) -> None:
    assert rule.first_day(month).isoweekday() == 1
    assert rule.last_day(month).isoweekday() == 7
    assert abs((rule.first_day(month) - months.first_day(month)).days) <= 12
    first, last = rule.fiscal_year(month)
    assert (rule.last_day(last) - rule.first_day(first)).days + 1 in (52 * 7, 53 * 7)
    assert abs((rule.first_day(first) - months.first_day(first)).days) <= 3


@given(rules, st.lists(days, max_size=6))
def test_many_dates_at_once_have_the_months_that_they_have_alone(rule: MonthRule, some: list[date]) -> None:
    assert rule.months_of([day.isoformat() for day in some]) == [rule.month_of(day) for day in some]


def test_an_instant_falls_into_the_month_of_its_day_in_the_zone() -> None:
    rule = MonthRule(MonthPattern.WEEKS_4_4_5, 1)
    sunday_night = datetime(2026, 1, 25, 23, 30, tzinfo=UTC)
    assert rule.month_in_zone(sunday_night, "UTC") == "2026-01"
    assert rule.month_in_zone(sunday_night, BERLIN) == "2026-02"


@pytest.mark.parametrize(
    ("start_month", "month", "expected"),
    [
        (1, "2026-01", FiscalMonth(2026, 1, 1)),
        (1, "2026-12", FiscalMonth(2026, 4, 12)),
        (4, "2026-03", FiscalMonth(2026, 4, 12)),
        (4, "2026-04", FiscalMonth(2027, 1, 1)),
        (10, "2026-09", FiscalMonth(2026, 4, 12)),
        (10, "2026-10", FiscalMonth(2027, 1, 1)),
        (10, "2027-01", FiscalMonth(2027, 2, 4)),
    ],
)
def test_a_fiscal_year_is_named_by_the_year_that_it_ends_in(
    start_month: int, month: str, expected: FiscalMonth
) -> None:
    assert MonthRule(start_month=start_month).fiscal(month) == expected


@given(rules, labels)
def test_a_fiscal_year_has_twelve_periods_in_order(rule: MonthRule, month: str) -> None:
    first, last = rule.fiscal_year(month)
    assert first <= month <= last
    places = [rule.fiscal(one) for one in months.month_range(first, 12)]
    assert [place.period for place in places] == list(range(1, 13))
    assert [place.quarter for place in places] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert {place.year for place in places} == {int(last[:4])}


CHRISTMAS = WorkingDays(
    MONDAY_TO_FRIDAY, off=frozenset({date(2026, 12, 25), date(2026, 12, 28)}), extra=frozenset({date(2026, 12, 26)})
)


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2026, 12, 24), True),  # Thursday
        (date(2026, 12, 25), False),  # a holiday
        (date(2026, 12, 26), True),  # a Saturday that is worked
        (date(2026, 12, 27), False),  # Sunday
    ],
)
def test_a_day_is_worked_by_its_weekday_unless_somebody_said_otherwise(day: date, working: bool) -> None:
    assert CHRISTMAS.is_working(day) is working


def test_working_days_of_a_span_are_counted_with_both_ends() -> None:
    assert CHRISTMAS.count(date(2026, 12, 24), date(2026, 12, 28)) == 2
    assert CHRISTMAS.count(date(2026, 12, 24), date(2026, 12, 24)) == 1
    assert CHRISTMAS.count(date(2026, 12, 24), date(2026, 12, 23)) == 0


@pytest.mark.parametrize(
    ("day", "count", "after", "before"),
    [
        (date(2026, 12, 24), 0, date(2026, 12, 24), date(2026, 12, 24)),
        (date(2026, 12, 25), 0, date(2026, 12, 26), date(2026, 12, 24)),
        (date(2026, 12, 24), 2, date(2026, 12, 29), date(2026, 12, 22)),
        (date(2026, 12, 27), 1, date(2026, 12, 29), date(2026, 12, 26)),
    ],
)
def test_working_days_are_counted_on_and_back(day: date, count: int, after: date, before: date) -> None:
    assert CHRISTMAS.after(day, count) == after
    assert CHRISTMAS.before(day, count) == before


def test_a_company_that_never_works_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one day"):
        WorkingDays(frozenset())


near = st.dates(date(2026, 1, 1), date(2027, 12, 31))
calendars = st.builds(
    WorkingDays, st.frozensets(st.integers(1, 7), min_size=1), st.frozensets(near), st.frozensets(near)
)


@given(calendars, near, st.integers(0, 40))
def test_counting_on_ends_on_a_working_day_with_so_many_in_between(
    calendar: WorkingDays, day: date, count: int
) -> None:
    after, before = calendar.after(day, count), calendar.before(day, count)
    assert calendar.is_working(after)
    assert calendar.is_working(before)
    if count:
        assert calendar.count(day + DAY, after) == calendar.count(before, day - DAY) == count


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("begin", "days", "expected"),
    [
        ("2026-03-20T17:00+01:00", 10, "2026-03-30T17:00+02:00"),  # summer time begins in between
        ("2026-10-20T17:00+02:00", 10, "2026-10-30T17:00+01:00"),  # and ends
        ("2026-03-19T02:30+01:00", 10, "2026-03-29T03:30+02:00"),  # 02:30 does not exist on that day
        ("2026-10-15T02:30+02:00", 10, "2026-10-25T02:30+02:00"),  # 02:30 comes twice: the first one
        ("2026-12-01T23:30+00:00", 1, "2026-12-03T00:30+01:00"),  # the day is that of the zone
    ],
)
def test_days_keep_the_local_time_of_day(begin: str, days: int, expected: str) -> None:
    assert DayCount(BERLIN).after(at(begin), days) == at(expected)


def test_working_days_keep_it_too_and_end_on_no_day_off() -> None:
    count = DayCount(BERLIN, CHRISTMAS)
    assert count.after(at("2026-12-22T17:00+01:00"), 4) == at("2026-12-29T17:00+01:00")
    assert count.before(at("2026-12-29T17:00+01:00"), 3) == at("2026-12-23T17:00+01:00")


def test_reminders_are_counted_back_from_the_deadline() -> None:
    deadline = at("2026-12-29T17:00+01:00")
    assert DayCount(BERLIN).reminders(deadline, (1, 7, 3, 3), None) == [
        at("2026-12-22T17:00+01:00"), at("2026-12-26T17:00+01:00"), at("2026-12-28T17:00+01:00"),
    ]  # fmt: skip
    assert DayCount(BERLIN, CHRISTMAS).reminders(deadline, (1, 3), None) == [
        at("2026-12-23T17:00+01:00"), at("2026-12-26T17:00+01:00"),
    ]  # fmt: skip


def test_nobody_is_reminded_before_the_cycle_opens() -> None:
    deadline = at("2026-12-29T17:00+01:00")
    assert DayCount(BERLIN).reminders(deadline, (7, 3), at("2026-12-22T17:00+01:00")) == [at("2026-12-26T17:00+01:00")]


@given(near, st.times(), st.integers(0, 60), st.none() | calendars)
def test_counting_never_goes_the_wrong_way_by_more_than_a_change_of_the_clocks(
    day: date, time: time, days: int, working: WorkingDays | None
) -> None:
    begin, count = datetime.combine(day, time, UTC), DayCount(BERLIN, working)
    assert count.after(begin, days) >= begin - timedelta(hours=1)
    assert count.before(begin, days) <= begin + timedelta(hours=1)
    if working:
        assert working.is_working(months.day_in_zone(count.after(begin, days), BERLIN))
