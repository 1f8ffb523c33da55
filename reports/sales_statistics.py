"""Statistics of sales as JSON: rows by period, or by customer, product and so on with the rest behind the first few.

Money is rounded half-even to the currency's minor unit after summing; differences and percentages are taken before
that. Quantities are exact, one entry per unit of measure. What is held against last year are the months that are all
there in both years, and nothing else of either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planning.months import Month, add_months
from planning.numbers import QUANTITY, round_to_minor
from planning.sales_statistics import (
    PER_MONEY,
    TIMES,
    Dimension,
    Figures,
    SalesQuestion,
    Sum,
    added,
    all_there,
    average_price,
    cost_shown,
    gross_profit_shown,
    money_per_day,
    moving_months,
    percent,
    quantity_per_day,
    ranked,
    year_to_date,
)
from reports.sales_cube import Cube, read_cube
from reports.sales_masters import Key, Label

Json = dict[str, Any]


@dataclass(slots=True)
class Row:
    """One row: its figures over all months asked for, and over the comparable ones of this year and last year."""

    key: Key
    label: Label
    figures: Figures = field(default_factory=Figures)
    compared: Figures = field(default_factory=Figures)
    before: Figures = field(default_factory=Figures)

    def merge(self, other: Row) -> None:
        self.figures.merge(other.figures)
        self.compared.merge(other.compared)
        self.before.merge(other.before)


async def statistics(question: SalesQuestion) -> Json:
    """The whole answer."""
    cube = await read_cube(question)
    total = total_of(question, cube)
    answer: Json = {
        "by": question.by,
        "from_month": question.months[0],
        "to_month": question.months[-1],
        "currency": question.currency,
        "all_customers": question.customer_ids is None,
        "months_complete": [month for month in question.months if month in question.complete],
        "months_incomplete": [month for month in question.months if month not in question.complete],
        "months_compared": list(question.comparable),
        "rollups_pending": cube.pending,
        "total": _shown(question, total, question.months),
    }
    if question.by in TIMES:
        return answer | {"rows": list(_periods(question, cube)), "rest": None}
    rows = entity_rows(question, cube)
    first, others = rows[: question.top], rows[question.top :]
    rest = None
    if others:
        rest = {"rows": len(others), **_shown(question, merged(others), question.months)}
    return answer | {"rows": [_entity(question, row) for row in first], "rest": rest}


def total_of(question: SalesQuestion, cube: Cube) -> Row:
    """Everything together. An order counts once, however many rows have a part in it."""
    total = merged(_gathered(question, key, Label(""), cells) for key, cells in cube.cells.items())
    orders = _gathered(question, None, Label(""), {month: Figures(orders=n) for month, n in cube.orders.items()})
    total.figures.orders = orders.figures.orders
    total.compared.orders = orders.compared.orders
    total.before.orders = orders.before.orders
    return total


def entity_rows(question: SalesQuestion, cube: Cube) -> list[Row]:
    """The rows with anything in these months or, where they are compared, in last year's; the largest first."""
    rows = [
        _gathered(question, key, cube.masters.labels.get(key, Label("")), cells) for key, cells in cube.cells.items()
    ]
    found = [row for row in rows if not (row.figures.is_nothing and row.before.is_nothing)]
    return sorted(found, key=lambda row: (-ranked(question.rank_by, row.figures), row.label.code or "", row.key or ""))


def merged(rows: Iterable[Row]) -> Row:
    """Several rows as one."""
    total = Row(None, Label(""))
    for row in rows:
        total.merge(row)
    return total


def month_figures(cube: Cube) -> dict[Month, Figures]:
    """All rows together, month by month."""
    found: dict[Month, Figures] = {}
    for cells in cube.cells.values():
        for month, figures in cells.items():
            found.setdefault(month, Figures()).merge(figures)
    return found


def of_months(cells: Mapping[Month, Figures], months: Iterable[Month]) -> Figures:
    """The figures of these months together."""
    return added(cells[month] for month in months if month in cells)


def _gathered(question: SalesQuestion, key: Key, label: Label, cells: Mapping[Month, Figures]) -> Row:
    compared = question.comparable
    return Row(
        key,
        label,
        of_months(cells, question.months),
        of_months(cells, compared),
        of_months(cells, (add_months(month, -12) for month in compared)),
    )


