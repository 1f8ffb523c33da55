"""S&OP cycles. Creating and deleting drafts happens here; every other change goes through the cycle's workflow."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from starlette.responses import Response

from api.dependencies import CurrentWorkflows, IdempotencyKey, ReceivedAt, allow
from api.envelope import Item, Page, accepted, item, no_content, page
from api.errors import errors
from api.idempotency import Idempotency
from api.queries import query_of
from api.routing import API, router_of
from api.schemas.cycles import (
    LISTED,
    CyclePatch,
    CycleQuery,
    CycleView,
    NewCycle,
    OperationView,
    Reopening,
    show_cycle,
    show_row,
)
from core.errors import Conflict, InvalidInput, NotFound, PlanwrightError, TemporalUnavailable, Unavailable
from planning.access import Action
from planning.stages import Move
from services import cycles, operations
from services.cycle_moves import demand_move
from services.cycles import CycleDraft
from services.identity import Caller
from workflows.client import Workflows
from workflows.contracts import CycleChanges, MoveRequest

router = router_of("cycles")

AT_ONCE = timedelta(seconds=5)
NOT_WAITED = timedelta(0)
MOVE_ERRORS = errors(NotFound, Conflict, InvalidInput, TemporalUnavailable, Unavailable)
Reader = Annotated[Caller, allow(Action.READ_CYCLES)]
Mover = Annotated[Caller, allow(Action.MOVE_CYCLE)]


@router.post(
    "/sop/cycles",
    status_code=201,
    summary="Create a draft cycle",
    response_model=Item[CycleView],
    responses=errors(InvalidInput, Conflict),
)
async def create_cycle(
    body: NewCycle,
    caller: Annotated[Caller, allow(Action.CREATE_CYCLE)],
    key: IdempotencyKey,
    received_at: ReceivedAt,
    workflows: CurrentWorkflows,
) -> Response:
    """The draft opens by itself at `opens_at`, or when somebody opens it."""
    offsets = None if body.reminder_offsets_days is None else tuple(body.reminder_offsets_days)
    draft = CycleDraft(**{**dict(body), "reminder_offsets_days": offsets})
    created: list[UUID] = []

    async def effect() -> Response:
        cycle = await cycles.create(draft, received_at)
        created[:] = [cycle.id]
        return item(show_cycle(cycle), status=201, headers={"Location": f"{API}/sop/cycles/{cycle.id}"})

    response = await key.once(effect)
    for cycle_id in created:
        await workflows.watch_cycle(caller.tenant_id, cycle_id)
    return response


@router.get("/sop/cycles", summary="List cycles", response_model=Page[CycleView])
async def list_cycles(query: Annotated[CycleQuery, query_of(CycleQuery)], caller: Reader) -> Response:
    """Newest first."""
    window = query.window(query.sort_by)
    listing = await cycles.list_page(query.status, query.search, LISTED, window)
    listing.rows[:] = [show_row(row) for row in listing.rows]
    return page(listing, query.page, query.limit)


@router.get(
    "/sop/cycles/{cycle_id}", summary="Read a cycle", response_model=Item[CycleView], responses=errors(NotFound)
)
async def read_cycle(cycle_id: UUID, caller: Reader) -> Response:
    """One cycle with its deadlines and where it stands."""
    return item(show_cycle(await cycles.get(cycle_id)))


@router.patch(
    "/sop/cycles/{cycle_id}",
    summary="Change deadlines and settings of a cycle",
    response_model=Item[CycleView],
    responses={**MOVE_ERRORS, 202: {"model": Item[OperationView], "description": "Not done yet; poll Location."}},
)
async def change_cycle(
    cycle_id: UUID,
    body: CyclePatch,
    caller: Annotated[Caller, allow(Action.CHANGE_CYCLE)],
    key: IdempotencyKey,
    workflows: CurrentWorkflows,
) -> Response:
    """A running cycle follows its new deadlines at once."""
    said = {name: value for name, value in body if name in body.model_fields_set and value is not None}
    if "reminder_offsets_days" in said:
        said["reminder_offsets_days"] = tuple(said["reminder_offsets_days"])
    cleared = "opens_at" in body.model_fields_set and body.opens_at is None
    changes = CycleChanges(**said, clear_opens_at=cleared)
    return await _ask(_request(caller, cycle_id, Move.RESCHEDULE, changes), key, workflows, AT_ONCE)


@router.delete(
    "/sop/cycles/{cycle_id}",
    status_code=204,
    summary="Delete a draft",
    response_class=Response,
    responses=errors(NotFound, Conflict),
)
async def delete_cycle(
    cycle_id: UUID, caller: Annotated[Caller, allow(Action.DELETE_CYCLE)], workflows: CurrentWorkflows
) -> Response:
    """Only drafts can be deleted; an open cycle is cancelled instead."""
    await cycles.delete_draft(cycle_id)
    await workflows.nudge_cycle(caller.tenant_id, cycle_id)
    return no_content()


@router.post(
    "/sop/cycles/{cycle_id}/open",
    summary="Open a draft for entry now",
    response_model=Item[CycleView],
    responses={**MOVE_ERRORS, 202: {"model": Item[OperationView], "description": "Not done yet; poll Location."}},
)
async def open_cycle(cycle_id: UUID, caller: Mover, key: IdempotencyKey, workflows: CurrentWorkflows) -> Response:
    """Lays out a prefilled sheet for every customer, then opens entry and tells the reps."""
    return await _ask(_request(caller, cycle_id, Move.OPEN), key, workflows, AT_ONCE)


@router.post(
    "/sop/cycles/{cycle_id}/close",
    status_code=202,
    summary="Close a cycle and freeze its plan",
    response_model=Item[OperationView],
    responses=MOVE_ERRORS,
)
async def close_cycle(cycle_id: UUID, caller: Mover, key: IdempotencyKey, workflows: CurrentWorkflows) -> Response:
    """Locks every sheet at once and copies the plan into its snapshot; poll Location until it is done."""
    return await _ask(_request(caller, cycle_id, Move.CLOSE), key, workflows, NOT_WAITED)


@router.post(
    "/sop/cycles/{cycle_id}/reopen",
    summary="Reopen a closed cycle with new deadlines",
    response_model=Item[CycleView],
    responses={**MOVE_ERRORS, 202: {"model": Item[OperationView], "description": "Not done yet; poll Location."}},
)
async def reopen_cycle(
    cycle_id: UUID, body: Reopening, caller: Mover, key: IdempotencyKey, workflows: CurrentWorkflows
) -> Response:
    """The frozen plan of the earlier close stays; closing again writes the next one."""
    changes = CycleChanges(entry_closes_at=body.entry_closes_at, closes_at=body.closes_at)
    return await _ask(_request(caller, cycle_id, Move.REOPEN, changes, body.reason), key, workflows, AT_ONCE)


@router.post(
    "/sop/cycles/{cycle_id}/cancel",
    summary="Cancel a cycle that is not closed",
    response_model=Item[CycleView],
    responses={**MOVE_ERRORS, 202: {"model": Item[OperationView], "description": "Not done yet; poll Location."}},
)
async def cancel_cycle(cycle_id: UUID, caller: Mover, key: IdempotencyKey, workflows: CurrentWorkflows) -> Response:
    """What was entered stays readable; nothing is frozen."""
    return await _ask(_request(caller, cycle_id, Move.CANCEL), key, workflows, AT_ONCE)


def _request(
    caller: Caller, cycle_id: UUID, move: Move, changes: CycleChanges | None = None, reason: str = ""
) -> MoveRequest:
    return MoveRequest(
        tenant_id=caller.tenant_id,
        user_id=caller.user_id,
        cycle_id=cycle_id,
        move=move,
        changes=changes or CycleChanges(),
        reason=reason,
    )


async def _ask(request: MoveRequest, key: Idempotency, workflows: Workflows, wait: timedelta) -> Response:
    """Write the operation, ask the workflow by its id, and answer with the cycle or with the operation to poll."""
    cycle = await cycles.get(request.cycle_id)

    async def begin() -> UUID:
        demand_move(request.move, cycle)
        return (await operations.begin(request.move, request.cycle_id, {"move": request.move})).id

    async def run(operation_id: UUID) -> Response:
        try:
            done = await workflows.move_cycle(request.model_copy(update={"operation_id": operation_id}), wait=wait)
        except PlanwrightError as refusal:
            if not refusal.retryable:
                await operations.fail(operation_id, refusal)
            raise
        if done is not None and wait:
            return item(show_cycle(await cycles.get(request.cycle_id)))
        state = {"operation_id": operation_id, "kind": request.move, "state": "queued"}
        return accepted(state, f"{API}/operations/{operation_id}")

    return await key.resumed(begin, run)
