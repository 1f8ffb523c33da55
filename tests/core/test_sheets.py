"""Columns by the letters that Excel shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter

from core.sheets import column_letters, column_position


@pytest.mark.parametrize(("letters", "position"), [("A", 0), ("Z", 25), ("AA", 26), ("ZZ", 701), ("XFD", 16_383)])
def test_letters_and_positions(letters: str, position: int) -> None:
    assert column_letters(position) == letters
    assert column_position(letters) == column_position(letters.lower()) == position


@given(st.integers(0, 16_383))
def test_they_are_those_of_openpyxl_and_back(position: int) -> None:
    assert column_letters(position) == get_column_letter(position + 1)
    assert column_position(column_letters(position)) == position
