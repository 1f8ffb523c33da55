"""Imports at the edge: the form that is sent, and what an import says of itself."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from api.json_body import parse_texts
from api.paging import Order, PageQuery
from api.schemas.months import TotalsCompared
from api.texts import Line, Moment, Month
from planning.column_titles import How
from planning.import_modes import Mode, OnError
from planning.undoing import Obstacle
from planning.written_dates import DateOrder
from planning.written_numbers import DecimalSign
from services.forecast_options import ForecastOptions
from services.import_kinds.tables import ImportKind
from services.imports import ImportFilter
from services.mappings import FileHints

MODE = (
    "upsert adds and changes rows; insert_only refuses rows that would change something, of forecasts cells that "
    "somebody saved; replace_period (sales, budget, past-forecasts) also removes what the file does not name of its "
    "period: the months from its first to its last, of each source, of each year and version, of each cycle and stream."
)
ON_ERROR = (
    "skip_rows leaves wrong rows out; reject_file writes nothing at all when any row is wrong. By default skip_rows, "
    "but reject_file for replace_period."
)
EXAMPLE_ID = "6b1f0a52-3c1e-4d53-9a0e-0d6a1a7f9c21"


class ImportState(StrEnum):
    """Poll until it is succeeded (also with rejected rows), rejected (the file can't be taken) or failed."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"


class ImportForm(BaseModel):
    """`complete_until` goes with sales: every month from the first sale up to this one becomes complete."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"file": "sales.xlsx", "kind": "sales", "dry_run": False}]},
    )

    file: Annotated[UploadFile, Field(description="A .csv or .xlsx file with column titles in one of its first rows.")]
    kind: ImportKind
    dry_run: Annotated[bool, Field(description="Check and count only; write nothing.")] = False
    complete_until: Month | None = None
    mode: Annotated[Mode, Field(description=MODE)] = Mode.UPSERT
    on_error: Annotated[OnError | None, Field(description=ON_ERROR)] = None
    sheet: Annotated[
        str | None,
        Line(120),
        Field(description="Name of the sheet, or its place among the visible ones; default: the one that fits best."),
    ] = None
    header_row: Annotated[
        int | None, Field(ge=1, le=1_048_576, description="The row of the titles; default: the one that fits best.")
    ] = None
    decimal: Annotated[
        DecimalSign | None, Field(description="What stands before the decimals of numbers that are text.")
    ] = None
    date_order: Annotated[
        DateOrder | None, Field(description="What comes first in dates that are text, like 05/06/2026.")
    ] = None
    mapping: Annotated[
        str | None,
        Field(
            description="A JSON object, title -> column (null: leave the title alone); it wins over all that is found.",
            examples=['{"Art.-Nr.": "item_code", "Remark": null}'],
            max_length=100_000,
        ),
    ] = None
    source: Annotated[
        str | None,
        Line(60, 1),
        Field(description="Whose saved mapping is used, and kept with save_mapping.", examples=["Webshop export"]),
    ] = None
    save_mapping: Annotated[bool, Field(description="Keep the mapping for the next file of the source.")] = False

    cycle_id: Annotated[
        UUID | None,
        Field(description="With forecasts: whose plan the file is; default: the cycle that it names, or the open one."),
    ] = None
    overwrite: Annotated[
        bool, Field(description="With forecasts: the file wins over what was changed since it was made.")
    ] = False

    @field_validator("mapping")
    @classmethod
    def _is_mapping(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                parse_texts(text)
            except ValueError as error:
                raise PydanticCustomError("mapping", "{problem}", {"problem": str(error)}) from error
        return text

    def hints(self) -> FileHints:
        """What the form says of the file."""
        return FileHints(
            sheet=self.sheet or "",
            header_row=self.header_row,
            decimal=self.decimal,
            date_order=self.date_order,
            source=self.source,
            mapping=parse_texts(self.mapping) if self.mapping else {},
            save_mapping=self.save_mapping,
        )

    def forecast_options(self) -> ForecastOptions:
        """What goes with forecasts."""
        return ForecastOptions(self.cycle_id, self.overwrite)


class ImportQuery(PageQuery):
    """Newest first; filters are exact. `received_from` is included, `received_before` is not."""

    order: Order = Order.DESC
    kind: ImportKind | None = None
    state: ImportState | None = None
    mode: Mode | None = None
    source: Annotated[str, Line(100), Field(description="The saved mapping that the file came with.")] | None = None
    requested_by: Annotated[UUID | None, Field(description="Who sent the file.")] = None
    received_from: Moment | None = None
    received_before: Moment | None = None
    undone: Annotated[bool | None, Field(description="Only imports that were undone, or only others.")] = None

    def wanted(self) -> ImportFilter:
        """The filters, for the service."""
        return ImportFilter(**{one.name: getattr(self, one.name) for one in fields(ImportFilter)})


class Shown(BaseModel):
    """Base of what answers hold: nothing undeclared."""

    model_config = ConfigDict(extra="forbid")


class ImportedFile(Shown):
    """What was sent; size in bytes."""

    name: Annotated[str, Field(examples=["sales.xlsx"])]
    size: Annotated[int, Field(examples=[48_211])]
    sha256: Annotated[str, Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])]


class ImportCounts(Shown):
    """`rows` = inserted + updated + unchanged + rejected, so far or at the end; a row may have several `errors`."""

    rows: Annotated[int, Field(examples=[1200])]
    inserted: Annotated[int, Field(examples=[1100])]
    updated: Annotated[int, Field(examples=[50])]
    unchanged: Annotated[int, Field(examples=[48])]
    rejected: Annotated[int, Field(examples=[2])]
    errors: Annotated[int, Field(examples=[3])]


class RestatedMonth(TotalsCompared):
    """A complete month whose lines the import changed (or would change, in a dry run): what it made of it."""

    month: Annotated[str, Field(examples=["2026-10"])]


class SalesEffectView(Shown):
    """What an import of sales did besides."""

    restated: list[RestatedMonth]
    corrections_kept: Annotated[
        int, Field(description="Lines that a person corrected, and whose source says what it said before.")
    ]
    corrections_overruled: Annotated[
        int, Field(description="Lines that a person corrected, and whose source says something new: it holds.")
    ]
    dated_by_invoice_date: Annotated[
        int, Field(description="Lines without the date that decides the month; the invoice date did.")
    ]


class CellCounts(Shown):
    """Cells of the plan by what became of them (or would, in a dry run); blank cells of the file are not counted."""

    saved: Annotated[int, Field(examples=[140])]
    unchanged: Annotated[int, Field(examples=[18])]
    conflict: Annotated[int, Field(description="Changed by somebody since; nothing was overwritten.", examples=[2])]
    refused: Annotated[int, Field(examples=[0])]


class ImportProgress(Shown):
    """How far the import is; moves while it runs. Written are rows that added or changed something."""

    rows_read: Annotated[int, Field(examples=[1200])]
    rows_checked: Annotated[int, Field(examples=[1200])]
    rows_written: Annotated[int, Field(examples=[1150])]


class ImportRow(Shown):
    """An import in the list."""

    id: Annotated[UUID, Field(examples=[EXAMPLE_ID])]
    kind: ImportKind
    state: ImportState
    dry_run: bool
    complete_until: str | None
    cycle_id: Annotated[UUID | None, Field(description="The cycle that forecasts were sent for, if it was named.")]
    overwrite: bool
    mode: Mode
    on_error: OnError
    file: ImportedFile
    progress: ImportProgress
    counts: ImportCounts
    removed: Annotated[
        int, Field(description="What the file does not name of its period (replace_period): lines, entries or cells.")
    ]
    errors_left_out: Annotated[int, Field(description="Errors beyond the first 10,000, counted only.")]
    ignored_columns: Annotated[
        list[str], Field(description="Titles that this kind does not know.", examples=[["Note"]])
    ]
    completed_months: Annotated[list[str], Field(examples=[["2026-10"]])]
    restated_months: Annotated[
        list[str], Field(description="Complete months whose lines it changed, or would change in a dry run.")
    ]
    sales: Annotated[SalesEffectView | None, Field(description="Of an import of sales that has succeeded.")]
    cells: Annotated[CellCounts | None, Field(description="Of an import of forecasts, so far or at the end.")]
    message: Annotated[str | None, Field(description="Why it was rejected or failed.")]
    requested_by: UUID | None
    received_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    undone_at: Annotated[datetime | None, Field(description="When the import was taken back.")]
    undone_by: UUID | None


class RowErrorView(Shown):
    """What is wrong in a row: `row` and `letter` as Excel shows them, `column` as the file titles it (empty = the whole
    row), `sheet` empty in a csv.
    """

    sheet: Annotated[str, Field(examples=["Sales 2026"])]
    row: Annotated[int, Field(examples=[17])]
    column: Annotated[str, Field(examples=["Quantity"])]
    letter: Annotated[str, Field(examples=["D"])]
    value: Annotated[str, Field(examples=["1,500"])]
    expected: Annotated[str, Field(examples=["a number with at most 3 decimals, written like 1234.5"])]
    conflict: Annotated[bool, Field(description="The cell was changed by somebody since the file was made.")]


class UndoCounts(Shown):
    """Rows by what an undo does: new ones are removed, changed ones get back what they said, removed ones come back;
    blocked ones stay as they are. Of forecasts and past forecasts these are cells."""

    removed: Annotated[int, Field(examples=[1100])]
    restored: Annotated[int, Field(examples=[50])]
    put_back: Annotated[int, Field(examples=[0])]
    blocked: Annotated[int, Field(examples=[0])]


class BlockedRow(Shown):
    """A row or cell that can't be set back: what it is, why, and the newest known change of it. A sheet that can't be
    written now stands for all of its cells."""

    entity: Annotated[str, Field(examples=["customer"])]
    id: UUID
    label: Annotated[str, Field(examples=["C1042"])]
    obstacle: Obstacle
    message: Annotated[str, Field(examples=["was changed since"])]
    action: Annotated[
        str | None,
        Field(description="The audit event, or `import`; null when none is known.", examples=["customer.changed"]),
    ]
    import_id: Annotated[UUID | None, Field(description="The newer import.")]
    by: UUID | None
    by_name: Annotated[str | None, Field(examples=["Max Manager"])]
    at: datetime | None


class UndoPreview(Shown):
    """What undoing would do now; `refusal` says why it is not done, null when it can be."""

    counts: UndoCounts
    refusal: Annotated[str | None, Field(examples=["1 row of 1,150 can't be set back, because something newer …"])]
    blocked: Annotated[list[BlockedRow], Field(description="The first 100 of the blocked rows.")]


class ImportUndo(Shown):
    """An undo that was asked for; poll the import until it is succeeded. `rows` is what it sets back in all."""

    id: Annotated[UUID, Field(examples=[EXAMPLE_ID])]
    state: ImportState
    requested_by: UUID | None
    received_at: datetime
    finished_at: datetime | None
    rows: Annotated[int, Field(examples=[1150])]
    counts: UndoCounts
    restated_months: Annotated[list[str], Field(examples=[["2026-10"]])]
    message: str | None


class MappedColumn(Shown):
    """A title of the file, and the column that it was taken for (null = ignored). `similar` is a guess: look at it."""

    title: Annotated[str, Field(examples=["Costumer Code"])]
    letter: Annotated[str, Field(examples=["B"])]
    column: Annotated[str | None, Field(examples=["customer_code"])]
    how: Annotated[How | None, Field(examples=["similar"])]
    score: Annotated[int | None, Field(description="Percent of likeness; 100 unless it is a guess.", examples=[92])]


class LeftOutRow(Shown):
    """A row that sums the table up; `text` is what it says."""

    row: Annotated[int, Field(examples=[1201])]
    text: Annotated[str, Field(examples=["Grand total"])]


class ImportAnswer(ImportRow):
    """An import with all its row errors, in row order, how its file was read (once it has begun), and its undo."""

    sheet: Annotated[
        str | None, Field(description="The sheet that was read; empty for a csv.", examples=["Sales 2026"])
    ]
    other_sheets: Annotated[list[str], Field(description="Sheets that fit as well and were not read.")]
    header_rows: Annotated[list[int], Field(description="The row or two rows of the titles.", examples=[[3]])]
    columns: list[MappedColumn]
    source: Annotated[str | None, Field(description="Whose saved mapping was used.", examples=["Webshop export"])]
    totals: Annotated[int, Field(description="Rows that sum the table up: left out, neither counted nor wrong.")]
    left_out: Annotated[list[LeftOutRow], Field(description="The first 100 of these rows.")]
    has_errors_file: Annotated[
        bool, Field(description="Whether `errors.xlsx` beneath this import is a copy of the file with marked cells.")
    ]
    errors: list[RowErrorView]
    undo: ImportUndo | None
