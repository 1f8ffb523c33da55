"""Exchange rates: a month without one takes over the last one before it, flagged; before the first there is none."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning.months import add_months, month_range
from planning.numbers import PRICE
from planning.rates import LARGEST_PRICE, MonthRate, RateKind, Rates, convert, convert_money, rate_of_sale

ONE = PRICE.factor
RATES = Rates({"USD": {"2026-11": 90, "2027-01": 95}, "GBP": {"2027-02": 120}})


@pytest.mark.parametrize(
    ("currency", "month", "found"),
    [
        ("USD", "2026-11", MonthRate("USD", "2026-11", 90, taken_over=False)),
        ("USD", "2026-12", MonthRate("USD", "2026-11", 90, taken_over=True)),
        ("USD", "2027-01", MonthRate("USD", "2027-01", 95, taken_over=False)),
        ("USD", "2029-07", MonthRate("USD", "2027-01", 95, taken_over=True)),
        ("USD", "2026-10", None),
        ("GBP", "2027-01", None),
        ("CHF", "2027-01", None),
    ],
)
def test_the_rate_of_a_month(currency: str, month: str, found: MonthRate | None) -> None:
    assert RATES.of_month(currency, month) == found


def test_months_that_take_over_the_same_rate_get_the_same_object() -> None:
    assert RATES.of_month("USD", "2027-05") is RATES.of_month("USD", "2027-09")


def test_there_are_three_kinds() -> None:
    assert set(RateKind) == {"actual", "plan", "budget"}


known = st.dictionaries(st.integers(-12, 12).map(lambda offset: add_months("2027-01", offset)), st.integers(1, 10**9))


@given(known, st.integers(-14, 14))
def test_a_month_has_the_latest_rate_that_is_not_later(given_rates: dict[str, int], offset: int) -> None:
    month = add_months("2027-01", offset)
    found = Rates({"USD": given_rates}).of_month("USD", month)
    not_later = [one for one in given_rates if one <= month]
    if not not_later:
        assert found is None
    else:
        latest = max(not_later)
        assert found == MonthRate("USD", latest, given_rates[latest], taken_over=latest != month)


@given(known)
def test_once_there_is_a_rate_every_later_month_has_one(given_rates: dict[str, int]) -> None:
    rates = Rates({"USD": given_rates})
    found = [rates.of_month("USD", month) is not None for month in month_range("2025-01", 60)]
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("price", "rate", "converted"),
    [
        (299 * ONE // 100, 92 * ONE // 100, 275_080_000),  # 2.99 at 0.92
        (ONE, ONE, ONE),
        (0, 5 * ONE, 0),
        (5, ONE // 2, 2),  # half-even
        (7, ONE // 2, 4),
        (LARGEST_PRICE - 1, ONE, LARGEST_PRICE - 1),
        (LARGEST_PRICE - 1, 2 * ONE, None),
    ],
)
def test_a_price_is_converted_exactly_and_rounded_once(price: int, rate: int, converted: int | None) -> None:
    assert convert(price, rate) == converted


amounts = st.integers(0, 10**13)
factors = st.integers(1, 10**12)


@given(amounts, amounts, factors)
def test_conversion_keeps_the_order_of_prices(one: int, other: int, rate: int) -> None:
    lower, higher = sorted((one, other))
    assert (convert(lower, rate) or 0) <= (convert(higher, rate) or LARGEST_PRICE)


@given(amounts, factors, factors)
def test_conversion_keeps_the_order_of_rates(price: int, one: int, other: int) -> None:
    lower, higher = sorted((one, other))
    assert (convert(price, lower) or 0) <= (convert(price, higher) or LARGEST_PRICE)


@given(amounts, factors)
def test_conversion_is_off_by_at_most_half_a_step(price: int, rate: int) -> None:
    converted = convert(price, rate)
    exact = Fraction(price * rate, ONE)
    if converted is None:
        assert exact >= LARGEST_PRICE - Fraction(1, 2)
    else:
        assert abs(exact - converted) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("month", "rate"), [("2026-11", 90), ("2026-12", 70), ("2027-01", 95), ("2026-10", 70), ("2026-08", None)]
)
def test_a_sale_is_converted_at_what_came_to_be_and_else_at_what_is_planned(month: str, rate: int | None) -> None:
    found = rate_of_sale(RATES, Rates({"USD": {"2026-09": 70}}), "USD", month)
    assert (found.rate if found else None) == rate


def test_money_is_converted_half_even_and_stays_exact_in_json() -> None:
    assert convert_money(75_000, 80_000_000) == 60_000
    assert convert_money(-1, ONE // 2) == 0
    assert convert_money(3, ONE // 2) == 2
    with pytest.raises(InvalidInput):
        convert_money(10**14, 10 * ONE)
