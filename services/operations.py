"""Operations: what was asked of a workflow, for the caller to poll. An operation's id is the Temporal update id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import scoped
from core.context import current_user
from core.errors import NotFound, PlanwrightError
from models.cycle import Operation
from planning.access import Action, may
from services.identity import Caller

KEPT = timedelta(days=30)
SHOWN = {"kind": 1, "target_id": 1, "state": 1, "result": 1, "error": 1, "created_at": 1, "finished_at": 1}


async def begin(kind: str, target_id: UUID, request: dict[str, Any]) -> Operation:
    """Write down what is asked, before it is asked."""
    at = now()
    operation = Operation(
        kind=kind,
        target_id=target_id,
        request=request,
        requested_by=current_user(),
        created_at=at,
        expires_at=at + KEPT,
    )
    return await scoped(Operation).insert(operation)


async def read(operation_id: UUID, caller: Caller) -> dict[str, Any]:
    """What came of an operation: for its requester and for whoever may move cycles; NotFound for everybody else."""
    query: dict[str, Any] = {"_id": operation_id, "expires_at": {"$gt": now()}}
    if not may(caller.actor, Action.MOVE_CYCLE).allowed:
        query["requested_by"] = caller.user_id
    row = await scoped(Operation).row(query, SHOWN)
    if row is None:
        raise NotFound()
    row["id"] = row.pop("_id")
    return row


async def succeed(operation_id: UUID | None, result: dict[str, Any]) -> None:
    """Mark as done, in the transaction of the deed. None = the clock asked, nobody waits."""
    await _finish(operation_id, {"state": "succeeded", "result": result})


async def fail(operation_id: UUID | None, error: PlanwrightError) -> None:
    """Mark as refused or failed, with the reason."""
    await _finish(operation_id, {"state": "failed", "error": {"code": error.code(), "message": error.message}})


async def is_done(operation_id: UUID | None) -> bool:
    """Whether the deed is done already: a retried step must not do it twice."""
    if operation_id is None:
        return False
    return await scoped(Operation).exists({"_id": operation_id, "state": "succeeded"})


async def _finish(operation_id: UUID | None, changes: dict[str, Any]) -> None:
    if operation_id is None:
        return
    await scoped(Operation).update_one(
        {"_id": operation_id, "state": {"$in": ["queued", "running"]}}, {"$set": {**changes, "finished_at": now()}}
    )
