"""Operations as the API shows them: what was asked of a cycle, and what came of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class OperationState(StrEnum):
    """Poll until it is succeeded or failed."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class OperationProgress(BaseModel):
    """`result` is what it did; `error` (code, message) is why it did not."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "id": "3f0f7c52-4f6e-4a86-8f3c-7e5f2a1b9c04",
                    "kind": "close",
                    "target_id": "0b8f1a3e-5d6c-4e2f-8a9b-1c2d3e4f5a6b",
                    "state": "succeeded",
                    "result": {"stage": "closed"},
                    "error": None,
                    "created_at": "2026-11-21T09:00:00Z",
                    "finished_at": "2026-11-21T09:00:04Z",
                }
            ]
        },
    )

    id: UUID
    kind: str
    target_id: UUID = Field(description="The cycle.")
    state: OperationState
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    created_at: datetime
    finished_at: datetime | None = None
