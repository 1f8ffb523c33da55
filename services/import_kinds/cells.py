"""What one cell of an import may hold: a parser per type, from text, number or date to the value that is stored.

A parser takes a cell that is not blank and returns the value, or raises `Unacceptable` with the words that end the
sentence "expected …". Numbers come out as scaled integers of `planning.numbers`, dates as ISO text `2026-11-30`, months
as `2026-11`, codes trimmed and otherwise as written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.errors import InvalidInput
from core.security.emails import clean_email, email_key
from core.text import CELL_ERRORS, NOT_CALCULATED, source_key, text_problem
from planning.numbers import Scale

Parser = Callable[[Any], Any]

FIRST_YEAR, LAST_YEAR = 1990, 2199


class Unacceptable(Exception):
    """`args[0]` says what was expected."""


def is_blank(cell: Any) -> bool:
    """Empty, or nothing but white space."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def plain_text(cell: Any) -> str:
    """A cell as text: whole numbers without a fraction, others as Excel shows them, dates in ISO form."""
    if isinstance(cell, str):
        text = cell.strip()
        if text in CELL_ERRORS:
            calculated = text == NOT_CALCULATED
            raise Unacceptable(
                "a calculated value: save the file in Excel" if calculated else "a value without an error"
            )
        return text
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, date) else format(cell, ".15g")


def text(max_length: int) -> Parser:
    """One line of text."""

    def parse(cell: Any) -> str:
        value = plain_text(cell)
        problem = text_problem(value, max_length=max_length)
        if problem is not None:
            raise Unacceptable(problem)
        return value

    return parse


def code(max_length: int = 64) -> Parser:
    """A code; a date cell is refused, because Excel makes dates of codes such as 1-2 and the code is lost."""
    as_text = text(max_length)

    def parse(cell: Any) -> str:
        if isinstance(cell, date):
            raise Unacceptable("a code; Excel made a date of it, so format the column as text and type it again")
        value: str = as_text(cell)
        return value

    return parse


