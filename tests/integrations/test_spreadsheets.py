"""Reading tables: every value as it stands in the file, with the row number that Excel shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from core.text import NOT_CALCULATED
from integrations.spreadsheets.frames import Batch
from integrations.spreadsheets.limits import ReadLimits
from integrations.spreadsheets.reader import Wish, frames
from integrations.spreadsheets.tables import FileKind, read_batches
from integrations.spreadsheets.xlsx_rows import Workbook
from tests import spreadsheet_files as files


async def read(path: Path, kind: FileKind = "xlsx", **options: Any) -> list[Batch]:
    return [batch async for batch in read_batches(path, file_kind=kind, **options)]


async def rows_of(path: Path, kind: FileKind = "xlsx", **options: Any) -> list[tuple[Any, ...]]:
    """(row number, cells …) of all rows."""
    return [row for batch in await read(path, kind, **options) for row in zip(batch.rows, *batch.columns, strict=True)]


def written(path: Path, rows: Sequence[Sequence[Any]], change: Callable[[Any], None] | None = None) -> Path:
    """A workbook by openpyxl."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))  # type: ignore[union-attr]
    if change is not None:
        change(book)
    book.save(path)
    return path


def put(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.xlsx"


@pytest.fixture
def text_path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


async def test_codes_numbers_and_dates_come_as_they_are(path: Path) -> None:
    moment = datetime(2010, 12, 1, 8, 26)  # noqa: DTZ001 - cells know no zone
    written(
        path, [["code", "number", "day", "moment"], ["00123", 2.55, date(2026, 11, 30), moment], ["X", -7, None, ""]]
    )
    assert await rows_of(path) == [(2, "00123", 2.55, date(2026, 11, 30), moment), (3, "X", -7, None, None)]


async def test_blank_rows_are_left_out_and_row_numbers_stay(path: Path) -> None:
    written(path, [[], ["code", "n"], [], ["a", 1], ["  ", None], [], ["b", 0]])
    assert await rows_of(path) == [(4, "a", 1), (7, "b", 0)]


async def test_the_first_visible_worksheet_is_read(path: Path) -> None:
    def hide(book: Any) -> None:
        book.active.sheet_state = "hidden"
        book.create_chartsheet("Chart")
        book.create_sheet("Shown").append(["seen"])
        book["Shown"].append(["yes"])
        book.active = 2

    written(path, [["hidden"], ["no"]], hide)
    assert await rows_of(path) == [(2, "yes")]


async def test_a_header_alone_gives_no_batch(path: Path) -> None:
    assert await read(written(path, [["code", "n"]])) == []


async def test_values_behind_the_last_title_are_named(path: Path) -> None:
    written(path, [["a", "b", None], [1, 2], [1, 2, 3], [1, None, None, ""]])
    (batch,) = await read(path)
    assert batch.header == ["a", "b"]
    assert batch.overlong == [3]
    assert batch.columns == [[1, 1, 1], [2, 2, None]]


async def test_formulas_give_their_results_and_errors_show(path: Path) -> None:
    book = xlsxwriter.Workbook(str(path))
    page = book.add_worksheet()
    page.write_row(0, 0, ["text", "number", "error", "flag"])
    page.write_formula(1, 0, '="a"&"&"', None, "a&b")
    page.write_formula(1, 1, "=1/4", None, 0.25)
    page.write_formula(1, 2, "=1/0", None, "#DIV/0!")
    page.write_boolean(1, 3, True)
    book.close()
    assert await rows_of(path) == [(2, "a&b", 0.25, "#DIV/0!", "TRUE")]


async def test_a_formula_that_was_never_calculated_is_told_from_an_empty_cell(path: Path) -> None:
    written(path, [["a", "b", "c"], ["x", "=1+1", None]])
    assert await rows_of(path) == [(2, "x", NOT_CALCULATED, None)]


async def test_a_formula_whose_result_is_an_empty_text_is_blank(path: Path) -> None:
    cells = '<c r="A2" t="str"><f>""</f><v></v></c><c r="B2"><v>1</v></c>'
    by_hand(path, f'{files.HEADER}<row r="2">{cells}</row>')
    assert await rows_of(path) == [(2, None, 1)]


async def test_rich_text_is_joined(path: Path) -> None:
    rich = CellRichText("plain ", TextBlock(InlineFont(b=True), "bold & "), "end")
    written(path, [["a"], [rich], ["line\nbreak"], [" spaces "]])
    assert await rows_of(path) == [(2, "plain bold & end"), (3, "line\nbreak"), (4, " spaces ")]


async def test_dates_counted_from_1904(path: Path) -> None:
    def from_1904(book: Any) -> None:
        book.epoch = CALENDAR_MAC_1904

    written(path, [["day"], [date(2026, 11, 30)]], from_1904)
    assert await rows_of(path) == [(2, date(2026, 11, 30))]


def by_hand(path: Path, rows: str, **parts: str | bytes) -> Path:
    return put(path, files.book(files.sheet(rows), **parts))


async def test_number_formats_decide_what_is_a_date(path: Path) -> None:
    header = "".join(files.text_cell(f"{letter}1", letter) for letter in "ABCDEF")
    cells = (
        '<c r="A2" s="1"><v>46356</v></c><c r="B2" s="2"><v>46356.5</v></c><c r="C2" s="3"><v>46356</v></c>'
        '<c r="D2" s="1"><v>0.25</v></c><c r="E2" s="1"><v>-3</v></c><c r="F2" t="d"><v>2026-11-30</v></c>'
    )
    by_hand(path, f'<row r="1">{header}</row><row r="2">{cells}</row>')
    noon = datetime(2026, 11, 30, 12)  # noqa: DTZ001 - cells know no zone
    assert await rows_of(path) == [(2, date(2026, 11, 30), noon, 46356, "06:00:00", -3, date(2026, 11, 30))]


async def test_numbers_as_other_programs_write_them(path: Path) -> None:
    values = ["2.5499999999999998", "1E3", "6.0", "-0", "123456789012345", "1e-7", "12345678901234567890"]
    cells = "".join(f'<row r="{n}"><c r="A{n}"><v>{value}</v></c></row>' for n, value in enumerate(values, start=2))
    by_hand(path, files.HEADER + cells)
    assert [row[1] for row in await rows_of(path)] == [2.55, 1000, 6, 0, 123456789012345, 1e-7, 1.2345678901234567e19]


async def test_positions_may_be_left_out(path: Path) -> None:
    cell = "<c t='inlineStr'><is><t>{}</t></is></c>"
    by_hand(
        path,
        f"<row>{cell.format('a')}{cell.format('b')}</row><row r='4'>{cell.format('x')}<c/><c><v>1</v></c></row>"
        f"<row>{cell.format('y')}</row>",
    )
    (batch,) = await read(path)
    assert (batch.rows, batch.columns, batch.overlong) == ([4, 5], [["x", "y"], [None, None]], [4])


async def test_prefixed_names_comments_and_sections_are_read_like_any_other(path: Path) -> None:
    rows = (
        '<x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>code</x:t></x:is></x:c></x:row><!-- <c r="A9"> -->'
        '<x:row r="2"><x:c t="str" r="A2"><x:v><![CDATA[a<b]]>&#228;&amp;amp;</x:v></x:c></x:row>'
    )
    put(path, files.book(f'<x:worksheet xmlns:x="{files.MAIN}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'))
    assert await rows_of(path) == [(2, "a<bä&amp;")]


async def test_formatted_cells_without_a_value_cost_nothing(path: Path) -> None:
    empty = '<row r="3"><c r="XFD3" s="1"/></row><row r="1048576"><c r="A1048576" s="1"/></row>'
    by_hand(path, files.PLAIN_ROWS + empty)
    assert await rows_of(path) == [(2, "00123", 2.55)]


async def test_phonetic_hints_are_left_out(path: Path) -> None:
    texts = files.shared(
        '<si><t>価格</t><rPh sb="0" eb="2"><t>カカク</t></rPh></si><si><t>_x0041_b_x000D_</t></si><si/>'
    )
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>{n - 2}</v></c></row>' for n in (2, 3))
    by_hand(path, files.HEADER + rows, texts=texts)
    assert [row[1] for row in await rows_of(path)] == ["価格", "Ab\r"]


async def test_an_empty_sheet_is_refused_with_a_reason(path: Path) -> None:
    put(path, files.book(f'<worksheet xmlns="{files.MAIN}"><sheetData/></worksheet>'))
    with pytest.raises(Exception, match="every row is blank"):
        await read(path)


CSV = "Müller;00123;1,5\r\n"


@pytest.mark.parametrize(
    "content",
    [
        ("Name;Code;Preis\r\n" + CSV).encode("utf-8"),
        ("Name;Code;Preis\r\n" + CSV).encode("utf-8-sig"),
        ("Name;Code;Preis\r\n" + CSV).encode("utf-16"),
        ("Name;Code;Preis\r\n" + CSV).encode("utf-16-le"),
        ("Name;Code;Preis\r\n" + CSV).encode("utf-16-be"),
        ("Name;Code;Preis\r\n" + CSV).encode("cp1252"),
        ("Name\tCode\tPreis\n" + CSV.replace(";", "\t")).encode(),
        ("Name|Code|Preis\r" + CSV.replace(";", "|").replace("\n", "")).encode(),
        ("sep=;\r\nName;Code;Preis\r\n" + CSV).encode(),
        ('"Name","Code","Preis"\n"Müller","00123","1,5"\n').encode(),
    ],
    ids=["utf-8", "bom", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "tab", "pipe-cr", "sep", "quoted"],
)
async def test_encodings_and_delimiters_of_csv(content: bytes, text_path: Path) -> None:
    put(text_path, content)
    (batch,) = await read(text_path, "csv")
    assert batch.header == ["Name", "Code", "Preis"]
    assert batch.columns == [["Müller"], ["00123"], ["1,5"]]
    assert batch.first_row == 2


async def test_a_quoted_line_break_stays_in_its_row(text_path: Path) -> None:
    put(text_path, 'a,b\n"two\nlines",1\n\n,,\nx,2\n')
    assert await rows_of(text_path, "csv") == [(2, "two\nlines", "1"), (5, "x", "2")]


async def test_one_column_and_short_rows(text_path: Path) -> None:
    put(text_path, "code\n1\n2")
    assert await rows_of(text_path, "csv") == [(2, "1"), (3, "2")]
    put(text_path, "a,b\n1\n1,2,3\n")
    (batch,) = await read(text_path, "csv")
    assert (batch.columns, batch.overlong) == ([["1", "1"], [None, "2"]], [3])


async def test_batches_are_bounded_and_reading_resumes(text_path: Path) -> None:
    put(text_path, "n\n" + "".join(f"{n}\n" for n in range(1, 26)))
    limits = ReadLimits(batch_rows=10)
    assert [len(batch.rows) for batch in await read(text_path, "csv", limits=limits)] == [10, 10, 5]
    rest = await read(text_path, "csv", limits=limits, skip_rows=20)
    assert [batch.rows for batch in rest] == [[22, 23, 24, 25, 26]]
    heavy = ReadLimits(batch_chars=4)
    assert len(await read(text_path, "csv", limits=heavy)) > 5


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
CELLS = st.one_of(
    st.none(),
    TEXTS,
    st.sampled_from(["00123", "=1+1", "a\nb", "_x0041_", "<c r='A1'>", "]]>", " ", "&amp;", "1e5"]),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.dates(date(1900, 3, 1), date(2199, 12, 31)),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8), in_order=st.booleans())
