"""Which columns a file of a kind has: those of its table, or, where titles are months, those of the wide layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from planning.month_titles import month_of_title
from planning.months import Month, is_month
from services.import_kinds.tables import TABLES, ImportKind, KindTable


def table_for(kind: ImportKind, header: Sequence[str], named: Iterable[str] = ()) -> KindTable:
    """The kind's table as this header lays it out. A column of a month has the month's name, however it is titled;
    `named` are columns that are known to be there, whatever their titles say."""
    table = TABLES[kind]
    if table.wide is None:
        return table
    titles: dict[Month, list[str]] = {name: [] for name in named if is_month(name)}
    for title in header:
        month = month_of_title(title)
        if month is not None:
            titles.setdefault(month, []).append(re.sub(r"[\s_-]+", "_", title.strip().rstrip("*").strip().casefold()))
    if not titles:
        return table
    return wide_table(table, titles)


def wide_table(table: KindTable, months: Mapping[Month, Sequence[str]]) -> KindTable:
    """The wide layout with these months, each with the titles that name it besides its own name."""
    wide = table.wide
    if wide is None:
        return table
    columns = [
        replace(wide.month, name=month, synonyms=tuple(dict.fromkeys(titles)))
        for month, titles in sorted(months.items())
    ]
    kept = tuple(column for column in table.columns if column.name not in wide.instead_of)
    key = tuple(name for name in table.key if name not in wide.instead_of)
    return replace(table, columns=(*kept, *wide.columns, *columns), key=key, pinned=wide.pinned)
