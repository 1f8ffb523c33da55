"""Plan against actual as JSON and as a workbook: the same numbers, rounded once, in both.

Money is rounded half-even to the currency's minor unit after summing; differences and percentages are taken before
that rounding. Quantities are exact. JSON lists the first rows of customers and products, the workbook lists all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.text import printable
from planning.numbers import QUANTITY, round_to_minor
from reports.plan_vs_actual import Block, Entity, PlanVsActual
from reports.plan_vs_actual_sums import Figure, Group, added
from reports.workbooks import Column, ColumnKind, SheetSpec, Value

JSON_ROWS = 5_000

Json = dict[str, Any]


def as_json(report: PlanVsActual, max_rows: int = JSON_ROWS) -> Json:
    """The report as JSON values. `truncated` says that a block has more rows than `max_rows`."""
    answer: Json = {
        "type": "plan_vs_actual",
        "cycle": {"id": str(report.cycle_id), "name": report.cycle_name},
        "close_number": report.close_number,
        "snapshot_sha256": report.snapshot_sha256,
        "approved_at": _time(report.approved_at),
        "generated_at": _time(report.generated_at),
        "currency": report.currency,
        "scope": "all_customers" if report.all_customers else "own_customers",
        "months_compared": [month for month in report.months if month in report.complete],
        "months_incomplete": [month for month in report.months if month not in report.complete],
        "rollups_pending": report.rollups_pending,
        "totals": row_of(report.total, report),
    }
    if Block.MONTH in report.blocks:
        answer["by_month"] = list(month_rows(report))
    if Block.CUSTOMER in report.blocks:
        answer["by_customer"] = _capped(entity_rows(report.by_customer, report), max_rows)
    if Block.PRODUCT in report.blocks:
        answer["by_product"] = _capped(entity_rows(report.by_product, report), max_rows)
    return answer


def month_rows(report: PlanVsActual) -> Iterator[Json]:
    """One row per month asked for, in order; an incomplete month shows its actual so far, without a difference."""
    for month, group in report.by_month.items():
        complete = month in report.complete
        sums = group.complete if complete else group.incomplete
        together = added(sums.values())
        yield {
            "month": month,
            "complete": complete,
            "value": _money(together.value(complete=complete), report.currency),
            "quantities": [
                {"unit": unit, **_quantity(sums[unit].quantity(complete=complete))} for unit in sorted(sums)
            ],
            "missing_prices": together.missing_prices,
            "unplanned": _unplanned(together.unplanned_cells, together.unplanned_value, report.currency),
        }


def entity_rows(rows: Iterable[tuple[Entity, Group]], report: PlanVsActual) -> Iterator[Json]:
    """One row per customer or product, in order."""
    for entity, group in rows:
        named = {"id": str(entity.id), "code": entity.code, "name": entity.name, "is_active": entity.is_active}
        yield {**named, **row_of(group, report)}


def row_of(group: Group, report: PlanVsActual) -> Json:
    """A row over several months: complete ones compared, the others beside them. Missing prices are of all months."""
    currency = report.currency
    compared, others = added(group.complete.values()), added(group.incomplete.values())
    later = others.value(complete=False)
    return {
        "value": _money(compared.value(complete=bool(report.complete)), currency),
        "quantities": [
            {"unit": unit, **_quantity(group.complete[unit].quantity(complete=True))} for unit in sorted(group.complete)
        ],
        "missing_prices": compared.missing_prices + others.missing_prices,
        "unplanned": _unplanned(compared.unplanned_cells, compared.unplanned_value, currency),
        "incomplete_months": {
            "plan_value": _shown(later.plan, currency),
            "actual_value": _shown(later.actual, currency),
        },
    }


def sheets(report: PlanVsActual) -> Iterator[SheetSpec]:
    """The workbook: a summary, and one sheet per block asked for."""
    yield _summary(report)
    if Block.MONTH in report.blocks:
        yield _month_sheet(report)
    if Block.CUSTOMER in report.blocks:
        yield _entity_sheet("By customer", "Customer", report, report.by_customer)
    if Block.PRODUCT in report.blocks:
        yield _entity_sheet("By product", "Product", report, report.by_product)


def file_name(report: PlanVsActual) -> str:
    """What the workbook is called when it is downloaded."""
    cycle = printable(report.cycle_name, max_length=80).replace("/", "-").replace("\\", "-")
    return f"Plan against actual - {cycle} - close {report.close_number}.xlsx"


def _summary(report: PlanVsActual) -> SheetSpec:
    said = as_json(report, max_rows=0)
    totals = said["totals"]
    facts: list[tuple[str, Value]] = [
        ("Report", "Plan against actual"),
        ("Cycle", report.cycle_name),
        ("Close number", str(report.close_number)),
        ("Approved at (UTC)", said["approved_at"]),
        ("Snapshot SHA-256", report.snapshot_sha256),
        ("Generated at (UTC)", said["generated_at"]),
        ("Currency", report.currency),
        ("Customers", "all" if report.all_customers else "own customers"),
        ("Complete months, compared", ", ".join(said["months_compared"]) or "none"),
        ("Incomplete months, not compared", ", ".join(said["months_incomplete"]) or "none"),
        ("Customers whose sales are still being summed", str(report.rollups_pending)),
        ("Planned cells without a price", str(totals["missing_prices"])),
        ("Cells sold without a plan", str(totals["unplanned"]["cells"])),
    ]
    later = (totals["incomplete_months"]["plan_value"], totals["incomplete_months"]["actual_value"], None, None)
    money = f"Value in {report.currency}"
    rows: list[Sequence[Value]] = [(item, text, *[None] * 4) for item, text in facts]
    rows.append((money, "complete months", *_figures(totals["value"])))
    rows.append(("of it sold without a plan", "complete months", None, totals["unplanned"]["value"], None, None))
    rows.append((money, "incomplete months", *later))
    rows += [(f"Quantity in {one['unit']}", "complete months", *_figures(one)) for one in totals["quantities"]]
    compared = [Column("Plan", "money"), Column("Actual", "money"), Column("Difference", "money")]
    columns = [Column("Item", width=42), Column("Detail", width=66), *compared, Column("Percent", "percent")]
    return SheetSpec("Summary", columns, rows)


def _number_column(header: str, kind: ColumnKind) -> Column:
    """Wide enough for its header on one line: not every program makes the row higher for a second one."""
    return Column(header, kind, max(14.0, len(header) + 4.0))


_VALUES = (
    _number_column("Plan value", "money"),
    _number_column("Actual value", "money"),
    _number_column("Difference", "money"),
    _number_column("Percent", "percent"),
    _number_column("Sold without a plan", "money"),
    _number_column("Cells sold without a plan", "int"),
    _number_column("Cells without a price", "int"),
)
_INCOMPLETE = (
    _number_column("Plan value, incomplete months", "money"),
    _number_column("Actual value, incomplete months", "money"),
)


def _month_sheet(report: PlanVsActual) -> SheetSpec:
    units = _units(report.by_month.values())
    columns = [Column("Month", "month"), Column("Complete", width=12), *_VALUES, *_unit_columns(units)]
    rows = (
        [row["month"], "yes" if row["complete"] else "no", *_values(row), *_quantities(row, units)]
        for row in month_rows(report)
    )
    return SheetSpec("By month", columns, rows)


def _entity_sheet(title: str, noun: str, report: PlanVsActual, found: list[tuple[Entity, Group]]) -> SheetSpec:
    units = _units(group for _, group in found)
    named = [Column(f"{noun} code", width=16), Column(noun, width=36), Column("Active", width=10)]
    columns = [*named, *_VALUES, *_INCOMPLETE, *_unit_columns(units)]
    rows = (
        [
            row["code"],
            row["name"],
            "yes" if row["is_active"] else "no",
            *_values(row),
            *row["incomplete_months"].values(),
            *_quantities(row, units),
        ]
        for row in entity_rows(found, report)
    )
    return SheetSpec(title, columns, rows)


def _units(groups: Iterable[Group]) -> list[str]:
    return sorted({unit for group in groups for unit in (*group.complete, *group.incomplete)})


def _unit_columns(units: Sequence[str]) -> list[Column]:
    return [
        column
        for unit in units
        for column in (
            _number_column(f"Plan {unit}", "quantity"),
            _number_column(f"Actual {unit}", "quantity"),
            _number_column(f"Difference {unit}", "quantity"),
            _number_column(f"Percent {unit}", "percent"),
        )
    ]


def _quantities(row: Json, units: Sequence[str]) -> list[Value]:
    known = {one["unit"]: one for one in row["quantities"]}
    nothing = dict.fromkeys(("plan", "actual", "difference", "percent"))
    return [value for unit in units for value in _figures(known.get(unit, nothing))]


def _values(row: Json) -> list[Value]:
    unplanned = row["unplanned"]
    return [*_figures(row["value"]), unplanned["value"], unplanned["cells"], row["missing_prices"]]


def _figures(said: Json) -> list[Value]:
    """Plan, actual, difference, and the percentage as the fraction that a spreadsheet keeps."""
    percent = said["percent"]
    fraction = None if percent is None else Decimal(repr(percent)) / 100
    return [said["plan"], said["actual"], said["difference"], fraction]


def _money(figure: Figure, currency: str) -> Json:
    shown = {name: _shown(getattr(figure, name), currency) for name in ("plan", "actual", "difference")}
    return {**shown, "percent": _percent(figure)}


def _quantity(figure: Figure) -> Json:
    numbers = {"plan": figure.plan, "actual": figure.actual, "difference": figure.difference}
    shown = {name: None if value is None else QUANTITY.to_number(value) for name, value in numbers.items()}
    return {**shown, "percent": _percent(figure)}


def _percent(figure: Figure) -> int | float | None:
    return None if figure.percent is None else _number(figure.percent)


def _shown(money: int | None, currency: str) -> int | float | None:
    return None if money is None else _number(round_to_minor(money, currency))


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _unplanned(cells: int, value: int, currency: str) -> Json:
    return {"cells": cells, "value": _shown(value, currency)}


def _capped(rows: Iterator[Json], most: int) -> Json:
    shown: list[Json] = []
    total = 0
    for total, row in enumerate(rows, start=1):
        if total <= most:
            shown.append(row)
    return {"rows": shown, "total_rows": total, "truncated": total > len(shown)}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
