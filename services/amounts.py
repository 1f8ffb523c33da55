"""Prices, costs and rates of masters, as planning counts with them."""

from __future__ import annotations

from bson import Decimal128

from core.decimals import scaled_integer
from planning.numbers import PRICE


def scaled_price(stored: Decimal128 | None) -> int | None:
    """A stored decimal in 1/10^8, half-even where it is finer; None stays None."""
    if stored is None:
        return None
    scaled = scaled_integer(stored, PRICE.digits)
    return PRICE.round_scaled(stored.to_decimal()) if scaled is None else scaled
