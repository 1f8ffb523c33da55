"""Titles that are months."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.month_titles import month_of_title
from planning.months import is_month

MONTHS = st.builds("{}-{:02}".format, st.integers(1990, 2199), st.integers(1, 12))
NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@pytest.mark.parametrize(
    ("title", "month"),
    [
        ("2027-01", "2027-01"),
        (" 2027/01 * ", "2027-01"),
        ("2027-01-01", "2027-01"),
        ("2027-01-01 00:00:00", "2027-01"),
        ("2027-01-01T00:00", "2027-01"),
        ("202701", "2027-01"),
        ("01/2027", "2027-01"),
        ("1.2027", "2027-01"),
        ("Jan 2027", "2027-01"),
        ("JANUARY 2027", "2027-01"),
        ("Sept. 2027", "2027-09"),
        ("Jan-27", "2027-01"),
        ("jan '27", "2027-01"),
        ("2027 Jan", "2027-01"),
        ("Mrz 27", "2027-03"),
        ("Dez. 2027", "2027-12"),
        ("mrt-27", "2027-03"),
        ("août 2027", "2027-08"),
        ("Jan27", "2027-01"),
        ("2027-01-31", "2027-01"),
        ("2027-02-28 00:00:00", "2027-02"),
        ("2028-02-29", "2028-02"),
        ("2028-02-28", None),
        ("2027-01-02", None),
        ("2027-13-01", None),
        ("0000-01-01", None),
        ("Jui 2027", None),
        ("2027-13", None),
        ("13/2027", None),
        ("1800-01", None),
        ("Foo 2027", None),
        ("2027 foo", None),
        ("12345", None),
        ("month", None),
        ("", None),
    ],
)
def test_a_title(title: str, month: str | None) -> None:
    assert month_of_title(title) == month


@given(MONTHS)
def test_every_way_to_write_a_month_is_read_back(month: str) -> None:
    year, number = month.split("-")
    name = NAMES[int(number) - 1]
    for title in (month, f"{month}-01", f"{number}/{year}", f"{year}{number}", f"{name} {year}", f"{year} {name}"):
        assert month_of_title(title) == month


@given(st.text(max_size=20))
def test_any_other_title_is_none_or_a_month(title: str) -> None:
    found = month_of_title(title)
    assert found is None or is_month(found)
