"""The moves of a cycle, each a compare-and-set with its audit event, its mails and the end of its operation in one
transaction. Only the cycle's workflow calls them, so they never meet each other. A step that is tried again after it
succeeded finds its operation done (`services.operations.is_done`) or the stage reached, and changes nothing.

What they do meet is the sheet of a customer who came later: its transaction writes the cycle too, and so comes wholly
before a move or wholly after it. That is no reason to refuse the move, which compares the stage and not the revision.

`at` is the workflow's time: no clock is read for stage rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pymongo.errors import DuplicateKeyError

from core.collections import scoped, transaction
from core.errors import Conflict
from models.cycle import Cycle
from models.forecast import Sheet
from planning.stages import (
    Deadlines,
    Move,
    Stage,
    judge_deadlines,
    judge_move,
    reopened_stage,
    status_of,
)
from services import audit, cycle_mails, operations
from services.cycles import deadlines_of, refused_deadline, reminder_times

Changes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Moved:
    """The cycle after the move. `waits_for` names the cycle in entry that an opening has to wait for."""

    cycle: Cycle
    waits_for: UUID | None = None


async def before_opening(cycle_id: UUID, at: datetime, operation_id: UUID | None) -> Moved | None:
    """None when the cycle can be laid out and opened now; so nothing is laid out, again and again, that has to wait.

    If another cycle is in entry, a person's request is a Conflict; the clock's waits, and managers are told once.
    """
    cycle = await scoped(Cycle).get(cycle_id)
    _demand_opening(cycle, at)
    if await scoped(Cycle).exists({"stage": Stage.ENTRY}):
        return await _wait_for_entry(cycle, operation_id)
    return None


async def open_entry(cycle_id: UUID, at: datetime, operation_id: UUID | None) -> Moved:
    """draft -> entry, after `services.opening.prepare`. Tells the reps. Waits like `before_opening`."""
    cycle = await scoped(Cycle).get(cycle_id)
    if cycle.stage == Stage.ENTRY and operation_id is None:
        return Moved(cycle)
    _demand_opening(cycle, at)
    changes = {"stage": Stage.ENTRY, "opened_at": at, "waiting_for": None}
    try:
        opened = await _move(cycle, changes, "cycle.opened", operation_id, cycle_mails.tell_opened)
    except DuplicateKeyError:
        return await _wait_for_entry(cycle, operation_id)
    return Moved(opened)


async def lock_entry(cycle_id: UUID, at: datetime) -> Moved:
    """entry -> review. The sheets are locked before the cycle moves, so a save is either in or refused; and again
    after it, for a sheet that was made in between."""
    cycle = await scoped(Cycle).get(cycle_id)
    if cycle.stage == Stage.ENTRY:
        await _end_entry(cycle_id)
        changes = {"stage": Stage.REVIEW, "entry_closed_at": at}
        cycle = await _move(cycle, changes, "cycle.entry_locked", None)
    if cycle.stage == Stage.REVIEW:
        await _end_entry(cycle_id)
    return Moved(cycle)


async def begin_closing(cycle_id: UUID, at: datetime, operation_id: UUID | None, closed_by: UUID | None) -> Moved:
    """entry or review -> closing, and every sheet locked; the snapshot follows (`services.closing`)."""
    cycle = await scoped(Cycle).get(cycle_id)
    if cycle.stage != Stage.CLOSING or cycle.closing_operation_id != operation_id:
        demand_move(Move.CLOSE, cycle)
        changes = {"stage": Stage.CLOSING, "close_number": cycle.close_number + 1, "closed_by": closed_by}
        changes["closing_operation_id"] = operation_id
        if cycle.entry_closed_at is None:
            changes["entry_closed_at"] = at
        cycle = await _move(cycle, changes, "cycle.closing", None)
    locks = {"locked_by_close": True, "entry_open": False}
    await scoped(Sheet).update_many({"cycle_id": cycle_id, "locked_by_close": False}, {"$set": locks})
    return Moved(cycle)


async def reopen(cycle_id: UUID, at: datetime, changes: Changes, operation_id: UUID | None, reason: str) -> Moved:
    """closed -> entry or review with new future deadlines. Submitted sheets stay submitted."""
    cycle = await scoped(Cycle).get(cycle_id)
    demand_move(Move.REOPEN, cycle)
    new = _new_deadlines(cycle, changes)
    verdict = reopened_stage(new, at)
    if not verdict.allowed:
        raise refused_deadline(verdict)
    open_again = {"locked_by_close": False, "entry_open": verdict.to == Stage.ENTRY}
    await scoped(Sheet).update_many({"cycle_id": cycle_id}, {"$set": open_again})
    stored = {"stage": verdict.to, "entry_closes_at": new.entry_closes_at, "closes_at": new.closes_at}
    stored |= {"closed_at": None, "told_below_share": False}
    stored["reminder_times"] = await reminder_times(cycle, new, cycle.reminder_offsets_days)
    if verdict.to == Stage.ENTRY:
        stored["entry_closed_at"] = None
    try:
        moved = await _move(cycle, stored, "cycle.reopened", operation_id, reason=reason)
    except DuplicateKeyError as error:
        raise Conflict("Another cycle is in entry; reopen this one to review, or wait.") from error
    return Moved(moved)


async def reschedule(cycle_id: UUID, at: datetime, changes: Changes, operation_id: UUID | None) -> Moved:
    """Change deadlines, flags and the name of a cycle that is not closed. With a deadline goes what was told of it."""
    cycle = await scoped(Cycle).get(cycle_id)
    demand_move(Move.RESCHEDULE, cycle)
    new = _new_deadlines(cycle, changes)
    verdict = judge_deadlines(Stage(cycle.stage), deadlines_of(cycle), new, at)
    if not verdict.allowed:
        raise refused_deadline(verdict)
    stored = dict(changes)
    offsets = changes.get("reminder_offsets_days", cycle.reminder_offsets_days)
    if new != deadlines_of(cycle) or offsets != cycle.reminder_offsets_days:
        stored["reminder_times"] = await reminder_times(cycle, new, offsets)
    if cycle.told_below_share and new.closes_at != cycle.closes_at:
        stored["told_below_share"] = False
    if cycle.waiting_for is not None and new.opens_at != cycle.opens_at:
        stored["waiting_for"] = None
    return Moved(await _move(cycle, stored, "cycle.rescheduled", operation_id))


async def cancel(cycle_id: UUID, operation_id: UUID | None, reason: str) -> Moved:
    """draft, entry or review -> cancelled."""
    cycle = await scoped(Cycle).get(cycle_id)
    demand_move(Move.CANCEL, cycle)
    return Moved(await _move(cycle, {"stage": Stage.CANCELLED}, "cycle.cancelled", operation_id, reason=reason))


async def note_below_share(cycle_id: UUID, share_percent: str) -> None:
    """Tell managers once that the cycle could not close by itself because too little is submitted."""

    async def tell() -> None:
        told = await scoped(Cycle).change(
            {"_id": cycle_id, "told_below_share": False}, {"$set": {"told_below_share": True}}
        )
        if told is not None:
            await cycle_mails.tell_below_share(scoped(Cycle).document(told), share_percent)

    await transaction(tell)


async def _end_entry(cycle_id: UUID) -> None:
    await scoped(Sheet).update_many({"cycle_id": cycle_id, "entry_open": True}, {"$set": {"entry_open": False}})


async def _wait_for_entry(cycle: Cycle, operation_id: UUID | None) -> Moved:
    other = await scoped(Cycle).one({"stage": Stage.ENTRY})
    if other is None or operation_id is not None:
        raise Conflict("Another cycle is in entry; close its entry first.")

    async def wait() -> Cycle:
        waiting = await scoped(Cycle).change(
            {"_id": cycle.id, "waiting_for": {"$ne": other.id}}, {"$set": {"waiting_for": other.id}}
        )
        if waiting is None:
            return cycle
        await audit.record("cycle.waiting", "cycle", cycle.id, after={"waiting_for": str(other.id)})
        await cycle_mails.tell_waiting(cycle, other)
        return scoped(Cycle).document(waiting)

    return Moved(await transaction(wait), waits_for=other.id)


async def _move(
    cycle: Cycle,
    changes: dict[str, Any],
    action: str,
    operation_id: UUID | None,
    tell: cycle_mails.Teller | None = None,
    *,
    reason: str | None = None,
) -> Cycle:
    """The compare-and-set on the cycle's stage, with all that belongs to it in one transaction."""
    standing = {"_id": cycle.id, "stage": cycle.stage, "close_number": cycle.close_number}

    async def write() -> Cycle:
        row = await scoped(Cycle).change(standing, {"$set": changes, "$inc": {"rev": 1}})
        if row is None:
            raise Conflict()
        moved = scoped(Cycle).document(row)
        before = {name: _plain(getattr(cycle, name)) for name in changes}
        after = {name: _plain(value) for name, value in changes.items()}
        await audit.record(action, "cycle", cycle.id, before=before, after=after, reason=reason)
        if tell is not None:
            await tell(moved)
        await operations.succeed(operation_id, {"cycle_id": str(cycle.id), "status": status_of(Stage(moved.stage))})
        return moved

    return await transaction(write)


def demand_move(move: Move, cycle: Cycle) -> None:
    """Conflict, with the reason, unless the cycle's stage allows the move. One that was run elsewhere never moves."""
    if cycle.imported:
        raise Conflict("This cycle was run elsewhere and imported; import its forecasts again to change them.")
    verdict = judge_move(move, Stage(cycle.stage))
    if not verdict.allowed:
        raise Conflict(verdict.reason)


def _demand_opening(cycle: Cycle, at: datetime) -> None:
    demand_move(Move.OPEN, cycle)
    if cycle.entry_closes_at <= at:
        raise Conflict("Entry would be over at once; move entry_closes_at first.")


def _new_deadlines(cycle: Cycle, changes: Changes) -> Deadlines:
    named = {name: changes[name] for name in ("opens_at", "entry_closes_at", "closes_at") if name in changes}
    return replace(deadlines_of(cycle), **named)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID | Stage) else value
