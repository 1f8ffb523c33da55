"""Sessions at the edge."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.paging import Order, PageQuery
from core.mongo import RawDocument


class SessionSort(StrEnum):
    """What sessions are sorted by."""

    CREATED_AT = "created_at"


class SessionQuery(PageQuery):
    """Newest first."""

    sort_by: SessionSort = SessionSort.CREATED_AT
    order: Order = Order.DESC


class SessionView(BaseModel):
    """One sign-in that goes on."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    created_at: datetime = Field(description="When somebody signed in.")
    expires_at: datetime = Field(description="When it ends whatever happens.")
    ip: str = Field(examples=["192.0.2.10"], description="Where from.")
    user_agent: str = Field(examples=["Mozilla/5.0"], description="With what program.")


class OwnSessionView(SessionView):
    """One of the caller's own sign-ins."""

    current: bool = Field(description="Whether it is the one that asks.")


def show_own(row: RawDocument, session_id: UUID) -> RawDocument:
    """A raw row, with the mark at the session that asks."""
    return {**row, "current": row["id"] == str(session_id)}
