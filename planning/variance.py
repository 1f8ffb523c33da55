"""Plan against actual of one number: the difference, and the percentage where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

_SHOWN = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Variance:
    """`difference` = actual - plan in the scale of both; `percent` of the plan, half-even to two decimals."""

    difference: int | None
    percent: Decimal | None


def variance(plan: int | None, actual: int | None) -> Variance:
    """The variance of two numbers of one scale.

    The difference is null when either side is null (null is not 0: an unplanned cell, a month not yet complete); the
    percentage also when the plan is not above 0.
    """
    if plan is None or actual is None:
        return Variance(None, None)
    difference = actual - plan
    if plan <= 0:
        return Variance(difference, None)
    return Variance(difference, (Decimal(100 * difference) / plan).quantize(_SHOWN))
