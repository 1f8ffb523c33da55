"""Files to fill in and filled ones: comments, lists, locks and formats; text stays text, and the same rows the same
bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from core.errors import PayloadTooLarge
from core.sheets import FileTable, SheetColumn, Value
from core.uploads import check_workbook
from integrations.spreadsheets.limits import ReadLimits
from integrations.spreadsheets.xlsx_rows import Workbook
from reports import filled, sheet_rows
from reports.filled import EXPLAINING, LISTS, XlsxFile, template
from reports.workbooks import Column, SheetSpec, write_xlsx

RICH = '<r><t>x</t></r></is></c><c r="B2"><f>1+1</f></c><c r="C2" t="inlineStr"><is><r><t>y</t></r>'
"""A text that xlsxwriter takes for XML of its own."""
COLUMNS = (
    SheetColumn("code", "code", "What it is.", required=True, synonyms=("sku",), examples=("007", "A"), locked=True),
    SheetColumn("name", "text", "=1+1", choices=("=A1", RICH, "North")),
    SheetColumn("kind", "text", choices=("sale", "return"), closed=True),
    SheetColumn("quantity", "quantity"),
    SheetColumn("price", "price"),
    SheetColumn("share", "percent"),
    SheetColumn("day", "date", locked=True),
    SheetColumn("month", "month"),
)
TABLE = FileTable("things", COLUMNS, about="A row is a thing.", notes=("A note.",))
ROW: tuple[Value, ...] = ("00123", "=1+1", "sale", 5, Decimal("0.12345678"), 0.25, "2026-11-30", "2026-11")


def written(rows: Sequence[Sequence[Value]], table: FileTable = TABLE) -> bytes:
    buffer = io.BytesIO()
    file = XlsxFile(buffer, table)
    if rows:
        file.write(list(zip(*rows, strict=True)))
    file.close()
    return buffer.getvalue()


def opened(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content))


def test_a_template_explains_itself_and_holds_no_row() -> None:
    book = opened(template(TABLE))
    page, explaining, lists = book.worksheets
    assert (page.title, explaining.title, lists.title) == ("things", EXPLAINING, LISTS)
    assert [sheet.sheet_state for sheet in book.worksheets] == ["visible", "visible", "hidden"]
    assert [cell.value for cell in page[1]] == [column.name for column in COLUMNS]
    assert page.max_row == 1
    comment = page["A1"].comment.text
    assert all(words in comment for words in ("What it is.", "Must be filled.", "zeros in front count", "sku"))
    assert page["A1"].fill.fgColor.rgb != page["B1"].fill.fgColor.rgb
    told = [[cell.value for cell in row] for row in explaining.iter_rows()]
    assert told[:3] == [[line, *[None] * 7] for line in ("things", "A row is a thing.", "A note.")]
    assert told[5][:3] == ["code", "yes", "What it is."]
    assert told[5][5:] == ["sku", "007", "A"]
    assert page.freeze_panes == "A2"


def test_lists_are_closed_where_nothing_else_is_taken() -> None:
    book = opened(template(TABLE))
    rules = {str(rule.sqref): rule for rule in book.worksheets[0].data_validations.dataValidation}
    assert set(rules) == {"B2:B1048576", "C2:C1048576"}
    open_one, closed = rules["B2:B1048576"], rules["C2:C1048576"]
    assert (open_one.formula1, open_one.errorStyle) == (f"{LISTS}!$A$1:$A$3", "warning")
    assert (closed.formula1, closed.errorStyle or "stop") == (f"{LISTS}!$B$1:$B$2", "stop")
    assert [cell.value for cell in book[LISTS]["A"]] == ["=A1", RICH, "North"]
    assert all(cell.data_type == "s" for cell in book[LISTS]["A"])


def test_what_identifies_a_row_is_locked_and_the_rows_below_are_free() -> None:
    page = opened(written([ROW, (None, *ROW[1:])])).worksheets[0]
    assert page.protection.sheet
    assert page.protection.password is None
    assert [cell.protection.locked for cell in page[2]] == [column.locked for column in COLUMNS]
    assert page["A3"].protection.locked
    free = [page.column_dimensions[letter].protection.locked for letter in "ABCDEFGH"]
    assert free == [False] * 8
    assert not opened(template(FileTable("free", COLUMNS[1:3]))).worksheets[0].protection.sheet


def test_kinds_have_their_formats() -> None:
    page = opened(written([ROW, (*ROW[:3], 1.5, 2, *ROW[5:])])).worksheets[0]
    assert [(cell.value, cell.number_format) for cell in page[2]] == [
        ("00123", "@"), ("=1+1", "@"), ("sale", "@"), (5, "#,##0"), (0.12345678, "#,##0.00######"), (0.25, "0.0%"),
        (datetime(2026, 11, 30), "yyyy-mm-dd"), ("2026-11", "@"),  # noqa: DTZ001 - cells know no zone
    ]  # fmt: skip
    assert (page["D3"].number_format, page["E3"].value) == ("#,##0.000", 2)
    assert page.auto_filter.ref == "A1:H3"
    assert all(
        page.column_dimensions[letter].width >= len(column.name)
        for letter, column in zip("ABCDEFGH", COLUMNS, strict=True)
    )


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", RICH, "<r></r>", "_x0041_", "<&>'\"", " a ", "a\nb\r"]
)
def test_t39_a_text_is_never_a_formula(text: str) -> None:
    for content in (written([(text, *ROW[1:])]), _plainly(text)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sheet = archive.read("xl/worksheets/sheet1.xml")
        assert b"<f>" not in sheet
        ElementTree.fromstring(sheet)
        cell = opened(content).worksheets[0]["A2"]
        assert (cell.data_type, unescape(cell.value)) == ("s", text)


def _plainly(text: str) -> bytes:
    buffer = io.BytesIO()
    write_xlsx(buffer, [SheetSpec("Plan", [Column("a")], [[text]])])
    return buffer.getvalue()


def test_pinned_columns_stay_in_view_beside_the_titles() -> None:
    assert opened(written([ROW], FileTable("things", COLUMNS, pinned=2))).worksheets[0].freeze_panes == "C2"


def test_texts_of_digits_get_no_green_corner() -> None:
    content = written([ROW])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    columns = " ".join(f"{letter}2:{letter}1048576" for letter in "ABCH")
    assert f'<ignoredErrors><ignoredError sqref="{columns}" numberStoredAsText="1"/></ignoredErrors>' in sheet


def test_our_own_files_pass_the_door() -> None:
    for content in (template(TABLE), written([ROW] * 500)):
        check_workbook(io.BytesIO(content)).close()


def test_the_same_rows_give_the_same_bytes_in_whatever_pieces() -> None:
    buffer = io.BytesIO()
    file = XlsxFile(buffer, TABLE)
    for _ in range(3):
        file.write([[value] for value in ROW])
    file.close()
    assert buffer.getvalue() == written([ROW] * 3)


def test_more_than_a_sheet_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filled, "SHEET_ROWS", 2)
    with pytest.raises(PayloadTooLarge, match="2 rows"):
        written([ROW] * 3)
    monkeypatch.setattr(sheet_rows, "MAX_BYTES", 100)
    with pytest.raises(PayloadTooLarge, match="too large for a workbook"):
        written([ROW] * 2)


def test_columns_may_be_many() -> None:
    names = [f"column {at}" for at in range(60)]
    content = written([list(range(60))], FileTable("wide", [SheetColumn(name, "int") for name in names]))
    page = opened(content).worksheets[0]
    assert [[cell.value for cell in row] for row in page.iter_rows()] == [names, list(range(60))]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip)
NUMBER = st.one_of(
    st.integers(-(10**14), 10**14),
    st.decimals(-(10**6), 10**6, places=8),
    st.floats(-1e14, 1e14).map(lambda number: float(f"{number:.14g}")),
)
DAY = st.one_of(st.dates(min_value=datetime(1900, 1, 1).date()).map(str), st.sampled_from(["1900-02-28", "1900-03-01"]))  # noqa: DTZ001


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXT, NUMBER, DAY), min_size=1, max_size=10))
def test_what_is_written_is_read_back(rows: list[tuple[str, Any, str]], tmp_path: Path) -> None:
    table = FileTable("things", [SheetColumn("text"), SheetColumn("number", "price"), SheetColumn("day", "date")])
    path = tmp_path / "things.xlsx"
    path.write_bytes(written(rows, table))
    with Workbook(path, ReadLimits()) as book:
        read: list[Any] = [cells for _, cells, _ in book.rows(1)][1:]
    hidden = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")
    assert [(text, float(number), day.isoformat()) for text, number, day in read] == [
        (text.translate(hidden), float(number), day) for text, number, day in rows
    ]
