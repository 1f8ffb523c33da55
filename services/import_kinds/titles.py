"""The titles of a file against the columns of its kind: which means which, what is missing, and how well all fits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from core.errors import Detail
from planning.column_titles import How, Matching, Said, Wanted, match_titles, title_key
from planning.table_places import Fit, Judge
from services.import_kinds.synonyms import MORE_SYNONYMS
from services.import_kinds.tables import TABLES, ImportKind, KindTable

_SURE, _GUESSED = 3, 2


@cache
def wanted_columns(kind: ImportKind) -> tuple[Wanted, ...]:
    """The columns of a kind with all the names that they are known by."""
    return tuple(
        Wanted(column.name, (*column.synonyms, *MORE_SYNONYMS.get(column.name, ()))) for column in TABLES[kind].columns
    )


def header_matching(
    kind: ImportKind, header: Sequence[str], given: Said | None = None, saved: Said | None = None
) -> Matching:
    """Which title means which column of the kind."""
    return match_titles(header, wanted_columns(kind), given, saved)


def header_problems(table: KindTable, header: Sequence[str], matching: Matching) -> list[Detail]:
    """What keeps a header from being read, a detail for each column."""
    details = [Detail("mapping", f"The file has no column titled '{title}'.") for title in matching.absent]
    for column in table.columns:
        if column.name in matching.doubled:
            shown = " and ".join(header[at] for at in matching.doubled[column.name])
            details.append(Detail(column.name, f"Two columns are meant ({shown}); keep one."))
        elif column.required and column.name not in matching.matched and column.name != table.ordinal:
            details.append(
                Detail(column.name, f"The column is missing; title it '{column.name}', or name its title in mapping.")
            )
    for group in table.any_of:
        if not any(name in matching.matched for name in group):
            details.append(Detail(group[0], f"One of the columns {' or '.join(group)} is needed."))
    return details


def judge_of(kind: ImportKind, given: Said | None = None, saved: Said | None = None) -> Judge:
    """What makes a row the header of a file of this kind."""
    table = TABLES[kind]
    known = {title_key(name) for one in wanted_columns(kind) for name in (one.name, *one.synonyms)}
    known |= {title_key(title) for title in (*(given or {}), *(saved or {}))}

    def fit(titles: Sequence[str]) -> Fit:
        matching = header_matching(kind, titles, given, saved)
        found = sum(_GUESSED if one.how is How.SIMILAR else _SURE for one in matching.matched.values())
        return Fit(not header_problems(table, titles, matching), found + _SURE * len(matching.doubled))

    return Judge(fit, lambda title: title_key(title) in known)
