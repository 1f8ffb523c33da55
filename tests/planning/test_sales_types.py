"""What each kind of sales line counts as."""

from __future__ import annotations

import pytest

from planning.sales_types import COUNTS_AS, Contribution, SalesType, contribution


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


def test_every_kind_has_its_row() -> None:
    assert set(COUNTS_AS) == set(SalesType)