_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ T][0-9:.]{4,18}(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?")
_SERIAL = re.compile(r"[0-9]{5,6}(?:\.[0-9]+)?")
_EXCEL_DAY_0 = date(1899, 12, 30)


def day() -> Parser:
    """A date: a date cell, ISO text (a time behind it is dropped: document dates), or Excel's day number."""
    return _day


def _day(cell: Any) -> str:
    expected = "a date like 2026-11-30"
    if isinstance(cell, datetime):
        found: date = cell.date()
    elif isinstance(cell, date):
        found = cell
    else:
        written = plain_text(cell)
        iso = _ISO_DATE.fullmatch(written)
        try:
            if iso:
                found = date(int(iso[1]), int(iso[2]), int(iso[3]))
            elif _SERIAL.fullmatch(written):
                found = _EXCEL_DAY_0 + timedelta(days=int(float(written)))
            else:
                raise Unacceptable(expected)
        except (ValueError, OverflowError) as error:
            raise Unacceptable(expected) from error
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Unacceptable(f"a date between {FIRST_YEAR} and {LAST_YEAR}")
    return found.isoformat()


_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")


def month() -> Parser:
    """A month like 2026-11; the first day of a month is taken for it, because Excel writes it so."""
    return _month


def _month(cell: Any) -> str:
    expected = "a month like 2026-11"
    if isinstance(cell, str) and _MONTH.fullmatch(cell.strip()):
        value = cell.strip()
        if not FIRST_YEAR <= int(value[:4]) <= LAST_YEAR:
            raise Unacceptable(f"a month between {FIRST_YEAR} and {LAST_YEAR}")
        return value
    try:
        first = _day(cell)
    except Unacceptable as error:
        raise Unacceptable(expected) from error
    if not first.endswith("-01"):
        raise Unacceptable(expected)
    return first[:7]


_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


def number(scale: Scale, *, minimum: int | None = None) -> Parser:
    """A scaled integer; numbers of a workbook are read with the 15 digits that Excel keeps."""
    expected = f"a number with at most {scale.digits} decimals, written like 1234.5"

    def parse(cell: Any) -> int:
        written = plain_text(cell)
        if isinstance(cell, date) or (isinstance(cell, str) and not _NUMBER.fullmatch(written)) or len(written) > 40:
            raise Unacceptable(expected)
        try:
            scaled = scale.to_scaled(Decimal(written))
        except InvalidInput as error:
            raise Unacceptable(f"{expected}, and at most 15 digits") from error
        if minimum is not None and scaled < minimum * scale.factor:
            raise Unacceptable(f"a number not below {minimum}")
        return scaled

    return parse


def above_zero(scale: Scale) -> Parser:
    """A scaled integer above 0."""
    any_number = number(scale)

    def parse(cell: Any) -> int:
        scaled: int = any_number(cell)
        if scaled <= 0:
            raise Unacceptable("a number above 0")
        return scaled

    return parse


def whole(minimum: int, maximum: int) -> Parser:
    """A whole number, not scaled."""
    expected = f"a whole number from {minimum} to {maximum:,}"

    def parse(cell: Any) -> int:
        written = plain_text(cell)
        if isinstance(cell, date) or not re.fullmatch(r"[0-9]{1,15}(?:\.0+)?", written):
            raise Unacceptable(expected)
        value = int(written.partition(".")[0])
        if not minimum <= value <= maximum:
            raise Unacceptable(expected)
        return value

    return parse


def names(max_length: int, most: int) -> Parser:
    """Several short texts in one cell, separated by semicolons; each of them once."""
    as_text = text(max_length)

    def parse(cell: Any) -> tuple[str, ...]:
        parts = [as_text(part) for part in plain_text(cell).split(";") if part.strip()]
        if len(parts) > most:
            raise Unacceptable(f"at most {most} names, separated by semicolons")
        found: dict[str, str] = {}
        for part in parts:
            found.setdefault(part.casefold(), part)
        return tuple(found.values())

    return parse


def choice(*values: str) -> Parser:
    """One of the values; case, blanks and hyphens don't matter."""
    return _mapped({value: value for value in values}, "one of " + ", ".join(values))


def flag() -> Parser:
    """yes or no."""
    words: dict[str, Any] = dict.fromkeys(("yes", "y", "true", "1", "x"), True)
    words |= dict.fromkeys(("no", "n", "false", "0", "-"), False)
    return _mapped(words, "yes or no")


def _mapped(words: Mapping[str, Any], expected: str) -> Parser:
    def parse(cell: Any) -> Any:
        written = plain_text(cell).casefold()
        key = written if written in words else re.sub(r"[\s-]+", "_", written)
        if key not in words:
            raise Unacceptable(expected)
        return words[key]

    return parse


def email() -> Parser:
    """One e-mail address that a user could have, as it is compared."""

    def parse(cell: Any) -> str:
        try:
            return email_key(clean_email(plain_text(cell)))
        except InvalidInput as error:
            raise Unacceptable("one e-mail address like name@company.com") from error

    return parse


def currency() -> Parser:
    """An ISO 4217 code in capitals."""
    return _pattern(r"[A-Za-z]{3}", "a currency code like EUR", str.upper)


def source() -> Parser:
    """The name of a system, as it is stored."""

    def parse(cell: Any) -> str:
        value = source_key(plain_text(cell))
        if value is None:
            raise Unacceptable("the short name of a system, like erp or web-shop: letters, digits, dots and hyphens")
        return value

    return parse


def language() -> Parser:
    """A language code of two letters, in lower case."""
    return _pattern(r"[A-Za-z]{2}", "a language like en or de", str.lower)


def _pattern(pattern: str, expected: str, normal: Callable[[str], str]) -> Parser:
    compiled = re.compile(pattern)

    def parse(cell: Any) -> str:
        written = plain_text(cell)
        if not compiled.fullmatch(written):
            raise Unacceptable(expected)
        return normal(written)

    return parse
