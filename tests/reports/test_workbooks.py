"""Exports: text stays text (T39), numbers keep their value, and the same rows give the same bytes."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import PayloadTooLarge
from integrations.spreadsheets.limits import ReadLimits
from integrations.spreadsheets.xlsx_rows import Workbook
from reports import workbooks
from reports.workbooks import Column, SheetSpec, Value, csv_text, write_csv, write_xlsx

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x","y")']


def xlsx(rows: Sequence[Sequence[Value]], columns: Sequence[Column], title: str = "Plan") -> bytes:
    buffer = io.BytesIO()
    write_xlsx(buffer, [SheetSpec(title, columns, rows)])
    return buffer.getvalue()


def opened(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content))


def csv_lines(rows: Sequence[Sequence[Value]], columns: Sequence[Column]) -> list[list[str]]:
    buffer = io.BytesIO()
    write_csv(buffer, columns, rows)
    return list(csv.reader(io.StringIO(buffer.getvalue().decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_looks_like_a_formula_stays_text(text: str) -> None:
    content = xlsx([[text]], [Column(text)])
    page = opened(content).active
    assert page["A1"].data_type == "s"
    assert page["A2"].data_type == "s"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
    (header,), (cell,) = csv_lines([[text]], [Column(text)])
    assert header == cell == "'" + text


def test_csv_numbers_are_not_prefixed_and_keep_every_digit() -> None:
    row: list[Value] = [-5, Decimal("-1.50"), 1e-7, Decimal("1E-8"), True, date(2026, 11, 30), None, 0.1]
    columns = [Column(str(at)) for at in range(len(row))]
    assert csv_lines([row], columns)[1] == [
        "-5", "-1.50", "0.0000001", "0.00000001", "TRUE", "2026-11-30", "", "0.1",
    ]  # fmt: skip


def test_what_a_cell_cannot_hold_is_shown_and_cut() -> None:
    rows = [["nul\x00 lone\ud800 bell\x07"], ["x" * 40_000]]
    page = opened(xlsx(rows, [Column("a")])).active
    assert page["A2"].value == "nul\ufffd lone\ufffd bell\ufffd"
    assert len(page["A3"].value) == 32_767
    assert csv_lines(rows, [Column("a")])[1] == ["nul\ufffd lone\ufffd bell\ufffd"]


def test_kinds_have_their_formats() -> None:
    columns = [
        Column("Code"), Column("Quantity", "quantity"), Column("Value", "money"), Column("Price", "price"),
        Column("Share", "percent"), Column("Month", "month"), Column("Day", "date", 20), Column("Lines", "int"),
    ]  # fmt: skip
    rows: list[list[Value]] = [
        ["00123", 5, Decimal("9.99"), Decimal("0.12345678"), 0.25, "2026-11", "2026-11-30", 7],
        ["X", Decimal("1.5"), None, "missing", None, None, datetime(2026, 11, 30), None],  # noqa: DTZ001 - cells know no zone
    ]
    page = opened(xlsx(rows, columns)).active
    assert [(cell.value, cell.number_format) for cell in page[2]] == [
        ("00123", "@"), (5, "#,##0"), (9.99, "#,##0.00"), (0.12345678, "#,##0.00######"), (0.25, "0.0%"),
        ("2026-11", "@"), (datetime(2026, 11, 30), "yyyy-mm-dd"), (7, "0"),  # noqa: DTZ001
    ]  # fmt: skip
    assert page["B3"].number_format == "#,##0.000"
    assert page["C3"].value is None
    assert (page["D3"].value, page["D3"].data_type) == ("missing", "s")
    assert page["G3"].value == datetime(2026, 11, 30)  # noqa: DTZ001
    assert page.freeze_panes == "A2"
    assert page.auto_filter.ref == "A1:H3"
    assert page.column_dimensions["G"].width > page.column_dimensions["H"].width


def test_sheet_names_are_made_acceptable_and_unique() -> None:
    buffer = io.BytesIO()
    titles = ["a/b:c*", "A/B:C*", "x" * 40, "x" * 40, "''", "History", ""]
    write_xlsx(buffer, [SheetSpec(title, [Column("a")], []) for title in titles])
    names = opened(buffer.getvalue()).sheetnames
    assert names[:2] == ["a b c", "A B C 2"]
    assert len({name.casefold() for name in names}) == len(titles)
    assert all(len(name) <= 31 for name in names)


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    def write(path: Path) -> bytes:
        write_xlsx(path, [SheetSpec("Plan", [Column("a"), Column("b", "money")], ([f"r{n}", n] for n in range(500)))])
        return path.read_bytes()

    assert write(tmp_path / "one.xlsx") == write(tmp_path / "two.xlsx")
    write_csv(tmp_path / "one.csv", [Column("ä")], [["ö"]])
    assert (tmp_path / "one.csv").read_bytes() == "\ufeffä\r\nö\r\n".encode()


def test_more_rows_than_a_sheet_has_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(workbooks, "SHEET_ROWS", 10)
    with pytest.raises(PayloadTooLarge, match="10 rows"):
        write_xlsx(tmp_path / "long.xlsx", [SheetSpec("Plan", [Column("a")], ([n] for n in range(11)))])


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(TEXT, st.sampled_from([*FORMULAS[:4], "00123", "1e5", "TRUE"])),
            st.decimals(-(10**9), 10**9, places=3),
            st.dates(date(1990, 1, 1), date(2199, 12, 31)),
        ),
        max_size=10,
    )
)
def test_what_is_written_is_read_back(rows: list[tuple[str, Decimal, date]], tmp_path: Path) -> None:
    path = tmp_path / "plan.xlsx"
    path.write_bytes(xlsx(rows, [Column("text"), Column("quantity", "quantity"), Column("day", "date")]))
    with Workbook(path, ReadLimits()) as workbook:
        read = list(workbook.rows(1))[1:]
    shown = [
        (at, text.translate(dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")), number, day)
        for at, (text, number, day) in enumerate(rows, start=2)
    ]
    assert [(at, text, Decimal(repr(number)), day) for at, (text, number, day), _ in read] == shown


@given(st.text(max_size=20))
def test_no_csv_cell_begins_like_a_formula(text: str) -> None:
    assert not csv_text(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
