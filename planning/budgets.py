"""Budgets: at which level a number was decided, and how it is spread to customer x product when it is read.

A number is stored as it was said and spread on read, so that nobody can change it by spreading. Its parts are in
proportion to what was sold in the same month one year before, else to the last approved plan of the month, else equal;
each is a multiple of its rounding step, and together they are exactly the number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fractions import Fraction

from core.errors import InvalidInput

ALL = "all"


class CustomerLevel(StrEnum):
    """Whose number it is; the value is the column of a file, and the field of a customer."""

    CUSTOMER = "customer"
    GROUP = "group"
    REGION = "region"
    COUNTRY = "country"
    ALL = ALL


class ProductLevel(StrEnum):
    """Of what; the value is the column of a file, and the field of a product."""

    PRODUCT = "product"
    CATEGORY = "category"
    FAMILY = "family"
    BRAND = "brand"
    ALL = ALL


class Basis(StrEnum):
    """What a number was spread by; `nothing` = there is nobody to spread it to."""

    LAST_YEAR = "last_year"
    LAST_PLAN = "last_plan"
    EQUAL = "equal"
    NOTHING = "nothing"


def named_level(names: Mapping[str, str | None]) -> tuple[str, str | None] | None:
    """The one level that is named, with its key; `all` without any, None when there are several."""
    said = [(level, key) for level, key in names.items() if key is not None]
    if len(said) > 1:
        return None
    return said[0] if said else (ALL, None)


def choose_weights(
    last_year: Sequence[int], last_plan: Sequence[int], active: Sequence[int]
) -> tuple[Basis, tuple[int, ...]]:
    """The weights of leaves: last year's if one of them sold anything then, else the plan's, else 1 for active ones.

    What came back in balance weighs nothing. Without any weight there is nobody to spread to.
    """
    for basis, weights in ((Basis.LAST_YEAR, last_year), (Basis.LAST_PLAN, last_plan), (Basis.EQUAL, active)):
        counted = tuple(max(0, weight) for weight in weights)
        if any(counted):
            return basis, counted
    return Basis.NOTHING, (0,) * len(active)


def spread_in_steps(total: int, weights: Sequence[int], steps: Sequence[int]) -> tuple[int, ...]:
    """Parts in proportion to the weights that sum to `total` exactly, each a multiple of its own step.

    All are scaled integers of one scale, none below 0. Steps that are left over go to the largest remainders, the
    earlier part first among equals, as long as a step of theirs fits; what is finer than any step goes to the part with
    the largest weight. A part of weight 0 gets nothing. InvalidInput without a weight above 0, or with a step below 1.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0 or min(steps) < 1 or total < 0:
        raise InvalidInput("Spreading needs a total and weights of 0 or more, not all 0, and steps above 0.")
    parts: list[int] = []
    order: list[tuple[Fraction, int]] = []
    for at, (weight, step) in enumerate(zip(weights, steps, strict=True)):
        count, remainder = divmod(total * weight, whole * step)
        parts.append(count * step)
        if weight:
            order.append((-Fraction(remainder, whole * step), at))
    rest = total - sum(parts)
    order.sort()
    # One step each as far as they go, which is all of it where the steps are equal; then whatever still fits.
    for most in (1, rest):
        for _, at in order:
            count = min(most, rest // steps[at])
            parts[at] += count * steps[at]
            rest -= count * steps[at]
    parts[weights.index(max(weights))] += rest
    return tuple(parts)
