"""Plain quantities of wide files take a shorter way than the rules of a save, and come to the same."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from planning.cells import CellStatus, Origin, apply_change
from planning.forecast_files import CLEAR, CellInFile, change_in_file
from planning.import_modes import Mode
from planning.prices import PriceSource, ResolvedPrice
from services.closing import read_cell
from services.forecasts import plain_cell
from services.import_apply.forecast_cells import RowSaid, SheetJudge
from services.journal_cells import noted_lines

NOBODY = UUID(int=1)
MONTHS = ("2027-01", "2027-02", "2027-03")
QUANTITIES = st.none() | st.integers(0, 10**14)
PRICES = st.builds(ResolvedPrice, st.none() | st.integers(0, 10**14), st.sampled_from(PriceSource))


@st.composite
def stored_cells(draw: st.DrawFn, month: str) -> dict[str, Any]:
    own = draw(st.booleans())
    return {
        "month": month,
        "quantity": draw(QUANTITIES),
        "value": draw(QUANTITIES),
        "entered_in": draw(st.sampled_from(["quantity", "value"])),
        "price": draw(st.integers(0, 10**10)),
        "price_source": "override" if own else draw(st.sampled_from(["list", "missing"])),
        "origin": draw(st.sampled_from(["copied", "typed", None])),
        "reason": "Deal" if own else draw(st.sampled_from([None, "Because"])),
        "rev": draw(st.integers(0, 2)),
        "reviewed": draw(st.booleans()),
    }


class Rules(NamedTuple):
    """How the file is taken, and where the revisions of the sheet begin."""

    overwrite: bool
    mode: Mode
    floor: int


RULES = st.builds(Rules, st.booleans(), st.sampled_from([Mode.UPSERT, Mode.INSERT_ONLY]), st.integers(0, 3))


@st.composite
def rows(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[ResolvedPrice], RowSaid, Rules]:
    cells = [draw(stored_cells(month)) for month in MONTHS]
    prices = [draw(PRICES) for _ in MONTHS]
    said = [draw(st.one_of(QUANTITIES, st.just(CLEAR), st.just(cell["quantity"]))) for cell in cells]
    revisions = draw(st.none() | st.dictionaries(st.sampled_from(MONTHS), st.integers(0, 2)))
    row = RowSaid(2, NOBODY, NOBODY, NOBODY, quantities=said, revisions=revisions)
    return cells, prices, row, draw(RULES)


@given(rows())
def test_both_ways_come_to_the_same(drawn: tuple[list[dict[str, Any]], list[ResolvedPrice], RowSaid, Rules]) -> None:
    cells, prices, row, rules = drawn
    expected = deepcopy(cells)
    statuses: dict[str, int] = {}
    for at, quantity in enumerate(row.quantities):
        if quantity is None:
            continue
        base_rev = None if row.revisions is None else row.revisions.get(MONTHS[at], 0)
        standing = read_cell(cells[at])
        change = change_in_file(standing, CellInFile(quantity, base_rev=base_rev), overwrite=rules.overwrite)
        status = CellStatus.UNCHANGED if change is None else CellStatus.REFUSED
        stands = rules.mode is Mode.INSERT_ONLY and standing.reviewed
        if change is not None and not isinstance(change, str) and not stands:
            outcome = apply_change(standing, change, MONTHS, prices[at], origin=Origin.IMPORTED, floor=rules.floor)
            status = outcome.status
            if status is CellStatus.SAVED:
                expected[at] = plain_cell(outcome.cell)
        statuses[status.value] = statuses.get(status.value, 0) + 1

    was = {cell["month"]: cell for cell in cells}
    line = {"_id": NOBODY, "cells": cells}
    context: Any = SimpleNamespace(
        cycle=SimpleNamespace(months=MONTHS), products={NOBODY: None}, prices=lambda *_: prices
    )
    names: Any = SimpleNamespace(overwrite=rules.overwrite, context=SimpleNamespace(titles={}, mode=rules.mode))
    facts: Any = SimpleNamespace(matrix=())
    judge = SheetJudge(names, context, facts, {NOBODY: line}, lambda _: line, MONTHS, rules.floor)
    judge.judge([row])
    assert line["cells"] == expected
    assert {status: count for status, count in judge.tally.items() if count} == statuses
    noted = noted_lines([{"entries": judge.noted}])
    said = ("month", "quantity", "rev")
    changed = {cell["month"]: cell for cell in expected if cell != was[cell["month"]]}
    assert {month: pair for line in noted.values() for month, pair in line.cells.items()} == {
        month: (was[month], {name: cell[name] for name in said}) for month, cell in changed.items()
    }
    assert len(judge.errors) == statuses.get("refused", 0) + statuses.get("conflict", 0)
