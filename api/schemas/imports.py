"""Imports at the edge: the form that is sent, and what an import says of itself."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field

from api.paging import Order, PageQuery
from api.texts import Month
from services.import_kinds.tables import ImportKind

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

    file: Annotated[UploadFile, Field(description="A .csv or .xlsx file; the first row holds the column titles.")]
    kind: ImportKind
    dry_run: Annotated[bool, Field(description="Check and count only; write nothing.")] = False
    complete_until: Month | None = None


class ImportQuery(PageQuery):
    """Newest first; filters are exact."""

    order: Order = Order.DESC
    kind: ImportKind | None = None
    state: ImportState | None = None


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


class ImportRow(Shown):
    """An import in the list."""

    id: Annotated[UUID, Field(examples=[EXAMPLE_ID])]
    kind: ImportKind
    state: ImportState
    dry_run: bool
    complete_until: str | None
    file: ImportedFile
    counts: ImportCounts
    errors_left_out: Annotated[int, Field(description="Errors beyond the first 10,000, counted only.")]
    ignored_columns: Annotated[
        list[str], Field(description="Titles that this kind does not know.", examples=[["Note"]])
    ]
    completed_months: Annotated[list[str], Field(examples=[["2026-10"]])]
    restated_months: Annotated[
        list[str], Field(description="Complete months whose lines it changed, or would change in a dry run.")
    ]
    message: Annotated[str | None, Field(description="Why it was rejected or failed.")]
    requested_by: UUID | None
    received_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RowErrorView(Shown):
    """What is wrong in a row: `row` as Excel shows it, `column` as the file titles it (empty = the whole row)."""

    row: Annotated[int, Field(examples=[17])]
    column: Annotated[str, Field(examples=["Quantity"])]
    value: Annotated[str, Field(examples=["1,5"])]
    expected: Annotated[str, Field(examples=["a number with at most 3 decimals, written like 1234.5"])]


class ImportAnswer(ImportRow):
    """An import with all its row errors, in row order."""

    errors: list[RowErrorView]
