"""Checking the rows of an import against its kind's table: all errors in one pass, batch by batch, column by column.

Every distinct value of a column is parsed once, so the cost of a large file is that of its distinct values. A
`FileValidator` lives as long as its file: it remembers natural keys, and numbers lines. References (codes to ids) are
not looked up here. Cells are text, numbers (whole ones as int), dates or None, as the spreadsheet reader gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from core.errors import Detail, InvalidInput
from core.text import code_key, printable
from services.import_kinds.cells import Unacceptable, is_blank
from services.import_kinds.tables import TABLES, Column, ImportKind, KindTable

_REMEMBERED_VALUES = 200_000
_SHOWN_CHARS = 100


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in a row: `row` as Excel shows it, `column` as the file titles it ("" = the whole row)."""

    row: int
    column: str
    value: str
    expected: str


@dataclass(frozen=True, slots=True)
class ValidBatch:
    """The rows without an error: parsed values by column name, all lists as long as `rows`; None = blank.

    Columns that the file does not have are absent, unless they have a default or are numbered.
    """

    rows: list[int]
    columns: dict[str, list[Any]]

    def without(self, errors: Iterable[RowError]) -> ValidBatch:
        """The batch without the rows that these errors are about."""
        bad = {error.row for error in errors}
        return self.where([row not in bad for row in self.rows]) if bad else self

    def where(self, keep: Sequence[bool]) -> ValidBatch:
        """The rows at whose position `keep` is true."""
        columns = {name: list(compress(values, keep)) for name, values in self.columns.items()}
        return ValidBatch(list(compress(self.rows, keep)), columns)


class FileValidator:
    """Validates one file of a kind. `base_currency` refuses every other currency where the table says so."""

    def __init__(self, kind: ImportKind, header: Sequence[str], *, base_currency: str | None = None) -> None:
        """Raises InvalidInput, a detail per column, for required columns that are absent and columns given twice."""
        self.table = TABLES[kind]
        positions = match_header(self.table, header)
        self.fields = [
            _Field(column, at, header[at], base_currency)
            for column in self.table.columns
            if (at := positions.get(column.name)) is not None
        ]
        self.ignored = [title for at, title in enumerate(header) if title and at not in positions.values()]
        self.numbers_lines = self.table.ordinal is not None and self.table.ordinal not in positions
        self.titles = {field.column.name: field.title for field in self.fields}
        # Keys are kept as 64-bit hashes: a file of a million rows would otherwise hold all its codes in memory.
        self.seen: dict[int, int] = {}
        self.ordinals: dict[int, int] = {}

    def validate(
        self, rows: Sequence[int], columns: Sequence[Sequence[Any]], overlong: Sequence[int] = ()
    ) -> tuple[ValidBatch, list[RowError]]:
        """The valid rows, and the errors of the others in row order. `columns` stand in the order of the header.

        `overlong` rows (cells behind the last title) are refused. Batches must come in file order.
        """
        errors = [RowError(row, "", "", "no cells behind the last column title") for row in overlong]
        bad = set(overlong)
        parsed: dict[str, list[Any]] = {}
        for field in self.fields:
            cells = columns[field.position]
            parsed[field.column.name] = field.parse(cells)
            for at in field.refused(cells):
                bad.add(rows[at])
                errors.append(field.error(rows[at], cells[at]))
        self._fill_defaults(parsed, len(rows))
        keys = self._keys(parsed, len(rows))
        errors += self._backwards(rows, parsed)
        errors += self._unfilled(rows, parsed, bad)
        bad.update(error.row for error in errors)
        for error in self._repeated(rows, keys, bad):
            bad.add(error.row)
            errors.append(error)
        errors.sort(key=lambda error: error.row)
        return ValidBatch(list(rows), parsed).without(errors), errors

    def _fill_defaults(self, parsed: dict[str, list[Any]], count: int) -> None:
        for column in self.table.columns:
            if column.default is None:
                continue
            values = parsed.get(column.name, [None] * count)
            parsed[column.name] = [column.default if value is None else value for value in values]

    def _keys(self, parsed: dict[str, list[Any]], count: int) -> list[int]:
        """The hash of each row's natural key; numbers lines where the file does not.

        Rows with other errors count as lines too, so that correcting them later renumbers nothing.
        """
        parts = [
            _folded(parsed[name]) if self._column(name).folded else parsed[name]
            for name in self.table.key
            if name in parsed
        ]
        keys = list(map(hash, zip(*parts, strict=True)))
        if not self.numbers_lines:
            return keys
        ordinals: list[int] = []
        for key in keys:
            ordinal = self.ordinals.get(key, 0) + 1
            self.ordinals[key] = ordinal
            ordinals.append(ordinal)
        parsed[str(self.table.ordinal)] = ordinals
        return []

    def _column(self, name: str) -> Column:
        return next(column for column in self.table.columns if column.name == name)

    def _backwards(self, rows: Sequence[int], parsed: Mapping[str, list[Any]]) -> Iterator[RowError]:
        for first, last in self.table.ordered:
            if first in parsed and last in parsed:
                for row, start, end in zip(rows, parsed[first], parsed[last], strict=True):
                    if start is not None and end is not None and end < start:
                        yield RowError(row, self.titles[last], end, f"a date not before {self.titles[first]} ({start})")

    def _unfilled(self, rows: Sequence[int], parsed: Mapping[str, list[Any]], bad: set[int]) -> Iterator[RowError]:
        """Only for rows without another error: a refused cell is not an empty one."""
        for group in self.table.any_of:
            filled = [parsed[name] for name in group if name in parsed]
            if any(None not in values for values in filled):
                continue
            title = next(self.titles[name] for name in group if name in parsed)
            for row, *values in zip(rows, *filled, strict=True):
                if row not in bad and all(value is None for value in values):
                    yield RowError(row, title, "", f"a value in {' or '.join(group)}")

    def _repeated(self, rows: Sequence[int], keys: Sequence[int], bad: set[int]) -> Iterator[RowError]:
        names = [name for name in self.table.key if name in self.titles]
        for row, key in zip(rows, keys, strict=False):
            if row in bad:
                continue
            first = self.seen.setdefault(key, row)
            if first != row:
                expected = f"one row per {', '.join(names)}; row {first} has the same"
                yield RowError(row, self.titles[names[0]], "", expected)


