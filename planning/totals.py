"""Rows that sum a table up instead of belonging to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_WORDS = (
    r"(?:(?:grand|sub|sum|overall|running)[ -]?)?totals?|sums?|summe|gesamt|gesamtsumme|gesamtergebnis|gesamtbetrag|"
    r"zwischensumme|teilsumme|endsumme|ergebnis|insgesamt|somme|sous[ -]total|total général|totaux|suma|totale|totali|"
    r"totaal|subtotaal|totalt|razem|celkem"
)
_TOTAL = re.compile(rf"(?:{_WORDS})(?!\w).*|.*(?<!\w)(?:{_WORDS})\s*:?")
_NUMBER = re.compile(r"[-+(]*\s*[0-9][0-9.,' \u00a0\u202f]*[-)]?(?:\s*[%€$£])?|[€$£]\s*-?[0-9][0-9.,' ]*")
_LONGEST = 120


def is_total(cells: Sequence[object], keys: Iterable[object]) -> bool:
    """Whether a row with blank cells where the table needs values is a total.

    A total has a number, none of the `keys` (the cells that name a row of the table) besides the word itself, and
    either says "Total" in one of the languages above, alone or with the name of a group, or has nothing but numbers.
    """
    filled = [cell for cell in cells if _filled(cell)]
    words = [cell for cell in filled if isinstance(cell, str) and _says_total(cell)]
    numbers = [cell for cell in filled if _is_number(cell)]
    if not numbers or any(_filled(key) and key not in words for key in keys):
        return False
    return bool(words) or len(numbers) == len(filled)


def _filled(cell: object) -> bool:
    return cell is not None and not (isinstance(cell, str) and not cell.strip())


def _says_total(text: str) -> bool:
    return len(text) <= _LONGEST and _TOTAL.fullmatch(" ".join(text.split()).casefold()) is not None


def _is_number(cell: object) -> bool:
    if isinstance(cell, str):
        return len(cell) <= _LONGEST and _NUMBER.fullmatch(cell.strip()) is not None
    return isinstance(cell, (int, float))
