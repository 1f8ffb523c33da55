"""What a table in a file looks like: said by who knows the data, read by who writes the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

CellKind = Literal["text", "code", "quantity", "money", "price", "percent", "month", "date", "int", "flag"]
"""How a cell shows. `code` is text whose zeros count, `month` text like 2026-11, `flag` yes or no; `percent` takes
fractions (0.25 = 25 %), `date` ISO text."""

Value = str | int | float | Decimal | None
"""Numbers as they are read, not as scaled integers."""

FileFormat = Literal["xlsx", "csv"]

SHEET_ROWS = 1_048_575
"""How many rows a sheet holds below its titles."""
CELL_CHARS = 32_767
"""How many characters a cell holds."""


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A column with what somebody needs to know who fills it in.

    `choices` are offered as a list; `closed` refuses everything else. What stands in a `locked` column identifies the
    row, so it must not change. `width` is in characters; None = by the kind.
    """

    name: str
    kind: CellKind = "text"
    about: str = ""
    required: bool = False
    synonyms: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    closed: bool = False
    locked: bool = False
    width: float | None = None


@dataclass(frozen=True, slots=True)
class FileTable:
    """A table to be filled in (a template) or filled already (an export). `notes` stand on the sheet that explains. The
    first `pinned` columns stay in view when somebody scrolls to the right."""

    title: str
    columns: Sequence[SheetColumn]
    about: str = ""
    notes: Sequence[str] = ()
    pinned: int = 0


def column_letters(position: int) -> str:
    """The letters that Excel shows for a column: 0 -> A, 26 -> AA."""
    letters, number = "", position + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_position(letters: str) -> int:
    """The column with these letters: A -> 0, XFD -> 16383."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1
