"""What a file says of a cell: an untouched one says nothing, a changed number is one change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.cells import UNSET, Cell, CellChange, CellStatus, EnteredIn, apply_change
from planning.forecast_files import (
    BOTH,
    CLEAR,
    NO_REVISION,
    CellInFile,
    change_in_file,
    read_revisions,
    revisions_text,
)
from planning.prices import PriceSource, ResolvedPrice, value_at

MONTH = "2027-01"
PRICE = 250_000_000
LIST = ResolvedPrice(PRICE, PriceSource.LIST)
SAVED = Cell(MONTH, 10_000, 250_000, price=PRICE, price_source=PriceSource.LIST, rev=3, reviewed=True)
OWN = Cell(MONTH, 10_000, 250_000, price=PRICE, price_source=PriceSource.OVERRIDE, reason="Deal", rev=3, reviewed=True)

SET_BACK = replace(SAVED, reviewed=False)
"""Saved once, and taken back: nobody stands behind what stands."""


@pytest.mark.parametrize(
    ("cell", "said", "expected"),
    [
        (SAVED, CellInFile(), None),
        (SAVED, CellInFile(10_000, 250_000, base_rev=1), None),
        (SAVED, CellInFile(price=CLEAR, reason=CLEAR), None),
        (OWN, CellInFile(10_000, 250_000, PRICE, "Deal"), None),
        (SAVED, CellInFile(20_000, base_rev=3), CellChange(MONTH, 3, quantity=20_000)),
        (SAVED, CellInFile(CLEAR, base_rev=3), CellChange(MONTH, 3, quantity=None)),
        (SAVED, CellInFile(10_000, 500_000, base_rev=3), CellChange(MONTH, 3, value=500_000)),
        (SAVED, CellInFile(20_000, 500_000, base_rev=3), CellChange(MONTH, 3, quantity=20_000)),
        (SAVED, CellInFile(20_000, 500_001, base_rev=3), BOTH),
        (SAVED, CellInFile(20_000, 500_001, base_rev=2), CellChange(MONTH, 2, quantity=20_000)),
        (SAVED, CellInFile(20_000, 1_000_000, 2 * PRICE, "Deal", 3),
         CellChange(MONTH, 3, quantity=20_000, price=2 * PRICE, reason="Deal")),
        (SAVED, CellInFile(CLEAR, CLEAR, base_rev=3), CellChange(MONTH, 3, quantity=None)),
        (OWN, CellInFile(price=CLEAR, base_rev=3), CellChange(MONTH, 3, price=None)),
        (OWN, CellInFile(reason=CLEAR, base_rev=3), CellChange(MONTH, 3, reason=None)),
        (SAVED, CellInFile(20_000), NO_REVISION),
        (Cell(MONTH), CellInFile(20_000), CellChange(MONTH, 0, quantity=20_000)),
        (SET_BACK, CellInFile(20_000), CellChange(MONTH, 3, quantity=20_000)),
        (SET_BACK, CellInFile(20_000, base_rev=2), CellChange(MONTH, 2, quantity=20_000)),
    ],
)  # fmt: skip
def test_what_a_file_says(cell: Cell, said: CellInFile, expected: CellChange | str | None) -> None:
    assert change_in_file(cell, said) == expected


def test_a_file_that_overwrites_needs_no_revision() -> None:
    assert change_in_file(SAVED, CellInFile(20_000), overwrite=True) == CellChange(MONTH, 3, quantity=20_000)
    assert change_in_file(SAVED, CellInFile(20_000, base_rev=1), overwrite=True) == CellChange(
        MONTH, 3, quantity=20_000
    )


NUMBERS = st.none() | st.integers(0, 10**9)
CELLS = st.builds(
    lambda quantity, rev, own: Cell(
        MONTH,
        quantity,
        value_at(quantity, PRICE),
        EnteredIn.QUANTITY,
        PRICE,
        PriceSource.OVERRIDE if own else PriceSource.LIST,
        reason="Deal" if own else None,
        rev=rev,
        reviewed=rev > 0,
    ),
    NUMBERS,
    st.integers(0, 5),
    st.booleans(),
)


def exported(cell: Cell) -> CellInFile:
    return CellInFile(cell.quantity, cell.value, cell.override, cell.reason, cell.rev)


@given(CELLS)
def test_an_untouched_cell_says_nothing(cell: Cell) -> None:
    assert change_in_file(cell, exported(cell)) is None


@given(CELLS, st.integers(0, 10**9), CELLS)
def test_a_changed_number_is_saved_unless_somebody_was_faster(before: Cell, quantity: int, now: Cell) -> None:
    said = CellInFile(quantity, base_rev=before.rev)
    change = change_in_file(now, said)
    if not isinstance(change, CellChange):
        assert now.quantity == quantity
        return
    outcome = apply_change(now, change, [MONTH], LIST)
    assert outcome.status is (CellStatus.SAVED if now.rev in (0, before.rev) else CellStatus.CONFLICT)
    assert change.value is change.price is change.reason is UNSET


@given(
    st.dictionaries(
        st.builds("{}-{:02}".format, st.integers(1990, 2199), st.integers(1, 12)), st.integers(0, 10**9 - 1)
    )
)
def test_revisions_are_read_back(revisions: dict[str, int]) -> None:
    found = read_revisions(revisions_text(revisions))
    assert found == {month: rev for month, rev in revisions.items() if rev}


@pytest.mark.parametrize("text", ["", "1", "2027-01", "2027-13:1", "2027-01:x", "2027-01:1 and more"])
def test_no_file_of_ours_holds_this(text: str) -> None:
    assert read_revisions(text) is None
