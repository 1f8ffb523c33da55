"""What an import of sales does besides counting rows: months that it changes, before and after, and corrections that it
met. Added up batch by batch and recorded with the counts, so that a resumed import tells the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.sale import MonthTotals
from planning.months import Month
from planning.numbers import MONEY, QUANTITY
from planning.sales_types import SalesType, contribution
from services.month_totals import totals_of

NOTES = ("corrections_kept", "corrections_overruled", "dated_by_invoice_date")


@dataclass(slots=True)
class MonthChange:
    """What is added to a month: lines, revenue and demand by unit, scaled; negative where it is taken away."""

    rows: int = 0
    revenue: int = 0
    quantities: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, line: Mapping[str, Any], unit: str, sign: int) -> None:
        """A line that comes (1) or goes (-1)."""
        part = contribution(SalesType(line["line_type"]), line["quantity"], line["net_revenue"])
        self.rows += sign
        self.revenue += sign * part.amount
        if part.quantity:
            self.quantities[unit] += sign * part.quantity

    def merge(self, other: MonthChange) -> None:
        self.rows += other.rows
        self.revenue += other.revenue
        for unit, quantity in other.quantities.items():
            self.quantities[unit] += quantity

    @property
    def is_nothing(self) -> bool:
        return not (self.rows or self.revenue or any(self.quantities.values()))


@dataclass(slots=True)
class SalesEffect:
    """The months that lines leave and enter, and how many corrections were kept or overruled."""

    months: dict[Month, MonthChange] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NOTES, 0))

    @classmethod
    def stored(cls, plain: Mapping[str, Any] | None) -> SalesEffect:
        """What `plain` gave."""
        effect = cls()
        for month, rows, revenue, quantities in (plain or {}).get("months", ()):
            change = effect.month(month)
            change.rows, change.revenue = rows, revenue
            change.quantities.update(quantities)
        effect.notes.update((plain or {}).get("notes", {}))
        return effect

    def plain(self) -> dict[str, Any]:
        """As a job keeps it. Units are no names of fields: they may hold dots."""
        months = [
            [month, one.rows, one.revenue, [list(pair) for pair in sorted(one.quantities.items())]]
            for month, one in sorted(self.months.items())
        ]
        return {"months": months, "notes": dict(self.notes)}

    def month(self, month: Month) -> MonthChange:
        return self.months.setdefault(month, MonthChange())

    def merge(self, other: SalesEffect) -> None:
        """Add what another batch does."""
        for month, change in other.months.items():
            self.month(month).merge(change)
        for name, count in other.notes.items():
            self.notes[name] += count


async def told(effect: SalesEffect, complete: Collection[Month], *, dry_run: bool) -> dict[str, Any]:
    """The part of an import's answer: for each complete month what was posted before, and what is now.

    A dry run tells what would be.
    """
    totals = await totals_of(complete)
    restated = []
    for month in sorted(complete):
        change = effect.months.get(month, MonthChange())
        now = totals.get(month, MonthTotals())
        before, after = (now, _shifted(now, change, 1)) if dry_run else (_shifted(now, change, -1), now)
        restated.append({"month": month, **compared(before, after)})
    return {"restated": restated, **effect.notes}


def compared(before: MonthTotals, after: MonthTotals) -> dict[str, Any]:
    """Both as plain numbers, and what the second has more than the first. Money as it is stored, not rounded."""
    was = {one.unit: one.quantity for one in before.quantities}
    more = MonthTotals(rows=after.rows - before.rows, revenue=after.revenue - before.revenue)
    less = {unit: -quantity for unit, quantity in was.items()}
    return {"before": shown(before), "after": shown(after), "difference": shown(_plus(more, after.quantities, less))}


def shown(totals: MonthTotals) -> dict[str, Any]:
    """Totals as plain numbers."""
    return {
        "rows": totals.rows,
        "revenue": MONEY.to_number(totals.revenue),
        "quantities": [{"unit": one.unit, "quantity": QUANTITY.to_number(one.quantity)} for one in totals.quantities],
    }


def _shifted(totals: MonthTotals, change: MonthChange, sign: int) -> MonthTotals:
    moved = MonthTotals(rows=totals.rows + sign * change.rows, revenue=totals.revenue + sign * change.revenue)
    return _plus(moved, totals.quantities, {unit: sign * quantity for unit, quantity in change.quantities.items()})


def _plus(totals: MonthTotals, standing: Collection[Any], more: Mapping[str, int]) -> MonthTotals:
    quantities: dict[str, int] = defaultdict(int, more)
    for one in standing:
        quantities[one.unit] += one.quantity
    units = [{"unit": unit, "quantity": quantity} for unit, quantity in sorted(quantities.items())]
    return MonthTotals.model_validate({**totals.model_dump(), "quantities": units})
