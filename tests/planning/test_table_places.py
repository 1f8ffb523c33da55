"""Where a table stands: the row, the two rows or the sheet whose titles fit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from planning.table_places import Fit, Judge, Place, Preview, PreviewRow, SheetPreview, best_place, first_place

NEEDED = {"invoice", "item", "qty"}
KNOWN = NEEDED | {"price", "customer code"}


def fit(titles: Sequence[str]) -> Fit:
    found = {title.casefold() for title in titles} & KNOWN
    return Fit(found >= NEEDED, len(found))


JUDGE = Judge(fit, lambda title: title.casefold() in KNOWN)


def sheet(*rows: Sequence[str], number: int = 1, name: str = "Data", first: int = 1, problem: str = "") -> SheetPreview:
    """A preview; None is a blank row, which has no preview of its own."""
    shown = [PreviewRow(at, tuple(row)) for at, row in enumerate(rows, start=first) if any(row)]
    return SheetPreview(number, name, tuple(shown), problem)


def place(*rows: Sequence[str], header_row: int | None = None) -> Place:
    return best_place(Preview((sheet(*rows),)), JUDGE, header_row)[0]


HEADER = ("Invoice", "Item", "Qty")


def test_a_header_in_the_first_row() -> None:
    assert place(HEADER, ("I1", "P1", "3")) == Place(1, (1,), HEADER)


def test_titles_and_notes_above_the_header_are_passed_over() -> None:
    found = place(("Sales report",), (), ("printed", "2026-01-01"), (*HEADER, "", "Note", ""), ("I1", "P1", "3"))
    assert found == Place(1, (4,), (*HEADER, "", "Note"))
    assert found.after == 4


def test_merged_titles_over_two_lines_are_joined_where_one_says_too_little() -> None:
    upper = ("Invoice", "Item", "Customer", "", "Amounts", "")
    lower = ("", "", "Code", "Name", "Qty", "Price")
    assert place(("Report",), upper, lower) == Place(
        1, (2, 3), ("Invoice", "Item", "Customer Code", "Customer Name", "Qty", "Price")
    )


def test_one_row_is_taken_rather_than_two_that_fit_as_well() -> None:
    assert place(("Report",), HEADER, ("pcs", "", "EUR")).header_rows == (2,)


def test_rows_with_a_blank_one_between_them_are_no_header_of_two_lines() -> None:
    assert place(("", "Item", "Qty"), (), ("Invoice", "", "")).header_rows == (1,)


def test_of_equal_rows_the_first_is_taken() -> None:
    assert place(HEADER, ("I1", "P1", "3"), HEADER).header_rows == (1,)
    assert place(("a", "b"), ("c", "d")).header_rows == (1,)


def test_a_named_row_is_the_header() -> None:
    assert place(HEADER, ("x", "y"), header_row=2) == Place(1, (2,), ("x", "y"))
    with pytest.raises(InvalidInput, match="Row 9 is blank"):
        place(HEADER, header_row=9)


def test_the_sheet_that_fits_is_taken_and_others_that_fit_are_named() -> None:
    sheets = (
        sheet(("Read me",), ("first",), name="Notes"),
        sheet((), ("Report",), HEADER, number=2, name="2025"),
        sheet(HEADER, number=3, name="2026"),
        sheet(("Qty", "Price"), number=4, name="Half"),
        sheet(number=5, name="Empty"),
        sheet(number=6, name="Broken", problem="It is damaged."),
    )
    assert best_place(Preview(sheets), JUDGE) == (Place(2, (3,), HEADER), ["2026"])


def test_without_any_row_the_reason_is_given() -> None:
    with pytest.raises(InvalidInput, match="It is damaged"):
        best_place(Preview((sheet(problem="It is damaged."), sheet(number=2))), JUDGE)
    with pytest.raises(InvalidInput, match="every row is blank"):
        first_place(Preview((sheet(),)))


def test_the_first_row_is_the_header_where_nobody_knows_better() -> None:
    assert first_place(Preview((sheet((), ("a", "b", ""), HEADER),))) == Place(1, (2,), ("a", "b"))


CELLS = st.lists(st.sampled_from(["", "", "Invoice", "Item", "Qty", "Customer", "Code", "Price", "x"]), max_size=6)


@given(st.lists(CELLS.filter(any), min_size=1, max_size=8))
def test_a_place_is_one_or_two_rows_of_the_preview_and_always_the_same(rows: list[list[str]]) -> None:
    found = place(*rows)
    assert found == place(*rows)
    assert set(found.header_rows) <= set(range(1, len(rows) + 1))
    assert not found.titles or found.titles[-1]
    best = max(fit(row) for row in rows)
    assert fit(found.titles) >= best
