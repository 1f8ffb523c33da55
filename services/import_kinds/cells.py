"""What one cell of an import may hold: a parser per type, from text, number or date to the value that is stored.

A parser takes a cell that is not blank and returns the value, or raises `Unacceptable` with the words that end the
sentence "expected …". Parsers of numbers and dates learn from the texts of their column how it writes them. Numbers
come out as scaled integers of `planning.numbers`, dates as ISO text `2026-11-30`, months as `2026-11`, codes trimmed
and otherwise as written.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.errors import InvalidInput
from core.security.emails import clean_email, email_key
from core.text import CELL_ERRORS, NOT_CALCULATED, source_key, text_problem
from planning.forecast_files import CLEAR, CLEAR_WORD, read_revisions
from planning.numbers import QUANTITY, Scale
from planning.written_dates import DateOrder, DateStyle, date_style, plain_date, plain_month
from planning.written_numbers import DecimalSign, NumberStyle, Unreadable, number_style, plain_number

Parser = Callable[[Any], Any]

FIRST_YEAR, LAST_YEAR = 1990, 2199


class Unacceptable(Exception):
    """`args[0]` says what was expected."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How a file writes numbers and dates: what somebody said of it, and what its format says.

    `hint` is the decimal sign where a column proves none. `currency`: whose sign may stand beside a price.
    """

    decimal: DecimalSign | None = None
    date_order: DateOrder | None = None
    hint: DecimalSign | None = DecimalSign.POINT
    from_1904: bool = False
    currency: str = ""


class ColumnParser(ABC):
    """A parser that reads texts by what the texts of its column prove."""

    @abstractmethod
    def __call__(self, cell: Any) -> Any:
        """The value, or `Unacceptable`."""

    @abstractmethod
    def of_column(self, texts: Iterable[str], writing: Writing) -> Parser:
        """The parser for a column with these texts."""


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


_SERIAL = re.compile(r"[0-9]{5,6}(?:\.[0-9]+)?")
_DAY_0 = date(1899, 12, 30)
_DAY_0_OF_1904 = date(1904, 1, 1)
_ANY_DATE = DateStyle()
_BY_POINT = NumberStyle(DecimalSign.POINT)


@dataclass(frozen=True, slots=True)
class _Day(ColumnParser):
    first_year: int
    style: DateStyle = _ANY_DATE
    day_0: date = _DAY_0

    def of_column(self, texts: Iterable[str], writing: Writing) -> Parser:
        day_0 = _DAY_0_OF_1904 if writing.from_1904 else _DAY_0
        return replace(self, style=date_style(texts, writing.date_order), day_0=day_0)

    def __call__(self, cell: Any) -> str:
        if isinstance(cell, datetime):
            found: date = cell.date()
        elif isinstance(cell, date):
            found = cell
        else:
            found = self._written(plain_text(cell))
        if not self.first_year <= found.year <= LAST_YEAR:
            raise Unacceptable(f"a date between {self.first_year} and {LAST_YEAR}")
        return found.isoformat()

    def _written(self, text: str) -> date:
        try:
            if _SERIAL.fullmatch(text):
                return self.day_0 + timedelta(days=int(float(text)))
            return plain_date(text, self.style)
        except Unreadable as problem:
            raise Unacceptable(str(problem)) from problem
        except OverflowError as error:
            raise Unacceptable("a date like 2026-11-30") from error


def day(first_year: int = FIRST_YEAR) -> Parser:
    """A date: a date cell, a text (a time behind it is dropped: document dates), or Excel's day number."""
    return _Day(first_year)


@dataclass(frozen=True, slots=True)
class _Month(ColumnParser):
    day: Parser

    def of_column(self, texts: Iterable[str], writing: Writing) -> Parser:
        return _Month(_Day(FIRST_YEAR).of_column(texts, writing))

    def __call__(self, cell: Any) -> str:
        expected = "a month like 2026-11"
        written = None if isinstance(cell, date) else plain_month(plain_text(cell))
        if written is not None:
            if not FIRST_YEAR <= int(written[:4]) <= LAST_YEAR:
                raise Unacceptable(f"a month between {FIRST_YEAR} and {LAST_YEAR}")
            return written
        try:
            first: str = self.day(cell)
        except Unacceptable as error:
            raise Unacceptable(expected) from error
        if not first.endswith("-01"):
            raise Unacceptable(expected)
        return first[:7]


def month() -> Parser:
    """A month like 2026-11; the first day of a month is taken for it, because Excel writes it so."""
    return _Month(_Day(FIRST_YEAR))


