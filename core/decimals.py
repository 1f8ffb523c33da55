"""Decimals as BSON stores them, read as scaled integers without the way over `Decimal`, which takes 9 microseconds."""

from __future__ import annotations

from bson import Decimal128

_COEFFICIENT = (1 << 113) - 1
_EXPONENT = (1 << 14) - 1
_BIAS = 6176
_FAR = 34


def scaled_integer(stored: Decimal128, digits: int) -> int | None:
    """The number in steps of 10^-digits, if it is a whole number of them; None for one that is finer or has an exponent
    far from 0, and for NaN, infinity and forms that nothing writes: read those as `Decimal`."""
    bits = int.from_bytes(stored.bid, "little")
    shift = (bits >> 113 & _EXPONENT) - _BIAS + digits
    if bits >> 125 & 3 == 3 or not -_FAR <= shift <= _FAR:
        return None
    coefficient: int = bits & _COEFFICIENT
    if shift < 0:
        coefficient, rest = divmod(coefficient, 10**-shift)
        if rest:
            return None
    else:
        coefficient *= 10**shift
    return -coefficient if bits >> 127 else coefficient
