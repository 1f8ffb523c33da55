"""Odd spreadsheets, as people have them. Each function says what is odd; all hold the same three sales lines.

`ODD_BOOKS` are workbooks, `ODD_TEXTS` csv files; of those in `REFUSED` a cell or all is refused with a reason.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import openpyxl
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from tests import spreadsheet_files as files

HEADER = ("invoice", "item_code", "customer_code", "invoice_date", "quantity", "unit_price")
DAYS = (date(2026, 12, 31), date(2026, 5, 6), date(2026, 5, 6))
LINES: tuple[tuple[Any, ...], ...] = (
    ("I1", "00123", "C1", DAYS[0], 1234, 2.5),
    ("I2", "00123", "C1", DAYS[1], -12, 1234.56),
    ("I3", "P-7", "C2", DAYS[2], 0.5, 1000),
)

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Odd:
    """A file, and what its sender says of it."""

    make: Callable[[], bytes]
    said: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""

    @property
    def name(self) -> str:
        return self.make.__name__


def workbook(*sheets: tuple[str, Rows], change: Callable[[Any], None] | None = None) -> bytes:
    """A workbook of these sheets, by openpyxl."""
    book = openpyxl.Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for name, rows in sheets:
        page = book.create_sheet(name)
        for row in rows:
            page.append(list(row))
    if change is not None:
        change(book)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def data(*rows: Sequence[Any]) -> bytes:
    """A workbook with one sheet."""
    return workbook(("Data", rows))


def with_texts(days: Sequence[str] = (), quantities: Sequence[str] = (), prices: Sequence[str] = ()) -> list[list[Any]]:
    """Header and lines with these cells as texts."""
    lines = [list(line) for line in LINES]
    for at, line in enumerate(lines):
        line[3] = days[at] if days else line[3]
        line[4] = quantities[at] if quantities else line[4]
        line[5] = prices[at] if prices else line[5]
    return [list(HEADER), *lines]


def csv(rows: Rows, delimiter: str = ";", end: str = "\r\n") -> str:
    """Rows as lines; dates in ISO form."""
    return "".join(delimiter.join(map(str, row)) + end for row in rows)


# --- where the table stands ----------------------------------------------------------------------------------------


def title_lines_above() -> bytes:
    """A title, a note and a blank row above the header."""
    return data(["Sales 2026"], ["printed on", date(2027, 1, 5), "by", "Ann"], [], HEADER, *LINES)


def header_deep_down() -> bytes:
    """Twenty-five lines of a covering letter above the header."""
    letter: Rows = [[f"Dear colleagues, line {n}"] for n in range(25)]
    return data(*letter, HEADER, *LINES)


def table_away_from_the_corner() -> bytes:
    """Two empty columns to the left of the table and empty rows above it."""
    return data([], [], *[[None, None, *row] for row in (HEADER, *LINES)])


def merged_titles_over_two_lines() -> bytes:
    """Groups of titles in merged cells above, the rest beneath; single titles merged over both lines."""

    def merge(book: Any) -> None:
        for cells in ("A2:A3", "B2:B3", "C2:D2", "F2:G2"):
            book["Data"].merge_cells(cells)

    upper = ["Invoice", "Item", "Customer", None, "Invoice", "Amounts", None]
    lower = [None, None, "Code", "Name", "Date", "Qty", "Unit price"]
    lines = [[line[0], line[1], line[2], "Somebody", *line[3:]] for line in LINES]
    return workbook(("Data", [["Report"], upper, lower, *lines]), change=merge)


def blank_rows_between() -> bytes:
    """Blank rows, and rows of blanks, within the table."""
    return data(HEADER, [], LINES[0], ["  ", None], [], LINES[1], [None] * 6, LINES[2], [])


def totals_at_the_end() -> bytes:
    """A sub-total, a total and a line of sums without a word."""
    sums: Rows = [[None, None, None, None, 1222, None], ["Grand total:", None, None, None, 1222.5, 99]]
    return data(HEADER, LINES[0], LINES[1], ["Zwischensumme", None, None, None, 1222], LINES[2], *sums)


def total_in_another_column() -> bytes:
    """The word stands beside the sum."""
    return data(HEADER, *LINES, [None, None, None, "Total", 1222.5])


def header_repeated_on_no_page() -> bytes:
    """Formatted cells without values far below and to the right of the table."""

    def fill(book: Any) -> None:
        for reference in ("Z500", "A9000"):
            book["Data"][reference].number_format = "0.00"

    return workbook(("Data", [HEADER, *LINES]), change=fill)


def hidden_sheet_first() -> bytes:
    """The first sheet is hidden and looks like the table."""

    def hide(book: Any) -> None:
        book["Old"].sheet_state = "hidden"
        book.active = 1

    return workbook(("Old", [HEADER, ["X", "X", "X", DAYS[0], 1, 1]]), ("Data", [HEADER, *LINES]), change=hide)


def very_hidden_sheet_first() -> bytes:
    """The same with a sheet that only a macro can show."""

    def hide(book: Any) -> None:
        book["Old"].sheet_state = "veryHidden"
        book.active = 1

    return workbook(("Old", [HEADER]), ("Data", [HEADER, *LINES]), change=hide)


def table_on_the_third_sheet() -> bytes:
    """A cover sheet and a list of customers come first."""
    customers = [["customer_code", "name"], ["C1", "Ann"]]
    return workbook(
        ("Cover", [["Read me"], ["Qty means pieces"]]), ("Customers", customers), ("Data", [HEADER, *LINES])
    )


def empty_sheet_first() -> bytes:
    """Sheet1 was left empty."""
    return workbook(("Sheet1", []), ("Data", [HEADER, *LINES]))


def two_years() -> bytes:
    """Two sheets that fit; one is named."""
    return workbook(("2025", [HEADER, ["X", "X", "X", DAYS[0], 1, 1]]), ("2026", [HEADER, *LINES]))


def chosen_hidden_sheet() -> bytes:
    """The table is on a hidden sheet, which is named."""

    def hide(book: Any) -> None:
        book["Archive"].sheet_state = "hidden"

    return workbook(("Notes", [["nothing here"]]), ("Archive", [HEADER, *LINES]), change=hide)


def two_headers() -> bytes:
    """A smaller table stands above the one that is meant; the row of its titles is named."""
    small = ["X", "X", "X", DAYS[0], 1, 1]
    return data(HEADER, small, [], HEADER, *LINES)


# --- titles --------------------------------------------------------------------------------------------------------


def titles_in_other_words() -> bytes:
    """Titles in German, with line breaks, capitals and asterisks."""
    titles = ["Rechnungs-Nr.", "Artikel\nnummer *", "KUNDE", "Rechnungsdatum", "Menge", "Einzelpreis (EUR)"]
    return data(titles, *LINES)


def misspelt_titles() -> bytes:
    """Titles with typing errors."""
    return data(["Invoce", "Itm code", "Costumer Code", "Invoice dat", "Quantiy", "Unit prise"], *LINES)


def titles_that_nobody_knows() -> bytes:
    """Titles of a home-made system; the sender says what they mean."""
    return data(["F1", "F2", "F3", "F4", "F5", "F6"], *LINES)


def columns_that_nobody_wants() -> bytes:
    """Further columns between the known ones, one of them without a title."""
    return data(
        [HEADER[0], "Remark", *HEADER[1:], None, "Editor"],
        *[[line[0], "x", *line[1:], "no title", "Ann"] for line in LINES],
    )


# --- cells ---------------------------------------------------------------------------------------------------------


def codes_as_numbers() -> bytes:
    """Codes of invoices and customers that Excel holds as numbers, some with a fraction of zero."""
    lines = [[2026001.0, *LINES[0][1:]], [2026002, *LINES[1][1:]], [2026003, *LINES[2][1:]]]
    return data(HEADER, *lines)


def numbers_with_decimal_comma() -> bytes:
    """Texts like 1.234,56; a bare thousand is decided by the other values of its column."""
    return data(*with_texts(quantities=["1.234", "-12", "0,5"], prices=["2,50", "1.234,56", "1.000"]))


def numbers_with_decimal_point() -> bytes:
    """Texts like 1,234.56."""
    return data(*with_texts(quantities=["1,234", "(12)", "0.5"], prices=["2.50", "1,234.56", "1,000"]))


def numbers_with_spaces() -> bytes:
    """Thousands separated by no-break and narrow spaces."""
    return data(*with_texts(quantities=["1\u00a0234", "-12", "0,5"], prices=["2,5", "1\u202f234,56", "1 000"]))


def swiss_numbers() -> bytes:
    """Thousands separated by apostrophes, straight and curly."""
    return data(*with_texts(quantities=["1'234", "12-", "0.5"], prices=["2.50", "1\u2019234.56", "1'000"]))


def numbers_with_currency() -> bytes:
    """Prices with the company's currency beside them, and minus signs of the typographer."""
    return data(*with_texts(quantities=["1234", "\u221212", "0.5"], prices=["€ 2.50", "1,234.56 €", "EUR 1,000.00"]))


