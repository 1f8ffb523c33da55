"""One S&OP round. It keeps its own copy of everything that settings decide, so that a later change of settings never
changes a running round.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import TenantDocument


class Cycle(TenantDocument):
    """`stage` is draft, entry, review, closing, closed or cancelled. Only the cycle's workflow changes it.

    `months` are the planned months in order; `close_number` counts the closes; `graded_close` is the one that accuracy
    is judged by. `rev` counts every change of the document.
    """

    name: str
    stage: str = "draft"
    base_month: str
    start_month: str
    horizon: int
    months: list[str]
    mandatory_until: str
    opens_at: datetime | None = None
    entry_closes_at: datetime
    closes_at: datetime
    auto_close: bool = False
    auto_close_share_percent: int = 80
    reminder_offsets_days: list[int] = Field(default_factory=list)
    reminder_times: list[datetime] = Field(default_factory=list)
    """When reps with open sheets are reminded, earliest first: made of the offsets whenever the deadlines are set."""
    count_working_days: bool = False
    currency: str
    time_zone: str
    month_pattern: str = "calendar"
    fiscal_year_start_month: int = 1
    sheet_scope: str = "customer"
    imported: bool = False
    """Made by an import of past forecasts: it was never open here, and its snapshot is what was imported."""
    close_number: int = 0
    graded_close: int | None = None
    reference_cycle_id: UUID | None = None
    """The closed cycle whose approved plan prefilled this one and is its fallback; fixed at open."""
    waiting_for: UUID | None = None
    """The cycle in entry that this one waits for before it can open."""
    told_below_share: bool = False
    closing_operation_id: UUID | None = None
    """What the person who closes is waiting for; ended by the seal."""
    rev: int = 1
    created_by: UUID | None = None
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
    opened_at: datetime | None = None
    entry_closed_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: UUID | None = None

    class Settings:
        name = "cycles"
        indexes = [
            IndexModel([("tenant_id", 1), ("start_month", -1), ("_id", 1)], name="tenant_start"),
            IndexModel(
                [("tenant_id", 1), ("stage", 1)],
                unique=True,
                partialFilterExpression={"stage": "entry"},
                name="one_in_entry",
            ),
            IndexModel([("stage", 1)], name="stage_of_all_tenants"),
        ]


class Operation(TenantDocument):
    """What was asked of a cycle's workflow: the caller polls it. Its id is the Temporal update id."""

    kind: str
    target_id: UUID
    state: str = "queued"
    request: dict[str, object] = Field(default_factory=dict)
    result: dict[str, object] | None = None
    error: dict[str, object] | None = None
    requested_by: UUID | None = None
    created_at: datetime = Field(default_factory=now)
    finished_at: datetime | None = None
    expires_at: datetime

    class Settings:
        name = "operations"
        indexes = [
            IndexModel([("tenant_id", 1), ("target_id", 1), ("created_at", -1)], name="tenant_target"),
            IndexModel([("expires_at", 1)], expireAfterSeconds=0, name="ttl"),
        ]
