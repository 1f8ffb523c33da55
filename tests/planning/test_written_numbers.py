"""Numbers that people wrote as text: what their column proves, how each is read, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.written_numbers import (
    DecimalSign,
    NumberStyle,
    Unreadable,
    number_style,
    plain_number,
    proven_sign,
)

POINT, COMMA = DecimalSign.POINT, DecimalSign.COMMA


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("1.234,56", COMMA),
        ("1 234,56", COMMA),
        ("1\u202f234,567", COMMA),
        ("12,5", COMMA),
        ("0,125", COMMA),
        (",5", COMMA),
        ("1234,567", COMMA),
        ("1.234.567", COMMA),
        ("1,234.56", POINT),
        ("1'234.56", POINT),
        ("12.5", POINT),
        ("0.125", POINT),
        ("1,234,567", POINT),
        ("12,34,567", POINT),
        ("1234.567", POINT),
        ("1,234", None),
        ("1.234", None),
        ("1234", None),
        ("1 234", None),
        ("12.34.56", None),
        ("n/a", None),
        ("", None),
        ("1" * 61, None),
    ],
)
def test_what_one_text_proves(text: str, sign: DecimalSign | None) -> None:
    assert proven_sign(text) == sign


@pytest.mark.parametrize(
    ("texts", "given_sign", "hint", "style"),
    [
        (["1,234", "1,5"], None, POINT, NumberStyle(COMMA)),
        (["1.234", "2.5"], None, None, NumberStyle(POINT)),
        (["1,234", "12"], None, None, NumberStyle(None)),
        (["1,234", "12"], None, POINT, NumberStyle(POINT)),
        (["1,5", "2.5"], None, POINT, NumberStyle(None)),
        (["1,5"], POINT, COMMA, NumberStyle(POINT, strict=True)),
    ],
)
def test_what_a_column_proves(
    texts: list[str], given_sign: DecimalSign | None, hint: DecimalSign | None, style: NumberStyle
) -> None:
    assert number_style(texts, given_sign, hint) == style


@pytest.mark.parametrize(
    ("text", "style", "plain"),
    [
        ("1234.5", NumberStyle(POINT), "1234.5"),
        ("1.234", NumberStyle(POINT), "1.234"),
        ("1.234", NumberStyle(COMMA), "1234"),
        ("1,234", NumberStyle(POINT), "1234"),
        ("1,234", NumberStyle(COMMA), "1.234"),
        ("1.234,56", NumberStyle(COMMA), "1234.56"),
        ("1 234,56", NumberStyle(None), "1234.56"),
        ("1'234.56", NumberStyle(None), "1234.56"),
        ("1\u2019234\u2019567", NumberStyle(None), "1234567"),
        ("12,34,567.5", NumberStyle(None), "1234567.5"),
        ("2.5", NumberStyle(COMMA), "2.5"),
        ("2,5", NumberStyle(POINT), "2.5"),
        ("(12)", NumberStyle(None), "-12"),
        ("(1.234,50)", NumberStyle(COMMA), "-1234.50"),
        ("12-", NumberStyle(None), "-12"),
        ("\u221212", NumberStyle(None), "-12"),
        ("+ 12", NumberStyle(None), "12"),
        ("12,", NumberStyle(None), "12."),
        (".5", NumberStyle(None), ".5"),
        ("€ 12,50", NumberStyle(None, currency="EUR"), "12.50"),
        ("12,50 €", NumberStyle(None, currency="EUR"), "12.50"),
        ("EUR -12,50", NumberStyle(None, currency="EUR"), "-12.50"),
        ("-$1,234.50", NumberStyle(POINT, currency="USD"), "-1234.50"),
        ("($12)", NumberStyle(POINT, currency="CAD"), "-12"),
        ("1'200.50 CHF", NumberStyle(None, currency="CHF"), "1200.50"),
        ("Fr. 12.50", NumberStyle(None, currency="CHF"), "12.50"),
        ("12.5", NumberStyle(None, currency="EUR"), "12.5"),
    ],
)
def test_a_number_is_read(text: str, style: NumberStyle, plain: str) -> None:
    assert plain_number(text, style) == plain


@pytest.mark.parametrize(
    ("text", "style", "words"),
    [
        ("1,234", NumberStyle(None), "1,234 can be 1234 or 1.234; send decimal=point or decimal=comma"),
        ("-1.234", NumberStyle(None), "can be 1234 or 1.234"),
        ("1,5", NumberStyle(POINT, strict=True), ""),
        ("1.5", NumberStyle(COMMA, strict=True), "written like 1234,5"),
        ("12 %", NumberStyle(None), "without a percent sign"),
        ("€ 12", NumberStyle(None), ""),
        ("$ 12", NumberStyle(None, currency="EUR"), ""),
        ("12 USD", NumberStyle(None, currency="EUR"), ""),
        ("€", NumberStyle(None, currency="EUR"), ""),
        ("1,23.4", NumberStyle(None), ""),
        ("1.2.3", NumberStyle(None), ""),
        ("1 23", NumberStyle(None), ""),
        ("0,123,456.7.8", NumberStyle(None), ""),
        ("--12", NumberStyle(None), ""),
        ("(-12)", NumberStyle(None), ""),
        ("-12-", NumberStyle(None), ""),
        ("1e5", NumberStyle(None), ""),
        ("٣", NumberStyle(None), ""),
        (".", NumberStyle(None), ""),
        ("", NumberStyle(None), ""),
        ("9" * 61, NumberStyle(None), ""),
    ],
)
def test_a_number_is_refused(text: str, style: NumberStyle, words: str) -> None:
    with pytest.raises(Unreadable) as refused:
        plain_number(text, style)
    message = str(refused.value)
    assert words in message
    assert bool(words) == bool(message)


NUMBERS = st.decimals(min_value=-(10**9), max_value=10**9, places=2)


@given(NUMBERS, st.sampled_from([",", " ", "'", "\u00a0"]))
def test_what_is_written_with_a_point_is_read_back(number: Decimal, group: str) -> None:
    written = f"{number:,.2f}".replace(",", group)
    assert Decimal(plain_number(written, number_style([written], None, None))) == number


@given(NUMBERS, st.sampled_from([".", " ", "'", "\u202f", ""]))
def test_what_is_written_with_a_comma_is_read_back(number: Decimal, group: str) -> None:
    written = f"{number:,.2f}".replace(",", "G").replace(".", ",").replace("G", group)
    assert Decimal(plain_number(written, number_style([written], None, None))) == number


@given(st.lists(NUMBERS, min_size=1, max_size=5), st.sampled_from(DecimalSign))
def test_one_value_with_two_decimals_decides_its_column(numbers: list[Decimal], sign: DecimalSign) -> None:
    """Also for whole thousands, which alone can be read both ways."""
    swap = str.maketrans(",.", ".,") if sign is COMMA else {}
    texts = [f"{number:,.2f}".translate(swap) for number in numbers]
    thousands = "1,000".translate(swap)
    style = number_style([*texts, thousands], None, None)
    assert plain_number(thousands, style) == "1000"


@given(st.text(max_size=70))
def test_no_text_breaks_the_reading(text: str) -> None:
    style = number_style([text], None, None, "EUR")
    with suppress(Unreadable):
        Decimal(plain_number(text, style))
