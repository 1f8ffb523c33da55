"""The sums behind plan against actual: cells and sales are added up exactly, and compared once at the end.

Everything is a scaled integer (quantity 1/1000, money 1/10000). Null is not 0: a plan that nobody said stays null, and
so does the actual of an incomplete month in which nothing was sold yet. Quantities are kept apart by unit of measure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from planning.variance import variance


@dataclass(frozen=True, slots=True)
class Figure:
    """A compared number; `difference` = actual - plan, `percent` of the plan, both null where there is none."""

    plan: int | None
    actual: int | None
    difference: int | None
    percent: Decimal | None


@dataclass(slots=True)
class Sums:
    """Cells and sales added up. `…_planned` and `sold` count what was said and sold, so that 0 and null stay apart."""

    plan_quantity: int = 0
    quantities_planned: int = 0
    plan_value: int = 0
    values_planned: int = 0
    actual_quantity: int = 0
    actual_value: int = 0
    sold: int = 0
    missing_prices: int = 0
    unplanned_cells: int = 0
    unplanned_value: int = 0

    def count(self, quantity: int | None, value: int | None, sale: tuple[int, int] | None) -> None:
        """Add one cell: planned quantity and value, and the sold quantity and revenue. All null adds nothing."""
        if quantity is not None:
            self.plan_quantity += quantity
            self.quantities_planned += 1
            self.missing_prices += value is None
        if value is not None:
            self.plan_value += value
            self.values_planned += 1
        if sale is not None:
            self.actual_quantity += sale[0]
            self.actual_value += sale[1]
            self.sold += 1
            if quantity is None:
                self.unplanned_cells += 1
                self.unplanned_value += sale[1]

    def add(self, other: Sums) -> None:
        """Add the other's numbers to these."""
        self.plan_quantity += other.plan_quantity
        self.quantities_planned += other.quantities_planned
        self.plan_value += other.plan_value
        self.values_planned += other.values_planned
        self.actual_quantity += other.actual_quantity
        self.actual_value += other.actual_value
        self.sold += other.sold
        self.missing_prices += other.missing_prices
        self.unplanned_cells += other.unplanned_cells
        self.unplanned_value += other.unplanned_value

    def value(self, *, complete: bool) -> Figure:
        """The money. In complete months nothing sold is 0; in others the actual is shown but not compared."""
        plan = self.plan_value if self.values_planned else None
        return _figure(plan, self._actual(self.actual_value, complete), complete)

    def quantity(self, *, complete: bool) -> Figure:
        """The quantity of one unit of measure; as `value`."""
        plan = self.plan_quantity if self.quantities_planned else None
        return _figure(plan, self._actual(self.actual_quantity, complete), complete)

    def _actual(self, actual: int, complete: bool) -> int | None:
        return actual if complete or self.sold else None


def _figure(plan: int | None, actual: int | None, complete: bool) -> Figure:
    compared = variance(plan, actual if complete else None)
    return Figure(plan, actual, compared.difference, compared.percent)


@dataclass(slots=True)
class Group:
    """What one row of the report stands on: sums per unit, of the complete months and of the others."""

    complete: dict[str, Sums] = field(default_factory=dict)
    incomplete: dict[str, Sums] = field(default_factory=dict)

    def of(self, unit: str, *, complete: bool) -> Sums:
        """The sums of one unit of measure, made when first asked for."""
        side = self.complete if complete else self.incomplete
        found = side.get(unit)
        if found is None:
            found = side[unit] = Sums()
        return found

    def merge(self, other: Group) -> None:
        """Add all of another group."""
        for unit, sums in other.complete.items():
            self.of(unit, complete=True).add(sums)
        for unit, sums in other.incomplete.items():
            self.of(unit, complete=False).add(sums)


def added(sums: Iterable[Sums]) -> Sums:
    """All of them in one; quantities of different units are meaningless in it."""
    total = Sums()
    for one in sums:
        total.add(one)
    return total
