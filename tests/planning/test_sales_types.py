"""What each kind of sales line counts as, and which numbers it may have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning.sales_types import (
    COUNTS_AS,
    DEMAND_TYPES,
    REVENUE_TYPES,
    RULES,
    Contribution,
    SalesType,
    contribution,
    line_cost,
    line_problems,
)

NUMBERS = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(
    ("sales_type", "quantity", "amount"),
    [
        (SalesType.SALE, 5, 7),
        (SalesType.RETURN, 5, 7),
        (SalesType.CANCELLATION, 5, 7),
        (SalesType.PRICE_CREDIT, 0, 7),
        (SalesType.REBATE, 0, 7),
        (SalesType.SERVICE, 0, 7),
        (SalesType.FREE_GOODS, 5, 0),
    ],
)
def test_a_line_adds_what_it_counts_as(sales_type: SalesType, quantity: int, amount: int) -> None:
    assert contribution(sales_type, 5, 7) == Contribution(quantity, amount)


def test_every_kind_has_its_rows() -> None:
    assert set(COUNTS_AS) == set(RULES) == set(SalesType) == {*DEMAND_TYPES, *REVENUE_TYPES}


@pytest.mark.parametrize(
    ("sales_type", "quantity", "revenue", "wrong"),
    [
        (SalesType.SALE, 5, 7, ()),
        (SalesType.SALE, -5, -7, ()),
        (SalesType.SALE, 0, 7, ()),
        (SalesType.SALE, 5, 0, ()),
        (SalesType.SALE, 5, -7, ("net_revenue",)),
        (SalesType.SALE, -5, 7, ("net_revenue",)),
        (SalesType.RETURN, -5, -7, ()),
        (SalesType.RETURN, 0, 0, ()),
        (SalesType.RETURN, 5, 7, ("quantity", "net_revenue")),
        (SalesType.CANCELLATION, -5, -7, ()),
        (SalesType.CANCELLATION, -5, 7, ("net_revenue",)),
        (SalesType.PRICE_CREDIT, 0, -7, ()),
        (SalesType.PRICE_CREDIT, -1, -7, ("quantity",)),
        (SalesType.PRICE_CREDIT, 0, 7, ("net_revenue",)),
        (SalesType.REBATE, -1, -7, ()),
        (SalesType.REBATE, 3, -7, ()),
        (SalesType.REBATE, 0, 7, ("net_revenue",)),
        (SalesType.FREE_GOODS, 5, 0, ()),
        (SalesType.FREE_GOODS, 5, 7, ("net_revenue",)),
        (SalesType.SERVICE, 1, -7, ()),
    ],
)
def test_a_line_may_have_the_numbers_of_its_kind(
    sales_type: SalesType, quantity: int, revenue: int, wrong: tuple[str, ...]
) -> None:
    problems = line_problems(sales_type, quantity, revenue)
    assert tuple(field for field, _ in problems) == wrong
    assert all(words.endswith(RULES[sales_type].reason) for _, words in problems)


@given(st.sampled_from([SalesType.RETURN, SalesType.CANCELLATION]), NUMBERS, NUMBERS)
def test_what_takes_back_never_adds(sales_type: SalesType, quantity: int, revenue: int) -> None:
    if not line_problems(sales_type, quantity, revenue):
        added = contribution(sales_type, quantity, revenue)
        assert added.quantity <= 0
        assert added.amount <= 0


@pytest.mark.parametrize(
    ("sales_type", "unit_cost", "cost"),
    [
        (SalesType.SALE, None, None),
        (SalesType.SALE, 150_000_000, -30_000),
        (SalesType.FREE_GOODS, 150_000_000, -30_000),
        (SalesType.SERVICE, 150_000_000, -30_000),
        (SalesType.REBATE, 150_000_000, None),
        (SalesType.PRICE_CREDIT, 150_000_000, None),
    ],
)
def test_goods_and_services_cost_what_their_line_says(
    sales_type: SalesType, unit_cost: int | None, cost: int | None
) -> None:
    assert line_cost(sales_type, -2_000, unit_cost) == cost


def test_a_cost_that_no_field_holds_is_refused() -> None:
    with pytest.raises(InvalidInput):
        line_cost(SalesType.SALE, 10**15 - 1, 10**15)
