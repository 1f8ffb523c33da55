"""Column mappings: what somebody said of the titles of a source's files, for one file or to be used again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.errors import DuplicateKeyError

from core.collections import scoped, transaction
from core.errors import Conflict, Detail, InvalidInput, NotFound, PreconditionRequired, StaleVersion
from core.listing import Listing, Window, read_page
from core.mongo import RawDocument
from core.text import text_problem
from core.uploads import FileKind
from models.imports import ColumnMapping
from planning.column_titles import Said, title_key
from planning.months import is_month
from planning.written_dates import DateOrder
from planning.written_numbers import DecimalSign
from services import revisions
from services.import_kinds.tables import TABLES, ImportKind, KindTable
from services.import_layout import ReadingOptions, pairs_of, said_of

ENTITY = "column_mapping"
MAX_TITLES = 256
MAX_SOURCE = 60
SHOWN = ("kind", "source", "columns", "rev", "created_at", "updated_at")


@dataclass(frozen=True, slots=True)
class FileHints:
    """What the sender of a file says of it, before anything is looked up."""

    sheet: str = ""
    header_row: int | None = None
    decimal: DecimalSign | None = None
    date_order: DateOrder | None = None
    source: str | None = None
    mapping: Said = field(default_factory=dict)
    save_mapping: bool = False


async def reading_options(kind: ImportKind, file_kind: FileKind, hints: FileHints) -> ReadingOptions:
    """The hints with the saved mapping of their source, as it is now.

    Raises InvalidInput, a detail per field, for what does not fit together.
    """
    details = mapping_problems(kind, hints.mapping.items(), "mapping")
    if hints.sheet and file_kind == "csv":
        details.append(Detail("sheet", "A .csv has no sheets; leave it out."))
    if hints.save_mapping and not (hints.source and hints.mapping):
        details.append(Detail("save_mapping", "needs a source and a mapping that is to be kept for it"))
    saved: Said = {}
    if hints.source is not None:
        details += _source_problems(hints.source)
        row = await _find(kind, hints.source)
        saved = said_of(row["columns"]) if row else {}
        if row is None and not hints.save_mapping:
            details.append(
                Detail("source", f"No mapping is saved for {kind} of '{hints.source}'; send one with save_mapping.")
            )
    if details:
        raise InvalidInput(details=details)
    known = (hints.sheet, hints.header_row, hints.decimal, hints.date_order, hints.source, hints.mapping)
    return ReadingOptions(*known, saved=saved)


async def keep_with_import(kind: ImportKind, hints: FileHints, reading: ReadingOptions) -> None:
    """Save what was sent with a file for its source, laid over what was saved; joins the caller's transaction."""
    if hints.save_mapping and hints.source:
        row = await _find(kind, hints.source)
        await _write(kind, hints.source, overlaid(reading.saved, reading.mapping), row, None)


def overlaid(saved: Said, given: Said) -> dict[str, str | None]:
    """Both mappings in one: what is given replaces what is saved of the same title, or for the same column."""
    titles = {title_key(title) for title in given}
    columns = {column for column in given.values() if column is not None}
    kept = {
        title: column for title, column in saved.items() if title_key(title) not in titles and column not in columns
    }
    return {**kept, **given}


def mapping_problems(kind: ImportKind, said: Iterable[tuple[str, str | None]], place: str) -> list[Detail]:
    """What is wrong with a mapping: unknown columns, two titles for one column, a title that stands twice."""
    table = TABLES[kind]
    names = {column.name for column in (*table.columns, *(table.wide.columns if table.wide else ()))}
    details: list[Detail] = []
    titles: set[str] = set()
    columns: set[str] = set()
    for count, (title, column) in enumerate(said, start=1):
        key = title_key(title)
        is_known = column is None or column in names or (table.wide is not None and is_month(column))
        problem = _title_problem(title, key) or (None if is_known else _unknown(table, str(column), names))
        if key in titles:
            problem = f"The title '{title}' stands twice; keep one."
        elif column in columns:
            problem = f"Two titles are given for {column}; keep one."
        if count > MAX_TITLES:
            problem = f"at most {MAX_TITLES} titles"
        if problem:
            details.append(Detail(place, problem))
        titles.add(key)
        columns |= {column} if column else set()
        if count > MAX_TITLES:
            break
    return details


def _title_problem(title: str, key: str) -> str | None:
    wrong = text_problem(title, max_length=255)
    return f"A title must be {wrong or 'a text with letters or digits'}." if wrong or not key else None


def _unknown(table: KindTable, column: str, names: set[str]) -> str:
    months = " and months like 2027-01" if table.wide is not None else ""
    return f"There is no column '{column[:64]}'; there are {', '.join(sorted(names))}{months}."


def _source_problems(source: str) -> list[Detail]:
    problem = text_problem(source, max_length=MAX_SOURCE)
    if problem is None and (not source.strip() or "/" in source):
        problem = "a name without a slash"
    return [] if problem is None else [Detail("source", f"must be {problem}")]


def source_key(source: str) -> str:
    """The form in which sources are compared."""
    return " ".join(source.split()).casefold()


async def list_mappings(kind: ImportKind | None, window: Window) -> Listing:
    """One page of what is saved."""
    query: dict[str, Any] = {} if kind is None else {"kind": str(kind)}
    return await read_page(scoped(ColumnMapping), query, dict.fromkeys(SHOWN, 1), window)


async def read(kind: ImportKind, source: str) -> RawDocument:
    """The mapping of a source; raises NotFound."""
    row = await _find(kind, source)
    if row is None:
        raise NotFound()
    return {"id": row["_id"], **{name: row[name] for name in SHOWN}}


async def save(
    kind: ImportKind, source: str, said: Sequence[tuple[str, str | None]], rev: int | None
) -> tuple[RawDocument, bool]:
    """Write a mapping whole; True when it is new.

    Raises InvalidInput, PreconditionRequired without `rev` where there is one already, StaleVersion when it is not at
    `rev` (any more), Conflict when somebody else is first with a new one.
    """
    details = mapping_problems(kind, said, "columns") + _source_problems(source)
    if not said:
        details.append(Detail("columns", "must hold at least one title"))
    if details:
        raise InvalidInput(details=details)
    row = await _find(kind, source)
    if row is None and rev is not None:
        raise StaleVersion()
    if row is not None and rev is None:
        raise PreconditionRequired()
    try:
        await _write(kind, source, dict(said), row, rev)
    except DuplicateKeyError as error:
        raise Conflict("Somebody saves a mapping for this source at this moment; read it and try again.") from error
    return await read(kind, source), row is None


async def delete(kind: ImportKind, source: str, rev: int) -> None:
    """Forget a mapping; raises NotFound and StaleVersion."""
    row = await _find(kind, source)
    if row is None:
        raise NotFound()
    await revisions.remove(ColumnMapping, row["_id"], rev, entity=ENTITY)


async def _find(kind: ImportKind, source: str) -> RawDocument | None:
    return await scoped(ColumnMapping).row({"kind": str(kind), "source_key": source_key(source)}, {"tenant_id": 0})


async def _write(kind: ImportKind, source: str, said: Said, row: RawDocument | None, rev: int | None) -> None:
    columns = pairs_of(said)
    shown = " ".join(source.split())
    if row is not None:
        await revisions.change(ColumnMapping, row["_id"], rev, {"columns": columns}, entity=ENTITY)
        return
    document = ColumnMapping(kind=str(kind), source=shown, source_key=source_key(source), columns=columns)
    told = {"kind": str(kind), "source": shown, "columns": columns}
    await transaction(lambda: revisions.insert(document, entity=ENTITY, said=told))
