"""Plan and actual of a product and its successor under one product, joined when a report is read.

Lines of products in a chain are put aside, month by month under the heir of the month (`planning.succession`), so that
a plan made on the predecessor meets what was sold of the successor, and what was still sold of the predecessor meets
the successor's plan. Stored plans and sales stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from planning.months import Month
from planning.succession import Succession, carried

Cell = tuple[Month, int | None, int | None]
"""Month, quantity and value of the plan."""
Sale = tuple[int, int]
"""Quantity and revenue of a rollup."""
Sales = dict[Month, Sale]


@dataclass(slots=True)
class ChainLine:
    """What counts as one customer's line of a product. A month may have several planned cells and has one sale."""

    cells: list[Cell] = field(default_factory=list)
    sales: Sales = field(default_factory=dict)


class ChainLines:
    """Takes the lines of products in a chain and gives them back under their heirs."""

    def __init__(self, succession: Succession) -> None:
        self.succession = succession
        self.lines: dict[tuple[UUID, UUID], ChainLine] = {}

    def takes(self, product_id: UUID) -> bool:
        """Whether the product is in a chain."""
        return product_id in self.succession.involved

    def plan(self, customer_id: UUID, product_id: UUID, cells: Iterable[Cell]) -> None:
        """Take planned cells: quantities in the heir's units, values as they are."""
        for month, quantity, value in cells:
            heir = self.succession.heir(product_id, month)
            converted = None if quantity is None else carried(quantity, heir.factor)
            self._line(customer_id, heir.product).cells.append((month, converted, value))

    def sold(self, customer_id: UUID, product_id: UUID, sales: Sales) -> None:
        """Take what was sold: quantities in the heir's units, revenue as it is."""
        for month, (quantity, revenue) in sales.items():
            heir = self.succession.heir(product_id, month)
            line = self._line(customer_id, heir.product)
            standing = line.sales.get(month, (0, 0))
            line.sales[month] = (standing[0] + carried(quantity, heir.factor), standing[1] + revenue)

    def give(self) -> Iterator[tuple[UUID, UUID, ChainLine]]:
        """Customer, heir and line of all that was taken, which is then forgotten.

        Of a month's cells those with a quantity come first: a sale meets one of them if there is one.
        """
        lines, self.lines = self.lines, {}
        for (customer_id, product_id), line in lines.items():
            line.cells.sort(key=lambda cell: cell[1] is None)
            yield customer_id, product_id, line

    def _line(self, customer_id: UUID, product_id: UUID) -> ChainLine:
        return self.lines.setdefault((customer_id, product_id), ChainLine())
