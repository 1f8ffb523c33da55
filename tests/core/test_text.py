"""What text from outside may be stored, and how it is shown (T27)."""

from __future__ import annotations

import pytest

from core.text import code_key, printable, text_problem


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
