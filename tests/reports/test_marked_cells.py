"""The copy with marked cells: every value where it stood, text as text, comments where something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from reports import marked_cells
from reports.marked_cells import MarkedCopy

MOMENT = datetime(2026, 12, 31, 8, 26)  # noqa: DTZ001 - cells know no zone


@dataclass
class Rows:
    rows: list[int]
    columns: list[list[Any]]


def error(row: int, letter: str, expected: str, column: str = "Qty") -> dict[str, Any]:
    return {"row": row, "letter": letter, "column": column, "expected": expected}


def copied(path: Path, sheet: str, errors: list[dict[str, Any]], *batches: Rows, header_row: int = 1) -> Any:
    copy = MarkedCopy(path / "copy.xlsx", sheet, errors, header_row)
    for batch in batches:
        copy.add(batch)
    copy.close()
    book = openpyxl.load_workbook(path / "copy.xlsx")
    return book.worksheets[0]


def test_values_stand_where_they_stood(tmp_path: Path) -> None:
    columns: list[list[Any]] = [["=1+1", "00123"], [1.5, -3], [date(2026, 12, 31), MOMENT], [None, ""]]
    page = copied(tmp_path, "Sales [2026]", [], Rows([3, 7], columns))
    assert page.title == "Sales  2026"
    assert [cell.value for cell in page[3]][:3] == ["=1+1", 1.5, datetime(2026, 12, 31)]  # noqa: DTZ001
    assert [cell.value for cell in page[7]][:3] == ["00123", -3, MOMENT]
    assert page["A3"].data_type == "s"
    assert page["A1"].value is None


def test_bad_cells_are_filled_and_say_why(tmp_path: Path) -> None:
    errors = [error(2, "B", "a value"), error(2, "B", "another"), error(3, "", "no cells behind", column=""),
              error(2, "AB", "beside the table")]  # fmt: skip
    page = copied(tmp_path, "", errors, Rows([2, 3], [["a", "b"], [None, 2]]))
    assert page.title == "Sheet"
    assert page["B2"].comment.text == "Qty: expected a value\nQty: expected another"
    assert page["A3"].comment.text == "expected no cells behind"
    assert page["AB2"].comment.text == "Qty: expected beside the table"
    filled = {cell.coordinate for row in page for cell in row if cell.fill.fgColor.rgb == "FFFFC7CE"}
    assert filled == {"B2", "AB2", "A3"}


def test_a_reason_that_is_a_sentence_is_not_expected(tmp_path: Path) -> None:
    errors = [error(2, "A", "This sheet is submitted."), error(2, "", "The cycle is closed.", column="")]
    page = copied(tmp_path, "", errors, Rows([2], [["a"]]))
    assert page["A2"].comment.text == "Qty: This sheet is submitted.\nThe cycle is closed."


def test_the_titles_stay_in_view_and_filter_the_table(tmp_path: Path) -> None:
    batches = Rows([1, 3], [["A title", "code"]]), Rows([4, 9], [["a", "b"], [1, 2]])
    page = copied(tmp_path, "", [], *batches, header_row=3)
    assert (page.freeze_panes, page.auto_filter.ref) == ("A4", "A3:B9")
    deep = copied(tmp_path, "", [], Rows([20], [["code"]]), header_row=20)
    assert (deep.freeze_panes, deep.auto_filter.ref) == (None, "A20")


def test_of_a_very_long_table_only_wrong_rows_are_copied_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked_cells, "WHOLE_FILE_ROWS", 3)
    page = copied(tmp_path, "Data", [error(5, "A", "x")], Rows([2, 3, 4, 5, 6], [["a", "b", "c", "d", "e"]]))
    assert [page.cell(row, 1).value for row in range(1, 7)] == [None, "a", "b", None, "d", None]


def test_what_a_cell_cannot_hold_is_shown_as_broken(tmp_path: Path) -> None:
    page = copied(tmp_path, "Data", [error(1, "A", "text\x00 without \ud800")], Rows([1], [["a\x01b\ud800"]]))
    assert page["A1"].value == "a\ufffdb\ufffd"
    assert "\ufffd" in page["A1"].comment.text
