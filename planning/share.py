"""How much of the plan is submitted, by value: what decides whether a cycle may close by itself.

Each sheet counts with what would be approved if the cycle closed now. Cells without a price are left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from planning.fallback import ApprovedCell

_SHOWN = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class SheetValue:
    """A sheet's weight: scaled money of its active lines, and how many of their cells have no price."""

    submitted: bool
    value: int
    missing_prices: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """The submitted part (0..1, cut to six decimals so that it never looks met when it is not); None = undefined."""

    share: Decimal | None
    submitted_value: int
    total_value: int
    missing_prices: int


def weigh_sheet(submitted: bool, cells: Iterable[ApprovedCell]) -> SheetValue:
    """The weight of a sheet from the cells of its active lines as they would be approved now."""
    value = missing = 0
    for cell in cells:
        value += cell.value or 0
        missing += cell.price_missing
    return SheetValue(submitted, value, missing)


def closing_share(sheets: Iterable[SheetValue]) -> Share:
    """Value of submitted sheets / value of all sheets; undefined when the plan is worth nothing."""
    submitted = total = missing = 0
    for sheet in sheets:
        total += sheet.value
        missing += sheet.missing_prices
        if sheet.submitted:
            submitted += sheet.value
    share = (Decimal(submitted) / total).quantize(_SHOWN, ROUND_DOWN) if total > 0 else None
    return Share(share, submitted, total, missing)


def share_met(share: Share, threshold: Decimal) -> bool:
    """Whether the threshold (0..1) is reached, by the exact values; never when the share is undefined."""
    return share.total_value > 0 and share.submitted_value >= threshold * share.total_value
