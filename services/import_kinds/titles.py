"""The titles of a file against the columns of its kind: which means which, what is missing, and how well all fits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from core.errors import Detail
from planning.column_titles import How, Matching, Said, Wanted, match_titles, title_key
from planning.month_titles import month_of_title
from planning.table_places import Fit, Judge
from services.import_kinds.layouts import table_for
from services.import_kinds.synonyms import MORE_SYNONYMS
from services.import_kinds.tables import TABLES, ImportKind, KindTable

_SURE, _GUESSED = 3, 2


@cache
def wanted_columns(kind: ImportKind) -> tuple[Wanted, ...]:
    """The columns of a kind with all the names that they are known by."""
    return _wanted(TABLES[kind])


def _wanted(table: KindTable) -> tuple[Wanted, ...]:
    return tuple(
        Wanted(column.name, (*column.synonyms, *MORE_SYNONYMS.get(column.name, ()))) for column in table.columns
    )


def header_matching(
    kind: ImportKind, header: Sequence[str], given: Said | None = None, saved: Said | None = None
) -> Matching:
    """Which title means which column of the kind, as this header lays it out."""
    table = table_said(kind, header, given, saved)
    return match_titles(header, wanted_columns(kind) if table is TABLES[kind] else _wanted(table), given, saved)


def table_said(
    kind: ImportKind, header: Sequence[str], given: Said | None = None, saved: Said | None = None
) -> KindTable:
    """The kind's table as this header lays it out, and as somebody said; what is saved is only about titles that are
    there."""
    titles = {title_key(title) for title in header}
    found = [column for title, column in (saved or {}).items() if title_key(title) in titles]
    return table_for(kind, header, (column for column in (*(given or {}).values(), *found) if column is not None))


def header_problems(table: KindTable, header: Sequence[str], matching: Matching) -> list[Detail]:
    """What keeps a header from being read, a detail for each column."""
    details = [Detail("mapping", f"The file has no column titled '{title}'.") for title in matching.absent]
    for column in table.columns:
        if column.name in matching.doubled:
            shown = " and ".join(header[at] for at in matching.doubled[column.name])
            details.append(Detail(column.name, f"Two columns are meant ({shown}); keep one."))
        elif column.required and column.name not in matching.matched and column.name != table.ordinal:
            details.append(Detail(column.name, _missing(table, column.name)))
    details += _months_twice(table, header, matching)
    for group in (*table.any_of, *table.some_of):
        if not any(name in matching.matched for name in group):
            details.append(Detail(group[0], f"One of the columns {' or '.join(group)} is needed."))
    return details


def _missing(table: KindTable, name: str) -> str:
    told = f"The column is missing; title it '{name}', or name its title in mapping."
    if table.wide is not None and name in table.wide.instead_of:
        told += " Or give each month a column, titled like 2027-01."
    return told


def _months_twice(table: KindTable, header: Sequence[str], matching: Matching) -> list[Detail]:
    """A month may be titled in many ways, and one of them by the name of its column: the others would be ignored."""
    found = {one.position for one in matching.matched.values()}
    named = [(month_of_title(title), title) for at, title in enumerate(header) if at not in found]
    months = {column.name for column in table.columns if column.name in matching.matched}
    return [
        Detail(month, f"Two columns are meant ({header[matching.matched[month].position]} and {title}); keep one.")
        for month, title in named
        if month is not None and month in months
    ]


def judge_of(kind: ImportKind, given: Said | None = None, saved: Said | None = None) -> Judge:
    """What makes a row the header of a file of this kind."""
    names_months = TABLES[kind].wide is not None
    known = {title_key(name) for one in wanted_columns(kind) for name in (one.name, *one.synonyms)}
    known |= {title_key(title) for title in (*(given or {}), *(saved or {}))}

    def fit(titles: Sequence[str]) -> Fit:
        matching = header_matching(kind, titles, given, saved)
        found = sum(_GUESSED if one.how is How.SIMILAR else _SURE for one in matching.matched.values())
        problems = header_problems(table_said(kind, titles, given, saved), titles, matching)
        return Fit(not problems, found + _SURE * len(matching.doubled))

    def knows(title: str) -> bool:
        return title_key(title) in known or (names_months and month_of_title(title) is not None)

    return Judge(fit, knows)
