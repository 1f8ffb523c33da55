"""Dates and months as people write them in text cells.

Whether a day or a month comes first in 05/06/2026 is decided for a column, from all of it: 31/12/2026 proves one,
12/31/2026 the other. Without proof such a date is refused, unless somebody says the order. With dots the day comes
first. Times behind a date are dropped: these are dates of documents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from planning.written_numbers import Unreadable


class DateOrder(StrEnum):
    """What comes first in a date of three numbers that ends with the year."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


@dataclass(frozen=True, slots=True)
class DateStyle:
    """How a column writes its dates. `strict`: somebody said so; what is written otherwise is refused."""

    order: DateOrder | None = None
    strict: bool = False


_TIME = (
    r"(?:(?:[ T]|, ?)[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?: ?[AaPp]\.?[Mm]\.?)?"
    r"(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?)?"
)
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})" + _TIME)
_COMPACT = re.compile(r"((?:19|2[01])[0-9]{2})([0-9]{2})([0-9]{2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})" + _TIME)
_DAY_NAME_YEAR = re.compile(r"([0-9]{1,2})(?:\.|st|nd|rd|th)?[ -]?([^\W\d_]{3,12})\.?,?[ -]([0-9]{4}|[0-9]{2})" + _TIME)
_NAME_DAY_YEAR = re.compile(r"([^\W\d_]{3,12})\.? ([0-9]{1,2})(?:st|nd|rd|th)?,? ([0-9]{4})" + _TIME)
_FIRST_OF_THE_1900S = 90
_LONGEST = 60

_MONTHS = (
    "january february march april may june july august september october november december",
    "januar februar marz april mai juni juli august september oktober november dezember",
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "januari februari maart april mei juni juli augustus september oktober november december",
)


# Excel's own in German and Dutch, which no name begins with.
_ABBREVIATIONS = {"mrz": 3, "mrt": 3}


def _beginnings() -> dict[str, int]:
    """Month by name, or by any beginning of at least three letters that no other month shares."""
    found: dict[str, set[int]] = {}
    for language in _MONTHS:
        for number, name in enumerate(language.split(), start=1):
            for end in range(3, len(name) + 1):
                found.setdefault(name[:end], set()).add(number)
    clear = {beginning: numbers.pop() for beginning, numbers in found.items() if len(numbers) == 1}
    return clear | _ABBREVIATIONS


_MONTH_OF = _beginnings()


def _month_number(name: str) -> int | None:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return _MONTH_OF.get("".join(letter for letter in plain if not unicodedata.combining(letter)))


def date_style(texts: Iterable[str], given: DateOrder | None) -> DateStyle:
    """The style of a column: what was given, else what its texts prove; where they prove both, nothing."""
    if given is not None:
        return DateStyle(given, strict=True)
    proofs = {order for order in map(proven_order, texts) if order is not None}
    return DateStyle(proofs.pop() if len(proofs) == 1 else None)


def proven_order(text: str) -> DateOrder | None:
    """What one text says of the order; None when it says nothing or is another kind of date."""
    found = _YEAR_LAST.fullmatch(text.strip())
    if found is None or found[2] == ".":
        return None
    first, second = int(found[1]), int(found[3])
    if first > 12 >= second:
        return DateOrder.DAY_FIRST
    return DateOrder.MONTH_FIRST if second > 12 >= first else None


def plain_date(text: str, style: DateStyle) -> date:
    """The day. Raises Unreadable for what is no date, is no day of the calendar, or can be two days."""
    written = " ".join(text.split())
    found = _parts(written, style)
    if found is None:
        raise Unreadable("a date like 2026-11-30")
    try:
        return date(*found)
    except ValueError as error:
        raise Unreadable("a date like 2026-11-30 that is in the calendar") from error


def _parts(written: str, style: DateStyle) -> tuple[int, int, int] | None:
    """Year, month, day; None when it is no date."""
    if len(written) > _LONGEST:
        return None
    if found := _YEAR_FIRST.fullmatch(written):
        return int(found[1]), int(found[3]), int(found[4])
    if found := _COMPACT.fullmatch(written):
        return int(found[1]), int(found[2]), int(found[3])
    if found := _YEAR_LAST.fullmatch(written):
        return _year_last(found, style)
    if found := _DAY_NAME_YEAR.fullmatch(written):
        return _named(found[3], found[2], found[1])
    if found := _NAME_DAY_YEAR.fullmatch(written):
        return _named(found[3], found[1], found[2])
    return None


def _named(year: str, name: str, day: str) -> tuple[int, int, int] | None:
    month = _month_number(name)
    return None if month is None else (_full_year(year), month, int(day))


def _year_last(found: re.Match[str], style: DateStyle) -> tuple[int, int, int]:
    first, second, year = int(found[1]), int(found[3]), _full_year(found[4])
    order = style.order
    if not style.strict:
        order = DateOrder.DAY_FIRST if found[2] == "." else proven_order(found[0]) or order
    if order is None and first != second:
        raise Unreadable(
            f"a date that is clear: {found[0]} can be two days; "
            "send date_order=day_first or date_order=month_first with the file"
        )
    return (year, first, second) if order is DateOrder.MONTH_FIRST else (year, second, first)


def _full_year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (1900 if year >= _FIRST_OF_THE_1900S else 2000)


_MONTH_FORMS = (
    (re.compile(r"([0-9]{4})[-/. ]([0-9]{1,2})"), 1, 2),
    (re.compile(r"([0-9]{1,2})[-/. ]([0-9]{4})"), 2, 1),
    (re.compile(r"((?:19|2[01])[0-9]{2})([0-9]{2})"), 1, 2),
)
_NAMED_MONTH = re.compile(r"(?P<name>[^\W\d_]{3,12})\.?[ '/-]{0,2}(?P<year>[0-9]{4}|[0-9]{2})")
_YEAR_AND_NAME = re.compile(r"(?P<year>[0-9]{4})[ /-]{0,2}(?P<name>[^\W\d_]{3,12})\.?")


def plain_month(text: str) -> str | None:
    """A month written without a day (2026-11, 11/2026, 202611, Nov 2026, November '26, Nov26, 2026 Nov) as 2026-11;
    None for others."""
    written = " ".join(text.split())
    for form, year, month in _MONTH_FORMS:
        if found := form.fullmatch(written):
            return _month_text(int(found[year]), int(found[month]))
    if named := _NAMED_MONTH.fullmatch(written) or _YEAR_AND_NAME.fullmatch(written):
        number = _month_number(named["name"])
        return None if number is None else _month_text(_full_year(named["year"]), number)
    return None


def _month_text(year: int, month: int) -> str | None:
    return f"{year:04d}-{month:02d}" if 1 <= month <= 12 else None