def test_what_xlsxwriter_writes_is_read_back(table: list[list[Any]], in_order: bool, path: Path) -> None:
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"constant_memory": in_order, "in_memory": not in_order})
    page = book.add_worksheet()
    as_date = book.add_format({"num_format": "yyyy-mm-dd"})
    page.write_row(0, 0, ["a", "b", "c"])
    for at, row in enumerate(table, start=1):
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                page.write_string(at, column, cell)
            elif isinstance(cell, date):
                page.write_datetime(at, column, cell, as_date)
            elif cell is not None:
                page.write_number(at, column, cell)
    book.close()
    put(path, buffer.getvalue())
    expected = [
        (at, *(_as_read(cell) for cell in row))
        for at, row in enumerate(table, start=2)
        if any(cell is not None and not (isinstance(cell, str) and not cell.strip()) for cell in row)
    ]
    with Workbook(path, ReadLimits()) as workbook:
        found = [
            tuple(None if cell == "" else cell for cell in row)
            for frame in frames(workbook.rows(1), ReadLimits(), Wish(sheet=1, after=1, width=3))
            if "batch" in frame
            for row in zip(frame["batch"]["rows"], *frame["batch"]["columns"], strict=True)
        ]
    assert found == expected


def _as_read(cell: Any) -> Any:
    if isinstance(cell, float):
        return float(f"{cell:.16G}")
    return None if cell == "" else cell
