"""Months as strings (`2026-11`): parsing, arithmetic and the way from a date or an instant to its month.

A month sorts and compares as its text, so `a < b` is "earlier". Years run from 1900 to 2999.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from core.errors import InvalidInput

Month = str

_MONTH = re.compile(r"(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])")
_FIRST_YEAR, _LAST_YEAR = 1900, 2999


def is_month(text: str) -> bool:
    """Whether the text is a month, to the letter: no blanks, no one-digit month."""
    return _MONTH.fullmatch(text) is not None


def parse_month(text: str) -> Month:
    """The month that the text names; blanks around it are cut. InvalidInput otherwise."""
    month = text.strip()
    if not is_month(month):
        raise InvalidInput(f"'{text[:20]}' is not a month; write it as YYYY-MM, for example 2026-11.")
    return month


@lru_cache(maxsize=8192)
def add_months(month: Month, count: int) -> Month:
    """The month `count` later (earlier when negative). InvalidInput when it leaves the years 1900-2999."""
    return _from_index(_index(month) + count)


def month_range(start: Month, count: int) -> tuple[Month, ...]:
    """`count` consecutive months beginning with `start`; empty for 0. InvalidInput for a negative count."""
    if count < 0:
        raise InvalidInput("A range of months can't be shorter than 0 months.")
    first = _index(start)
    return tuple(_from_index(first + offset) for offset in range(count))


def months_between(earlier: Month, later: Month) -> int:
    """How many months `later` comes after `earlier`: the lag; negative when it comes before."""
    return _index(later) - _index(earlier)


def month_of(day: date) -> Month:
    """The month of a document date. An instant has no month without a zone: use `month_in_zone` for it."""
    return f"{day.year:04d}-{day.month:02d}"


@lru_cache(maxsize=8192)
def first_day(month: Month) -> date:
    """The first day of the month."""
    return date(int(month[:4]), int(month[5:]), 1)


def last_day(month: Month) -> date:
    """The last day of the month."""
    year, number = int(month[:4]), int(month[5:])
    return date(year, number, monthrange(year, number)[1])


def month_in_zone(at: datetime, zone_name: str) -> Month:
    """The month that an aware instant falls into in an IANA zone. InvalidInput for a naive time or an unknown zone."""
    return month_of(day_in_zone(at, zone_name))


def day_in_zone(at: datetime, zone_name: str) -> date:
    """The day that an aware instant falls into in an IANA zone. InvalidInput for a naive time or an unknown zone."""
    if at.tzinfo is None:
        raise InvalidInput("A time needs its zone; send it as ISO 8601 with an offset or Z.")
    return at.astimezone(zone(zone_name)).date()


def zone(zone_name: str) -> ZoneInfo:
    """The IANA time zone of that name. InvalidInput when there is none."""
    try:
        return ZoneInfo(zone_name)
    except (KeyError, ValueError, OSError) as error:  # unknown name, path outside the database, a folder of zones
        raise InvalidInput(f"'{zone_name[:40]}' is not a time zone; use an IANA name such as Europe/London.") from error


def last_complete(complete_months: Iterable[Month], before: Month, count: int) -> tuple[Month, ...]:
    """The latest `count` complete months before `before`, oldest first; fewer when there are fewer."""
    earlier = sorted(month for month in complete_months if month < before)
    return tuple(earlier[max(0, len(earlier) - count) :])


def _index(month: Month) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _from_index(index: int) -> Month:
    year, number = divmod(index, 12)
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise InvalidInput(f"Months run from {_FIRST_YEAR}-01 to {_LAST_YEAR}-12.")
    return f"{year:04d}-{number + 1:02d}"
