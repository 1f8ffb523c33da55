"""Checking the rows of an import against its kind's table: all errors in one pass, batch by batch, column by column.

Every distinct value of a column is parsed once, so the cost of a large file is that of its distinct values. A
`FileValidator` lives as long as its file: it remembers natural keys, and numbers lines. References (codes to ids) are
not looked up here. Cells are text, numbers (whole ones as int), dates or None, as the spreadsheet reader gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

from core.errors import InvalidInput
from core.text import code_key, printable
from planning.totals import is_total
from services.import_kinds.cells import ColumnParser, Parser, Unacceptable, Writing, is_blank
from services.import_kinds.hash_table import HashTable
from services.import_kinds.layouts import table_for
from services.import_kinds.tables import Column, ImportKind, KindTable
from services.import_kinds.titles import header_matching, header_problems

_REMEMBERED_VALUES = 200_000
_SHOWN_CHARS = 100


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in a row: `row` as Excel shows it, `column` as the file titles it ("" = the whole row).

    `conflict`: nothing is wrong with it, but somebody else was faster.
    """

    row: int
    column: str
    value: str
    expected: str
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that belongs to the sheet and not to the table, by the number that Excel shows; `text` is what it says."""

    row: int
    text: str


@dataclass(frozen=True, slots=True)
class ValidBatch:
    """The rows without an error: parsed values by column name, all lists as long as `rows`; None = blank.

    Columns that the file does not have are absent, unless they have a default or are numbered. `wrong` are the rows
    with an error, where None is a refused cell as well: what else is wrong with them is told in the same pass.
    """

    rows: list[int]
    columns: dict[str, list[Any]]
    wrong: ValidBatch | None = None

    def without(self, errors: Iterable[RowError]) -> ValidBatch:
        """The batch without the rows that these errors are about; they become `wrong`."""
        bad = {error.row for error in errors}
        if not bad:
            return self
        wrong = self.where([row in bad for row in self.rows])
        return replace(self.where([row not in bad for row in self.rows]), wrong=wrong.behind(self.wrong))

    def where(self, keep: Sequence[bool]) -> ValidBatch:
        """The rows at whose position `keep` is true."""
        columns = {name: list(compress(values, keep)) for name, values in self.columns.items()}
        return replace(self, rows=list(compress(self.rows, keep)), columns=columns)

    def behind(self, other: ValidBatch | None) -> ValidBatch:
        """These rows, and the other ones in front; all of one kind, with the columns that both have."""
        if other is None:
            return replace(self, wrong=None)
        columns = {name: other.columns[name] + values for name, values in self.columns.items() if name in other.columns}
        return ValidBatch(other.rows + self.rows, columns)


class FileValidator:
    """Validates one file of a kind. `base_currency` refuses every other currency where the table says so.

    How a column writes numbers and dates is learnt from its first batch. `left_out` are the totals met so far.
    """

    def __init__(
        self,
        kind: ImportKind,
        header: Sequence[str],
        *,
        base_currency: str | None = None,
        positions: Mapping[str, int] | None = None,
        writing: Writing | None = None,
    ) -> None:
        """`positions` (column -> place in the header) are found by name where they are not given.

        Raises InvalidInput, a detail per column, for required columns that are absent and columns given twice.
        """
        self.table = table_for(kind, header, positions or ())
        if positions is None:
            positions = match_header(self.table, header)
        writing = writing or Writing(currency=base_currency or "")
        self.left_out: list[LeftOut] = []
        self.fields = [
            _Field(column, at, header[at], base_currency, writing)
            for column in self.table.columns
            if (at := positions.get(column.name)) is not None
        ]
        self.ignored = [title for at, title in enumerate(header) if title and at not in positions.values()]
        self.numbers_lines = self.table.ordinal is not None and self.table.ordinal not in positions
        self.titles = {field.column.name: field.title for field in self.fields}
        # Keys are kept as 64-bit hashes: a file of a million rows would otherwise hold all its codes in memory.
        self.seen = HashTable()
        self.ordinals = HashTable()

    def validate(
        self, rows: Sequence[int], columns: Sequence[Sequence[Any]], overlong: Sequence[int] = ()
    ) -> tuple[ValidBatch, list[RowError]]:
        """The valid rows, and the errors of the others in row order. `columns` stand in the order of the header.

        `overlong` rows (cells behind the last title) are refused; totals are neither valid nor wrong, but left out.
        Batches must come in file order.
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
        totals = self._totals(rows, columns, parsed)
        errors = sorted((error for error in errors if error.row not in totals), key=lambda error: error.row)
        valid = ValidBatch(list(rows), parsed).without(errors)
        return (valid.where([row not in totals for row in valid.rows]) if totals else valid), errors

    def _totals(
        self, rows: Sequence[int], columns: Sequence[Sequence[Any]], parsed: Mapping[str, list[Any]]
    ) -> set[int]:
        """Rows that are totals, by number. Only rows that lack what they must have are looked at."""
        found: set[int] = set()
        required = [field for field in self.fields if field.column.required]
        keys = [field for field in required if field.column.name in self.table.key]
        for at in sorted({at for field in required for at in _blanks(parsed[field.column.name])}):
            cells = [column[at] for column in columns]
            if is_total(cells, (cells[field.position] for field in keys)):
                found.add(rows[at])
                text = next((cell for cell in cells if isinstance(cell, str) and cell.strip()), "")
                self.left_out.append(LeftOut(rows[at], printable(text.strip(), max_length=_SHOWN_CHARS)))
        return found

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
        parsed[str(self.table.ordinal)] = list(map(self.ordinals.count, keys))
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

    def __init__(self, column: Column, position: int, title: str, base_currency: str | None, writing: Writing) -> None:
        self.column = column
        self.writing = writing
        self.read: Parser | None = None
        self.position = position
        self.title = title
        self.base_currency = base_currency if column.in_base_currency else None
        self.known: dict[Any, Any] = {}
        self.problems: dict[Any, str] = {}

    def parse(self, cells: Sequence[Any]) -> list[Any]:
        """The parsed values; None where a cell is blank or refused."""
        distinct = set(cells)
        if self.read is None:
            self.read = self._learn(distinct)
        if len(self.known) > _REMEMBERED_VALUES:
            self.known.clear()
            self.problems.clear()
        for cell in distinct.difference(self.known):
            try:
                self.known[cell] = self._value(cell, self.read)
            except Unacceptable as problem:
                self.known[cell] = None
                self.problems[cell] = str(problem)
        return list(map(self.known.__getitem__, cells))

    def _learn(self, cells: Iterable[Any]) -> Parser:
        parse = self.column.parse
        if not isinstance(parse, ColumnParser):
            return parse
        return parse.of_column((cell.strip() for cell in cells if isinstance(cell, str)), self.writing)

    def _value(self, cell: Any, read: Parser) -> Any:
        if is_blank(cell):
            if self.column.required:
                raise Unacceptable("a value")
            return None
        value = read(cell)
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
    """Column name -> position; raises InvalidInput as `FileValidator` does. Titles that no column has are ignored."""
    matching = header_matching(table.kind, header)
    details = header_problems(table, header, matching)
    if details:
        raise InvalidInput("The header does not fit: see the details.", details=details)
    return matching.positions


def _blanks(values: Sequence[Any]) -> list[int]:
    return [at for at, value in enumerate(values) if value is None] if None in values else []


def _folded(values: Sequence[Any]) -> list[Any]:
    keys = {value: None if value is None else code_key(value) for value in set(values)}
    return list(map(keys.__getitem__, values))
