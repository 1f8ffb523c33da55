"""The steps of the planning cycle's workflow: read, lay out, move, measure, copy, seal.

Each is idempotent: laying out and copying rewrite their chunk and go on from the heartbeat's cursor; a move finds its
operation done or its stage reached.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from temporalio import activity

from core.collections import scoped
from core.errors import PlanwrightError
from core.settings import load_settings
from models.cycle import Cycle
from planning.share import share_met
from planning.stages import Move, Stage, waits_for_files
from services import closing, cycle_moves, forecast_options, opening, operations, share
from services.cycle_moves import Moved
from workflows.contracts import (
    COPY_SNAPSHOT_ACTIVITY,
    MEASURE_SHARE_ACTIVITY,
    MOVE_CYCLE_ACTIVITY,
    PREPARE_CYCLE_ACTIVITY,
    READ_CYCLE_ACTIVITY,
    SEAL_SNAPSHOT_ACTIVITY,
    WAITS,
    CycleAt,
    CycleChanges,
    CycleInput,
    CycleView,
    MoveAt,
    MoveOutcome,
    ShareView,
)


@activity.defn(name=READ_CYCLE_ACTIVITY)
async def read_cycle(cycle: CycleInput) -> CycleView:
    """The cycle as MongoDB has it; `exists` false for a deleted draft."""
    found = await scoped(Cycle).one({"_id": cycle.cycle_id})
    return CycleView(exists=False) if found is None else view_of(found)


@activity.defn(name=PREPARE_CYCLE_ACTIVITY)
async def prepare_cycle(request: MoveAt) -> int:
    """Lay out sheets and prefilled lines; returns the number of customers, or WAITS when another cycle is in entry."""
    if await operations.is_done(request.operation_id):
        return 0
    async with ending_refused(request.operation_id):
        waiting = await cycle_moves.before_opening(request.cycle_id, request.at, request.operation_id)
        if waiting is not None:
            return WAITS
        return await opening.prepare(request.cycle_id, activity.heartbeat, done=cursor())


@activity.defn(name=MOVE_CYCLE_ACTIVITY)
async def move_cycle(request: MoveAt) -> MoveOutcome:
    """Carry out one move. A refusal ends its operation with the reason and is raised."""
    if await operations.is_done(request.operation_id):
        return MoveOutcome(view=view_of(await scoped(Cycle).get(request.cycle_id)))
    if request.operation_id is None and await files_are_coming(request):
        return MoveOutcome(view=view_of(await scoped(Cycle).get(request.cycle_id)), done=False)
    async with ending_refused(request.operation_id):
        moved = await carry_out(request)
    return MoveOutcome(view=view_of(moved.cycle), done=moved.waits_for is None)


@activity.defn(name=MEASURE_SHARE_ACTIVITY)
async def measure_share(cycle: CycleAt) -> ShareView:
    """Whether the cycle may close by itself; managers are told once when it may not."""
    found = await scoped(Cycle).get(cycle.cycle_id)
    measured = await share.measure(cycle.cycle_id, activity.heartbeat)
    percent = "-" if measured.share is None else f"{measured.share * 100:.1f}"
    met = share_met(measured, Decimal(found.auto_close_share_percent) / 100)
    if not met:
        await cycle_moves.note_below_share(cycle.cycle_id, percent)
    return ShareView(met=met, percent=percent)


@activity.defn(name=COPY_SNAPSHOT_ACTIVITY)
async def copy_snapshot(cycle: CycleInput) -> int:
    """Copy the streams into the snapshot; returns the number of customers."""
    return await closing.copy_snapshot(cycle.cycle_id, activity.heartbeat, done=cursor())


@activity.defn(name=SEAL_SNAPSHOT_ACTIVITY)
async def seal_snapshot(cycle: CycleAt) -> CycleView:
    """Write the marker and close the cycle."""
    return view_of(await closing.seal(cycle.cycle_id, cycle.at))


@asynccontextmanager
async def ending_refused(operation_id: UUID | None) -> AsyncIterator[None]:
    """A refusal inside ends the operation with its reason: whoever polls it may have left the update long ago."""
    try:
        yield
    except PlanwrightError as refusal:
        if not refusal.retryable:
            await operations.fail(operation_id, refusal)
        raise


async def files_are_coming(request: MoveAt) -> bool:
    """Whether the clock's deadline waits for forecasts that were received before it; whoever closes by hand doesn't."""
    if request.move not in (Move.LOCK_ENTRY, Move.CLOSE):
        return False
    cycle = await scoped(Cycle).get(request.cycle_id)
    deadline = cycle.entry_closes_at if request.move is Move.LOCK_ENTRY else cycle.closes_at
    return waits_for_files(deadline, request.at, grace()) and await forecast_options.forecasts_pending(
        cycle.id, deadline
    )


async def carry_out(request: MoveAt) -> Moved:
    """The service of each move."""
    cycle_id, operation_id = request.cycle_id, request.operation_id
    match request.move:
        case Move.OPEN:
            return await cycle_moves.open_entry(cycle_id, request.at, operation_id)
        case Move.LOCK_ENTRY:
            return await cycle_moves.lock_entry(cycle_id, request.at)
        case Move.CLOSE:
            return await cycle_moves.begin_closing(cycle_id, request.at, operation_id, request.user_id)
        case Move.REOPEN:
            return await cycle_moves.reopen(
                cycle_id, request.at, new_values(request.changes), operation_id, request.reason
            )
        case Move.RESCHEDULE:
            return await cycle_moves.reschedule(cycle_id, request.at, new_values(request.changes), operation_id)
        case Move.CANCEL:
            return await cycle_moves.cancel(cycle_id, operation_id, request.reason)
        case Move.SEAL:
            return Moved(await closing.seal(cycle_id, request.at))


def new_values(changes: CycleChanges) -> dict[str, object]:
    """The changed fields as the cycle stores them."""
    values = {name: value for name, value in changes if value is not None and name != "clear_opens_at"}
    if "reminder_offsets_days" in values:
        values["reminder_offsets_days"] = list(changes.reminder_offsets_days or ())
    return values | ({"opens_at": None} if changes.clear_opens_at else {})


def view_of(cycle: Cycle) -> CycleView:
    """What the workflow may know."""
    return CycleView(
        exists=True,
        stage=Stage(cycle.stage),
        opens_at=cycle.opens_at,
        entry_closes_at=cycle.entry_closes_at,
        closes_at=cycle.closes_at,
        auto_close=cycle.auto_close,
        auto_close_share_percent=cycle.auto_close_share_percent,
        grace_seconds=grace().total_seconds(),
    )


def grace() -> timedelta:
    """Deadlines wait one request time-out for requests that were received before them."""
    return timedelta(seconds=load_settings().http.request_timeout_seconds)


def cursor() -> int:
    """How many customers the last attempt had done."""
    details = activity.info().heartbeat_details
    return int(details[0]) if details else 0
