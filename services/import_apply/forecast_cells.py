"""What the rows of a file say of the cells of one sheet, and what saving them would make of the sheet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any
from uuid import UUID

from core.mongo import RawDocument
from planning.cells import Cell, CellStatus, Origin, apply_change
from planning.forecast_files import CellInFile, Cleared, change_in_file
from planning.import_modes import Mode
from planning.months import Month
from planning.numbers import MONEY, PRICE, QUANTITY, Scale
from planning.prices import PriceSource, ResolvedPrice, worth
from services.closing import read_cell
from services.forecasts import plain_cell, why_no_line
from services.import_apply.base import STANDS
from services.import_apply.forecast_names import Names
from services.import_kinds.validation import RowError, ValidBatch
from services.journal_cells import LINE_CELL, SAID_OF_LINE, Entries
from services.plan_facts import CustomerFacts, PlanContext

LONG = ("quantity", "value", "price", "reason")
SCALES: Mapping[str, Scale] = {"value": MONEY, "price": PRICE}
"""Of columns that hold other numbers than quantities."""
OVERRIDE = PriceSource.OVERRIDE.value
NO_MONTH = "a month of the cycle, {first} to {last}"
FASTER = (
    "what stands now, {now}: this cell was changed after the file was made (by this file itself, if it was sent "
    "before), so nothing was overwritten; export again"
)


@dataclass(frozen=True, slots=True)
class RowSaid:
    """A row of the file: the line that it is about, and what it says.

    Of a long file `cells` hold months with the column that speaks of them; of a wide one `quantities` stand in the
    order of its months, and `revisions` are those that the file holds (None = it holds none).
    """

    row: int
    cycle_id: UUID
    customer_id: UUID
    product_id: UUID
    cells: Sequence[tuple[Month, str, CellInFile]] = ()
    quantities: Sequence[int | Cleared | None] = ()
    revisions: Mapping[Month, int] | None = None

    @property
    def count(self) -> int:
        """How many cells it speaks of."""
        return len(self.cells) + sum(quantity is not None for quantity in self.quantities)


def rows_said(batch: ValidBatch, months: Sequence[Month], names: Names) -> tuple[list[RowSaid], list[RowError]]:
    """The rows whose references are all there, and the errors of the others. `months`: the columns of a wide file."""
    places, errors = names.places(batch)
    if months:
        revisions = batch.columns.get("base_revs", [None] * len(batch.rows))
        quantities = zip(*(batch.columns[month] for month in months), strict=True)
        told: Iterable[tuple[Any, ...]] = zip(repeat(()), quantities, revisions, strict=False)
    else:
        told = zip(_long(batch))
    rows = [
        RowSaid(row, *place, *said)
        for row, place, said in zip(batch.rows, places, told, strict=True)
        if place is not None
    ]
    return rows, errors


def _long(batch: ValidBatch) -> Iterator[list[tuple[Month, str, CellInFile]]]:
    nothing: list[Any] = [None] * len(batch.rows)
    columns = [batch.columns.get(name, nothing) for name in (*LONG, "base_rev")]
    for month, *said in zip(batch.columns["month"], *columns, strict=True):
        cell = CellInFile(*said)
        column = next((name for name, value in zip(LONG, said, strict=False) if value is not None), "month")
        yield [] if all(value is None for value in said[:-1]) else [(month, column, cell)]


@dataclass(slots=True)
class SheetJudge:
    """Judges rows against the lines of one sheet, changing the raw lines as a save would. `tally` counts cells.

    `months` are the columns of a wide file, `places` where these stand in a line (None = not a month of the cycle).
    `noted` is what the journal keeps of them; above `floor` the revisions of the sheet begin. `locked` says why the
    sheet can't be written: then only what stands is taken, and is unchanged.
    """

    names: Names
    context: PlanContext
    facts: CustomerFacts
    lines: dict[UUID, RawDocument]
    prefilled: Callable[[UUID], RawDocument]
    months: Sequence[Month] = ()
    floor: int = 0
    locked: str = ""
    errors: list[RowError] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    saved: set[int] = field(default_factory=set)
    new: set[int] = field(default_factory=set)
    before: dict[UUID, list[RawDocument]] = field(default_factory=dict)
    noted: list[RawDocument] = field(default_factory=list)
    places: dict[Month, int] = field(init=False)
    adds_only: bool = field(init=False)

    def __post_init__(self) -> None:
        self.adds_only = self.names.context.mode is Mode.INSERT_ONLY
        self.places = {month: at for at, month in enumerate(self.context.cycle.months)}

    def judge(self, rows: Sequence[RowSaid]) -> None:
        """Take all rows of the sheet, in the order of the file."""
        for row in rows:
            line = self._line(row.product_id)
            if line is None:
                reason = why_no_line(self.context, self.facts, row.product_id)
                self._refuse(row.row, "item_code", "", reason, row.count)
                continue
            if row.product_id not in self.before:
                self.before[row.product_id] = [*line["cells"]]
            prices = self.context.prices(self.facts, self.context.products[row.product_id])
            left = self._quickly(row, line, prices) if row.quantities else row.cells
            for month, column, said in left:
                self._cell(row, line, prices, month, column, said)
        self._note()

    def _quickly(
        self, row: RowSaid, line: RawDocument, prices: Sequence[ResolvedPrice]
    ) -> list[tuple[Month, str, CellInFile]]:
        """Take plain quantities of a wide row, which nearly all cells of large files are: by the rules of
        `change_in_file` and `apply_change`, at a tenth of their cost. Gives the cells that need those."""
        left: list[tuple[Month, str, CellInFile]] = []
        cells, places, revisions = line["cells"], self.places, row.revisions
        overwrite, saved, unchanged = self.names.overwrite, 0, 0
        floor, locked, adds_only = self.floor, self.locked, self.adds_only
        price: ResolvedPrice | None = None
        amount, source = None, ""
        for month, quantity in zip(self.months, row.quantities, strict=True):
            if quantity is None:
                continue
            at = places.get(month)
            if at is not None and quantity.__class__ is int:
                cell = cells[at]
                if quantity == cell["quantity"]:
                    unchanged += 1
                    continue
                if price is not prices[at]:
                    price = prices[at]
                    amount, source = price.price, price.source.value
                rev = cell["rev"]
                free = not locked and not (adds_only and cell["reviewed"])
                known = free and (rev == 0 or overwrite or (revisions is not None and revisions.get(month, 0) == rev))
                value = worth(quantity, amount)
                # A value that is too large to be exact, and prices of people, are for the rules.
                if known and cell["price_source"] != OVERRIDE and (value is not None or amount is None):
                    cells[at] = {
                        "month": month,
                        "quantity": quantity,
                        "value": value,
                        "entered_in": "quantity",
                        "price": amount,
                        "price_source": source,
                        "origin": "imported",
                        "reason": cell["reason"],
                        "rev": (rev or floor) + 1,
                        "reviewed": True,
                    }
                    saved += 1
                    continue
            base_rev = None if revisions is None else revisions.get(month, 0)
            left.append((month, month, CellInFile(quantity, base_rev=base_rev)))
        if saved:
            self._saved(row, line, saved)
        self.tally["unchanged"] += unchanged
        return left

    def _line(self, product_id: UUID) -> RawDocument | None:
        line = self.lines.get(product_id)
        if line is None and product_id in self.facts.matrix:
            line = self.lines[product_id] = {**self.prefilled(product_id), "new": True}
        return line

    def _cell(
        self,
        row: RowSaid,
        line: RawDocument,
        prices: Sequence[ResolvedPrice],
        month: Month,
        column: str,
        said: CellInFile,
    ) -> None:
        at = self.places.get(month)
        if at is None:
            months = self.context.cycle.months
            expected = NO_MONTH.format(first=months[0], last=months[-1])
            self._refuse(row.row, "month" if column in LONG else column, month, expected, 1)
            return
        standing = read_cell(line["cells"][at])
        change = change_in_file(standing, said, overwrite=self.names.overwrite)
        if change is None:
            self.tally["unchanged"] += 1
            return
        if self.locked and self.errors and self.errors[-1].row == row.row:
            self.tally["refused"] += 1  # told with the first cell of the row
            return
        if self.locked:
            change = self.locked
        elif self.adds_only and standing.reviewed:
            change = STANDS
        if isinstance(change, str):
            self._refuse(row.row, column, _shown(said, column), change, 1)
            return
        outcome = apply_change(
            standing, change, self.context.cycle.months, prices[at], origin=Origin.IMPORTED, floor=self.floor
        )
        if outcome.status is CellStatus.SAVED:
            line["cells"][at] = plain_cell(outcome.cell)
            self._saved(row, line, 1)
        elif outcome.status is CellStatus.CONFLICT:
            expected = FASTER.format(now=_now(standing))
            self._refuse(row.row, column, _shown(said, column), expected, 1, conflict=True)
        elif outcome.status is CellStatus.REFUSED:
            self._refuse(row.row, column, _shown(said, column), outcome.reason, 1)
        else:
            self.tally["unchanged"] += 1

    def _note(self) -> None:
        """Keep what the journal needs of the lines that change. Now, so that the cells as they were can go: a batch has
        tens of thousands."""
        entries, all_months = Entries(LINE_CELL, SAID_OF_LINE), self.context.cycle.months
        for product_id, before in self.before.items():
            line = self.lines[product_id]
            if "touched" not in line:
                continue
            after = line["cells"]
            at = [place for place, was in enumerate(before) if was is not after[place]]
            months: Sequence[Month] = all_months
            if len(at) < len(before):
                months = [all_months[place] for place in at]
                before, after = [before[place] for place in at], [after[place] for place in at]
            entries.add(line["_id"], months, before, after, is_new="new" in line)
        self.noted = [*entries]
        self.before.clear()

    def _saved(self, row: RowSaid, line: RawDocument, cells: int) -> None:
        self.tally["saved"] += cells
        self.saved.add(row.row)
        if "new" in line:
            self.new.add(row.row)
        line["touched"] = True

    def _refuse(self, row: int, column: str, value: str, expected: str, cells: int, *, conflict: bool = False) -> None:
        self.tally["conflict" if conflict else "refused"] += cells
        title = self.names.context.titles.get(column, column)
        self.errors.append(RowError(row, title, value, expected, conflict))


def _shown(said: CellInFile, column: str) -> str:
    """What the file says in a column; that of a month holds quantities."""
    value = getattr(said, column if column in LONG else "quantity")
    if isinstance(value, int):
        return _written(value, SCALES.get(column, QUANTITY))
    return value.value if isinstance(value, Cleared) else value or ""


def _now(cell: Cell) -> str:
    return "nothing" if cell.quantity is None else _written(cell.quantity, QUANTITY)


def _written(scaled: int, scale: Scale) -> str:
    return format(scale.to_decimal(scaled).normalize(), "f")
