"""Sales as chart libraries take them: labels, and datasets with one number or null for each label.

Null means that nobody knows: a period without sales that is not complete yet, an average price where nothing was sold,
or a cost that nobody said. A complete period without sales is 0. Quantities have a dataset, and an axis, for each unit
of measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from planning.months import Month, add_months
from planning.numbers import QUANTITY, round_to_minor
from planning.sales_statistics import (
    OF_UNIT,
    TIMES,
    Figures,
    Measure,
    SalesQuestion,
    Sum,
    all_there,
    average_price,
    cost_shown,
    gross_profit_shown,
)
from reports.sales_cube import Cube, read_cube
from reports.sales_masters import Label
from reports.sales_statistics import Row, entity_rows, merged, month_figures, of_months

Json = dict[str, Any]
Number = int | float | Decimal | None

THIS, LAST = "this_year", "last_year"
OTHERS = "Others"
TITLES: Mapping[Measure, str] = {
    Measure.REVENUE: "Net revenue",
    Measure.QUANTITY: "Quantity",
    Measure.ORDERS: "Orders",
    Measure.COST: "Cost",
    Measure.GROSS_PROFIT: "Gross profit",
    Measure.AVERAGE_PRICE: "Average price",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes a dataset for each unit: the figures at each label, and whether no sales there mean 0."""

    name: str
    key: str | None
    year: str
    figures: Sequence[Figures]
    known: Sequence[bool]


async def chart_data(question: SalesQuestion) -> Json:
    """The whole answer."""
    cube = await read_cube(question)
    if question.by in TIMES:
        labels, lines = list(question.periods()), list(_over_time(question, cube))
    else:
        rows = entity_rows(question, cube)
        shown = _with_rest(rows[: question.top], rows[question.top :])
        labels, lines = [_name(row) for row in shown], list(_of_entities(question, shown))
    datasets = [dataset for line in lines for dataset in _datasets(question, line)]
    return {
        "measure": question.measure,
        "by": question.by,
        "series": question.series,
        "currency": question.currency,
        "labels": labels,
        "keys": labels if question.by in TIMES else [row.key for row in shown],
        "incomplete": _incomplete(question),
        "months_compared": list(question.comparable),
        "datasets": datasets,
        "axes": _axes(question, datasets),
        "rollups_pending": cube.pending,
    }


def _over_time(question: SalesQuestion, cube: Cube) -> Iterator[Line]:
    """One line for all, or one for each of the first rows and the rest."""
    if question.series is None:
        yield from _years(question, TITLES[question.measure], None, month_figures(cube))
        return
    rows = entity_rows(question, cube)
    for row in rows[: question.top]:
        yield from _years(question, _name(row), row.key, cube.cells[row.key])
    if rows[question.top :]:
        rest = Cube(cube.masters, {row.key: cube.cells[row.key] for row in rows[question.top :]})
        yield from _years(question, OTHERS, None, month_figures(rest))


def _years(question: SalesQuestion, name: str, key: str | None, cells: Mapping[Month, Figures]) -> Iterator[Line]:
    periods = list(question.periods().values())
    yield _line(question, name, key, THIS, cells, periods)
    if question.last_year:
        ago = [tuple(add_months(month, -12) for month in months) for months in periods]
        yield _line(question, name, key, LAST, cells, ago)


def _line(
    question: SalesQuestion,
    name: str,
    key: str | None,
    year: str,
    cells: Mapping[Month, Figures],
    periods: Iterable[Sequence[Month]],
) -> Line:
    some = list(periods)
    known = [all_there(months, question.complete) for months in some]
    return Line(name, key, year, [of_months(cells, months) for months in some], known)


def _of_entities(question: SalesQuestion, rows: Sequence[Row]) -> Iterator[Line]:
    """All months; or, beside last year, the comparable ones of both years."""
    title, there = TITLES[question.measure], [True] * len(rows)
    if question.last_year and question.comparable:
        yield Line(title, None, THIS, [row.compared for row in rows], there)
        yield Line(title, None, LAST, [row.before for row in rows], there)
    else:
        yield Line(title, None, THIS, [row.figures for row in rows], there)


def _with_rest(first: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    if not others:
        return list(first)
    rest = merged(others)
    rest.label = Label(OTHERS)
    return [*first, rest]


def _name(row: Row) -> str:
    return row.label.name or row.label.code or "–"


def _datasets(question: SalesQuestion, line: Line) -> Iterator[Json]:
    currency = question.currency
    if question.measure not in OF_UNIT:
        unit = "orders" if question.measure is Measure.ORDERS else currency
        number = _NUMBERS[question.measure]
        yield _dataset(line, "y", unit, [number(figures, currency) for figures in line.figures])
        return
    units = sorted({unit for figures in line.figures for unit, part in figures.units.items() if part.lines})
    for unit in units:
        parts = [figures.units.get(unit, Sum()) for figures in line.figures]
        if question.measure is Measure.QUANTITY:
            yield _dataset(line, f"y_{unit}", unit, [QUANTITY.to_number(part.quantity) for part in parts], parts)
        else:
            yield _dataset(line, f"y_{unit}", f"{currency}/{unit}", [average_price(part) for part in parts], parts)


def _dataset(line: Line, axis: str, unit: str, numbers: Sequence[Number], parts: Sequence[Sum] | None = None) -> Json:
    """The dataset with null where nothing is known: no sales so far, in a period that is not complete."""
    nothing = [figures.is_nothing for figures in line.figures]
    if parts is not None:
        nothing = [not part.lines for part in parts]
    data = [
        None if empty and not known else number
        for number, empty, known in zip(numbers, nothing, line.known, strict=True)
    ]
    return {"label": line.name, "key": line.key, "year": line.year, "unit": unit, "yAxisID": axis, "data": data}


_NUMBERS: Mapping[Measure, Callable[[Figures, str], Number]] = {
    Measure.REVENUE: lambda figures, currency: round_to_minor(figures.total.revenue, currency),
    Measure.ORDERS: lambda figures, _: figures.orders,
    Measure.COST: lambda figures, currency: cost_shown(figures.total, currency),
    Measure.GROSS_PROFIT: lambda figures, currency: gross_profit_shown(figures.total, currency),
}


def _incomplete(question: SalesQuestion) -> list[str]:
    """The periods, or months, whose actuals are not all there."""
    if question.by in TIMES:
        periods = question.periods()
        return [period for period, months in periods.items() if not all_there(months, question.complete)]
    return [month for month in question.months if month not in question.complete]


def _axes(question: SalesQuestion, datasets: Sequence[Json]) -> Json:
    units = {dataset["yAxisID"]: dataset["unit"] for dataset in datasets}
    x = {"type": "time" if question.by in TIMES else "category", "title": str(question.by)}
    y = [{"id": axis, "title": TITLES[question.measure], "unit": unit} for axis, unit in sorted(units.items())]
    return {"x": x, "y": y}
