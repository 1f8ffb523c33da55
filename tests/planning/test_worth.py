"""What a number is worth that nobody typed."""

from __future__ import annotations

import pytest

from planning.prices import worth


@pytest.mark.parametrize(
    ("quantity", "price", "value"),
    [
        (None, 250_000_000, None),
        (0, None, 0),
        (3000, None, None),
        (3000, 250_000_000, 75_000),
        (10**15 - 1, 10**17, None),
    ],
)
def test_a_value_too_large_to_be_exact_counts_as_unknown(
    quantity: int | None, price: int | None, value: int | None
) -> None:
    assert worth(quantity, price) == value
