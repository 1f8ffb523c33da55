"""Column titles that are months, as people and Excel write them."""

from __future__ import annotations

import re
from calendar import monthrange

from planning.months import Month
from planning.written_dates import plain_month

_DAY = re.compile(r"([0-9]{4})[-/.]([0-9]{2})[-/.]([0-9]{2})(?:[ T]00:00(?::00)?)?", re.IGNORECASE)
FIRST_YEAR, LAST_YEAR = 1990, 2199


def month_of_title(title: str) -> Month | None:
    """The month that a title names, or None.

    Whatever a cell may say for a month (`written_dates.plain_month`), or the first or last day of one: date cells come
    as `2027-01-31`, maybe with midnight behind it. An asterisk at the end doesn't matter.
    """
    text = title.strip().rstrip("*").strip()
    month = plain_month(text) or _month_of_day(text)
    return month if month is not None and FIRST_YEAR <= int(month[:4]) <= LAST_YEAR else None


def _month_of_day(text: str) -> Month | None:
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    year, month, day = map(int, found.groups())
    if not (year >= 1 and 1 <= month <= 12 and day in (1, monthrange(year, month)[1])):
        return None
    return f"{year:04}-{month:02}"