class _Field:
    """A column of the table found in the file, and what its values parsed to so far."""

    def __init__(self, column: Column, position: int, title: str, base_currency: str | None) -> None:
        self.column = column
        self.position = position
        self.title = title
        self.base_currency = base_currency if column.in_base_currency else None
        self.known: dict[Any, Any] = {}
        self.problems: dict[Any, str] = {}

    def parse(self, cells: Sequence[Any]) -> list[Any]:
        """The parsed values; None where a cell is blank or refused."""
        if len(self.known) > _REMEMBERED_VALUES:
            self.known.clear()
            self.problems.clear()
        for cell in set(cells).difference(self.known):
            try:
                self.known[cell] = self._value(cell)
            except Unacceptable as problem:
                self.known[cell] = None
                self.problems[cell] = str(problem)
        return list(map(self.known.__getitem__, cells))

    def _value(self, cell: Any) -> Any:
        if is_blank(cell):
            if self.column.required:
                raise Unacceptable("a value")
            return None
        value = self.column.parse(cell)
        if self.base_currency is not None and value != self.base_currency:
            raise Unacceptable(f"{self.base_currency}, the company's own currency; convert the amount first")
        return value

    def refused(self, cells: Sequence[Any]) -> list[int]:
        """Positions of the cells that did not parse."""
        if not self.problems:
            return []
        return [at for at, cell in enumerate(cells) if cell in self.problems]

    def error(self, row: int, cell: Any) -> RowError:
        shown = "" if cell is None else printable(str(cell), max_length=_SHOWN_CHARS)
        return RowError(row, self.title, shown, self.problems[cell])


def match_header(table: KindTable, header: Sequence[str]) -> dict[str, int]:
    """Column name -> position, by name first and then by synonym; raises InvalidInput as `FileValidator` does.

    Case, blanks, hyphens and a trailing asterisk don't matter. A title that no column has is left alone.
    """
    titles = [_normal(title) for title in header]
    names = {column.name for column in table.columns}
    positions: dict[str, int] = {}
    details: list[Detail] = []
    for column in table.columns:
        found = [at for at, title in enumerate(titles) if title == column.name]
        if not found:
            found = [at for at, title in enumerate(titles) if title in column.synonyms and title not in names]
        if len(found) > 1:
            shown = " and ".join(header[at] for at in found)
            details.append(Detail(column.name, f"Two columns are meant ({shown}); keep one."))
        elif found:
            positions[column.name] = found[0]
        elif column.required and column.name != table.ordinal:
            details.append(Detail(column.name, f"The column is missing; title it '{column.name}'."))
    for group in table.any_of:
        if not any(name in positions for name in group):
            details.append(Detail(group[0], f"One of the columns {' or '.join(group)} is needed."))
    if details:
        raise InvalidInput("The header does not fit: see the details; it must be the first row.", details=details)
    return positions


def _normal(title: str) -> str:
    return re.sub(r"[\s_-]+", "_", title.strip().rstrip("*").strip().casefold())


def _folded(values: Sequence[Any]) -> list[Any]:
    keys = {value: None if value is None else code_key(value) for value in set(values)}
    return list(map(keys.__getitem__, values))
