"""Totals: rows that sum up; and rows of the table that only look a little like them."""

from __future__ import annotations

import pytest

from planning.totals import is_total


@pytest.mark.parametrize(
    "cells",
    [
        ("Total", None, None, 120, 99.5),
        ("Grand total:", "", "", "1.234,56"),
        ("Summe", None, 12),
        ("Gesamtergebnis", None, 12),
        ("North Total", None, 12),
        ("Total 2026", None, 12),
        ("Sub-total", None, "€ 12"),
        ("Zwischensumme Nord", None, "(12,50)"),
        (None, None, None, 1200, 33),
        (None, None, "1 200", "33 %"),
    ],
)
def test_a_total(cells: tuple[object, ...]) -> None:
    assert is_total(cells, cells[:2])


@pytest.mark.parametrize(
    "cells",
    [
        ("Total", "P1", None, 120),
        ("Total", None, None),
        ("Totalizer", None, 12),
        ("Sumatra coffee", None, 12),
        (None, None, "note", 12),
        ("I1", None, 12),
        (None, None, None),
        ("Total " + "x" * 200, None, 12),
        (None, None, "9" * 200),
    ],
)
def test_no_total(cells: tuple[object, ...]) -> None:
    assert not is_total(cells, cells[:2])
