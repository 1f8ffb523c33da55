"""Which table of a kind somebody gets, empty or filled: rights decide on kind and columns, the scope on rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.errors import Detail, InvalidInput, NotPermitted
from core.sheets import FileTable, SheetColumn
from planning.access import Actor, Scope, may
from services.exporting.base import Asked
from services.exporting.choices import choices_of, is_closed
from services.exporting.sources import source_of
from services.identity import Caller
from services.import_kinds.tables import TABLES, Column, ImportKind, KindTable
from services.scopes import scope_of

TEMPLATE_NOTES = (
    "Fill in the first sheet and import the file. Dark titles must be filled; titles may stand in any order, and "
    "columns that you don't need may go.",
    "The examples stand here only, so that nothing has to be deleted from the first sheet.",
)


async def template_of(caller: Caller, kind: ImportKind, at: datetime, layout: str = "long") -> FileTable:
    """The table to be filled in by the caller. NotPermitted for a kind that they may not read, InvalidInput for a
    layout that it does not have, or not now: the wide one shows the months of the cycle in entry."""
    table = readable(caller.actor, kind)
    scope = await scope_of(caller.role, caller.user_id, at, caller.regions)
    source = source_of(kind, Asked(scope, layout=layout))
    try:
        table = await source.laid_out(table)
    except InvalidInput as error:
        problem = f"can't be {layout} now: it shows the months of the cycle in entry, and there is none"
        raise InvalidInput(details=[Detail("layout", problem)]) from error
    return await described(table, columns_for(table, caller.actor), scope, notes=TEMPLATE_NOTES)


def readable(actor: Actor, kind: ImportKind) -> KindTable:
    """The kind's table. Raises NotPermitted with the reason."""
    table = TABLES[kind]
    decision = may(actor, table.reads)
    if not decision.allowed:
        raise NotPermitted(decision.reason)
    return table


def columns_for(table: KindTable, actor: Actor) -> tuple[Column, ...]:
    """The columns that somebody may see."""
    return tuple(column for column in table.columns if column.needs is None or may(actor, column.needs).allowed)


async def described(
    table: KindTable, columns: Sequence[Column], scope: Scope, *, notes: Sequence[str] = (), locked: bool = False
) -> FileTable:
    """The table as a file shows it. `locked`: what identifies a row must not change."""
    offered = await choices_of(columns, scope)
    shown = [
        SheetColumn(
            name=column.name,
            kind=column.shown,
            about=column.about,
            required=column.required,
            synonyms=column.synonyms,
            examples=column.examples,
            choices=offered.get(column.name, ()),
            closed=is_closed(column),
            locked=locked and (column.kept or column.name in table.key),
            width=column.width,
        )
        for column in columns
    ]
    pinned = next((at for at, column in enumerate(columns, start=1) if column.name == table.pinned), 0)
    return FileTable(str(table.kind), shown, table.about, tuple(notes), pinned)
