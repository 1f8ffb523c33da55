"""What may be said of a product, wherever it is said: in a form, by a program, or in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from planning.months import Month

MAX_FACTOR = 1_000_000
"""Neither factors of conversion nor those of successors are larger, nor smaller than its reciprocal."""

MAX_CONVERSIONS = 20


@dataclass(frozen=True, slots=True)
class ProductTraits:
    """The fields of a product that limit each other, as they will stand. `conversions` are (unit, factor) pairs."""

    unit: str
    rounding_step: Decimal
    conversions: Sequence[tuple[str, Decimal]] = ()
    launch_month: Month | None = None
    end_month: Month | None = None
    successor_id: UUID | None = None
    successor_from: Month | None = None
    successor_factor: Decimal = Decimal(1)


def traits_of(values: Mapping[str, Any]) -> ProductTraits:
    """The traits among the fields of a product, stored or about to be; fields that are missing have their defaults."""
    said = {name: values[name] for name in _PLAIN if values.get(name) is not None}
    pairs = tuple((one["unit"], one["factor"]) for one in values.get("conversions") or ())
    return ProductTraits(**{"unit": "EA", "rounding_step": Decimal(1), **said}, conversions=pairs)


def product_problems(traits: ProductTraits) -> list[tuple[str, str]]:
    """Everything that does not fit together, as (field, what to do)."""
    problems = [*_unit_problems(traits), *_successor_problems(traits)]
    if traits.rounding_step <= 0:
        problems.append(("rounding_step", "must be above 0"))
    if traits.launch_month is not None and traits.end_month is not None and traits.end_month < traits.launch_month:
        problems.append(("end_month", f"must not be before the launch month, {traits.launch_month}"))
    return problems


def unit_locked(*, has_sales: bool, has_plan: bool) -> str | None:
    """Why the base unit of a product can't change any more; None when it can.

    Quantities are stored in the base unit: another one would silently change what all of them mean.
    """
    if not has_sales and not has_plan:
        return None
    what = "sales and plans" if has_sales and has_plan else "sales" if has_sales else "plans"
    return (
        f"The product has {what} in its unit, and another unit would change what their quantities mean. "
        "Add a conversion, or make a new product with this one's successor set to it."
    )


_PLAIN = (
    "unit", "rounding_step", "launch_month", "end_month", "successor_id", "successor_from", "successor_factor",
)  # fmt: skip


def _unit_problems(traits: ProductTraits) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    known = {_folded(traits.unit)}
    if len(traits.conversions) > MAX_CONVERSIONS:
        problems.append(("conversions", f"must have at most {MAX_CONVERSIONS} entries"))
    for place, (unit, factor) in enumerate(traits.conversions):
        if _folded(unit) == _folded(traits.unit):
            problems.append((f"conversions.{place}.unit", "must not be the product's own unit"))
        elif _folded(unit) in known:
            problems.append((f"conversions.{place}.unit", "must not be named twice"))
        if not _sensible(factor):
            problems.append((f"conversions.{place}.factor", _FACTOR))
        known.add(_folded(unit))
    return problems


def _successor_problems(traits: ProductTraits) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    if traits.successor_id is not None and traits.successor_from is None:
        problems.append(("successor_from", "must be the month from which the successor takes over"))
    if traits.successor_id is None and traits.successor_from is not None:
        problems.append(("successor_id", "must name the product that takes over, or leave successor_from out, too"))
    if not _sensible(traits.successor_factor):
        problems.append(("successor_factor", _FACTOR))
    return problems


_FACTOR = f"must be above 0, at least {1 / MAX_FACTOR:f} and at most {MAX_FACTOR:,}"


def _sensible(factor: Decimal) -> bool:
    return Decimal(1) / MAX_FACTOR <= factor <= MAX_FACTOR


def _folded(unit: str) -> str:
    return unit.strip().casefold()