def _periods(question: SalesQuestion, cube: Cube) -> Iterator[Json]:
    cells = month_figures(cube)
    compared = set(question.comparable)
    for period, months in question.periods().items():
        both = [month for month in months if month in compared]
        before = of_months(cells, (add_months(month, -12) for month in both))
        row = Row(period, Label(period), of_months(cells, months), of_months(cells, both), before)
        complete = all_there(months, question.complete)
        shown = {"key": period, "name": period, "complete": complete, **_shown(question, row, months)}
        if row.figures.is_nothing and not complete:
            # Nobody knows yet: a 0 would say that nothing was sold.
            shown |= {name: None for name in ("revenue", "orders", "cost", "gross_profit") if name in shown}
        if question.by is Dimension.MONTH:
            shown |= _windows(question, cells, period)
        yield shown


def _windows(question: SalesQuestion, cells: Mapping[Month, Figures], month: Month) -> Json:
    """The twelve months that end with this one, and its fiscal year so far."""
    windows = {"moving_12_months": moving_months(month), "year_to_date": year_to_date(question.rule, month)}
    return {
        name: {
            "from_month": months[0],
            "complete": all_there(months, question.complete),
            **figures_json(question, of_months(cells, months)),
        }
        for name, months in windows.items()
    }


def _entity(question: SalesQuestion, row: Row) -> Json:
    named = {"key": row.key, "name": row.label.name, "id": row.label.id, "code": row.label.code}
    return {**named, **_shown(question, row, question.months)}


def _shown(question: SalesQuestion, row: Row, months: Sequence[Month]) -> Json:
    return {
        **figures_json(question, row.figures),
        "last_year": _last_year(question, row, months),
        "per_working_day": _per_working_day(question, row.figures, months),
    }


def figures_json(question: SalesQuestion, figures: Figures) -> Json:
    """Figures as plain numbers; cost and gross profit for who may see them."""
    total = figures.total
    shown: Json = {
        "quantities": [
            {
                "unit": unit,
                "quantity": QUANTITY.to_number(part.quantity),
                "revenue": round_to_minor(part.revenue, question.currency),
                "average_price": average_price(part),
            }
            for unit, part in sorted(figures.units.items())
            if part.lines
        ],
        "revenue": round_to_minor(total.revenue, question.currency),
        "orders": figures.orders,
        "lines": total.lines,
    }
    return shown | (_of_cost(question, total) if question.with_cost else {})


def _of_cost(question: SalesQuestion, total: Sum) -> Json:
    return {
        "cost": cost_shown(total, question.currency),
        "gross_profit": gross_profit_shown(total, question.currency),
        "margin_percent": None
        if total.cost_is_unknown
        else percent(total.gross_profit, total.known_revenue * PER_MONEY),
        "without_cost": {
            "lines": total.unknown_lines,
            "revenue": round_to_minor(total.unknown_revenue, question.currency),
        },
    }


def _last_year(question: SalesQuestion, row: Row, months: Sequence[Month]) -> Json | None:
    """The comparable months of both years; None where there is none."""
    compared = [month for month in question.comparable if month in set(months)]
    if not compared:
        return None
    now, before = row.compared.total, row.before.total
    return {
        "months": len(compared),
        "this_year": figures_json(question, row.compared),
        "last_year": figures_json(question, row.before),
        "revenue_change": round_to_minor(now.revenue - before.revenue, question.currency),
        "revenue_change_percent": percent(now.revenue - before.revenue, before.revenue),
        "quantity_changes": list(_quantity_changes(row.compared, row.before)),
    }


def _quantity_changes(now: Figures, before: Figures) -> Iterator[Json]:
    for unit in sorted({*now.units, *before.units}):
        quantity = now.units.get(unit, Sum()).quantity
        was = before.units.get(unit, Sum()).quantity
        change = quantity - was
        yield {"unit": unit, "change": QUANTITY.to_number(change), "change_percent": percent(change, was)}


def _per_working_day(question: SalesQuestion, figures: Figures, months: Sequence[Month]) -> Json | None:
    """Of the working days that have begun; None where there is none."""
    days = sum(question.working_days.get(month, 0) for month in months)
    if not days:
        return None
    return {
        "working_days": days,
        "revenue": money_per_day(figures.total.revenue, days, question.currency),
        "quantities": [
            {"unit": unit, "quantity": quantity_per_day(part.quantity, days)}
            for unit, part in sorted(figures.units.items())
            if part.lines
        ],
    }
