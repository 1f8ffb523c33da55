"""The plan: sheets, lines with their cells, the versions that submissions write, and the snapshots that closes write.

Quantities are scaled 1/1000, values 1/10000, prices 1/10^8. Ids are UUIDv5 of the natural keys (`models.keys`).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pymongo import IndexModel

from core.clock import now
from core.documents import TenantDocument


class Sheet(TenantDocument):
    """What a rep fills for one customer (or customer and product category) in one cycle.

    `state` is draft, submitted or returned. A save or submit checks `state`, `entry_open` and `locked_by_close` and
    raises `rev` in its own transaction, so no lock can be passed by. `version` counts the submissions; those up to
    `superseded` no longer count for the plan, because another customer's draft was added to the sheet since.
    `rev_floor` is the highest revision of a cell in lines that an undo removed: first saves count on from there.
    """

    cycle_id: UUID
    customer_id: UUID
    category: str | None = None
    state: str = "draft"
    entry_open: bool = True
    locked_by_close: bool = False
    version: int = 0
    superseded: int = 0
    rev: int = 0
    rev_floor: int = 0
    lines: int = 0
    mandatory_lines: int = 0
    submitted_at: datetime | None = None
    submitted_by: UUID | None = None

    class Settings:
        name = "sheets"
        indexes = [
            IndexModel(
                [("tenant_id", 1), ("cycle_id", 1), ("customer_id", 1), ("category", 1)],
                unique=True,
                name="tenant_cycle_customer",
            ),
        ]


class CellState(BaseModel):
    """One month of a line. `rev` rises with every save, 0 = never saved by anybody; quantity null = nobody said
    anything."""

    model_config = ConfigDict(extra="forbid")

    month: str
    quantity: int | None = None
    value: int | None = None
    entered_in: str = "quantity"
    price: int | None = None
    price_source: str = "missing"
    origin: str | None = None
    reason: str | None = None
    rev: int = 0
    reviewed: bool = False


class Line(TenantDocument):
    """Cycle x stream x customer x product. One cell per planned month, in the cycle's order."""

    cycle_id: UUID
    stream: str
    customer_id: UUID
    product_id: UUID
    category: str | None = None
    active: bool = True
    mandatory: bool = True
    cells: list[CellState]

    class Settings:
        name = "lines"
        indexes = [
            IndexModel(
                [("tenant_id", 1), ("cycle_id", 1), ("stream", 1), ("customer_id", 1), ("product_id", 1)],
                unique=True,
                name="tenant_line",
            ),
        ]


class Version(TenantDocument):
    """The immutable head of what one submission of a sheet said; its lines are `VersionLine`s."""

    cycle_id: UUID
    sheet_id: UUID
    customer_id: UUID
    number: int
    lines: int
    unreviewed: int
    confirmed_zero: int
    submitted_by: UUID
    submitted_at: datetime

    class Settings:
        name = "versions"
        indexes = [IndexModel([("tenant_id", 1), ("sheet_id", 1), ("number", 1)], unique=True, name="tenant_sheet")]


class VersionLine(TenantDocument):
    """A line as it stood in one version. Cells carry quantity, value, price and its source."""

    cycle_id: UUID
    customer_id: UUID
    product_id: UUID
    line_id: UUID
    number: int
    cells: list[CellState]

    class Settings:
        name = "version_lines"
        indexes = [
            IndexModel(
                [("tenant_id", 1), ("cycle_id", 1), ("customer_id", 1), ("number", 1), ("product_id", 1)],
                unique=True,
                name="tenant_version_line",
            ),
        ]


class SnapshotCell(BaseModel):
    """A frozen cell. `step` is the fallback step that gave it (streams other than approved: the stream's name).

    `plan_rate` is there only where the customer has another currency than the plan; null = there was no rate.
    """

    model_config = ConfigDict(extra="forbid")

    month: str
    quantity: int | None
    value: int | None
    price: int | None
    price_source: str
    origin: str | None = None
    step: str
    plan_rate: int | None = None


class SnapshotRow(TenantDocument):
    """One line of one stream at one close, with all that it is later judged by. Never changed.

    Values and prices are in the cycle's currency. `currency` is the customer's, and `plan_rate` what one unit of it was
    worth in the cycle's (1/10^8): 1 for the same currency, null for another one, whose cells hold the rate by month.
    """

    cycle_id: UUID
    close_number: int
    stream: str
    customer_id: UUID
    product_id: UUID
    rep_id: UUID | None = None
    region: str | None = None
    group: str | None = None
    category: str | None = None
    unit: str
    currency: str
    plan_rate: int | None
    cost: int | None = None
    unit_factor: int
    sales_class: str | None = None
    cells: list[SnapshotCell]

    class Settings:
        name = "snapshot_rows"
        indexes = [
            IndexModel(
                [
                    ("tenant_id", 1),
                    ("cycle_id", 1),
                    ("close_number", 1),
                    ("stream", 1),
                    ("customer_id", 1),
                    ("product_id", 1),
                ],
                unique=True,
                name="tenant_snapshot_line",
            ),
        ]


class SnapshotMarker(TenantDocument):
    """Written last: a snapshot without its marker does not exist for readers.

    `missing_costs` counts the approved lines whose product had no cost in the cycle's first month.
    """

    cycle_id: UUID
    close_number: int
    streams: dict[str, int]
    rows: int
    sha256: str
    missing_costs: int = 0
    approved_by: UUID | None
    approved_at: datetime
    created_at: datetime = Field(default_factory=now)

    class Settings:
        name = "snapshots"
        indexes = [
            IndexModel([("tenant_id", 1), ("cycle_id", 1), ("close_number", 1)], unique=True, name="tenant_close")
        ]
