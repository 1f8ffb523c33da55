"""Whether a sheet may be written, and why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from planning.locks import Lock, entry_lock

DEADLINE = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
OPENING = DEADLINE - timedelta(days=10)


def lock(
    stage: str,
    sheet_state: str = "draft",
    *,
    entry_open: bool = True,
    locked_by_close: bool = False,
    late: timedelta = timedelta(hours=-1),
) -> Lock:
    return entry_lock(
        stage=stage,
        sheet_state=sheet_state,
        entry_open=entry_open,
        locked_by_close=locked_by_close,
        entry_closes_at=DEADLINE,
        received_at=DEADLINE + late,
        opens_at=OPENING,
    )


@pytest.mark.parametrize("sheet_state", ["draft", "returned"])
def test_in_entry_a_sheet_is_writable_until_the_deadline(sheet_state: str) -> None:
    assert lock("entry", sheet_state) == Lock(True, "Entry is open until 2026-11-20 17:00 UTC.", DEADLINE)


def test_a_request_received_at_the_deadline_is_in_time() -> None:
    assert lock("entry", late=timedelta(0)).allowed


def test_a_request_received_later_is_told_when_entry_closed() -> None:
    assert lock("entry", late=timedelta(milliseconds=1)) == Lock(
        False, "Entry closed at 2026-11-20 17:00 UTC; this came later."
    )


def test_the_entry_lock_holds_before_the_cycle_is_in_review() -> None:
    assert lock("entry", entry_open=False) == Lock(False, "Entry is closed.")


@pytest.mark.parametrize("stage", ["entry", "review"])
def test_a_submitted_sheet_is_locked(stage: str) -> None:
    locked = lock(stage, "submitted")
    assert not locked.allowed
    assert "submitted" in locked.reason


def test_before_the_opening_the_answer_names_it() -> None:
    assert lock("draft") == Lock(False, "The cycle is not open yet.", OPENING)


def test_in_review_only_a_returned_sheet_is_writable() -> None:
    assert lock("review", "returned", entry_open=False, late=timedelta(days=2)).allowed
    assert "in review" in lock("review", entry_open=False).reason
    assert not lock("review", entry_open=True).allowed


@pytest.mark.parametrize("stage", ["entry", "review"])
@pytest.mark.parametrize("sheet_state", ["draft", "submitted", "returned"])
def test_nothing_passes_the_close(stage: str, sheet_state: str) -> None:
    assert lock(stage, sheet_state, locked_by_close=True) == lock("closing")


@pytest.mark.parametrize(("stage", "word"), [("closing", "frozen"), ("closed", "reopen"), ("cancelled", "cancelled")])
@pytest.mark.parametrize("sheet_state", ["draft", "submitted", "returned"])
def test_an_ended_cycle_is_locked(stage: str, word: str, sheet_state: str) -> None:
    locked = lock(stage, sheet_state)
    assert not locked.allowed
    assert word in locked.reason
