"""How much of the plan is submitted, by value."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.cells import Origin
from planning.fallback import ApprovedCell, FallbackStep
from planning.prices import PriceSource
from planning.share import Share, SheetValue, closing_share, share_met, weigh_sheet


def cell(quantity: int | None, value: int | None) -> ApprovedCell:
    return ApprovedCell("2026-11", quantity, value, None, PriceSource.LIST, Origin.TYPED, FallbackStep.DRAFT)


def test_a_sheet_weighs_its_values_and_counts_missing_prices() -> None:
    cells = [cell(1, 100), cell(2, 50), cell(3, None), cell(0, 0), cell(None, None)]
    assert weigh_sheet(True, cells) == SheetValue(submitted=True, value=150, missing_prices=1)
    assert weigh_sheet(False, []) == SheetValue(submitted=False, value=0)


def test_the_share_is_submitted_value_of_all_value() -> None:
    sheets = [SheetValue(True, 600, 1), SheetValue(False, 300, 2), SheetValue(True, 100)]
    assert closing_share(sheets) == Share(Decimal("0.700000"), 700, 1_000, 3)


@pytest.mark.parametrize("sheets", [[], [SheetValue(True, 0, 4)]])
def test_a_plan_worth_nothing_has_no_share_and_is_never_met(sheets: list[SheetValue]) -> None:
    share = closing_share(sheets)
    assert share.share is None
    assert not share_met(share, Decimal(0))


@pytest.mark.parametrize(("submitted", "met"), [(799, False), (800, True), (801, True), (1_000, True)])
def test_the_threshold_is_met_from_its_value_on(submitted: int, met: bool) -> None:
    share = closing_share([SheetValue(True, submitted), SheetValue(False, 1_000 - submitted)])
    assert share_met(share, Decimal("0.8")) == met


def test_a_share_just_below_never_looks_met() -> None:
    share = closing_share([SheetValue(True, 7_999_999_999), SheetValue(False, 2_000_000_001)])
    assert share.share == Decimal("0.799999")
    assert not share_met(share, Decimal("0.8"))


@given(st.lists(st.builds(SheetValue, st.booleans(), st.integers(0, 10**12)), max_size=30))
def test_submitting_never_lowers_the_share(sheets: list[SheetValue]) -> None:
    share = closing_share(sheets)
    everything = closing_share(SheetValue(True, sheet.value) for sheet in sheets)
    if share.share is not None:
        assert 0 <= share.share <= 1
        assert everything.share == 1
        assert share_met(everything, Decimal(1))
