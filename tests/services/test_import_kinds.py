"""Import kinds: what a column may hold, and all errors of a file in one pass, each with row, column and expectation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from core.text import NOT_CALCULATED
from planning.column_titles import title_key
from planning.numbers import MONEY, PRICE, QUANTITY
from services.import_kinds import cells
from services.import_kinds.cells import Parser, Unacceptable
from services.import_kinds.tables import TABLES, ImportKind
from services.import_kinds.titles import wanted_columns
from services.import_kinds.validation import FileValidator, RowError, ValidBatch, match_header


def check(
    kind: ImportKind, table: Sequence[Sequence[Any]], *, base_currency: str | None = None, first_row: int = 2
) -> tuple[ValidBatch, list[RowError]]:
    """Validate a table given as rows, header first."""
    header, *rows = table
    validator = FileValidator(kind, [str(title) for title in header], base_currency=base_currency)
    columns = [list(column) for column in zip(*rows, strict=True)]
    return validator.validate(range(first_row, first_row + len(rows)), columns)


def refusal(parse: Parser, cell: Any) -> str:
    with pytest.raises(Unacceptable) as problem:
        parse(cell)
    return str(problem.value)


@pytest.mark.parametrize(
    ("parse", "cell", "value"),
    [
        (cells.code(), " 00123 ", "00123"),
        (cells.code(), 123, "123"),
        (cells.code(), 85123.0, "85123"),
        (cells.text(20), 2.55, "2.55"),
        (cells.text(20), date(2026, 11, 30), "2026-11-30"),
        (cells.day(), date(2026, 11, 30), "2026-11-30"),
        (cells.day(), datetime.fromisoformat("2010-12-01 08:26:00"), "2010-12-01"),
        (cells.day(), "2010-12-01 08:26:00", "2010-12-01"),
        (cells.day(), "2010-12-01T08:26:00.123Z", "2010-12-01"),
        (cells.day(), 46356, "2026-11-30"),
        (cells.day(), 46356.75, "2026-11-30"),
        (cells.day(), "46356", "2026-11-30"),
        (cells.month(), "2026-11", "2026-11"),
        (cells.month(), date(2026, 11, 1), "2026-11"),
        (cells.month(), "2026-11-01", "2026-11"),
        (cells.number(QUANTITY), "-1.5", -1500),
        (cells.number(QUANTITY), 0.1 + 0.2, 300),
        (cells.number(PRICE), 2.55, 255_000_000),
        (cells.number(MONEY), "+.5", 5_000),
        (cells.number(MONEY), "12.", 120_000),
        (cells.whole(1, 99), "7", 7),
        (cells.whole(1, 99), 7.0, 7),
        (cells.choice("sales_rep", "admin"), "Sales Rep", "sales_rep"),
        (cells.choice("sales_rep", "admin"), "SALES-REP", "sales_rep"),
        (cells.flag(), "Yes", True),
        (cells.flag(), 0, False),
        (cells.flag(), "FALSE", False),
        (cells.email(), " Ann.Lee+x@Example.co.uk ", "ann.lee+x@example.co.uk"),
        (cells.currency(), "gbp", "GBP"),
        (cells.language(), "PT", "pt"),
    ],
)
def test_a_cell_is_read(parse: Parser, cell: Any, value: Any) -> None:
    assert parse(cell) == value


@pytest.mark.parametrize(
    ("parse", "cell", "expected"),
    [
        (cells.code(), date(2026, 1, 2), "made a date of it"),
        (cells.code(), "x" * 65, "at most 64 characters"),
        (cells.code(), "a\x00b", "control characters"),
        (cells.text(20), "a\ud800", "broken characters"),
        (cells.text(20), "a\u202eb", "direction"),
        (cells.text(20), "a\nb", "one line"),
        (cells.text(20), "#N/A", "without an error"),
        (cells.number(PRICE), NOT_CALCULATED, "calculated value"),
        (cells.day(), "05/06/2026", "date_order=day_first"),
        (cells.day(), "2026-02-30", "2026-11-30"),
        (cells.day(), "1026-11-30", "between 1990 and 2199"),
        (cells.day(), 12, "2026-11-30"),
        (cells.day(), "tomorrow", "2026-11-30"),
        (cells.month(), "2026-13", "2026-11"),
        (cells.month(), "1026-11", "between"),
        (cells.month(), date(2026, 11, 15), "2026-11"),
        (cells.number(QUANTITY), "1,5.2", "1234.5"),
        (cells.number(QUANTITY), "5 %", "without a percent sign"),
        (cells.number(QUANTITY), "1e3", "1234.5"),
        (cells.number(QUANTITY), "nan", "1234.5"),
        (cells.number(QUANTITY), "٣", "1234.5"),
        (cells.number(QUANTITY), "1.2345", "at most 3 decimals"),
        (cells.number(QUANTITY), "9" * 30, "15 digits"),
        (cells.number(QUANTITY), "9" * 400, "1234.5"),
        (cells.number(QUANTITY), 1e300, "15 digits"),
        (cells.number(QUANTITY), date(2026, 1, 1), "1234.5"),
        (cells.number(PRICE, minimum=0), "-0.01", "not below 0"),
        (cells.whole(1, 99), "0", "from 1 to 99"),
        (cells.whole(1, 99), 1.5, "from 1 to 99"),
        (cells.whole(1990, 2199), "x", "from 1990 to 2199"),
        (cells.whole(1, 999_999), "x", "from 1 to 999,999"),
        (cells.choice("a", "b"), "c", "one of a, b"),
        (cells.flag(), "maybe", "yes or no"),
        (cells.email(), "a@b.com, c@d.com", "one e-mail"),
        (cells.email(), "a@b.com\nBcc: c@d.com", "one e-mail"),
        (cells.email(), "ann@localhost", "one e-mail"),
        (cells.email(), "ann@company.local", "one e-mail"),
        (cells.email(), "x" * 65 + "@b.com", "one e-mail"),
        (cells.currency(), "€", "EUR"),
        (cells.language(), "english", "like en"),
    ],
)
def test_a_cell_is_refused_with_what_was_expected(parse: Parser, cell: Any, expected: str) -> None:
    assert expected in refusal(parse, cell)


@given(st.integers(-(10**14), 10**14))
def test_every_scaled_number_survives_being_written_as_text_or_as_a_cell(scaled: int) -> None:
    for scale in (QUANTITY, MONEY, PRICE):
        written = scale.to_decimal(scaled)
        assert cells.number(scale)(format(written, "f")) == scaled
        assert cells.number(scale)(float(written)) == scaled


def test_titles_are_matched_by_name_synonym_and_spelling() -> None:
    table = TABLES[ImportKind.SALES]
    header = [
        "InvoiceNo",
        "StockCode",
        "Description",
        "Quantity",
        "InvoiceDate",
        "UnitPrice",
        "Customer ID",
        "Line-No*",
    ]
    assert match_header(table, header) == {
        "invoice": 0, "item_code": 1, "quantity": 3, "invoice_date": 4, "unit_price": 5, "customer_code": 6,
        "line_number": 7,
    }  # fmt: skip
    validator = FileValidator(ImportKind.SALES, header)
    assert validator.ignored == ["Description"]


def test_the_name_of_a_column_wins_over_a_synonym() -> None:
    positions = match_header(TABLES[ImportKind.PRODUCTS], ["description", "name", "item_code"])
    assert positions == {"name": 1, "item_code": 2}


@pytest.mark.parametrize("kind", ImportKind)
def test_no_title_means_two_columns_of_a_kind(kind: ImportKind) -> None:
    keys = [{title_key(title) for title in (one.name, *one.synonyms)} for one in wanted_columns(kind)]
    assert sum(map(len, keys)) == len(set().union(*keys))


@pytest.mark.parametrize("kind", ImportKind)
def test_every_key_and_rule_names_columns_of_its_kind(kind: ImportKind) -> None:
    table = TABLES[kind]
    names = {column.name for column in table.columns}
    named = {*table.key, *(name for pair in (*table.ordered, *table.any_of, *table.some_of) for name in pair)}
    assert named <= names
    assert table.ordinal is None or table.ordinal in table.key


def test_missing_and_doubled_columns_are_named_all_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        FileValidator(ImportKind.SALES, ["invoice", "sku", "product", "quantity"])
    assert [detail.field for detail in refused.value.details] == [
        "item_code", "customer_code", "invoice_date", "unit_price",
    ]  # fmt: skip
    assert "sku and product" in refused.value.details[0].message


def test_a_table_without_months_hears_of_both_layouts() -> None:
    with pytest.raises(InvalidInput) as refused:
        match_header(TABLES[ImportKind.FORECASTS], ["customer_code", "item_code", "quantity"])
    (detail,) = refused.value.details
    assert detail.field == "month"
    assert "Or give each month a column, titled like 2027-01." in detail.message


def test_all_errors_of_all_rows_come_in_one_pass() -> None:
    valid, errors = check(
        ImportKind.SALES,
        [
            ["Invoice", "SKU", "Customer", "Date", "Qty", "Price", "currency"],
            ["1", "A", "C1", "2026-01-05", 3, 2.5, "GBP"],
            ["", "A", "C1", "yesterday", "three", 2.5, "EUR"],
            ["1", "B", "C1", "2026-01-05", 1, "#REF!", None],
        ],
        base_currency="GBP",
    )
    assert valid.rows == [2]
    assert errors == [
        RowError(3, "Invoice", "", "a value"),
        RowError(3, "Date", "yesterday", "a date like 2026-11-30"),
        RowError(3, "Qty", "three", "a number with at most 3 decimals, written like 1234.5"),
        RowError(4, "Price", "#REF!", "a value without an error"),
    ]


def test_sales_lines_are_numbered_within_invoice_and_code_over_all_batches() -> None:
    header = ["invoice", "item_code", "customer_code", "invoice_date", "quantity", "net_revenue"]
    validator = FileValidator(ImportKind.SALES, header)

    def batch(first: int, *lines: tuple[str, str, Any]) -> list[tuple[int, int]]:
        columns = [
            [line[0] for line in lines], [line[1] for line in lines], ["C"] * len(lines), ["2026-01-05"] * len(lines),
            [line[2] for line in lines], [1] * len(lines),
        ]  # fmt: skip
        valid, _ = validator.validate(range(first, first + len(lines)), columns)
        return list(zip(valid.rows, valid.columns["line_number"], strict=True))

    assert batch(2, ("1", "a", 1), ("1", " A ", "wrong"), ("1", "A", 1)) == [(2, 1), (4, 3)]
    assert batch(5, ("1", "a", 1), ("2", "a", 1), ("1", "b", 1)) == [(5, 4), (6, 1), (7, 1)]


def test_a_given_line_number_is_kept_and_must_be_unique() -> None:
    rows = [["invoice", "item_code", "customer_code", "invoice_date", "quantity", "net_revenue", "line"]]
    rows += [["1", "A", "C", "2026-01-05", "1", "1", line] for line in ("10", "20", "10", "")]
    valid, errors = check(ImportKind.SALES, rows)
    assert valid.columns["line_number"] == [10, 20]
    assert errors == [
        RowError(4, "invoice", "", "one row per invoice, item_code, line_number; row 2 has the same"),
        RowError(5, "line", "", "a value"),
    ]


def test_a_repeated_key_names_the_row_that_has_it_in_any_batch() -> None:
    validator = FileValidator(ImportKind.CUSTOMERS, ["customer_code", "name"])
    valid, errors = validator.validate([2, 3], [["A1", "B"], ["Ann", "Bo"]])
    assert (valid.rows, errors) == ([2, 3], [])
    valid, errors = validator.validate([4, 5], [[" a1", "C"], ["Ann", "Cy"]])
    assert valid.rows == [5]
    assert errors == [RowError(4, "customer_code", "", "one row per customer_code; row 2 has the same")]


def test_a_refused_row_does_not_occupy_its_key() -> None:
    valid, errors = check(ImportKind.CUSTOMERS, [["customer_code", "name"], ["A", ""], ["A", "Ann"]])
    assert valid.rows == [3]
    assert [error.row for error in errors] == [2]


def test_dates_that_run_backwards_are_refused() -> None:
    valid, errors = check(
        ImportKind.PRICES,
        [
            ["customer_code", "item_code", "price", "valid_from", "valid_to"],
            ["C", "A", "1", "2026-02-01", "2026-01-31"],
            ["C", "B", "1", "2026-02-01", "2026-02-01"],
            ["C", "C", "1", "2026-02-01", None],
        ],
    )
    assert valid.rows == [3, 4]
    assert errors == [RowError(2, "valid_to", "2026-01-31", "a date not before valid_from (2026-02-01)")]


def test_cells_behind_the_header_refuse_their_row() -> None:
    validator = FileValidator(ImportKind.CUSTOMERS, ["customer_code", "name"])
    valid, errors = validator.validate([2, 3], [["A", "B"], ["Ann", "Bo"]], overlong=[3])
    assert valid.rows == [2]
    assert errors == [RowError(3, "", "", "no cells behind the last column title")]


def test_defaults_fill_blanks_and_absent_columns_and_nothing_else_does() -> None:
    valid, _ = check(
        ImportKind.ASSIGNMENTS,
        [["email", "customer_code", "valid_from"], ["Rep@Firm.com", "C", "2026-01-01"]],
    )
    assert valid.columns == {
        "email": ["rep@firm.com"], "customer_code": ["C"], "valid_from": ["2026-01-01"], "primary": [True],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (ImportKind.USERS, {"email": "a@b.com", "name": "Ann", "role": "viewer", "language": "de"}),
        (
            ImportKind.CUSTOMERS,
            {
                "customer_code": "C", "name": "Ann", "region": "N", "group": "G", "country": "UK", "currency": "USD",
                "status": "inactive", "aliases": ("Anna", "A."),
            },
        ),
        (
            ImportKind.PRODUCTS,
            {
                "item_code": "A", "name": "Lamp", "category": "X", "family": "F", "brand": "B", "unit": "EA",
                "rounding_step": Decimal(12), "list_price": Decimal("2.5"), "list_price_currency": "CHF",
                "standard_cost": Decimal("1.25"), "launch_month": "2026-11", "end_month": "2028-11",
                "successor": "B", "successor_from": "2028-12", "successor_factor": Decimal("0.5"),
            },
        ),
        (
            ImportKind.ASSIGNMENTS,
            {
                "email": "a@b.com", "customer_code": "C", "category": "X", "valid_from": "2026-01-01",
                "valid_to": "2026-12-31", "primary": False,
            },
        ),
        (
            ImportKind.MATRIX,
            {"customer_code": "C", "item_code": "A", "valid_from": "2026-01-01", "valid_to": "2026-12-31"},
        ),
        (
            ImportKind.PRICES,
            {
                "customer_code": "C", "item_code": "A", "price": Decimal("9.99"), "currency": "GBP",
                "valid_from": "2026-01-01", "valid_to": "2026-12-31",
            },
        ),
        (ImportKind.FX_RATES, {"month": "2026-11", "currency": "USD", "kind": "budget", "rate": Decimal("0.92")}),
        (
            ImportKind.COSTS,
            {
                "item_code": "A", "cost": Decimal("1.25"), "currency": "GBP", "valid_from": "2026-01-01",
                "valid_to": "2026-12-31",
            },
        ),
        (
            ImportKind.SALES,
            {
                "invoice": "1", "item_code": "A", "line_number": 2, "customer_code": "C", "invoice_date": "2026-01-05",
                "quantity": Decimal("-3.5"), "unit_price": Decimal("2"), "net_revenue": Decimal("-7.01"),
                "gross_amount": Decimal("-8.4"), "discount": Decimal("0.5"), "tax": Decimal("-1.4"),
                "freight": Decimal(0),
                "currency": "GBP", "line_type": "return", "order_date": "2026-01-01", "requested_date": "2026-01-03",
                "shipped_date": "2026-01-02", "unit_cost": Decimal("1.1"), "source": "erp",
            },
        ),
        (
            ImportKind.FORECASTS,
            {
                "cycle": "Now", "customer_code": "C", "customer_name": None, "item_code": "A", "item_name": None,
                "unit": None, "month": "2027-01", "quantity": Decimal("3.5"), "value": Decimal("7.01"),
                "price": Decimal(2), "reason": "Deal", "base_rev": 3,
            },
        ),
        (
            ImportKind.PAST_FORECASTS,
            {
                "cycle": "Then", "base_month": "2025-11", "customer_code": "C", "item_code": "A", "month": "2025-12",
                "quantity": Decimal("3.5"), "value": Decimal("7.01"), "stream": "approved",
            },
        ),
        (
            ImportKind.BUDGET,
            {
                "fiscal_year": 2027, "version": "Low", "month": "2027-01", "customer_code": "C", "group": "Retail",
                "region": "North", "country": "DE", "item_code": "A", "category": "X", "family": "F", "brand": "B",
                "quantity": Decimal("3.5"), "value": Decimal("7.01"),
            },
        ),
    ],
    ids=list(ImportKind),
)  # fmt: skip
def test_every_column_of_every_kind_is_read(kind: ImportKind, row: dict[str, Any]) -> None:
    table = TABLES[kind]
    assert set(row) == {column.name for column in table.columns}
    written = [_written(value) for value in row.values()]
    valid, errors = check(kind, [list(row), written], base_currency="GBP")
    assert errors == []
    assert {name: values[0] for name, values in valid.columns.items()} == {
        name: _stored(name, value) for name, value in row.items()
    }


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(value) if isinstance(value, tuple) else str("" if value is None else value)


MONEY_COLUMNS = ("net_revenue", "value", "gross_amount", "discount", "tax", "freight")


def _stored(name: str, value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    scale = QUANTITY if name == "quantity" else MONEY if name in MONEY_COLUMNS else PRICE
    return scale.to_scaled(value)


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=8), st.integers(), st.floats(), st.dates()), min_size=1, max_size=6)
)
def test_no_cell_breaks_a_check(values: list[Any]) -> None:
    for kind in ImportKind:
        header = [column.name for column in TABLES[kind].columns]
        validator = FileValidator(kind, header, base_currency="GBP")
        rows = range(2, 2 + len(values))
        valid, errors = validator.validate(rows, [values] * len(header))
        left_out = {one.row for one in validator.left_out}
        assert {*valid.rows, *(error.row for error in errors), *left_out} == set(rows)
        assert all("\x00" not in error.value for error in errors)
