"""The price chain: the first step that knows a price wins, and a missing price stays missing."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning.months import month_range
from planning.numbers import PRICE
from planning.prices import (
    WHY_PASSED_OVER,
    Conversion,
    CustomerPrice,
    PriceSource,
    ResolvedPrice,
    average_price,
    resolve_price,
    resolve_prices,
    value_at,
)
from planning.rates import LARGEST_PRICE, MonthRate, Rates, convert

AGREED = CustomerPrice(date(2026, 1, 1), None, 90)


@pytest.mark.parametrize(
    ("override", "agreed", "listed", "average", "price", "source"),
    [
        (80, [AGREED], 100, 95, 80, PriceSource.OVERRIDE),
        (0, [AGREED], 100, 95, 0, PriceSource.OVERRIDE),
        (None, [AGREED], 100, 95, 90, PriceSource.CUSTOMER),
        (None, [], 100, 95, 100, PriceSource.LIST),
        (None, [], None, 95, 95, PriceSource.AVERAGE),
        (None, [], None, None, None, PriceSource.MISSING),
    ],
)
def test_the_first_step_that_knows_a_price_wins(
    override: int | None,
    agreed: list[CustomerPrice],
    listed: int | None,
    average: int | None,
    price: int | None,
    source: PriceSource,
) -> None:
    resolved = resolve_price(
        "2026-11", override=override, customer_prices=agreed, list_price=listed, average_price=average
    )
    assert (resolved.price, resolved.source) == (price, source)
    assert resolved.passed_over == tuple(PriceSource)[: list(PriceSource).index(source)]


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "holds"),
    [
        (date(2026, 11, 1), None, True),
        (date(2026, 11, 1), date(2026, 11, 1), True),
        (date(2026, 11, 2), None, False),
        (date(2026, 1, 1), date(2026, 10, 31), False),
    ],
)
def test_a_customer_price_counts_when_it_is_valid_on_the_first_day_of_the_month(
    valid_from: date, valid_to: date | None, holds: bool
) -> None:
    resolved = resolve_price("2026-11", customer_prices=[CustomerPrice(valid_from, valid_to, 90)], list_price=100)
    assert resolved.source == (PriceSource.CUSTOMER if holds else PriceSource.LIST)


def test_of_overlapping_customer_prices_the_one_that_began_last_wins() -> None:
    newer = CustomerPrice(date(2026, 6, 1), date(2026, 12, 31), 85)
    for prices in ([AGREED, newer], [newer, AGREED]):
        assert resolve_price("2026-11", customer_prices=prices).price == 85
        assert resolve_price("2027-01", customer_prices=prices).price == 90


def test_a_line_may_take_a_different_step_each_month() -> None:
    until_december = CustomerPrice(date(2026, 1, 1), date(2026, 12, 31), 90)
    line = resolve_prices(
        month_range("2026-11", 3), overrides={"2026-11": 70}, customer_prices=[until_december], list_price=100
    )
    assert line == (
        ResolvedPrice(70, PriceSource.OVERRIDE),
        ResolvedPrice(90, PriceSource.CUSTOMER, ("override",)),
        ResolvedPrice(100, PriceSource.LIST, ("override", "customer")),
    )


customer_prices = st.lists(
    st.builds(
        CustomerPrice,
        st.dates(date(2025, 1, 1), date(2028, 1, 1)),
        st.none() | st.dates(date(2026, 1, 1), date(2028, 1, 1)),
        st.integers(0, 1000),
    ),
    max_size=5,
    unique_by=lambda price: price.valid_from,
)
maybe_price = st.none() | st.integers(0, 1000)


@given(customer_prices, maybe_price, maybe_price)
def test_a_line_is_its_months(agreed: list[CustomerPrice], listed: int | None, average: int | None) -> None:
    months = month_range("2026-06", 16)
    line = resolve_prices(months, customer_prices=agreed, list_price=listed, average_price=average)
    assert line == tuple(
        resolve_price(month, customer_prices=agreed, list_price=listed, average_price=average) for month in months
    )
    assert all((price.price is None) == (price.source == PriceSource.MISSING) for price in line)


@given(maybe_price, customer_prices, maybe_price, maybe_price, st.sampled_from(month_range("2025-06", 40)))
def test_the_chain_always_answers_and_its_order_holds(
    override: int | None, agreed: list[CustomerPrice], listed: int | None, average: int | None, month: str
) -> None:
    answer = resolve_price(month, override=override, customer_prices=agreed, list_price=listed, average_price=average)
    day = date(int(month[:4]), int(month[5:]), 1)
    valid = [one for one in agreed if one.valid_from <= day and (one.valid_to is None or day <= one.valid_to)]
    newest = max(valid, key=lambda one: one.valid_from).price if valid else None
    said = [override, newest, listed, average, None]
    first = next((at for at, price in enumerate(said) if price is not None), 4)
    assert (answer.price, answer.source) == (said[first], list(PriceSource)[first])
    assert answer.passed_over == tuple(PriceSource)[:first]
    assert (answer.problem is None) == (answer.price is not None)
    assert answer.conversion is None


# --- prices in other currencies --------------------------------------------------------------------------------------

ONE = PRICE.factor
DOLLARS = CustomerPrice(date(2026, 1, 1), None, 3 * ONE, "USD")
RATES = Rates({"USD": {"2026-12": ONE // 2, "2027-01": ONE}})


def test_a_price_in_another_currency_is_converted_by_the_rate_of_its_month() -> None:
    months = ("2026-11", "2026-12", "2027-01", "2027-02", "2027-03")
    line = resolve_prices(months, customer_prices=[DOLLARS], list_price=ONE, rates=RATES)
    assert [(one.price, one.source) for one in line] == [
        (None, PriceSource.MISSING),
        (3 * ONE // 2, PriceSource.CUSTOMER),
        *[(3 * ONE, PriceSource.CUSTOMER)] * 3,
    ]
    rates = [one.conversion and one.conversion.rate for one in line]
    assert rates == [
        None,
        MonthRate("USD", "2026-12", ONE // 2, taken_over=False),
        MonthRate("USD", "2027-01", ONE, taken_over=False),
        *[MonthRate("USD", "2027-01", ONE, taken_over=True)] * 2,
    ]
    assert line[3] is line[4]


def test_without_a_rate_the_price_is_missing_and_no_later_step_is_asked() -> None:
    answer = resolve_price("2026-11", customer_prices=[DOLLARS], list_price=ONE, average_price=ONE, rates=RATES)
    assert answer == ResolvedPrice(
        None, PriceSource.MISSING, ("override",), Conversion(PriceSource.CUSTOMER, 3 * ONE, "USD", None)
    )
    assert answer.problem == "There is no plan rate of USD for this month or an earlier one."


def test_a_list_price_has_a_currency_of_its_own() -> None:
    answer = resolve_price("2026-12", list_price=3 * ONE, list_currency="USD", average_price=ONE, rates=RATES)
    assert (answer.price, answer.source) == (3 * ONE // 2, PriceSource.LIST)
    unknown = resolve_price("2026-12", list_price=3 * ONE, list_currency="CHF", average_price=ONE)
    assert (unknown.price, unknown.source, unknown.passed_over) == (
        None,
        PriceSource.MISSING,
        ("override", "customer"),
    )


def test_an_own_price_is_in_the_plans_currency() -> None:
    answer = resolve_price("2026-12", override=7, customer_prices=[DOLLARS], rates=RATES)
    assert answer == ResolvedPrice(7, PriceSource.OVERRIDE)


def test_a_price_that_gets_too_large_is_missing_and_says_so() -> None:
    huge = CustomerPrice(date(2026, 1, 1), None, LARGEST_PRICE - 1, "USD")
    answer = resolve_price("2026-12", customer_prices=[huge], rates=Rates({"USD": {"2026-12": 2 * ONE}}))
    assert (answer.price, answer.source) == (None, PriceSource.MISSING)
    assert answer.problem == "The price in USD is too large to be converted."


def test_a_missing_price_says_that_there_is_none() -> None:
    assert resolve_price("2026-11").problem == "There is no price for this month."
    assert set(WHY_PASSED_OVER) == set(PriceSource) - {PriceSource.MISSING}


def test_a_line_of_no_months_has_no_prices() -> None:
    assert resolve_prices((), customer_prices=[AGREED, DOLLARS]) == ()


foreign_prices = st.lists(
    st.builds(
        CustomerPrice,
        st.dates(date(2025, 1, 1), date(2028, 1, 1)),
        st.none() | st.dates(date(2026, 1, 1), date(2028, 1, 1)),
        st.integers(0, 1000),
        st.none() | st.sampled_from(["USD", "CHF"]),
    ),
    max_size=4,
    unique_by=lambda price: price.valid_from,
)


@given(
    foreign_prices,
    maybe_price,
    st.none() | st.sampled_from(["USD", "CHF"]),
    st.dictionaries(st.sampled_from(month_range("2026-01", 24)), st.integers(1, 10**9), max_size=4),
)
def test_a_converted_line_is_its_months_and_no_price_is_made_up(
    agreed: list[CustomerPrice], listed: int | None, currency: str | None, dollars: dict[str, int]
) -> None:
    months, rates = month_range("2026-06", 16), Rates({"USD": dollars})
    said = {"customer_prices": agreed, "list_price": listed, "list_currency": currency, "rates": rates}
    line = resolve_prices(months, **said)  # type: ignore[arg-type]
    assert line == tuple(resolve_price(month, **said) for month in months)  # type: ignore[arg-type]
    for month, answer in zip(months, line, strict=True):
        assert (answer.price is None) == (answer.source == PriceSource.MISSING)
        if answer.conversion is not None:
            rate = rates.of_month(answer.conversion.currency, month)
            assert answer.conversion.rate == rate
            assert answer.price == (None if rate is None else convert(answer.conversion.price, rate.rate))


@pytest.mark.parametrize(
    ("value", "quantity", "average"),
    [
        (100_000, 3_000, 333_333_333),  # 10.00 for 3 pieces
        (100_000, 0, None),
        (100_000, -3_000, None),
        (0, 3_000, None),
        (-100_000, 3_000, None),
    ],
)
def test_the_average_price_exists_only_for_what_was_really_sold(value: int, quantity: int, average: int | None) -> None:
    assert average_price(value, quantity) == average


@pytest.mark.parametrize(
    ("quantity", "price", "value"),
    [(None, 100_000_000, None), (None, None, None), (0, None, 0), (2_000, None, None), (2_000, 150_000_000, 30_000)],
)
def test_a_missing_price_makes_no_value_but_nothing_is_worth_nothing(
    quantity: int | None, price: int | None, value: int | None
) -> None:
    assert value_at(quantity, price) == value


def test_a_value_beyond_what_json_carries_is_refused() -> None:
    with pytest.raises(InvalidInput):
        value_at(10**15 - 1, 10**17)
