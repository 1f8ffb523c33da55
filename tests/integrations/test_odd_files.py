"""Odd files as people have them: all read to the same three sales lines, or refused with the reason."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput
from integrations.spreadsheets.tables import FileKind, read_batches
from planning.table_places import Place, Preview
from planning.written_dates import DateOrder
from planning.written_numbers import DecimalSign
from services.import_kinds.tables import ImportKind
from services.import_kinds.validation import FileValidator
from services.import_layout import ReadingOptions, find_layout, place_of, positions_of, writing_of
from tests import odd_files
from tests.odd_files import ODD_BOOKS, ODD_TEXTS, REFUSED, Odd

NAMES = ("invoice", "item_code", "customer_code", "invoice_date", "quantity", "unit_price")
EXPECTED = [
    ("I1", "00123", "C1", "2026-12-31", 1_234_000, 250_000_000),
    ("I2", "00123", "C1", "2026-05-06", -12_000, 123_456_000_000),
    ("I3", "P-7", "C2", "2026-05-06", 500, 100_000_000_000),
]


class Reading:
    """One file of sales, read as an import reads it."""

    def __init__(self, odd: Odd) -> None:
        said: dict[str, Any] = dict(odd.said)
        if "decimal" in said:
            said["decimal"] = DecimalSign(said["decimal"])
        if "date_order" in said:
            said["date_order"] = DateOrder(said["date_order"])
        self.options = ReadingOptions(**said)
        self.layout: dict[str, Any] = {}
        self.lines: list[tuple[Any, ...]] = []
        self.errors: list[str] = []
        self.validator: FileValidator | None = None

    async def choose(self, preview: Preview) -> Place:
        self.layout = find_layout(ImportKind.SALES, self.options, preview)
        return place_of(self.layout)

    async def read(self, path: Path, kind: FileKind) -> Reading:
        async for batch in read_batches(path, file_kind=kind, sheet=self.options.sheet, choose=self.choose):
            if self.validator is None:
                self.validator = FileValidator(
                    ImportKind.SALES,
                    batch.header,
                    base_currency="EUR",
                    positions=positions_of(self.layout),
                    writing=writing_of(self.options, self.layout, "EUR"),
                )
            valid, errors = self.validator.validate(batch.rows, batch.columns, batch.overlong)
            self.lines += zip(*(valid.columns[name] for name in NAMES), strict=True)
            self.errors += [error.expected for error in errors]
        return self


async def read(odd: Odd, tmp_path: Path, kind: FileKind) -> Reading:
    path = tmp_path / f"odd.{kind}"
    path.write_bytes(odd.make())
    started = time.perf_counter()
    reading = await Reading(odd).read(path, kind)
    print(f"{odd.name}: {time.perf_counter() - started:.2f} s")
    return reading


@pytest.mark.parametrize("odd", ODD_BOOKS, ids=lambda odd: odd.name)
async def test_an_odd_workbook_is_read_right(odd: Odd, tmp_path: Path) -> None:
    reading = await read(odd, tmp_path, "xlsx")
    assert reading.errors == []
    assert reading.lines == EXPECTED


@pytest.mark.parametrize("odd", ODD_TEXTS, ids=lambda odd: odd.name)
async def test_an_odd_csv_is_read_right(odd: Odd, tmp_path: Path) -> None:
    reading = await read(odd, tmp_path, "csv")
    assert reading.errors == []
    assert reading.lines == EXPECTED


@pytest.mark.parametrize("odd", REFUSED, ids=lambda odd: odd.name)
async def test_what_is_unclear_is_refused_with_the_reason(odd: Odd, tmp_path: Path) -> None:
    """The cell where it is a cell, the file where it is the file; never a guess."""
    try:
        words = " ".join((await read(odd, tmp_path, "xlsx")).errors)
    except InvalidInput as refusal:
        words = " ".join([refusal.message, *(detail.message for detail in refusal.details)])
    assert odd.refused in words


def test_there_are_enough_of_them() -> None:
    assert len({odd.name for odd in (*ODD_BOOKS, *REFUSED)}) >= 25


async def test_codes_that_are_numbers_keep_no_fraction(tmp_path: Path) -> None:
    reading = await read(Odd(odd_files.codes_as_numbers), tmp_path, "xlsx")
    assert [line[0] for line in reading.lines] == ["2026001", "2026002", "2026003"]


async def test_totals_are_told_and_not_errors(tmp_path: Path) -> None:
    reading = await read(Odd(odd_files.totals_at_the_end), tmp_path, "xlsx")
    assert reading.validator is not None
    assert [(one.row, one.text) for one in reading.validator.left_out] == [
        (4, "Zwischensumme"), (6, ""), (7, "Grand total:"),
    ]  # fmt: skip


async def test_other_sheets_that_fit_are_named(tmp_path: Path) -> None:
    reading = await read(Odd(odd_files.two_years), tmp_path, "xlsx")
    assert (reading.layout["sheet"], reading.layout["other_sheets"]) == ("2025", ["2026"])


async def test_guesses_are_shown_as_guesses(tmp_path: Path) -> None:
    reading = await read(Odd(odd_files.misspelt_titles), tmp_path, "xlsx")
    assert {one["how"] for one in reading.layout["columns"]} == {"similar"}
    assert all(84 <= one["score"] < 100 for one in reading.layout["columns"])
