"""Which imports can be undone, and which of their rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.undoing import WORDS, Found, Obstacle, obstacle, refusal, revision_now, undo_problem


@pytest.mark.parametrize(
    ("found", "removed", "expected"),
    [
        (Found(is_there=True, is_same=True), False, None),
        (Found(is_there=True, is_same=False), False, Obstacle.CHANGED),
        (Found(is_there=False), False, Obstacle.REMOVED),
        (Found(is_there=False), True, None),
        (Found(is_there=True), True, Obstacle.RETURNED),
    ],
)
def test_what_stands_against_setting_back_a_row(found: Found, removed: bool, expected: Obstacle | None) -> None:
    assert obstacle(found, removed_by_import=removed) is expected


@pytest.mark.parametrize(
    ("kind", "state", "dry_run", "journaled", "words"),
    [
        ("sales", "succeeded", False, True, None),
        ("sales", "rejected", False, True, None),
        ("sales", "failed", False, True, None),
        ("sales", "running", False, True, "not ended"),
        ("sales", "queued", False, True, "not ended"),
        ("sales", "succeeded", True, True, "dry run"),
        ("sales", "succeeded", False, False, "no journal"),
        ("users", "succeeded", False, False, "people got mails"),
    ],
)
def test_which_imports_can_be_undone(kind: str, state: str, dry_run: bool, journaled: bool, words: str | None) -> None:
    problem = undo_problem(kind, state, dry_run=dry_run, journaled=journaled)
    assert (problem is None) if words is None else (problem is not None and words in problem)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_an_import_is_undone_only_when_nothing_stands_against_any_row(blocked: int, others: int) -> None:
    said = refusal(blocked, blocked + others)
    assert (said is None) == (blocked == 0 and others > 0)


def test_one_row_is_one_row() -> None:
    assert (refusal(1, 1_200) or "").startswith("1 row of 1,200")
    assert (refusal(2, 1_200) or "").startswith("2 rows of 1,200")


@pytest.mark.parametrize(
    ("locked", "why"),
    [
        (0, "because something newer touched them; see"),
        (3, "because their sheets can't be written now; see"),
        (2, "because something newer touched them, or their sheets can't be written now; see"),
    ],
)
def test_what_is_locked_is_said(locked: int, why: str) -> None:
    said = refusal(3, 9, locked=locked, noun="cell") or ""
    assert said.startswith("3 cells of 9 can't be set back, ")
    assert why in said


@pytest.mark.parametrize(
    ("rev", "undone", "expected"),
    [
        (1, {}, 1),
        (1, {1: 2}, 3),
        (0, {0: 1}, 2),
        (1, {1: 2, 3: 4}, 5),
        (1, {1: 2, 2: 3}, 5),
        (2, {0: 1}, 2),
        (1, {7: 8}, 1),
    ],
)
def test_what_was_undone_explains_revisions(rev: int, undone: dict[int, int], expected: int) -> None:
    assert revision_now(rev, undone) == expected


@given(st.lists(st.booleans(), max_size=60))
def test_after_imports_that_were_undone_the_revision_is_known(steps: list[bool]) -> None:
    """Imports lie on each other like a pile; some are undone, the newest first, and others come after them."""
    rev, pile, undone = 0, list[tuple[int, int]](), dict[int, int]()
    for imports in steps:
        if imports:
            pile.append((rev, rev + 1))
        elif pile:
            found, made = pile.pop()
            assert revision_now(made, undone) == rev
            undone[found] = made
        else:
            continue
        rev += 1
    assert all(revision_now(made, undone) >= made for _, made in pile)
    if pile:
        assert revision_now(pile[-1][1], undone) == rev


def test_every_obstacle_has_words() -> None:
    assert WORDS.keys() == set(Obstacle)
