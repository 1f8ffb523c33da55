"""Adding up sales: units apart, costs exact, and the months that are held against which."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.calendar import MonthRule
from planning.months import month_range
from planning.sales_statistics import (
    ANY_PRODUCT,
    EXACT,
    PER_MONEY,
    Dimension,
    Figures,
    Measure,
    ProductWanted,
    SalesQuestion,
    Sum,
    added,
    all_there,
    average_price,
    cost_shown,
    exact_to_minor,
    gross_profit_shown,
    money_per_day,
    moving_months,
    name_key,
    percent,
    period_of,
    quantity_per_day,
    ranked,
    year_to_date,
)

APRIL = MonthRule(start_month=4)
PIECE, POUND = 1_000, 10_000


def question(by: Dimension = Dimension.MONTH, complete: tuple[str, ...] = (), first: str = "2026-01") -> SalesQuestion:
    return SalesQuestion(
        by, month_range(first, 3), frozenset(complete), APRIL, "EUR", date(2026, 3, 31), series=Dimension.BRAND
    )


def test_units_are_added_apart_and_together_only_as_money() -> None:
    some = added(
        [
            Figures({"EA": Sum(3 * PIECE, 9 * POUND, 1, 2 * EXACT)}, 1),
            Figures({"EA": Sum(PIECE, POUND, 1, unknown_lines=1, unknown_revenue=POUND), "KG": Sum(5, 7, 1)}, 2),
        ]
    )
    assert some.units["EA"] == Sum(4 * PIECE, 10 * POUND, 2, 2 * EXACT, 1, POUND)
    assert some.units["KG"] == Sum(5, 7, 1)
    assert (some.orders, some.total.revenue, some.total.lines) == (3, 10 * POUND + 7, 3)


def test_gross_profit_is_that_of_sales_whose_cost_is_known() -> None:
    part = Sum(revenue=10 * POUND, cost=4 * EXACT, unknown_lines=1, unknown_revenue=3 * POUND)
    assert part.gross_profit == (7 - 4) * EXACT
    assert exact_to_minor(part.gross_profit, "EUR") == Decimal("3.00")


@pytest.mark.parametrize(
    ("part", "cost", "profit"),
    [
        (Sum(revenue=POUND), "0.00", "1.00"),
        (Sum(revenue=POUND, unknown_lines=1, unknown_revenue=POUND), None, None),
        (Sum(revenue=3 * POUND, cost=EXACT, unknown_lines=1, unknown_revenue=POUND), "1.00", "1.00"),
    ],
)
def test_a_cost_that_nobody_knows_is_not_0(part: Sum, cost: str | None, profit: str | None) -> None:
    shown = (cost_shown(part, "EUR"), gross_profit_shown(part, "EUR"))
    assert [None if one is None else str(one) for one in shown] == [cost, profit]


@pytest.mark.parametrize(
    ("name", "key"), [(" North", "north"), ("STRASSE", "straße".casefold()), (" ", None), (None, None)]
)
def test_names_are_compared_in_one_form(name: str | None, key: str | None) -> None:
    assert name_key(name) == key


@given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 10**11)), max_size=20))
def test_costs_add_up_to_the_same_whatever_is_added_first(parts: list[tuple[int, int]]) -> None:
    one_by_one = added(Figures({"EA": Sum(cost=quantity * cost)}) for quantity, cost in parts)
    assert one_by_one.total.cost == sum(quantity * cost for quantity, cost in parts)


@pytest.mark.parametrize(
    ("exact", "shown"), [(EXACT // 200, "0.00"), (3 * EXACT // 200, "0.02"), (-3 * EXACT // 200, "-0.02"), (0, "0.00")]
)
def test_exact_amounts_are_rounded_half_even_once(exact: int, shown: str) -> None:
    assert exact_to_minor(exact, "EUR") == Decimal(shown)
    assert exact_to_minor(PER_MONEY * 10**14, "JPY") == 10**10


def test_what_nobody_can_divide_is_none() -> None:
    assert average_price(Sum(quantity=3 * PIECE, revenue=POUND)) == Decimal("0.3333")
    assert average_price(Sum(quantity=0, revenue=POUND)) is None
    assert average_price(Sum(quantity=-PIECE, revenue=-POUND)) is None
    assert percent(1, 3) == Decimal("33.33")
    assert percent(1, 0) is None
    assert percent(1, -3) is None


def test_per_day() -> None:
    assert money_per_day(10 * POUND, 3, "EUR") == Decimal("3.33")
    assert quantity_per_day(PIECE, 3) == Decimal("0.333")


@pytest.mark.parametrize(
    ("by", "period"),
    [
        (Dimension.MONTH, "2026-03"),
        (Dimension.QUARTER, "2026-Q4"),
        (Dimension.YEAR, "2026"),
        (Dimension.CUSTOMER, "2026-03"),
    ],
)
def test_quarters_and_years_are_fiscal(by: Dimension, period: str) -> None:
    assert period_of(by, APRIL, "2026-03") == period
    assert period_of(Dimension.QUARTER, APRIL, "2026-04") == "2027-Q1"


def test_windows_end_with_the_month() -> None:
    assert moving_months("2026-03") == month_range("2025-04", 12)
    assert year_to_date(APRIL, "2026-03") == month_range("2025-04", 12)
    assert year_to_date(APRIL, "2026-04") == ("2026-04",)


def test_only_months_that_are_there_in_both_years_are_compared() -> None:
    asked = question(complete=("2025-01", "2025-02", "2026-01", "2026-03"))
    assert asked.comparable == ("2026-01",)
    assert all_there(["2026-01"], asked.complete)
    assert not all_there(asked.months, asked.complete)


def test_periods_hold_the_months_that_are_asked_for() -> None:
    assert question(Dimension.QUARTER, first="2026-03").periods() == {
        "2026-Q4": ("2026-03",),
        "2027-Q1": ("2026-04", "2026-05"),
    }


def test_as_much_is_read_as_is_shown() -> None:
    assert question().first_needed == "2025-01"
    assert question(Dimension.PRODUCT).first_needed == "2025-01"


def test_rows_are_of_one_thing_and_series_of_another() -> None:
    assert question().entities is Dimension.BRAND
    assert question(Dimension.PRODUCT).entities is Dimension.PRODUCT


def test_a_wish_for_no_product_is_one_for_any() -> None:
    assert ANY_PRODUCT.is_any
    assert not ProductWanted(brand="Leaf").is_any


@pytest.mark.parametrize(
    ("measure", "number"),
    [
        (Measure.REVENUE, 4 * POUND),
        (Measure.QUANTITY, 2 * PIECE),
        (Measure.ORDERS, 5),
        (Measure.COST, EXACT),
        (Measure.GROSS_PROFIT, 3 * EXACT),
        (Measure.AVERAGE_PRICE, Decimal(2)),
    ],
)
def test_rows_are_ranked_by_any_figure(measure: Measure, number: int | Decimal) -> None:
    assert ranked(measure, Figures({"EA": Sum(2 * PIECE, 4 * POUND, 1, EXACT)}, 5)) == number
    assert ranked(Measure.AVERAGE_PRICE, Figures()) == 0
    assert Figures().is_nothing
    assert not Figures(orders=1).is_nothing
    assert not Figures({"EA": Sum(lines=1)}).is_nothing
