"""What text from outside may be stored, and how it is shown (T27)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import FORMULA_STARTS, code_key, guarded, printable, text_problem, unguarded


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Müller & Söhne", None),
        ("emoji 🙂", None),
        ("nul\x00", "control"),
        ("bell\x07", "control"),
        ("\x85", "control"),
        ("lone \ud800", "broken"),
        ("lost \ufffd", "broken"),
        ("abc\u202edef", "direction"),
        ("two\nlines", "one line"),
        ("tab\t", "one line"),
        ("x" * 21, "20 characters"),
    ],
)
def test_text_that_may_be_stored(text: str, problem: str | None) -> None:
    found = text_problem(text, max_length=20)
    assert (found is None) if problem is None else problem in str(found)


def test_free_text_may_have_lines() -> None:
    assert text_problem("two\nlines\tand a tab", max_length=50, multiline=True) is None


def test_printable_text_holds_nothing_that_may_not_be_stored() -> None:
    shown = printable("a\x00b\ud800c\u202ed" + "x" * 100, max_length=20)
    assert shown.startswith("a\ufffdb\ufffdc\ufffdd")
    assert len(shown) == 20
    assert shown.endswith("…")


def test_codes_compare_trimmed_and_case_folded() -> None:
    assert code_key(" 85123a\u00a0") == code_key("85123A")
    assert code_key("STRASSE") == code_key("straße")


@given(st.text(max_size=20))
def test_an_apostrophe_is_taken_away_only_where_one_was_added(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    assert not cell.startswith(FORMULA_STARTS)
    assert cell in (text, f"'{text}")


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=1", "'=1"), ("'=1", "''=1"), ("''-", "'''-"), ("'tis", "'tis"), ("'", "'"), ("a=1", "a=1"), ("", "")],
)
def test_only_what_looks_like_a_formula_is_guarded(text: str, cell: str) -> None:
    assert guarded(text) == cell
