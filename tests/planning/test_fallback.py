"""The fallback rule at close: the first step that says something for the month."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.cells import Cell, Origin
from planning.fallback import ApprovedCell, FallbackStep, approve_cell, approve_line
from planning.months import month_range
from planning.prices import PriceSource, ResolvedPrice

MONTH = "2026-11"
LIST = ResolvedPrice(200_000_000, PriceSource.LIST)
NO_PRICE = ResolvedPrice(None, PriceSource.MISSING)


def typed(quantity: int | None, *, reviewed: bool = True) -> Cell:
    return Cell(
        MONTH, quantity, 111, price=7, price_source=PriceSource.OVERRIDE, origin=Origin.TYPED, reviewed=reviewed
    )


def approve(
    consensus: Cell | None = None,
    submitted: Cell | None = None,
    draft: Cell | None = None,
    last_approved: int | None = None,
    naive: int | None = None,
    price: ResolvedPrice = LIST,
) -> ApprovedCell:
    return approve_cell(
        MONTH,
        consensus=consensus,
        submitted=submitted,
        draft=draft,
        last_approved=last_approved,
        naive=naive,
        price=price,
    )


@pytest.mark.parametrize(
    ("consensus", "submitted", "draft", "last_approved", "naive", "quantity", "step"),
    [
        (typed(1), typed(2), typed(3), 4, 5, 1, FallbackStep.CONSENSUS),
        (None, typed(2), typed(3), 4, 5, 2, FallbackStep.SUBMITTED),
        (None, typed(2, reviewed=False), typed(3), 4, 5, 2, FallbackStep.SUBMITTED),
        (typed(None), typed(0), typed(3), 4, 5, 0, FallbackStep.SUBMITTED),
        (None, None, typed(3), 4, 5, 3, FallbackStep.DRAFT),
        (None, typed(None), typed(3), 4, 5, 3, FallbackStep.DRAFT),
        (None, None, typed(3, reviewed=False), 4, 5, 4, FallbackStep.LAST_APPROVED),
        (None, None, typed(None), 4, 5, 4, FallbackStep.LAST_APPROVED),
        (None, None, None, 0, 5, 0, FallbackStep.LAST_APPROVED),
        (None, None, None, None, 5, 5, FallbackStep.NAIVE),
        (None, None, None, None, None, None, FallbackStep.NOTHING),
    ],
)
def test_the_first_step_that_says_something_wins(
    consensus: Cell | None,
    submitted: Cell | None,
    draft: Cell | None,
    last_approved: int | None,
    naive: int | None,
    quantity: int | None,
    step: FallbackStep,
) -> None:
    approved = approve_cell(
        MONTH,
        consensus=consensus,
        submitted=submitted,
        draft=draft,
        last_approved=last_approved,
        naive=naive,
        price=LIST,
    )
    assert (approved.quantity, approved.step) == (quantity, step)
    assert approved.flagged == (step == FallbackStep.NOTHING)


def test_what_people_said_keeps_the_price_and_value_saved_with_it() -> None:
    approved = approve(submitted=typed(2))
    assert approved == ApprovedCell(MONTH, 2, 111, 7, PriceSource.OVERRIDE, Origin.TYPED, FallbackStep.SUBMITTED)


def test_what_nobody_said_is_valued_at_the_price_of_the_chain() -> None:
    approved = approve_cell(
        MONTH, consensus=None, submitted=None, draft=None, last_approved=None, naive=3_000, price=LIST
    )
    assert approved == ApprovedCell(
        MONTH, 3_000, 60_000, LIST.price, PriceSource.LIST, Origin.FALLBACK, FallbackStep.NAIVE
    )
    assert not approved.price_missing


def test_a_missing_price_is_seen_only_where_there_is_something_to_value() -> None:
    assert approve(naive=3_000, price=NO_PRICE).price_missing
    assert not approve(naive=0, price=NO_PRICE).price_missing
    assert not approve(price=NO_PRICE).price_missing


Sources = tuple[Cell | None, Cell | None, Cell | None, int | None, int | None]
maybe = st.none() | st.integers(0, 10**6)
maybe_cell = st.none() | st.builds(typed, maybe, reviewed=st.booleans())


@given(st.lists(st.tuples(maybe_cell, maybe_cell, maybe_cell, maybe, maybe), min_size=4, max_size=4))
def test_a_line_is_its_months(
    sources: list[Sources],
) -> None:
    months = month_range(MONTH, 4)
    consensus, submitted, draft, last_approved, naive = (
        {month: one for month, one in zip(months, column, strict=True) if one is not None}
        for column in zip(*sources, strict=True)
    )
    line = approve_line(
        months,
        dict.fromkeys(months, LIST),
        consensus=consensus,
        submitted=submitted,
        draft=draft,
        last_approved=last_approved,
        naive=naive,
    )
    assert [cell.month for cell in line] == list(months)
    for cell, (agreed, sent, drafted, approved, repeated) in zip(line, sources, strict=True):
        assert cell == approve_cell(
            cell.month,
            consensus=agreed,
            submitted=sent,
            draft=drafted,
            last_approved=approved,
            naive=repeated,
            price=LIST,
        )
        assert cell.flagged == (cell.quantity is None)
