"""The stages of a cycle and the moves between them: the one state machine that API, workflow and services ask.

    draft -> entry -> review -> closing -> closed
    entry -> closing (a manager closes early);  draft, entry, review -> cancelled;  closed -> entry | review (reopen)

A person asks for a move, or the clock does when a deadline has come. Every answer carries its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Stage(StrEnum):
    DRAFT = "draft"
    ENTRY = "entry"
    REVIEW = "review"
    CLOSING = "closing"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Move(StrEnum):
    """What may be asked of a cycle. `seal` ends closing; only the workflow asks for it and for `lock_entry`."""

    OPEN = "open"
    LOCK_ENTRY = "lock_entry"
    CLOSE = "close"
    SEAL = "seal"
    REOPEN = "reopen"
    CANCEL = "cancel"
    RESCHEDULE = "reschedule"


FINAL = frozenset({Stage.CLOSED, Stage.CANCELLED})
RETRY_CLOSE = timedelta(hours=1)
RETRY_OPEN = timedelta(minutes=10)
RETRY_FILES = timedelta(seconds=30)
FILES_WITHIN = timedelta(minutes=30)
"""How long a deadline waits, beyond its grace, for files that were received before it and are not applied yet."""

_FROM: dict[Move, frozenset[Stage]] = {
    Move.OPEN: frozenset({Stage.DRAFT}),
    Move.LOCK_ENTRY: frozenset({Stage.ENTRY}),
    Move.CLOSE: frozenset({Stage.ENTRY, Stage.REVIEW}),
    Move.SEAL: frozenset({Stage.CLOSING}),
    Move.REOPEN: frozenset({Stage.CLOSED}),
    Move.CANCEL: frozenset({Stage.DRAFT, Stage.ENTRY, Stage.REVIEW}),
    Move.RESCHEDULE: frozenset({Stage.DRAFT, Stage.ENTRY, Stage.REVIEW}),
}
_TO: dict[Move, Stage] = {
    Move.OPEN: Stage.ENTRY,
    Move.LOCK_ENTRY: Stage.REVIEW,
    Move.CLOSE: Stage.CLOSING,
    Move.SEAL: Stage.CLOSED,
    Move.CANCEL: Stage.CANCELLED,
}
_VERB = {Move.LOCK_ENTRY: "locked for entry", Move.SEAL: "sealed", Move.OPEN: "opened", Move.REOPEN: "reopened"}
_VERB |= {Move.CLOSE: "closed", Move.CANCEL: "cancelled", Move.RESCHEDULE: "rescheduled"}


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Aware times. `opens_at` None = a person opens it."""

    opens_at: datetime | None
    entry_closes_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class CycleClock:
    """All that decides what may happen to a cycle, and when. `grace` is how long a deadline waits for requests that
    were received before it; `retry_at` is when a move that could not be done yet is tried again."""

    stage: Stage
    deadlines: Deadlines
    auto_close: bool
    grace: timedelta
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a move may happen, why (a sentence for a person), the stage it leads to, and the deadline that does not
    fit, if it is one."""

    allowed: bool
    reason: str
    to: Stage
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """What the clock will ask for, and when."""

    move: Move
    at: datetime


def status_of(stage: Stage) -> str:
    """The cycle's status as people know it: draft, open (entry, review, closing), closed or cancelled."""
    return "open" if stage in (Stage.ENTRY, Stage.REVIEW, Stage.CLOSING) else stage.value


def phase_of(stage: Stage) -> str | None:
    """The phase inside *open*; None outside."""
    return stage.value if status_of(stage) == "open" else None


def in_words(stage: Stage) -> str:
    """How a sentence says it after "The cycle is"."""
    return {Stage.DRAFT: "a draft", Stage.ENTRY: "in entry", Stage.REVIEW: "in review"}.get(stage, stage.value)


