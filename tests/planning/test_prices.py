"""The price chain: the first step that knows a price wins, and a missing price stays missing."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning.months import month_range
from planning.prices import (
    CustomerPrice,
    PriceSource,
    ResolvedPrice,
    average_price,
    resolve_price,
    resolve_prices,
    value_at,
)

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
