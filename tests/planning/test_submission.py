"""What must be said before a sheet is submitted."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from planning.cells import Cell, EnteredIn, Origin
from planning.lifespan import Lifespan
from planning.months import month_range
from planning.prices import PriceSource, ResolvedPrice
from planning.submission import MissingCell, SheetLine, confirm_as_zero, missing_mandatory, unreviewed_count

CAFE, TEA, CUP = UUID(int=1), UUID(int=2), UUID(int=3)
MONTHS = month_range("2026-11", 4)
LIST = ResolvedPrice(200_000_000, PriceSource.LIST)


def line(product: UUID, *cells: Cell, mandatory: bool = True) -> SheetLine:
    return SheetLine(CAFE, product, mandatory, {cell.month: cell for cell in cells})


def test_empty_cells_of_mandatory_lines_are_missing_up_to_the_last_mandatory_month() -> None:
    lines = [line(TEA, Cell("2026-11", 5), Cell("2026-12", None)), line(CUP, Cell("2026-11", 0), Cell("2026-12", 0))]
    assert missing_mandatory(lines, MONTHS, "2027-01") == (
        MissingCell(CAFE, TEA, "2026-12"),
        MissingCell(CAFE, TEA, "2027-01"),
        MissingCell(CAFE, CUP, "2027-01"),
    )


def test_optional_lines_miss_nothing() -> None:
    assert missing_mandatory([line(TEA, mandatory=False)], MONTHS, "2027-02") == ()


def test_nothing_is_missing_outside_of_the_products_life() -> None:
    lines = [replace(line(TEA), life=Lifespan("2026-12", "2027-01"))]
    assert [cell.month for cell in missing_mandatory(lines, MONTHS, "2027-02")] == ["2026-12", "2027-01"]


def test_an_unreviewed_prefill_fills_its_cell() -> None:
    cells = [Cell(month, 5, origin=Origin.COPIED) for month in MONTHS]
    assert missing_mandatory([line(TEA, *cells)], MONTHS, "2027-02") == ()


def test_confirming_makes_an_empty_cell_0() -> None:
    missing = MissingCell(CAFE, TEA, "2026-12")
    expected = Cell("2026-12", 0, 0, EnteredIn.QUANTITY, LIST.price, LIST.source, Origin.TYPED, None, 1, True)
    assert confirm_as_zero(missing, None, LIST) == expected


def test_confirming_counts_a_revision_and_keeps_an_own_price() -> None:
    standing = Cell("2026-12", price=5, price_source=PriceSource.OVERRIDE, reason="Promotion", rev=2)
    confirmed = confirm_as_zero(MissingCell(CAFE, TEA, "2026-12"), standing, LIST)
    assert (confirmed.quantity, confirmed.price, confirmed.reason, confirmed.rev) == (0, 5, "Promotion", 3)


def test_unreviewed_cells_are_the_filled_ones_nobody_looked_at() -> None:
    cells = (
        Cell("2026-11", 5),
        Cell("2026-12", 0),
        Cell("2027-01", 5, reviewed=True),
        Cell("2027-02", None),
        Cell("2028-01", 5),  # not a month of the cycle
    )
    assert unreviewed_count([line(TEA, *cells), line(CUP)], MONTHS) == 2