def ambiguous_numbers_explained() -> bytes:
    """Only bare thousands; the sender says that the decimal sign is a point."""
    return data(*with_texts(quantities=["1,234", "-12", "0.5"], prices=["2.5", "1234.56", "1,000"]))


def dates_as_text_day_first() -> bytes:
    """31/12/2026 decides for 06/05/2026."""
    return data(*with_texts(days=["31/12/2026", "06/05/2026", "6/5/26"]))


def dates_as_text_month_first() -> bytes:
    """12/31/2026 decides for 05/06/2026."""
    return data(*with_texts(days=["12/31/2026", "05/06/2026 8:26 AM", "5/6/26"]))


def dates_with_dots() -> bytes:
    """With dots the day comes first."""
    return data(*with_texts(days=["31.12.2026", "6.5.2026", "06.05.26"]))


def dates_with_names() -> bytes:
    """Months by name, in several languages and orders."""
    return data(*with_texts(days=["31. Dezember 2026", "May 6, 2026", "06-Mai-26"]))


def dates_of_many_kinds() -> bytes:
    """A date cell, a number of days, and a compact text in one column."""
    rows = with_texts(days=["", "", "20260506"])
    rows[1][3], rows[2][3] = datetime(2026, 12, 31, 23, 59), 46148  # noqa: DTZ001 - cells know no zone
    return data(*rows)


