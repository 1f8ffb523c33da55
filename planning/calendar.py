"""A company's months, fiscal year and working days: from a date to its month and back, and counting days.

Months are labels (`2026-11`, see `planning.months`) whatever their pattern. With the pattern `calendar` a month is the
calendar's. With `4-4-5`, `4-5-4` and `5-4-4` a fiscal year is 52 or 53 whole weeks, Monday to Sunday:

- it begins on the Monday nearest to the 1st of the month that fiscal years start with; when that is January, fiscal
  years are the years of ISO 8601;
- each quarter has 13 weeks, cut as the pattern says; the 53rd week, where there is one, belongs to the last period;
- the n-th period is labelled with the n-th calendar month, counted from the start month. So arithmetic on months never
  asks for the pattern.

A fiscal year is named by the calendar year that its last month is in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from typing import Protocol

from core.errors import InvalidInput
from planning import months
from planning.months import Month, day_in_zone, zone

_DAY = timedelta(days=1)


class MonthPattern(StrEnum):
    """How months are cut: by the calendar, or in weeks."""

    CALENDAR = "calendar"
    WEEKS_4_4_5 = "4-4-5"
    WEEKS_4_5_4 = "4-5-4"
    WEEKS_5_4_4 = "5-4-4"


class MonthSettings(Protocol):
    """Who decides on months: a tenant, and a cycle with its own copy."""

    month_pattern: str
    fiscal_year_start_month: int


@dataclass(frozen=True, slots=True)
class FiscalMonth:
    """Where a month stands in its fiscal year: quarter 1..4, period 1..12."""

    year: int
    quarter: int
    period: int


@dataclass(frozen=True, slots=True)
class MonthRule:
    """The one way between dates and months of a company."""

    pattern: MonthPattern = MonthPattern.CALENDAR
    start_month: int = 1

    @classmethod
    def of(cls, settings: MonthSettings) -> MonthRule:
        """The rule that these settings make."""
        return cls(MonthPattern(settings.month_pattern), settings.fiscal_year_start_month)

    def first_day(self, month: Month) -> date:
        """The first day of the month."""
        if self.pattern is MonthPattern.CALENDAR:
            return months.first_day(month)
        return _span(self.pattern, self.start_month, month)[0]

    def last_day(self, month: Month) -> date:
        """The last day of the month."""
        if self.pattern is MonthPattern.CALENDAR:
            return months.last_day(month)
        return _span(self.pattern, self.start_month, month)[1]

    def month_of(self, day: date) -> Month:
        """The month that a document date belongs to."""
        if self.pattern is MonthPattern.CALENDAR:
            return months.month_of(day)
        return _month_of(self.pattern, self.start_month, day)

    def months_of(self, days: Sequence[str]) -> list[Month]:
        """The months of many document dates (ISO texts); a calendar month is cut off the text."""
        if self.pattern is MonthPattern.CALENDAR:
            return [day[:7] for day in days]
        known = {day: self.month_of(date.fromisoformat(day)) for day in set(days)}
        return [known[day] for day in days]

    def month_in_zone(self, at: datetime, zone_name: str) -> Month:
        """The month that an aware instant falls into in an IANA zone; InvalidInput as `planning.months` says."""
        return self.month_of(day_in_zone(at, zone_name))

    def fiscal(self, month: Month) -> FiscalMonth:
        """The month's fiscal year, quarter and period."""
        begun_in, place = _place(self.start_month, month)
        return FiscalMonth(begun_in + (self.start_month > 1), place // 3 + 1, place + 1)

    def fiscal_year(self, month: Month) -> tuple[Month, Month]:
        """The first and the last month of the fiscal year that the month is in."""
        begun_in, _ = _place(self.start_month, month)
        return _label(self.start_month, begun_in, 0), _label(self.start_month, begun_in, 11)


CALENDAR_MONTHS = MonthRule()
"""What holds where nothing else was decided."""

_WEEKS = {
    MonthPattern.WEEKS_4_4_5: (4, 4, 5) * 4,
    MonthPattern.WEEKS_4_5_4: (4, 5, 4) * 4,
    MonthPattern.WEEKS_5_4_4: (5, 4, 4) * 4,
}
_WEEKS_BEFORE = {pattern: (0, *accumulate(weeks))[:12] for pattern, weeks in _WEEKS.items()}
"""The weeks of a fiscal year before each of its periods."""


def _place(start_month: int, month: Month) -> tuple[int, int]:
    """The calendar year in which the month's fiscal year begins, and the month's place in it, 0..11."""
    year, number = int(month[:4]), int(month[5:])
    return year - (number < start_month), (number - start_month) % 12


def _label(start_month: int, begun_in: int, place: int) -> Month:
    years, number = divmod(start_month - 1 + place, 12)
    return f"{begun_in + years:04d}-{number + 1:02d}"


def _year_start(start_month: int, year: int) -> date:
    """The Monday nearest to the 1st of the start month: at most three days away, so there is never a tie."""
    first = date(year, start_month, 1)
    return first - timedelta(days=(first.weekday() + 3) % 7 - 3)


@lru_cache(maxsize=8192)
def _span(pattern: MonthPattern, start_month: int, month: Month) -> tuple[date, date]:
    year, place = _place(start_month, month)
    begin = _year_start(start_month, year)
    first = begin + timedelta(weeks=_WEEKS_BEFORE[pattern][place])
    if place == 11:
        return first, _year_start(start_month, year + 1) - _DAY
    return first, begin + timedelta(weeks=_WEEKS_BEFORE[pattern][place + 1]) - _DAY


def _month_of(pattern: MonthPattern, start_month: int, day: date) -> Month:
    year = day.year
    if day < _year_start(start_month, year):
        year -= 1
    elif day >= _year_start(start_month, year + 1):
        year += 1
    week = (day - _year_start(start_month, year)).days // 7
    return _label(start_month, year, bisect_right(_WEEKS_BEFORE[pattern], week) - 1)


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """The days on which a company works: the ISO weekdays (Monday is 1) without the days off, and the extra days.

    InvalidInput without any weekday: counting would never end.
    """

    weekdays: frozenset[int]
    off: frozenset[date] = frozenset()
    extra: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if self.weekdays.isdisjoint(range(1, 8)):
            raise InvalidInput("A company works on at least one day of the week; 1 is Monday, 7 is Sunday.")

    def is_working(self, day: date) -> bool:
        """Whether the company works on that day."""
        return day in self.extra or (day.isoweekday() in self.weekdays and day not in self.off)

    def count(self, first: date, last: date) -> int:
        """The working days from the first to the last day, both included."""
        return sum(self.is_working(first + timedelta(days=step)) for step in range((last - first).days + 1))

    def after(self, day: date, count: int) -> date:
        """The `count`-th working day after `day`; for 0 the day itself, or the next working one."""
        return self._walk(day, count, _DAY)

    def before(self, day: date, count: int) -> date:
        """The `count`-th working day before `day`; for 0 the day itself, or the last working one."""
        return self._walk(day, count, -_DAY)

    def _walk(self, day: date, count: int, step: timedelta) -> date:
        while count > 0 or not self.is_working(day):
            day += step
            count -= self.is_working(day)
        return day


@dataclass(frozen=True, slots=True)
class DayCount:
    """How days between two deadlines are counted: in the company's zone at the same local time of day.

    `working` None counts every day. A local time that the clocks skip becomes the one an hour later; of one that comes
    twice the first is meant.
    """

    zone_name: str
    working: WorkingDays | None = None

    def after(self, at: datetime, days: int) -> datetime:
        """`days` after `at`; with working days never on a day on which nobody works. Aware, UTC."""
        day = day_in_zone(at, self.zone_name)
        return self._at(at, self.working.after(day, days) if self.working else day + timedelta(days=days))

    def before(self, at: datetime, days: int) -> datetime:
        """`days` before `at`; with working days never on a day on which nobody works. Aware, UTC."""
        day = day_in_zone(at, self.zone_name)
        return self._at(at, self.working.before(day, days) if self.working else day - timedelta(days=days))

    def reminders(self, deadline: datetime, offsets: Iterable[int], opens_at: datetime | None) -> list[datetime]:
        """When to remind before a deadline, earliest first, each time once; not before the cycle opens."""
        times = sorted({self.before(deadline, days) for days in offsets})
        return [at for at in times if opens_at is None or at > opens_at]

    def _at(self, at: datetime, day: date) -> datetime:
        local = at.astimezone(zone(self.zone_name))
        return datetime.combine(day, local.time(), local.tzinfo).astimezone(UTC)
