"""Stored decimals as scaled integers: the same number as over `Decimal`, or a refusal to say."""

from __future__ import annotations

from decimal import Decimal

import pytest
from bson import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from core.decimals import scaled_integer


@pytest.mark.parametrize(
    ("text", "scaled"),
    [
        ("12.345", 1_234_500_000),
        ("0", 0),
        ("-0", 0),
        ("-2.5", -250_000_000),
        ("1E+3", 10**11),
        ("1.000000000", 10**8),
        ("0.000000001", None),
        ("1E+40", None),
        ("1E-60", None),
        ("NaN", None),
        ("Infinity", None),
        ("-Infinity", None),
    ],
)
def test_a_stored_decimal_in_steps(text: str, scaled: int | None) -> None:
    assert scaled_integer(Decimal128(text), 8) == scaled


@given(st.decimals(-(10**12), 10**12, places=8) | st.decimals(0, 1000, places=2))
def test_it_is_the_number_itself(number: Decimal) -> None:
    assert scaled_integer(Decimal128(number), 8) == int(number.scaleb(8))
