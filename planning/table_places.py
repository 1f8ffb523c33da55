"""Where the table stands in a file: on which sheet, and in which rows its titles are.

People put titles, notes and logos above a table, merge cells over two lines of titles, and keep lists on other sheets.
The first rows of every sheet are looked at, and the row (or the two rows) whose titles fit best is the header. The same
file gives the same place, whenever it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from core.errors import InvalidInput

PREVIEW_ROWS = 30
"""Rows that are not blank, from the top of a sheet, among which the header must be."""
TITLE_CHARS = 255


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A row by its number; cells are texts, trimmed, and cut behind what a title may hold."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetPreview:
    """The top of a sheet. `problem` is why it can't be read."""

    number: int
    name: str
    rows: tuple[PreviewRow, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The tops of the sheets that may be read, at least one. `delimiter` is that of a csv, "" in a workbook."""

    sheets: tuple[SheetPreview, ...]
    delimiter: str = ""
    from_1904: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The sheet by number, the rows of its titles, and the titles, one for each column."""

    sheet: int
    header_rows: tuple[int, ...]
    titles: tuple[str, ...]

    @property
    def after(self) -> int:
        """The table's rows come behind this one."""
        return self.header_rows[-1]


@dataclass(frozen=True, slots=True, order=True)
class Fit:
    """How well titles fit: whether all is there that must be, then how much was found (guesses count less)."""

    complete: bool
    found: int


@dataclass(frozen=True, slots=True)
class Judge:
    """What a kind of table says of titles: how well they fit together, and whether one of them alone is known."""

    fit: Callable[[Sequence[str]], Fit]
    knows: Callable[[str], bool]


def first_place(preview: Preview) -> Place:
    """The first row that is not blank, of the first sheet. Raises InvalidInput when there is none."""
    sheet = preview.sheets[0]
    return next(_single_rows(sheet, _readable(sheet)))


def best_place(preview: Preview, judge: Judge, header_row: int | None = None) -> tuple[Place, list[str]]:
    """The place that fits best, and the names of other sheets that fit completely.

    The first of equals; one row rather than two; where nothing fits at all, the first row of the first sheet that has
    rows. `header_row` says which row it is. Raises InvalidInput with the reason when there is nothing to read.
    """
    best: list[tuple[Fit, Place, str]] = []
    problems: list[InvalidInput] = []
    for sheet in preview.sheets:
        try:
            rated = [(judge.fit(place.titles), place) for place in _places(sheet, judge, header_row)]
        except InvalidInput as problem:
            problems.append(problem)
            continue
        fit, place = max(rated, key=lambda pair: (pair[0], -len(pair[1].header_rows), -pair[1].after))
        best.append((fit, place, sheet.name))
    if not best:
        raise problems[0]
    chosen = max(best, key=lambda one: one[0])
    others = [name for fit, place, name in best if fit.complete and place is not chosen[1]]
    return chosen[1], others


def _places(sheet: SheetPreview, judge: Judge, header_row: int | None) -> list[Place]:
    rows = _readable(sheet)
    if header_row is None:
        return [*_single_rows(sheet, rows), *_double_rows(sheet, rows, judge)]
    named = [place for place in _single_rows(sheet, rows) if place.after == header_row]
    if not named:
        raise InvalidInput(
            f"Row {header_row} is blank or not among the first {PREVIEW_ROWS} filled rows; "
            "say with header_row which row holds the titles."
        )
    return named


def _readable(sheet: SheetPreview) -> tuple[PreviewRow, ...]:
    if sheet.problem:
        raise InvalidInput(sheet.problem)
    if not sheet.rows:
        raise InvalidInput("The file holds no table: every row is blank.")
    return sheet.rows


def _single_rows(sheet: SheetPreview, rows: Sequence[PreviewRow]) -> Iterator[Place]:
    for row in rows:
        yield Place(sheet.number, (row.number,), _trimmed(row.cells))


def _double_rows(sheet: SheetPreview, rows: Sequence[PreviewRow], judge: Judge) -> Iterator[Place]:
    """Titles over two lines: what stands above reaches to the right as far as nothing else does, as merged cells do.

    Each pair of rows twice: all titles joined, and joined only where the lower one says nothing by itself.
    """
    for upper, lower in pairwise(rows):
        if lower.number != upper.number + 1:
            continue
        joined = tuple(_joined(upper.cells, lower.cells))
        below = lower.cells + ("",) * (len(joined) - len(lower.cells))
        own = tuple(low if judge.knows(low) else both for low, both in zip(below, joined, strict=True))
        for titles in dict.fromkeys((joined, own)):
            yield Place(sheet.number, (upper.number, lower.number), _trimmed(titles))


def _joined(upper: Sequence[str], lower: Sequence[str]) -> Iterator[str]:
    group = ""
    for above, below in zip_longest(upper, lower, fillvalue=""):
        group = above or group
        yield f"{group} {below}".strip() if below else above


def _trimmed(cells: Sequence[str]) -> tuple[str, ...]:
    last = max((at for at, cell in enumerate(cells, start=1) if cell), default=0)
    return tuple(cells[:last])
