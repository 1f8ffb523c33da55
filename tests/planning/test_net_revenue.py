"""Net revenue: after discount, without tax and freight, from whatever the source says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning.net_revenue import SaidAmounts, net_revenue
from planning.sales_types import SalesType

PIECES = 1_000
UNIT = 10_000
PRICE = 100_000_000
SALE = SalesType.SALE


@pytest.mark.parametrize(
    ("quantity", "said", "net"),
    [
        (
            3,
            SaidAmounts(net_revenue=5 * UNIT, gross_amount=9 * UNIT, unit_price=9 * PRICE, discount=1, tax=1),
            5 * UNIT,
        ),
        (3, SaidAmounts(net_revenue=0, unit_price=9 * PRICE), 0),
        (3, SaidAmounts(gross_amount=12 * UNIT, tax=2 * UNIT, freight=UNIT, unit_price=4 * PRICE), 9 * UNIT),
        (3, SaidAmounts(gross_amount=12 * UNIT, discount=UNIT), 12 * UNIT),
        (-3, SaidAmounts(gross_amount=-12 * UNIT, tax=-2 * UNIT, freight=UNIT), -9 * UNIT),
        (3, SaidAmounts(unit_price=4 * PRICE), 12 * UNIT),
        (3, SaidAmounts(unit_price=4 * PRICE, discount=2 * UNIT, tax=UNIT, freight=UNIT), 10 * UNIT),
        (3, SaidAmounts(unit_price=4 * PRICE, discount=-2 * UNIT), 10 * UNIT),
        (-3, SaidAmounts(unit_price=4 * PRICE, discount=2 * UNIT), -10 * UNIT),
        (3, SaidAmounts(unit_price=4 * PRICE, discount=12 * UNIT), 0),
    ],
)
def test_the_first_that_is_said_is_taken(quantity: int, said: SaidAmounts, net: int) -> None:
    assert net_revenue(SALE, quantity * PIECES, said) == net


def test_nobody_owes_for_free_goods_unless_the_source_says_so() -> None:
    assert net_revenue(SalesType.FREE_GOODS, PIECES, SaidAmounts(unit_price=PRICE, gross_amount=UNIT)) == 0
    assert net_revenue(SalesType.FREE_GOODS, PIECES, SaidAmounts(net_revenue=UNIT)) == UNIT


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (SaidAmounts(unit_price=4 * PRICE, discount=5 * UNIT), "discount"),
        (SaidAmounts(gross_amount=4 * UNIT, tax=5 * UNIT), "tax"),
        (SaidAmounts(gross_amount=4 * UNIT, tax=3 * UNIT, freight=2 * UNIT), "freight"),
        (SaidAmounts(unit_price=10**19), "quantity"),
        (SaidAmounts(), "net_revenue"),
    ],
)
def test_what_can_not_be_is_refused_with_its_field(said: SaidAmounts, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        net_revenue(SALE, PIECES, said)
    assert [detail.field for detail in refused.value.details] == [field]


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_what_is_taken_off_never_turns_an_amount_around(total: int, tax: int, freight: int) -> None:
    if tax + freight <= abs(total):
        net = net_revenue(SALE, PIECES, SaidAmounts(gross_amount=total, tax=tax, freight=freight))
        assert net * total >= 0
        assert abs(net) == abs(total) - tax - freight