@dataclass(frozen=True, slots=True)
class _Number(ColumnParser):
    scale: Scale
    minimum: int | None = None
    above: int | None = None
    style: NumberStyle = _BY_POINT

    def of_column(self, texts: Iterable[str], writing: Writing) -> Parser:
        currency = "" if self.scale is QUANTITY else writing.currency
        return replace(self, style=number_style(texts, writing.decimal, writing.hint, currency))

    def __call__(self, cell: Any) -> int:
        try:
            scaled = self.scale.to_scaled(Decimal(_plain(cell, self.style)))
        except Unreadable as problem:
            raise Unacceptable(str(problem) or self._expected()) from problem
        except InvalidInput as error:
            raise Unacceptable(f"{self._expected()}, and at most 15 digits") from error
        if self.minimum is not None and scaled < self.minimum * self.scale.factor:
            raise Unacceptable(f"a number not below {self.minimum}")
        if self.above is not None and scaled <= self.above * self.scale.factor:
            raise Unacceptable(f"a number above {self.above}")
        return scaled

    def _expected(self) -> str:
        return f"a number with at most {self.scale.digits} decimals, written like 1234.5"


def _plain(cell: Any, style: NumberStyle) -> str:
    """The cell as digits with a point; raises Unreadable."""
    written = plain_text(cell)
    if isinstance(cell, date):
        raise Unreadable("")
    found = plain_number(written, style) if isinstance(cell, str) else written
    if len(found) > 40:
        raise Unreadable("")
    return found


def number(scale: Scale, *, minimum: int | None = None) -> Parser:
    """A scaled integer; numbers of a workbook are read with the 15 digits that Excel keeps."""
    return _Number(scale, minimum=minimum)


def above_zero(scale: Scale) -> Parser:
    """A scaled integer above 0."""
    return _Number(scale, above=0)


@dataclass(frozen=True, slots=True)
class _Whole(ColumnParser):
    minimum: int
    maximum: int
    style: NumberStyle = _BY_POINT

    def of_column(self, texts: Iterable[str], writing: Writing) -> Parser:
        return replace(self, style=number_style(texts, writing.decimal, writing.hint))

    def __call__(self, cell: Any) -> int:
        # A year is not written 2,199.
        most = f"{self.maximum:,}" if self.maximum >= 10_000 else str(self.maximum)
        expected = f"a whole number from {self.minimum} to {most}"
        try:
            written = _plain(cell, self.style)
        except Unreadable as problem:
            raise Unacceptable(str(problem) or expected) from problem
        if not re.fullmatch(r"[0-9]{1,15}(?:\.0*)?", written):
            raise Unacceptable(expected)
        value = int(written.partition(".")[0])
        if not self.minimum <= value <= self.maximum:
            raise Unacceptable(expected)
        return value


def whole(minimum: int, maximum: int) -> Parser:
    """A whole number, not scaled."""
    return _Whole(minimum, maximum)


_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*(?=;|$)|([^;]*))(?:;|$)')


def names(max_length: int, most: int) -> Parser:
    """Several short texts in one cell, separated by semicolons; each of them once. One that holds a semicolon stands
    between quotation marks."""
    as_text = text(max_length)

    def parse(cell: Any) -> tuple[str, ...]:
        written = (quoted.replace('""', '"') or bare for quoted, bare in _NAME.findall(plain_text(cell)))
        parts = [as_text(part) for part in written if part.strip()]
        if len(parts) > most:
            raise Unacceptable(f"at most {most} names, separated by semicolons")
        found: dict[str, str] = {}
        for part in parts:
            found.setdefault(part.casefold(), part)
        return tuple(found.values())

    return parse


@dataclass(frozen=True, slots=True)
class _OrClear(ColumnParser):
    parse: Parser

    def of_column(self, texts: Iterable[str], writing: Writing) -> Parser:
        if not isinstance(self.parse, ColumnParser):
            return self
        return _OrClear(self.parse.of_column([text for text in texts if not _says_clear(text)], writing))

    def __call__(self, cell: Any) -> Any:
        if isinstance(cell, str) and _says_clear(cell):
            return CLEAR
        try:
            return self.parse(cell)
        except Unacceptable as problem:
            raise Unacceptable(f"{problem}, or the word {CLEAR_WORD}") from problem


def _says_clear(text: str) -> bool:
    return text.strip().casefold() == CLEAR_WORD


def or_clear(parse: Parser) -> Parser:
    """What the parser reads, or the word `clear`, which takes back what stands."""
    return _OrClear(parse)


def revisions() -> Parser:
    """The revisions of a line's cells, as our own workbooks hold them: month -> revision."""

    def parse(cell: Any) -> dict[str, int]:
        found = read_revisions(plain_text(cell))
        if found is None:
            raise Unacceptable("what stood here when the workbook was made; download it again")
        return found

    return parse


def unread() -> Parser:
    """What stands there for people: nothing is read."""
    return lambda _: None


def joined_names(parts: Iterable[str]) -> str:
    """The cell that `names` reads as these texts."""
    return "; ".join('"' + part.replace('"', '""') + '"' if ";" in part or part[0] == '"' else part for part in parts)


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
