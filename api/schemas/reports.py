"""Reports at the edge: what is asked for, how far it is, and what was found."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Strict

from api.paging import Order, PageQuery
from api.texts import Body, Id, Month
from models.job import Job
from reports.plan_vs_actual import Block
from services.reports import PlanVsActualWanted, ReportView

Number = int | float


class ReportType(StrEnum):
    """The reports that there are."""

    PLAN_VS_ACTUAL = "plan_vs_actual"


class ReportState(StrEnum):
    """Poll until it is succeeded, rejected (`error` says why) or failed."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"


class NewReport(Body):
    """What to compare. `close_number` is by default the close that the cycle is graded by, the months all planned."""

    type: Annotated[ReportType, Strict(False)]
    cycle_id: Annotated[Id, Field(examples=["0b8f1a3e-5d6c-4e2f-8a9b-1c2d3e4f5a6b"])]
    close_number: Annotated[int, Field(ge=1, le=10_000, examples=[1])] | None = None
    from_month: Month | None = None
    to_month: Month | None = None
    group_by: Annotated[
        list[Annotated[Block, Strict(False)]],
        Field(
            default_factory=lambda: list(Block),
            min_length=1,
            max_length=3,
            description="The rows; by default all three.",
        ),
    ]

    def wanted(self) -> PlanVsActualWanted:
        """What the service is asked for."""
        blocks = tuple(str(block) for block in Block if block in self.group_by)
        return PlanVsActualWanted(self.cycle_id, self.close_number, self.from_month, self.to_month, blocks)


class ReportQuery(PageQuery):
    """Newest first."""

    order: Order = Order.DESC
    state: ReportState | None = None


class Shown(BaseModel):
    """Base of what answers hold: nothing undeclared."""

    model_config = ConfigDict(extra="forbid")


class Compared(Shown):
    """Actual minus plan; null where there is nothing to compare. `percent` of the plan, null without a plan above 0."""

    plan: Annotated[Number | None, Field(examples=[1000])]
    actual: Annotated[Number | None, Field(examples=[1100])]
    difference: Annotated[Number | None, Field(examples=[100])]
    percent: Annotated[Number | None, Field(examples=[10])]


class ComparedQuantity(Compared):
    """Quantities of one unit of measure; different units are never added."""

    unit: Annotated[str, Field(examples=["EA"])]


class Unplanned(Shown):
    """What was sold without a plan: customer x product x month cells, and their value. Part of `actual`."""

    cells: int
    value: Number


class Row(Shown):
    """The figures of one row. `missing_prices`: planned cells without a price, which `value` does not hold."""

    value: Compared
    quantities: list[ComparedQuantity]
    missing_prices: int
    unplanned: Unplanned


class MonthRow(Row):
    """A month; the actual of an incomplete one is what is known so far, without a difference."""

    month: Month
    complete: bool


class IncompleteMonths(Shown):
    """What months add that are not complete yet; no part of the comparison."""

    plan_value: Number | None
    actual_value: Number | None


class SpanRow(Row):
    """A row over all months asked for: complete ones compared, the others in `incomplete_months`."""

    incomplete_months: IncompleteMonths


class EntityRow(SpanRow):
    """A customer or a product; `is_active` as it is today."""

    id: UUID
    code: str
    name: str
    is_active: bool


class EntityRows(Shown):
    """The first 5,000 rows by code; the workbook has all of them."""

    rows: list[EntityRow]
    total_rows: int
    truncated: bool


class ComparedCycle(Shown):
    """The cycle whose plan it is."""

    id: UUID
    name: str


class PlanVsActualReport(Shown):
    """Approved plan against actual. Totals, customers and products compare complete months only."""

    type: Literal["plan_vs_actual"]
    cycle: ComparedCycle
    close_number: int
    snapshot_sha256: str
    approved_at: datetime
    generated_at: datetime
    currency: Annotated[str, Field(examples=["EUR"])]
    scope: Literal["all_customers", "own_customers"]
    months_compared: list[Month]
    months_incomplete: list[Month]
    rollups_pending: Annotated[int, Field(description="Customers whose sales are still being summed.")]
    totals: SpanRow
    by_month: list[MonthRow] | None = None
    by_customer: EntityRows | None = None
    by_product: EntityRows | None = None


class ReportError(Shown):
    """Why there is no report."""

    code: str
    message: str


class ReportJob(Shown):
    """A report that was asked for."""

    id: UUID
    type: ReportType
    state: ReportState
    parameters: Annotated[dict[str, Any], Field(description="What was asked, defaults filled in.")]
    progress: Annotated[dict[str, int], Field(examples=[{"customers_done": 100, "customers_total": 300}])]
    error: ReportError | None
    requested_by: UUID
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ReportAnswer(ReportJob):
    """A report with what it found, once it has succeeded; the workbook is at `download`."""

    report: PlanVsActualReport | None
    download: Annotated[str | None, Field(examples=["/api/v1/reports/3f0f7c52-4f6e-4a86-8f3c-7e5f2a1b9c04/download"])]


def show_row(row: dict[str, Any]) -> dict[str, Any]:
    """A job as a list shows it."""
    params = dict(row["params"])
    return {
        "id": row["id"],
        "type": params.pop("type"),
        "state": row["state"],
        "parameters": params,
        "progress": row["progress"],
        "error": row["error"],
        "requested_by": row["requested_by"],
        "requested_at": row["received_at"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
    }


def show_job(job: Job) -> dict[str, Any]:
    """The same of one document."""
    return show_row(job.model_dump())


def show(view: ReportView, download: str) -> dict[str, Any]:
    """A job with its report."""
    done = view.report is not None
    return {**show_job(view.job), "report": view.report, "download": download if done else None}
