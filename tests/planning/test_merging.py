"""Merging two customers: what stands in the way, how cells are summed, and which days move."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.cells import Cell, EnteredIn, Origin
from planning.intervals import Interval, covers, overlap
from planning.merging import (
    Collision,
    CycleFacts,
    Party,
    SheetState,
    collide,
    names_after,
    obstacles,
    planned_as,
    state_after,
    stood_behind,
    sum_cells,
    sum_line,
    uncovered,
)
from planning.prices import PriceSource, ResolvedPrice, worth
from planning.stages import Stage

MONTH = "2027-01"
SOURCE = Party(UUID(int=1), "OLD", "EUR", is_active=True)
TARGET = Party(UUID(int=2), "NEW", "EUR", is_active=True)
PRICE = ResolvedPrice(250_000_000, PriceSource.LIST)
UNITS = 1000


def cell(units: int | None = None, **changes: object) -> Cell:
    standing = Cell(MONTH, quantity=None if units is None else units * UNITS, price=100_000_000)
    return replace(standing, **{"price_source": PriceSource.LIST, **changes})  # type: ignore[arg-type]


# --- what stands in the way ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "prices", "words"),
    [
        (SOURCE, TARGET, 3, []),
        (replace(SOURCE, is_active=False), TARGET, 0, []),
        (SOURCE, SOURCE, 0, ["OLD can't be merged into itself; name another customer."]),
        (replace(SOURCE, merged_into="X"), TARGET, 0, ["OLD was merged into X already."]),
        (SOURCE, replace(TARGET, is_active=False), 0, ["NEW is inactive; restore it first."]),
        (
            SOURCE,
            replace(TARGET, is_active=False, merged_into="X"),
            0,
            ["NEW was merged into X; merge into that one."],
        ),
        (replace(SOURCE, currency="GBP"), TARGET, 0, []),
        (
            replace(SOURCE, currency="GBP"),
            TARGET,
            2,
            ["OLD has 2 prices in GBP, and NEW is priced in EUR; remove those prices first."],
        ),
        (
            replace(SOURCE, merged_into="X"),
            replace(TARGET, is_active=False),
            0,
            ["OLD was merged into X already.", "NEW is inactive; restore it first."],
        ),
    ],
)
def test_what_stands_in_the_way_of_two_customers(source: Party, target: Party, prices: int, words: list[str]) -> None:
    assert list(obstacles(source, target, source_prices=prices, cycles=())) == words


@pytest.mark.parametrize(
    ("cycle", "words"),
    [
        (CycleFacts("May", Stage.ENTRY, True, 5_000), []),
        (CycleFacts("May", Stage.REVIEW, True), []),
        (CycleFacts("May", Stage.DRAFT, False), []),
        (CycleFacts("May", Stage.DRAFT, True), ["The cycle May is being opened; merge when it is open."]),
        (CycleFacts("May", Stage.CLOSING, True), ["The cycle May is being closed; merge when it is closed."]),
        (
            CycleFacts("May", Stage.ENTRY, True, 5_001),
            ["In the cycle May the two would have 5001 lines; a sheet holds at most 5000."],
        ),
    ],
)
def test_what_stands_in_the_way_of_a_cycle(cycle: CycleFacts, words: list[str]) -> None:
    assert list(obstacles(SOURCE, TARGET, source_prices=0, cycles=[cycle])) == words


@pytest.mark.parametrize(
    ("stage", "source", "target", "after"),
    [
        (Stage.ENTRY, "draft", "draft", SheetState.DRAFT),
        (Stage.ENTRY, "submitted", "submitted", SheetState.DRAFT),
        (Stage.ENTRY, "draft", "returned", SheetState.DRAFT),
        (Stage.REVIEW, "draft", "draft", SheetState.DRAFT),
        (Stage.REVIEW, "draft", "submitted", SheetState.RETURNED),
        (Stage.REVIEW, "submitted", "draft", SheetState.RETURNED),
        (Stage.REVIEW, "returned", "draft", SheetState.RETURNED),
    ],
)
def test_the_targets_sheet_can_be_written_again(stage: Stage, source: str, target: str, after: SheetState) -> None:
    assert state_after(stage, source, target) == after


# --- cells -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "source", "quantity", "rev"),
    [
        (cell(None), cell(None), None, 0),
        (cell(None), cell(5), 5, 1),
        (cell(5), cell(None), 5, 0),
        (cell(0), cell(0), 0, 1),
        (cell(2, rev=3), cell(5, rev=7), 7, 8),
        (cell(2, rev=3), cell(None, rev=7), 2, 3),
    ],
)
def test_null_is_not_0(target: Cell, source: Cell, quantity: int | None, rev: int) -> None:
    merged = sum_cells(target, source, PRICE)
    assert merged.quantity == (None if quantity is None else quantity * UNITS)
    assert merged.rev == rev
    assert (merged == target) == (not source.filled)


OVERRIDE = {"price": 90_000_000, "price_source": PriceSource.OVERRIDE, "reason": "agreed"}
OTHERS = {"price": 70_000_000, "price_source": PriceSource.OVERRIDE, "reason": "promised"}


@pytest.mark.parametrize(
    ("target", "source", "price", "reason"),
    [
        (cell(2), cell(5), PRICE.price, None),
        (cell(2, **OVERRIDE), cell(5), 90_000_000, "agreed"),
        (cell(2, **OVERRIDE), cell(5, **OTHERS), 90_000_000, "agreed"),
        (cell(2), cell(5, **OTHERS), PRICE.price, None),
        (cell(None), cell(5, **OTHERS), 70_000_000, "promised"),
        (cell(None, **OVERRIDE), cell(5, **OTHERS), 90_000_000, "agreed"),
        (cell(None), cell(None, **OTHERS), 70_000_000, "promised"),
        (cell(2, reason="mine"), cell(5, reason="theirs"), PRICE.price, "mine"),
        (cell(2), cell(5, reason="theirs"), PRICE.price, "theirs"),
    ],
)
def test_the_value_follows_from_the_targets_price(
    target: Cell, source: Cell, price: int | None, reason: str | None
) -> None:
    merged = sum_cells(target, source, PRICE)
    assert (merged.price, merged.reason, merged.entered_in) == (price, reason, EnteredIn.QUANTITY)
    assert merged.value == worth(merged.quantity, price)


@pytest.mark.parametrize(
    ("target", "source", "origin", "reviewed"),
    [
        (cell(2, origin=Origin.COPIED), cell(5, origin=Origin.BASELINE), Origin.COPIED, False),
        (cell(2, origin=Origin.COPIED), cell(5, origin=Origin.TYPED, reviewed=True), Origin.TYPED, True),
        (cell(2, origin=Origin.TYPED, reviewed=True), cell(5, origin=Origin.IMPORTED), Origin.TYPED, True),
        (cell(None, reviewed=True), cell(5, origin=Origin.COPIED), Origin.COPIED, False),
        (cell(None), cell(None, **OTHERS), None, False),
    ],
)
def test_what_a_person_stands_behind_counts(target: Cell, source: Cell, origin: Origin | None, reviewed: bool) -> None:
    merged = sum_cells(target, source, PRICE)
    assert (merged.origin, merged.reviewed) == (origin, reviewed)


def test_what_was_submitted_is_stood_behind() -> None:
    cells = {"2027-01": cell(5), "2027-02": cell(None)}
    assert stood_behind(cells, submitted=False) == cells
    assert [one.reviewed for one in stood_behind(cells, submitted=True).values()] == [True, False]


QUANTITIES = st.none() | st.integers(0, 10**15)


@given(st.dictionaries(st.sampled_from(["1", "2", "3"]), QUANTITIES), st.dictionaries(st.just("2"), QUANTITIES))
def test_a_line_sums_month_by_month_and_loses_nothing(
    target: dict[str, int | None], source: dict[str, int | None]
) -> None:
    months = ("1", "2", "3")
    mine = {month: Cell(month, quantity) for month, quantity in target.items()}
    theirs = {month: Cell(month, quantity) for month, quantity in source.items()}
    merged = sum_line(months, mine, theirs, dict.fromkeys(months, PRICE))
    assert [one.month for one in merged] == list(months)
    said = [quantity for quantity in (*target.values(), *source.values()) if quantity is not None]
    assert sum(one.quantity or 0 for one in merged) == sum(said)
    nobody = [month for month in months if target.get(month) is None and source.get(month) is None]
    assert [one.month for one in merged if not one.filled] == nobody
    counted = collide(mine, theirs)
    assert counted.moved + counted.summed == sum(one.filled for one in theirs.values())


def test_cells_that_meet_are_counted() -> None:
    target = {"1": cell(1), "2": cell(None), "3": cell(4)}
    source = {"1": cell(1), "2": cell(2), "3": cell(None), "4": cell(0)}
    assert collide(target, source) == Collision(moved=2, summed=1)


# --- days, nodes, names ----------------------------------------------------------------------------------------------

JANUARY, TO_JUNE = Interval("2026-01-01", "2026-01-31"), Interval("2026-01-01", "2026-06-30")


@pytest.mark.parametrize(
    ("entry", "others", "left"),
    [
        (JANUARY, [], [JANUARY]),
        (JANUARY, [Interval("2026-02-01", None)], [JANUARY]),
        (JANUARY, [Interval()], []),
        (JANUARY, [JANUARY], []),
        (Interval(), [JANUARY], [Interval(None, "2025-12-31"), Interval("2026-02-01", None)]),
        (
            TO_JUNE,
            [Interval("2026-03-01", "2026-03-31")],
            [Interval("2026-01-01", "2026-02-28"), Interval("2026-04-01", "2026-06-30")],
        ),
        (TO_JUNE, [Interval("2026-02-01", None), JANUARY], []),
        (TO_JUNE, [Interval(None, "2026-02-28")], [Interval("2026-03-01", "2026-06-30")]),
        (Interval("2026-02-01", "2026-01-01"), [], []),
        (JANUARY, [Interval("2026-02-01", "2026-01-01")], [JANUARY]),
    ],
)
def test_the_days_that_nobody_else_covers(entry: Interval, others: list[Interval], left: list[Interval]) -> None:
    assert list(uncovered(entry, others)) == left


DAYS = [f"2026-01-{day:02}" for day in range(1, 16)]
ENTRIES = st.builds(Interval, st.none() | st.sampled_from(DAYS), st.none() | st.sampled_from(DAYS))


@given(ENTRIES, st.lists(ENTRIES, max_size=4))
def test_every_day_is_covered_once(entry: Interval, others: list[Interval]) -> None:
    left = uncovered(entry, others)
    for day in ("2025-12-01", *DAYS, "2026-02-01"):
        mine = covers(entry, day) and not any(covers(other, day) for other in others)
        assert sum(covers(piece, day) for piece in left) == mine
    assert not any(overlap(piece, other) for piece in left for other in others if overlap(other, other))


A, B, C = UUID(int=11), UUID(int=12), UUID(int=13)


@pytest.mark.parametrize(
    ("node", "target_node", "after"),
    [(None, None, None), (C, None, C), (A, None, B), (A, C, C), (A, A, B)],
)
def test_whoever_was_planned_as_the_source_is_planned_as_the_target(
    node: UUID | None, target_node: UUID | None, after: UUID | None
) -> None:
    assert planned_as(node, A, B, target_node) == after


def test_the_sources_names_find_the_target() -> None:
    after, fresh = names_after(["Acme"], ["NEW", "Acme Ltd"], ["OLD", "acme ltd", " ACME ", "Old Acme", "old"], 50)
    assert (after, fresh) == (("Acme", "OLD", "Old Acme"), ("OLD", "Old Acme"))
    assert names_after(["Acme"], ["NEW"], ["OLD", "Old Acme"], 2) == (("Acme", "OLD"), ("OLD",))
