"""What may be said of a product."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from planning.products import MAX_CONVERSIONS, ProductTraits, product_problems, traits_of, unit_locked

CASE = ("CS", Decimal(12))
HEIR = {"successor_id": UUID(int=1), "successor_from": "2026-03"}


def problems(**changes: Any) -> list[tuple[str, str]]:
    return product_problems(ProductTraits(**{"unit": "EA", "rounding_step": Decimal(12), **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"conversions": [CASE, ("PAL", Decimal("0.000001"))]},
        {"launch_month": "2026-01", "end_month": "2026-01"},
        {"launch_month": "2026-01"},
        {"end_month": "2026-01"},
        HEIR,
        {**HEIR, "successor_factor": Decimal("0.5")},
    ],
)
def test_what_fits_together_is_accepted(changes: dict[str, Any]) -> None:
    assert problems(**changes) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rounding_step": Decimal(0)}, "rounding_step"),
        ({"launch_month": "2026-02", "end_month": "2026-01"}, "end_month"),
        ({"conversions": [CASE, (" ea ", Decimal(2))]}, "conversions.1.unit"),
        ({"conversions": [CASE, (" cs", Decimal(2))]}, "conversions.1.unit"),
        ({"conversions": [("CS", Decimal(0))]}, "conversions.0.factor"),
        ({"conversions": [("CS", Decimal(1_000_001))]}, "conversions.0.factor"),
        ({"conversions": [(f"U{n}", Decimal(1)) for n in range(MAX_CONVERSIONS + 1)]}, "conversions"),
        ({"successor_id": UUID(int=1)}, "successor_from"),
        ({"successor_from": "2026-01"}, "successor_id"),
        ({**HEIR, "successor_factor": Decimal(0)}, "successor_factor"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], field: str) -> None:
    ((found, words),) = problems(**changes)
    assert found == field
    assert words.startswith("must ")


def test_the_traits_are_read_from_stored_fields() -> None:
    stored = {"unit": None, "conversions": [{"unit": "CS", "factor": Decimal(12)}], "end_month": "2026-01", "name": "x"}
    assert traits_of(stored) == ProductTraits("EA", Decimal(1), (CASE,), end_month="2026-01")
    assert traits_of({"conversions": None}) == ProductTraits("EA", Decimal(1))


@pytest.mark.parametrize(
    ("has_sales", "has_plan", "words"),
    [
        (False, False, None),
        (True, False, "has sales in"),
        (False, True, "has plans in"),
        (True, True, "has sales and plans in"),
    ],
)
def test_the_unit_of_quantities_that_exist_stays(has_sales: bool, has_plan: bool, words: str | None) -> None:
    reason = unit_locked(has_sales=has_sales, has_plan=has_plan)
    assert reason == words if words is None else words in str(reason)
