"""Exports at the edge: what is asked for, how far it is, and where the file is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Strict

from api.paging import Order, PageQuery
from api.routing import API
from api.texts import Body, Day, Id, Line, Month
from core.clock import now
from core.listing import uuid_text
from models.job import Job
from services.exporting.base import Filters
from services.exports import Wanted
from services.import_kinds.tables import ImportKind

MOST_IDS = 500
LAYOUT = Field(pattern="^[a-z]{1,20}$", examples=["long"])
EXAMPLE_ID = "8d0f7b1e-2a4c-4f6d-9b8e-3c5a7e9f1b2d"


class ExportState(StrEnum):
    """Poll until it is succeeded, rejected (`message` says why) or failed."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"


class ExportFilters(Body):
    """What to keep; by default everything. A filter that the kind does not have is refused."""

    customer_ids: list[Id] = Field(default_factory=list, max_length=MOST_IDS, description="Rows of these customers.")
    product_ids: list[Id] = Field(default_factory=list, max_length=MOST_IDS, description="Rows of these products.")
    region: Annotated[str, Line(100, 1), Field(examples=["North"])] | None = None
    category: Annotated[str, Line(100, 1), Field(description="The product category.")] | None = None
    from_month: Month | None = None
    to_month: Month | None = None
    valid_on: Annotated[Day, Field(description="Entries that hold on this day.")] | None = None
    cycle_id: Annotated[Id, Field(description="With forecasts: whose; default: the cycle in entry.")] | None = None
    include_inactive: Annotated[bool, Field(description="Also what is out of use.")] = False


class NewExport(Body):
    """What to export. `layout` is `long`, a row per thing; forecasts have `wide` as well, with a column per month."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "prices", "format": "xlsx", "filters": {"region": "North", "valid_on": "2026-12-01"}}]
        }
    )

    kind: Annotated[ImportKind, Strict(False)]
    format: Literal["xlsx", "csv"] = "xlsx"
    layout: Annotated[str, LAYOUT] = "long"
    filters: ExportFilters = Field(default_factory=ExportFilters)

    def wanted(self) -> Wanted:
        """What the service is asked for."""
        said = dict(self.filters)
        said |= {name: tuple(said[name]) for name in ("customer_ids", "product_ids")}
        return Wanted(self.kind, self.format, self.layout, Filters(**said))


class TemplateQuery(BaseModel):
    """`layout` is `long`; forecasts have `wide` as well, with a column for each month of the cycle in entry."""

    model_config = ConfigDict(extra="forbid")

    layout: Annotated[str, LAYOUT] = "long"


class ExportQuery(PageQuery):
    """Newest first; filters are exact."""

    order: Order = Order.DESC
    kind: ImportKind | None = None
    state: ExportState | None = None


class Shown(BaseModel):
    """Base of what answers hold: nothing undeclared."""

    model_config = ConfigDict(extra="forbid")


class ExportProgress(Shown):
    """`rows_total` is what was counted when the export was asked for."""

    rows_done: Annotated[int, Field(examples=[40_000])]
    rows_total: Annotated[int, Field(examples=[100_000])]


class ExportFile(Shown):
    """The file; size in bytes. After `expires_at` it is gone."""

    name: Annotated[str, Field(examples=["prices-2026-12-01.xlsx"])]
    size: Annotated[int, Field(examples=[48_211])]
    sha256: Annotated[str, Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])]
    expires_at: datetime


class ExportView(Shown):
    """An export. `rows` and `file` are there once it has succeeded, `download` as long as the file is kept."""

    id: Annotated[UUID, Field(examples=[EXAMPLE_ID])]
    kind: ImportKind
    format: Literal["xlsx", "csv"]
    layout: Annotated[str, Field(examples=["long"])]
    filters: Annotated[dict[str, Any], Field(examples=[{"region": "North"}])]
    state: ExportState
    progress: ExportProgress
    rows: Annotated[int | None, Field(examples=[100_000])]
    file: ExportFile | None
    download: Annotated[str | None, Field(examples=[f"{API}/exports/{EXAMPLE_ID}/download"])]
    message: Annotated[str | None, Field(description="Why it was rejected or failed.")]
    requested_by: UUID | None
    received_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def show_export(job: Job) -> dict[str, Any]:
    """A job as `ExportView`."""
    return _view(str(job.id), dict(job), job.requested_by)


def show_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A raw row of a list as `ExportView`."""
    asker = row["requested_by"]
    return _view(row["id"], row, asker if asker is None else uuid_text(asker))


def _view(id: str, job: Mapping[str, Any], requested_by: UUID | str | None) -> dict[str, Any]:
    params, result, error = job["params"], job.get("result") or {}, job.get("error") or {}
    file = result.get("file")
    kept = file is not None and file["expires_at"] > now()
    progress = job.get("progress") or {"rows_done": 0, "rows_total": params["rows"]}
    if "rows" in result:
        progress = dict.fromkeys(("rows_done", "rows_total"), result["rows"])
    return {
        "id": id,
        **{name: params[name] for name in ("kind", "format", "layout", "filters")},
        "state": job["state"],
        "progress": progress,
        "rows": result.get("rows"),
        "file": file,
        "download": f"{API}/exports/{id}/download" if kept else None,
        "message": error.get("message"),
        "requested_by": requested_by,
        **{name: job.get(name) for name in ("received_at", "started_at", "finished_at")},
    }
