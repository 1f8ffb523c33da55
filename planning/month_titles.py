"""Column titles that are months, as people and Excel write them."""

from __future__ import annotations

import re

from planning.months import Month

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_NUMBERS = {name: at for names in (_NAMES, _FULL) for at, name in enumerate(names, start=1)} | {"sept": 9}
_YEAR_FIRST = re.compile(r"([0-9]{4})[-/. ]?([0-9]{2})(?:[-/.]01(?:[ t]00:00(?::00)?)?)?")
_YEAR_LAST = re.compile(r"([0-9]{1,2})[-/. ]([0-9]{4})")
_NAME_FIRST = re.compile(r"([a-z]+)\.?[-/ ]*([0-9]{4}|'?[0-9]{2})")
_NAME_LAST = re.compile(r"([0-9]{4})[-/ ]*([a-z]+)\.?")
FIRST_YEAR, LAST_YEAR = 1990, 2199


def month_of_title(title: str) -> Month | None:
    """The month that a title names, or None.

    `2027-01` (also with `/`, `.` or a blank), its first day as Excel writes it (`2027-01-01`, with midnight behind it),
    `01/2027`, `Jan 2027`, `January 2027`, `Jan-27` and `2027 Jan`; case and an asterisk at the end don't matter.
    """
    text = title.strip().rstrip("*").strip().casefold()
    if found := _YEAR_FIRST.fullmatch(text):
        return _month(found[1], int(found[2]))
    if found := _YEAR_LAST.fullmatch(text):
        return _month(found[2], int(found[1]))
    if found := _NAME_FIRST.fullmatch(text):
        return _month(found[2].lstrip("'"), _NUMBERS.get(found[1], 0))
    if found := _NAME_LAST.fullmatch(text):
        return _month(found[1], _NUMBERS.get(found[2], 0))
    return None


def _month(year: str, month: int) -> Month | None:
    full = int(year) + (2000 if len(year) == 2 else 0)
    return f"{full}-{month:02}" if 1 <= month <= 12 and FIRST_YEAR <= full <= LAST_YEAR else None
