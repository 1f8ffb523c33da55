"""Scaled integers: exact in, exact out, rounded half-even once."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning.numbers import (
    MONEY,
    PRICE,
    QUANTITY,
    Scale,
    divide_half_even,
    minor_units,
    quantity_from_value,
    round_to_minor,
    value_of,
)

scales = st.sampled_from([QUANTITY, MONEY, PRICE])
storable = st.integers(-(10**15) + 1, 10**15 - 1)


@pytest.mark.parametrize(
    ("scale", "text", "scaled"),
    [
        (QUANTITY, "12.5", 12_500),
        (QUANTITY, "-0.001", -1),
        (QUANTITY, "1E+3", 1_000_000),
        (QUANTITY, "0E-400", 0),
        (QUANTITY, "1.000000", 1_000),
        (MONEY, "999.9999", 9_999_999),
        (PRICE, "0.00000001", 1),
        (PRICE, "20000000", 2_000_000_000_000_000),
    ],
)
def test_a_number_becomes_an_integer_of_its_scale(scale: Scale, text: str, scaled: int) -> None:
    assert scale.to_scaled(Decimal(text)) == scaled


@pytest.mark.parametrize(
    ("scale", "text", "message"),
    [
        (QUANTITY, "0.0001", "at most 3 decimals"),
        (MONEY, "0.00001", "at most 4 decimals"),
        (PRICE, "0.000000001", "at most 8 decimals"),
        (QUANTITY, "1." + "0" * 70 + "1", "at most 3 decimals"),
        (QUANTITY, "1E-1000000", "at most 3 decimals"),
        (QUANTITY, "1234567890123.456", "15 significant digits"),
        (QUANTITY, "1E+15", "too large"),
        (PRICE, "1E+1000000", "too large"),
        (QUANTITY, "NaN", "finite"),
        (QUANTITY, "sNaN", "finite"),
        (MONEY, "Infinity", "finite"),
        (MONEY, "-Infinity", "finite"),
    ],
)
def test_what_a_scale_cannot_hold_exactly_is_refused(scale: Scale, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        scale.to_scaled(Decimal(text))


@pytest.mark.parametrize(
    ("text", "scaled"), [("0.0005", 0), ("0.0015", 2), ("-0.0025", -2), ("0.00050001", 1), ("1E-1000000", 0)]
)
def test_rounding_is_half_even(text: str, scaled: int) -> None:
    assert QUANTITY.round_scaled(Decimal(text)) == scaled


@given(scales, storable)
def test_scaled_integers_survive_decimal_and_json(scale: Scale, scaled: int) -> None:
    assert scale.to_scaled(scale.to_decimal(scaled)) == scaled
    assert scale.from_number(json.loads(json.dumps(scale.to_number(scaled)))) == scaled


def test_whole_numbers_are_written_without_a_point() -> None:
    assert json.dumps([QUANTITY.to_number(5_000), QUANTITY.to_number(-500), MONEY.to_number(0)]) == "[5, -0.5, 0]"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300, 0.1 + 0.2])
def test_a_json_number_that_is_not_exact_is_refused(number: float) -> None:
    with pytest.raises(InvalidInput):
        QUANTITY.from_number(number)


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
def test_integer_division_rounds_as_fractions_do(numerator: int, denominator: int) -> None:
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**11))
def test_a_value_is_quantity_times_price(quantity: int, price: int) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = QUANTITY.to_decimal(quantity) * PRICE.to_decimal(price)
        assert MONEY.to_decimal(value_of(quantity, price)) == exact.quantize(MONEY.step, ROUND_HALF_EVEN)


@given(st.integers(0, 10**9), st.integers(10**5, 10**11))
def test_the_quantity_of_a_value_is_within_half_a_thousandth(value: int, price: int) -> None:
    exact = Fraction(value, MONEY.factor) / Fraction(price, PRICE.factor) * QUANTITY.factor
    assert abs(quantity_from_value(value, price) - exact) <= Fraction(1, 2)


def test_values_and_quantities_by_hand() -> None:
    assert value_of(3_000, 255_000_000) == 76_500  # 3 at 2.55 is 7.65
    assert value_of(-1_000, 255_000_000) == -25_500
    assert value_of(1, 5_000_000) == 0  # 0.001 at 0.05 is 0.00005, half of a step: to the even 0
    assert value_of(3, 5_000_000) == 2  # 0.00015: to the even 2
    assert quantity_from_value(100_000, 300_000_000) == 3_333  # 10 at 3.00


@pytest.mark.parametrize("price", [0, -1])
def test_without_a_positive_price_a_value_has_no_quantity(price: int) -> None:
    with pytest.raises(InvalidInput, match="price above 0"):
        quantity_from_value(10_000, price)


def test_results_that_json_cannot_carry_exactly_are_refused() -> None:
    assert value_of(10**14, 10**8 - 1) < 10**15
    for sign in (1, -1):
        with pytest.raises(InvalidInput, match="too large"):
            value_of(sign * 10**14, 10**8)
        with pytest.raises(InvalidInput, match="too large"):
            quantity_from_value(sign * 10**14, 10**6)


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("EUR", 2), ("usd", 2), ("JPY", 0), (" krw ", 0), ("BHD", 3), ("KWD", 3), ("TND", 3), ("CLF", 4), ("XXX", 2)],
)
def test_minor_units_follow_the_standard(currency: str, digits: int) -> None:
    assert minor_units(currency) == digits


@pytest.mark.parametrize(
    ("money", "currency", "shown"),
    [
        (12_350, "EUR", "1.24"),
        (12_250, "EUR", "1.22"),
        (12_345, "JPY", "1"),
        (-15_000, "JPY", "-2"),
        (12_345, "KWD", "1.234"),
    ],
)
def test_shown_money_is_rounded_to_the_minor_unit(money: int, currency: str, shown: str) -> None:
    assert str(round_to_minor(money, currency)) == shown