def dates_from_1904() -> bytes:
    """A workbook of an old Macintosh: date cells and bare numbers of days both count from 1904."""

    def from_1904(book: Any) -> None:
        book.epoch = CALENDAR_MAC_1904

    rows = with_texts()
    rows[3][3] = 44686
    return workbook(("Data", rows), change=from_1904)


def ambiguous_dates_explained() -> bytes:
    """Only dates that can be two days; the sender says which."""
    return data(*with_texts(days=["2026-12-31", "05/06/2026", "05/06/2026"]))


def formulas_with_results() -> bytes:
    """Quantities and prices that are results of formulas, texts and numbers."""
    cells = ""
    for row, line in enumerate(LINES, start=2):
        texts = "".join(files.text_cell(f"{letter}{row}", str(cell)) for letter, cell in zip("ABC", line, strict=False))
        day = f'<c r="D{row}" t="str"><f>TEXT(1,"x")</f><v>{line[3]}</v></c>'
        numbers = f'<c r="E{row}"><f>1+1</f><v>{line[4]}</v></c><c r="F{row}"><f>1+1</f><v>{line[5]}</v></c>'
        cells += f'<row r="{row}">{texts}{day}{numbers}</row>'
    header = "".join(files.text_cell(f"{letter}1", title) for letter, title in zip("ABCDEF", HEADER, strict=True))
    return files.book(files.sheet(f'<row r="1">{header}</row>{cells}'))


ODD_BOOKS = (
    Odd(title_lines_above),
    Odd(header_deep_down),
    Odd(table_away_from_the_corner),
    Odd(merged_titles_over_two_lines),
    Odd(blank_rows_between),
    Odd(totals_at_the_end),
    Odd(total_in_another_column),
    Odd(header_repeated_on_no_page),
    Odd(hidden_sheet_first),
    Odd(very_hidden_sheet_first),
    Odd(table_on_the_third_sheet),
    Odd(empty_sheet_first),
    Odd(two_years, {"sheet": "2026"}),
    Odd(two_years, {"sheet": "2"}),
    Odd(chosen_hidden_sheet, {"sheet": " archive "}),
    Odd(two_headers, {"header_row": 4}),
    Odd(titles_in_other_words),
    Odd(misspelt_titles),
    Odd(titles_that_nobody_knows, {"mapping": dict(zip(("f1", "F2", "F3", "F4", "F5", "F6"), HEADER, strict=True))}),
    Odd(columns_that_nobody_wants),
    Odd(numbers_with_decimal_comma),
    Odd(numbers_with_decimal_point),
    Odd(numbers_with_spaces),
    Odd(swiss_numbers),
    Odd(numbers_with_currency),
    Odd(ambiguous_numbers_explained, {"decimal": "point"}),
    Odd(dates_as_text_day_first),
    Odd(dates_as_text_month_first),
    Odd(dates_with_dots),
    Odd(dates_with_names),
    Odd(dates_of_many_kinds),
    Odd(dates_from_1904),
    Odd(ambiguous_dates_explained, {"date_order": "month_first"}),
    Odd(formulas_with_results),
)

# --- csv -----------------------------------------------------------------------------------------------------------

GERMAN = csv(
    [
        ["Rechnung", "Artikel", "Kunde", "Datum", "Menge", "Preis"],
        ["I1", "00123", "C1", "31.12.2026", "1.234", "2,50"],
        ["I2", "00123", "C1", "06.05.2026", "-12", "1.234,56"],
        ["I3", "P-7", "C2", "06.05.2026", "0,5", "1000"],
    ]
)
PLAIN = csv(with_texts(), ",")


def german_in_utf8() -> bytes:
    """Semicolons and decimal commas, no byte order mark."""
    return GERMAN.encode()


def german_in_utf16() -> bytes:
    """What Excel calls Unicode text, with semicolons."""
    return GERMAN.encode("utf-16")


