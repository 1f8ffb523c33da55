"""Dates that people wrote as text: what their column proves, how each is read, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.written_dates import DateOrder, DateStyle, date_style, plain_date, plain_month, proven_order
from planning.written_numbers import Unreadable

DAY, MONTH = DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST
LAST = date(2026, 12, 31)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("31/12/2026", DAY),
        ("31-12-26", DAY),
        ("12/31/2026 08:26", MONTH),
        ("12-31-2026", MONTH),
        ("05/06/2026", None),
        ("31.12.2026", None),
        ("31/31/2026", None),
        ("2026-12-31", None),
        ("soon", None),
    ],
)
def test_what_one_text_proves(text: str, order: DateOrder | None) -> None:
    assert proven_order(text) == order


@pytest.mark.parametrize(
    ("texts", "given_order", "style"),
    [
        (["05/06/2026", "31/12/2026"], None, DateStyle(DAY)),
        (["05/06/2026", "12/31/2026"], None, DateStyle(MONTH)),
        (["05/06/2026"], None, DateStyle(None)),
        (["31/12/2026", "12/31/2026"], None, DateStyle(None)),
        (["31/12/2026"], MONTH, DateStyle(MONTH, strict=True)),
    ],
)
def test_what_a_column_proves(texts: list[str], given_order: DateOrder | None, style: DateStyle) -> None:
    assert date_style(texts, given_order) == style


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-31", "2026/12/31", "2026.12.31", "20261231", "2026-12-31T23:59:59.123Z", "2026-12-31 23:59:59 +01:00",
        "31.12.2026", "31.12.26", "31.12.2026 00:00", "31/12/2026", "31-12-2026", "12/31/2026", "12/31/2026 8:26 AM",
        "12/31/26, 8:26 a.m.", "31 Dec 2026", "31-Dec-26", "31. Dezember 2026", "31 déc. 2026", "31 diciembre 2026",
        "31st December 2026", "Dec 31, 2026", "December 31 2026", " 31  Dec   2026 ",
    ],
)  # fmt: skip
def test_a_clear_date_is_read_whatever_its_column(text: str) -> None:
    assert plain_date(text, DateStyle()) == LAST
    assert plain_date(text, DateStyle(DAY)) == LAST
    assert plain_date(text, DateStyle(MONTH)) == LAST


@pytest.mark.parametrize(
    ("text", "style", "day"),
    [
        ("05/06/2026", DateStyle(DAY), date(2026, 6, 5)),
        ("05/06/2026", DateStyle(MONTH), date(2026, 5, 6)),
        ("05.06.2026", DateStyle(MONTH), date(2026, 6, 5)),
        ("05.06.2026", DateStyle(MONTH, strict=True), date(2026, 5, 6)),
        ("5/5/2026", DateStyle(), date(2026, 5, 5)),
        ("1/2/99", DateStyle(DAY), date(1999, 2, 1)),
        ("1 März 2026", DateStyle(), date(2026, 3, 1)),
    ],
)
def test_an_unclear_date_is_read_as_its_column(text: str, style: DateStyle, day: date) -> None:
    assert plain_date(text, style) == day


@pytest.mark.parametrize(
    ("text", "style", "words"),
    [
        ("05/06/2026", DateStyle(), "send date_order=day_first or date_order=month_first"),
        ("31/12/2026", DateStyle(MONTH, strict=True), "in the calendar"),
        ("12.31.2026", DateStyle(), "in the calendar"),
        ("2026-02-30", DateStyle(), "in the calendar"),
        ("0000-01-01", DateStyle(), "in the calendar"),
        ("31 Foo 2026", DateStyle(), "a date like"),
        ("Foo 31, 2026", DateStyle(), "a date like"),
        ("31 Jui 2026", DateStyle(), "a date like"),
        ("31/12.2026", DateStyle(), "a date like"),
        ("soon", DateStyle(), "a date like"),
        ("2026-12-31" + " " * 5 + "x" * 60, DateStyle(), "a date like"),
    ],
)
def test_a_date_is_refused(text: str, style: DateStyle, words: str) -> None:
    with pytest.raises(Unreadable) as refused:
        plain_date(text, style)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2026-11", "2026-11"), ("2026/11", "2026-11"), ("202611", "2026-11"), ("11/2026", "2026-11"),
        ("11.2026", "2026-11"), ("Nov 2026", "2026-11"), ("November '26", "2026-11"), ("Nov-26", "2026-11"),
        ("Mai 2026", "2026-05"), ("Mrz 26", "2026-03"), ("mrt 26", "2026-03"), ("2026 Nov.", "2026-11"),
        ("Nov26", "2026-11"), ("2026 Foo", None), ("2026-13", None),
        ("Foo 2026", None), ("2026", None), ("2026-11-01", None),
    ],
)  # fmt: skip
def test_months(text: str, month: str | None) -> None:
    assert plain_month(text) == month


FORMS = {"%d/%m/%Y": DAY, "%d-%m-%Y": DAY, "%m/%d/%Y": MONTH, "%d.%m.%Y": None, "%Y-%m-%d": None, "%d %b %Y": None}


@given(st.lists(st.dates(date(1990, 1, 1), date(2199, 12, 31)), min_size=1, max_size=8), st.sampled_from(sorted(FORMS)))
def test_a_column_with_a_proof_is_read_back(days: list[date], form: str) -> None:
    """Whatever the others of the column can be taken for."""
    texts = [day.strftime(form) for day in [*days, LAST]]
    style = date_style(texts, None)
    assert style.order == FORMS[form]
    assert [plain_date(text, style) for text in texts] == [*days, LAST]


@given(st.text(max_size=70))
def test_no_text_breaks_the_reading(text: str) -> None:
    plain_month(text)
    with suppress(Unreadable):
        plain_date(text, date_style([text], None))
