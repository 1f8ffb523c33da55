"""How a file may be taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.import_modes import NO_PERIOD, WITH_A_PERIOD, Mode, OnError, mode_problem, settled

KINDS = st.sampled_from(sorted([*WITH_A_PERIOD, *NO_PERIOD]))
SAID = st.sampled_from([None, *OnError])


@pytest.mark.parametrize(
    ("mode", "said", "expected"),
    [
        (Mode.UPSERT, None, OnError.SKIP_ROWS),
        (Mode.INSERT_ONLY, None, OnError.SKIP_ROWS),
        (Mode.REPLACE_PERIOD, None, OnError.REJECT_FILE),
        (Mode.UPSERT, OnError.REJECT_FILE, OnError.REJECT_FILE),
        (Mode.REPLACE_PERIOD, OnError.SKIP_ROWS, OnError.SKIP_ROWS),
    ],
)
def test_what_wrong_rows_do(mode: Mode, said: OnError | None, expected: OnError) -> None:
    assert settled(mode, said) is expected


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("prices", "end them with valid_to"),
        ("users", "delete those who left"),
        ("customers", "say status inactive"),
        ("fx-rates", "mode upsert"),
        ("forecasts", "write clear"),
    ],
)
def test_only_what_has_a_period_replaces_one(kind: str, words: str) -> None:
    problem = mode_problem(kind, Mode.REPLACE_PERIOD, None)
    assert problem is not None
    assert problem.field == "mode"
    assert words in problem.message


@pytest.mark.parametrize("kind", sorted(WITH_A_PERIOD))
def test_a_period_is_replaced_whole_or_not_at_all(kind: str) -> None:
    assert mode_problem(kind, Mode.REPLACE_PERIOD, None) is None
    problem = mode_problem(kind, Mode.REPLACE_PERIOD, OnError.SKIP_ROWS)
    assert problem is not None
    assert problem.field == "on_error"


@given(KINDS, st.sampled_from(Mode), SAID)
def test_what_is_accepted_never_removes_lines_beside_wrong_rows(kind: str, mode: Mode, said: OnError | None) -> None:
    if mode_problem(kind, mode, said) is None and mode is Mode.REPLACE_PERIOD:
        assert settled(mode, said) is OnError.REJECT_FILE
        assert kind in WITH_A_PERIOD


@given(KINDS, SAID)
def test_everything_may_be_added_and_changed(kind: str, said: OnError | None) -> None:
    assert mode_problem(kind, Mode.UPSERT, said) is None
    assert mode_problem(kind, Mode.INSERT_ONLY, said) is None