def judge_move(move: Move, stage: Stage) -> Verdict:
    """Whether this stage allows the move. Deadlines that come with it are judged by `judge_deadlines`.

    A reopened cycle goes to review unless its new entry deadline is in the future; see `reopened_stage`.
    """
    to = _TO.get(move, stage)
    if stage in _FROM[move]:
        return Verdict(True, f"The cycle is {in_words(stage)}; it can be {_VERB[move]}.", to)
    possible = " or ".join(in_words(one) for one in sorted(_FROM[move]))
    return Verdict(False, f"The cycle is {in_words(stage)}; only one that is {possible} can be {_VERB[move]}.", stage)


def judge_deadlines(stage: Stage, old: Deadlines, new: Deadlines, at: datetime) -> Verdict:
    """Whether a cycle in `stage` may get these deadlines at `at`: in order, changed ones in the future, and none that
    has already had its effect."""
    if stage is Stage.DRAFT and new.opens_at is not None and new.opens_at >= new.entry_closes_at:
        return Verdict(False, "The cycle must open before entry closes.", stage, "entry_closes_at")
    if new.entry_closes_at > new.closes_at:
        return Verdict(False, "Entry must close before the cycle closes.", stage, "closes_at")
    if stage is not Stage.DRAFT and new.opens_at != old.opens_at:
        return Verdict(False, "The cycle is open already; its opening time can't change.", stage, "opens_at")
    if stage is Stage.REVIEW and new.entry_closes_at != old.entry_closes_at:
        reason = "Entry is over; reopen the cycle after its close, or return single sheets."
        return Verdict(False, reason, stage, "entry_closes_at")
    changed = (
        ("opens_at", old.opens_at, new.opens_at),
        ("entry_closes_at", old.entry_closes_at, new.entry_closes_at),
        ("closes_at", old.closes_at, new.closes_at),
    )
    for name, before, after in changed:
        if after is not None and after != before and after <= at:
            return Verdict(False, f"{name} must be in the future.", stage, name)
    return Verdict(True, "The deadlines fit.", stage)


def reopened_stage(new: Deadlines, at: datetime) -> Verdict:
    """Where a reopened cycle goes: to entry when its new entry deadline lies ahead, else to review; `closes_at` must
    lie ahead in both cases."""
    if new.closes_at <= at:
        return Verdict(False, "Reopening needs a new closes_at in the future.", Stage.CLOSED, "closes_at")
    if new.entry_closes_at > new.closes_at:
        return Verdict(False, "Entry must close before the cycle closes.", Stage.CLOSED, "closes_at")
    to = Stage.ENTRY if new.entry_closes_at > at else Stage.REVIEW
    return Verdict(True, f"The cycle goes back to {to}.", to)


def waits_for_files(deadline: datetime, at: datetime, grace: timedelta) -> bool:
    """Whether a deadline that came still waits for files that were received before it; after that they are too late."""
    return at < deadline + grace + FILES_WITHIN


def retry_after(move: Move) -> timedelta:
    """When the clock tries again what it could not do yet: an opening waits for another cycle, the others for files."""
    return RETRY_OPEN if move is Move.OPEN else RETRY_FILES


def next_due(clock: CycleClock) -> Due | None:
    """What the clock does next; None when only a person can move the cycle."""
    due = _scheduled(clock)
    if due is None or clock.retry_at is None:
        return due
    return replace(due, at=max(due.at, clock.retry_at))


def _scheduled(clock: CycleClock) -> Due | None:
    deadlines = clock.deadlines
    if clock.stage is Stage.DRAFT and deadlines.opens_at is not None:
        return Due(Move.OPEN, deadlines.opens_at)
    if clock.stage is Stage.ENTRY:
        return Due(Move.LOCK_ENTRY, deadlines.entry_closes_at + clock.grace)
    if clock.stage is Stage.REVIEW and clock.auto_close:
        return Due(Move.CLOSE, deadlines.closes_at + clock.grace)
    return None