def german_in_cp1252() -> bytes:
    """Windows-1252, with a title that only it can hold."""
    return GERMAN.replace("Menge", "Stück").encode("cp1252")


def stated_delimiter() -> bytes:
    """A first line that states an unusual delimiter."""
    return ("sep=!\r\n" + PLAIN.replace(",", "!")).encode()


def tabs_without_a_last_line_break() -> bytes:
    """Tabs, and no line break at the end."""
    return PLAIN.replace(",", "\t").rstrip().encode()


def carets() -> bytes:
    """A delimiter of old systems."""
    return PLAIN.replace(",", "^").encode()


def notes_above_a_csv() -> bytes:
    """Two lines of another width above the header, and a total below."""
    return ("Report, printed 2027-01-05\n\n" + PLAIN + "Total,,,,1222.5,\n").encode()


def quoted_thousands() -> bytes:
    """Commas between cells and within numbers, which are quoted."""
    return PLAIN.replace("1234.56", '"1,234.56"').encode()


def guarded_cells() -> bytes:
    """A cell that looks like a formula, with the apostrophe that keeps spreadsheet programs from calculating."""
    return PLAIN.replace(",-12,", ",'-12,").encode()


ODD_TEXTS = (
    Odd(german_in_utf8),
    Odd(german_in_utf16),
    Odd(german_in_cp1252),
    Odd(stated_delimiter),
    Odd(tabs_without_a_last_line_break),
    Odd(carets),
    Odd(notes_above_a_csv),
    Odd(quoted_thousands),
    Odd(guarded_cells),
)

# --- refused, with the reason --------------------------------------------------------------------------------------


def ambiguous_numbers() -> bytes:
    """Quantities that are a bare thousand each."""
    return data(*with_texts(quantities=["1,234", "12", "500"]))


def ambiguous_dates() -> bytes:
    """Dates that can be two days each."""
    return data(*with_texts(days=["05/06/2026", "06/05/2026", "01/02/2026"]))


def foreign_currency() -> bytes:
    """Prices in another currency than the company's."""
    return data(*with_texts(prices=["$ 2.50", "3", "4"]))


def percentages() -> bytes:
    """A price as a percentage."""
    return data(*with_texts(prices=["5 %", "3", "4"]))


def codes_that_became_dates() -> bytes:
    """Excel made a date of the code 1-2."""
    rows = with_texts()
    rows[1][1] = date(2026, 1, 2)
    return data(*rows)


def error_cells() -> bytes:
    """A lookup that found nothing."""
    rows = with_texts()
    rows[1][5] = "#N/A"
    return data(*rows)


def two_titles_for_a_column() -> bytes:
    """Two columns that both say quantity."""
    return data([*HEADER, "quantity"], *[[*line, 1] for line in LINES])


def no_header() -> bytes:
    """A table whose titles were deleted."""
    return data(*LINES)


def header_too_deep() -> bytes:
    """More text above the header than is looked through."""
    return data(*[[f"line {n}"] for n in range(31)], HEADER, *LINES)


def no_such_sheet() -> bytes:
    """The sheet that is named is not there."""
    return workbook(("2025", [HEADER, *LINES]), ("2026", [HEADER, *LINES]))


def only_hidden_sheets() -> bytes:
    """Every sheet is hidden; by hand, because Excel and openpyxl don't do that."""
    return files.book(files.sheet(files.PLAIN_ROWS), workbook=files.BOOK.replace("sheetId", 'state="hidden" sheetId'))


def absent_title() -> bytes:
    """The mapping names a title that the file does not have."""
    return data(HEADER, *LINES)


REFUSED = (
    Odd(ambiguous_numbers, refused="1,234 can be 1234 or 1.234; send decimal=point or decimal=comma"),
    Odd(ambiguous_dates, refused="05/06/2026 can be two days; send date_order=day_first"),
    Odd(foreign_currency, refused="a number with at most 8 decimals"),
    Odd(percentages, refused="without a percent sign"),
    Odd(codes_that_became_dates, refused="Excel made a date of it"),
    Odd(error_cells, refused="a value without an error"),
    Odd(two_titles_for_a_column, refused="Two columns are meant (quantity and quantity)"),
    Odd(no_header, refused="The header does not fit (row 1)"),
    Odd(header_too_deep, refused="The header does not fit"),
    Odd(two_headers, {"header_row": 3}, refused="Row 3 is blank"),
    Odd(no_such_sheet, {"sheet": "2027"}, refused="no sheet '2027'; it has: 2025, 2026"),
    Odd(only_hidden_sheets, refused="no visible worksheet"),
    Odd(absent_title, {"mapping": {"Art.-Nr.": "item_code"}}, refused="no column titled 'Art.-Nr.'"),
)
