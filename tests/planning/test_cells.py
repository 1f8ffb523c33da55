"""What a save does to a cell: saved, unchanged, conflict or refused, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.cells import UNSET, Cell, CellChange, CellOutcome, CellStatus, EnteredIn, Origin, Unset, apply_change
from planning.prices import Conversion, PriceSource, ResolvedPrice

MONTHS = ("2026-11", "2026-12")
EURO = 10_000
PIECE = 1_000
TWO_EUROS = ResolvedPrice(200_000_000, PriceSource.LIST)
THREE_EUROS = ResolvedPrice(300_000_000, PriceSource.CUSTOMER)
NO_PRICE = ResolvedPrice(None, PriceSource.MISSING)

EMPTY = Cell("2026-11")
PREFILLED = Cell(
    "2026-11", 5 * PIECE, 10 * EURO, price=TWO_EUROS.price, price_source=PriceSource.LIST, origin=Origin.COPIED
)
SAVED = replace(PREFILLED, origin=Origin.TYPED, rev=3, reviewed=True)
OVERRIDDEN = replace(SAVED, price=100_000_000, value=5 * EURO, price_source=PriceSource.OVERRIDE, reason="Promotion")


def save(cell: Cell, change: CellChange, chain: ResolvedPrice = TWO_EUROS) -> CellOutcome:
    return apply_change(cell, change, MONTHS, chain)


def on(
    cell: Cell,
    *,
    quantity: int | Unset | None = UNSET,
    value: int | Unset | None = UNSET,
    price: int | Unset | None = UNSET,
    reason: str | Unset | None = UNSET,
) -> CellChange:
    """A change of the cell as it stands."""
    return CellChange(cell.month, cell.rev, quantity=quantity, value=value, price=price, reason=reason)


def test_a_typed_quantity_is_saved_with_its_value_and_price() -> None:
    outcome = save(EMPTY, on(EMPTY, quantity=4 * PIECE))
    assert outcome.status == CellStatus.SAVED
    assert outcome.cell == Cell(
        "2026-11",
        quantity=4 * PIECE,
        value=8 * EURO,
        entered_in=EnteredIn.QUANTITY,
        price=TWO_EUROS.price,
        price_source=PriceSource.LIST,
        origin=Origin.TYPED,
        rev=1,
        reviewed=True,
    )


def test_a_typed_value_is_kept_as_typed_and_gives_the_quantity() -> None:
    cell = save(EMPTY, on(EMPTY, value=10 * EURO), THREE_EUROS).cell
    assert (cell.quantity, cell.value, cell.entered_in) == (3_333, 10 * EURO, EnteredIn.VALUE)


def test_a_quantity_without_a_price_is_saved_without_a_value() -> None:
    cell = save(EMPTY, on(EMPTY, quantity=4 * PIECE), NO_PRICE).cell
    assert (cell.quantity, cell.value, cell.price, cell.price_source) == (4 * PIECE, None, None, PriceSource.MISSING)


NO_RATE = ResolvedPrice(None, PriceSource.MISSING, conversion=Conversion(PriceSource.LIST, 2 * EURO, "USD", rate=None))


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        (NO_PRICE, "There is no price for this month."),
        (NO_RATE, "There is no plan rate of USD for this month or an earlier one."),
        (ResolvedPrice(0, PriceSource.LIST), "The price of this month is 0."),
    ],
)
def test_a_value_without_a_price_is_refused(price: ResolvedPrice, reason: str) -> None:
    outcome = save(EMPTY, on(EMPTY, value=10 * EURO), price)
    assert outcome.status == CellStatus.REFUSED
    assert outcome.reason == f"{reason} A value can't become a quantity without a price: enter a quantity."
    assert outcome.cell is EMPTY


@pytest.mark.parametrize("change", [on(SAVED, quantity=None), on(SAVED, value=None)])
def test_null_clears_the_cell(change: CellChange) -> None:
    outcome = save(SAVED, change)
    assert outcome.status == CellStatus.SAVED
    assert (outcome.cell.quantity, outcome.cell.value, outcome.cell.rev) == (None, None, 4)
    assert not outcome.cell.filled


def test_0_is_not_null() -> None:
    cell = save(EMPTY, on(EMPTY, quantity=0), NO_PRICE).cell
    assert (cell.quantity, cell.value, cell.filled) == (0, 0, True)


@pytest.mark.parametrize("change", [on(SAVED, quantity=-1), on(SAVED, value=-1), on(SAVED, price=-1, reason="Oops")])
def test_nothing_goes_below_0(change: CellChange) -> None:
    outcome = save(SAVED, change)
    assert outcome.status == CellStatus.REFUSED
    assert "below 0" in outcome.reason


def test_a_month_outside_the_cycle_is_refused() -> None:
    outcome = apply_change(Cell("2027-01"), CellChange("2027-01", 0, quantity=1), MONTHS, TWO_EUROS)
    assert (outcome.status, outcome.reason) == (CellStatus.REFUSED, "2027-01 is not a month of this cycle.")


def test_quantity_and_value_together_are_refused() -> None:
    assert save(EMPTY, on(EMPTY, quantity=1, value=1)).reason == "Send a quantity or a value, not both."


def test_numbers_too_large_for_json_are_refused() -> None:
    assert save(EMPTY, on(EMPTY, quantity=10**15 - 1)).status == CellStatus.REFUSED


def test_a_cell_that_moved_meanwhile_is_a_conflict_and_stands() -> None:
    outcome = save(SAVED, replace(on(SAVED, quantity=9 * PIECE), base_rev=2))
    assert outcome.status == CellStatus.CONFLICT
    assert outcome.cell is SAVED


@pytest.mark.parametrize("base_rev", [2, 3])
def test_saying_the_same_again_is_no_conflict_and_no_change(base_rev: int) -> None:
    outcome = save(SAVED, replace(on(SAVED, quantity=SAVED.quantity), base_rev=base_rev))
    assert outcome.status == CellStatus.UNCHANGED
    assert outcome.cell is SAVED


def test_saying_the_same_as_the_prefill_accepts_it() -> None:
    outcome = save(PREFILLED, on(PREFILLED, quantity=PREFILLED.quantity))
    assert (outcome.status, outcome.reason) == (CellStatus.SAVED, "Accepted as it was.")
    assert outcome.cell == replace(PREFILLED, rev=1, reviewed=True)


def test_saying_the_same_after_a_price_change_takes_the_new_price() -> None:
    cell = save(SAVED, on(SAVED, quantity=SAVED.quantity), THREE_EUROS).cell
    assert (cell.value, cell.price_source, cell.rev) == (15 * EURO, PriceSource.CUSTOMER, 4)


def test_saying_nothing_about_an_empty_cell_changes_nothing() -> None:
    assert save(EMPTY, on(EMPTY, quantity=None)).status == CellStatus.UNCHANGED


def test_a_change_of_something_else_takes_the_price_of_today() -> None:
    outcome = save(SAVED, on(SAVED, reason="Trade fair"), THREE_EUROS)
    assert (outcome.cell.value, outcome.cell.price, outcome.cell.reason) == (15 * EURO, THREE_EUROS.price, "Trade fair")


def test_a_value_stays_as_typed_when_the_price_moves() -> None:
    entered = save(EMPTY, on(EMPTY, value=12 * EURO), TWO_EUROS).cell
    cell = save(entered, on(entered, reason="Trade fair"), THREE_EUROS).cell
    assert (cell.value, cell.quantity) == (12 * EURO, 4 * PIECE)


def test_a_price_of_ones_own_needs_a_reason() -> None:
    for change in (on(SAVED, price=100_000_000), on(SAVED, price=100_000_000, reason="  ")):
        assert save(SAVED, change).reason == "A price of your own needs a reason."
    cell = save(SAVED, on(SAVED, price=100_000_000, reason=" Promotion ")).cell
    assert cell == replace(OVERRIDDEN, rev=4)


def test_another_price_of_ones_own_needs_its_own_reason() -> None:
    assert save(OVERRIDDEN, on(OVERRIDDEN, price=90_000_000)).status == CellStatus.REFUSED
    assert save(OVERRIDDEN, on(OVERRIDDEN, price=90_000_000, reason="Deeper promotion")).cell.price == 90_000_000
    assert save(OVERRIDDEN, on(OVERRIDDEN, price=OVERRIDDEN.price)).status == CellStatus.UNCHANGED


def test_an_own_price_stays_until_it_is_cleared() -> None:
    assert save(OVERRIDDEN, on(OVERRIDDEN, quantity=6 * PIECE)).cell.value == 6 * EURO
    cell = save(OVERRIDDEN, on(OVERRIDDEN, price=None)).cell
    assert cell == replace(SAVED, rev=4)


def test_the_reason_of_an_own_price_cannot_be_taken_away_alone() -> None:
    assert save(OVERRIDDEN, on(OVERRIDDEN, reason=None)).status == CellStatus.REFUSED


def test_a_reason_may_be_given_and_taken_away() -> None:
    explained = save(SAVED, on(SAVED, reason="Trade fair")).cell
    assert explained.reason == "Trade fair"
    assert save(explained, on(explained, quantity=6 * PIECE)).cell.reason == "Trade fair"
    assert save(explained, on(explained, reason=None)).cell.reason is None
    assert save(OVERRIDDEN, on(OVERRIDDEN, price=None, reason="Promotion is over")).cell.reason == "Promotion is over"


def test_an_import_says_that_it_was_one() -> None:
    outcome = apply_change(EMPTY, CellChange("2026-11", 0, quantity=1), MONTHS, TWO_EUROS, origin=Origin.IMPORTED)
    assert outcome.cell.origin == Origin.IMPORTED


number: st.SearchStrategy[int | Unset | None] = st.sampled_from([UNSET, None]) | st.integers(-5, 10**9)
changes = st.builds(
    CellChange,
    month=st.just("2026-11"),
    base_rev=st.sampled_from([0, 3]),
    quantity=number,
    value=number,
    price=number,
    reason=st.sampled_from([UNSET, None, "", "Promotion"]),
)
cells = st.sampled_from([EMPTY, PREFILLED, SAVED, OVERRIDDEN])
prices = st.sampled_from([TWO_EUROS, THREE_EUROS, NO_PRICE])


@given(cells, changes, prices)
def test_only_a_saved_cell_moves_and_by_one_revision(cell: Cell, change: CellChange, price: ResolvedPrice) -> None:
    outcome = apply_change(cell, change, MONTHS, price)
    if outcome.status == CellStatus.SAVED:
        assert outcome.cell.rev == cell.rev + 1
        assert outcome.cell.reviewed
    else:
        assert outcome.cell is cell


@given(cells, changes, prices)
def test_sending_a_saved_change_again_changes_nothing(cell: Cell, change: CellChange, price: ResolvedPrice) -> None:
    first = apply_change(cell, change, MONTHS, price)
    if first.status == CellStatus.SAVED:
        assert apply_change(first.cell, change, MONTHS, price) == CellOutcome(
            CellStatus.UNCHANGED, "The cell says this already.", first.cell
        )


@given(cells, changes, prices)
def test_of_two_changes_from_the_same_revision_one_wins(cell: Cell, change: CellChange, price: ResolvedPrice) -> None:
    first = apply_change(cell, change, MONTHS, price)
    if first.status == CellStatus.SAVED:
        other = CellChange("2026-11", change.base_rev, quantity=10**10)
        assert apply_change(first.cell, other, MONTHS, price).status == CellStatus.CONFLICT


@given(st.integers(0, 9), st.integers(0, 9))
def test_first_saves_count_on_from_the_floor(rev: int, floor: int) -> None:
    cell = Cell(MONTHS[0], rev=rev)
    outcome = apply_change(cell, CellChange(MONTHS[0], rev, quantity=1), MONTHS, TWO_EUROS, floor=floor)
    assert outcome.cell.rev == (rev + 1 if rev else floor + 1)
