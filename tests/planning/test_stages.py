"""The state machine of a cycle: every move from every stage, and the deadlines that come with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from planning.stages import (
    FILES_WITHIN,
    RETRY_FILES,
    RETRY_OPEN,
    CycleClock,
    Deadlines,
    Due,
    Move,
    Stage,
    judge_deadlines,
    judge_move,
    next_due,
    phase_of,
    reopened_stage,
    retry_after,
    status_of,
    waits_for_files,
)

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
AHEAD = Deadlines(NOW + DAY, NOW + 10 * DAY, NOW + 15 * DAY)
RUNNING = Deadlines(NOW - DAY, NOW + 10 * DAY, NOW + 15 * DAY)
ALLOWED = {
    Move.OPEN: {Stage.DRAFT: Stage.ENTRY},
    Move.LOCK_ENTRY: {Stage.ENTRY: Stage.REVIEW},
    Move.CLOSE: {Stage.ENTRY: Stage.CLOSING, Stage.REVIEW: Stage.CLOSING},
    Move.SEAL: {Stage.CLOSING: Stage.CLOSED},
    Move.REOPEN: {Stage.CLOSED: Stage.CLOSED},
    Move.CANCEL: dict.fromkeys((Stage.DRAFT, Stage.ENTRY, Stage.REVIEW), Stage.CANCELLED),
    Move.RESCHEDULE: {stage: stage for stage in (Stage.DRAFT, Stage.ENTRY, Stage.REVIEW)},
}


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("move", Move)
def test_a_move_is_allowed_from_its_stages_only(move: Move, stage: Stage) -> None:
    verdict = judge_move(move, stage)
    assert verdict.allowed == (stage in ALLOWED[move])
    assert verdict.to == ALLOWED[move].get(stage, stage)
    assert stage.value in verdict.reason


def test_a_refused_move_says_from_where_it_is_possible() -> None:
    assert judge_move(Move.CLOSE, Stage.DRAFT).reason == (
        "The cycle is a draft; only one that is in entry or in review can be closed."
    )


@pytest.mark.parametrize(
    ("stage", "status", "phase"),
    [
        (Stage.DRAFT, "draft", None),
        (Stage.ENTRY, "open", "entry"),
        (Stage.REVIEW, "open", "review"),
        (Stage.CLOSING, "open", "closing"),
        (Stage.CLOSED, "closed", None),
        (Stage.CANCELLED, "cancelled", None),
    ],
)
def test_people_see_status_and_phase(stage: Stage, status: str, phase: str | None) -> None:
    assert (status_of(stage), phase_of(stage)) == (status, phase)


@pytest.mark.parametrize(
    ("stage", "old", "new", "reason"),
    [
        (Stage.DRAFT, AHEAD, AHEAD, None),
        (Stage.DRAFT, AHEAD, Deadlines(None, AHEAD.entry_closes_at, AHEAD.closes_at), None),
        (Stage.ENTRY, RUNNING, Deadlines(RUNNING.opens_at, NOW + 12 * DAY, NOW + 16 * DAY), None),
        (Stage.REVIEW, RUNNING, Deadlines(RUNNING.opens_at, RUNNING.entry_closes_at, NOW + 20 * DAY), None),
        (Stage.DRAFT, AHEAD, Deadlines(NOW + 11 * DAY, NOW + 10 * DAY, NOW + 15 * DAY), "open before entry"),
        (Stage.DRAFT, AHEAD, Deadlines(None, NOW + 16 * DAY, NOW + 15 * DAY), "before the cycle closes"),
        (Stage.ENTRY, RUNNING, Deadlines(NOW + DAY, RUNNING.entry_closes_at, RUNNING.closes_at), "open already"),
        (Stage.REVIEW, RUNNING, Deadlines(RUNNING.opens_at, NOW + 11 * DAY, RUNNING.closes_at), "Entry is over"),
        (Stage.ENTRY, RUNNING, Deadlines(RUNNING.opens_at, NOW, RUNNING.closes_at), "entry_closes_at must be"),
        (Stage.DRAFT, AHEAD, Deadlines(NOW, NOW + DAY, NOW + 2 * DAY), "opens_at must be"),
    ],
)
def test_deadlines_fit_or_say_why_not(stage: Stage, old: Deadlines, new: Deadlines, reason: str | None) -> None:
    verdict = judge_deadlines(stage, old, new, NOW)
    assert verdict.allowed == (reason is None)
    assert (reason or "fit") in verdict.reason


@pytest.mark.parametrize(
    ("new", "to", "allowed"),
    [
        (Deadlines(None, NOW + DAY, NOW + 2 * DAY), Stage.ENTRY, True),
        (Deadlines(None, NOW - DAY, NOW + 2 * DAY), Stage.REVIEW, True),
        (Deadlines(None, NOW - DAY, NOW), Stage.CLOSED, False),
        (Deadlines(None, NOW + 3 * DAY, NOW + 2 * DAY), Stage.CLOSED, False),
    ],
)
def test_reopening_needs_future_deadlines(new: Deadlines, to: Stage, allowed: bool) -> None:
    verdict = reopened_stage(new, NOW)
    assert (verdict.to, verdict.allowed) == (to, allowed)


def clock(stage: Stage, *, auto_close: bool = False, retry_at: datetime | None = None) -> CycleClock:
    return CycleClock(stage, AHEAD, auto_close, timedelta(seconds=30), retry_at)


GRACE = timedelta(seconds=30)


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        (clock(Stage.DRAFT), Due(Move.OPEN, NOW + DAY)),
        (clock(Stage.ENTRY), Due(Move.LOCK_ENTRY, AHEAD.entry_closes_at + GRACE)),
        (clock(Stage.REVIEW), None),
        (clock(Stage.REVIEW, auto_close=True), Due(Move.CLOSE, AHEAD.closes_at + GRACE)),
        (clock(Stage.CLOSED), None),
        (clock(Stage.CANCELLED), None),
        (clock(Stage.DRAFT, retry_at=NOW + 2 * DAY), Due(Move.OPEN, NOW + 2 * DAY)),
        (clock(Stage.DRAFT, retry_at=NOW), Due(Move.OPEN, NOW + DAY)),
    ],
)
def test_the_clock_knows_what_is_due(asked: CycleClock, due: Due | None) -> None:
    assert next_due(asked) == due


def test_a_draft_without_opening_time_waits_for_a_person() -> None:
    deadlines = Deadlines(None, AHEAD.entry_closes_at, AHEAD.closes_at)
    assert next_due(CycleClock(Stage.DRAFT, deadlines, False, GRACE)) is None


def test_a_deadline_waits_for_files_for_a_while() -> None:
    deadline, grace = datetime(2026, 12, 11, 17, tzinfo=UTC), timedelta(seconds=30)
    last = deadline + grace + FILES_WITHIN
    assert waits_for_files(deadline, last - timedelta(seconds=1), grace)
    assert not waits_for_files(deadline, last, grace)


def test_what_could_not_be_done_is_tried_again() -> None:
    assert retry_after(Move.OPEN) == RETRY_OPEN
    assert retry_after(Move.LOCK_ENTRY) == retry_after(Move.CLOSE) == RETRY_FILES
