"""Successors: each product has one heir a month, and nothing is lost or counted twice on the way to it."""

from __future__ import annotations

from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.months import month_range
from planning.succession import (
    MAX_STEPS,
    ONE,
    Heir,
    Link,
    Span,
    Succession,
    carried,
    inherited,
    joined,
    link_problem,
)

A, B, C, D = (UUID(int=number) for number in range(1, 5))
FACTOR = 10**8
# One old case of A is 2 of B from March on; B is half of C from June on.
CHAIN = Succession({A: Link(B, "2026-03", 2 * FACTOR), B: Link(C, "2026-06", FACTOR // 2)})
MONTHS = month_range("2026-01", 12)


@pytest.mark.parametrize(
    ("product", "month", "heir", "factor"),
    [
        (A, "2026-02", A, ONE),
        (A, "2026-03", B, Fraction(2)),
        (A, "2026-06", C, ONE),
        (B, "2026-05", B, ONE),
        (B, "2026-06", C, Fraction(1, 2)),
        (C, "2026-12", C, ONE),
        (D, "2026-12", D, ONE),
    ],
)
def test_the_heir_depends_on_the_month(product: UUID, month: str, heir: UUID, factor: Fraction) -> None:
    assert CHAIN.heir(product, month) == Heir(heir, factor)


def test_a_product_outside_of_chains_stands_on_its_own_history() -> None:
    assert CHAIN.spans(D, MONTHS) == (Span(MONTHS, {D: ONE}),)
    assert CHAIN.involved == {A, B, C}


def test_the_months_of_a_chain_fall_into_runs() -> None:
    assert CHAIN.spans(A, MONTHS) == (Span(MONTHS[:2], {A: ONE}), Span(MONTHS[2:], {}))
    assert CHAIN.spans(B, MONTHS) == (
        Span(MONTHS[:2], {B: ONE}),
        Span(MONTHS[2:5], {B: ONE, A: Fraction(2)}),
        Span(MONTHS[5:], {}),
    )
    assert CHAIN.spans(C, MONTHS)[-1] == Span(MONTHS[5:], {C: ONE, B: Fraction(1, 2), A: ONE})


def test_two_products_may_have_one_successor() -> None:
    both = Succession({A: Link(C, "2026-03"), B: Link(C, "2026-03")})
    assert both.with_predecessors([C]) == {A, B, C}
    assert both.spans(C, ("2026-03",)) == (Span(("2026-03",), {A: ONE, B: ONE, C: ONE}),)


@pytest.mark.parametrize(
    ("quantity", "factor", "result"),
    [
        (1_234, ONE, 1_234),
        (1_000, Fraction(12), 12_000),
        (5, Fraction(1, 2), 2),  # half-even
        (15, Fraction(1, 2), 8),
        (-5, Fraction(1, 2), -2),
        (10, Fraction(1, 3), 3),
        (10**14, Fraction(1000), 10**15 - 1),
        (-(10**14), Fraction(1000), 1 - 10**15),
    ],
)
def test_a_quantity_is_rounded_once_and_fits_a_cell(quantity: int, factor: Fraction, result: int) -> None:
    assert carried(quantity, factor) == result


def test_histories_are_added_in_the_units_of_the_heir() -> None:
    old, new = {"2026-01": 10, "2026-02": 20}, {"2026-02": 5}
    assert joined([(new, ONE), (old, Fraction(2))]) == {"2026-01": 20, "2026-02": 45}
    assert joined([]) == {}


def test_a_plan_made_on_the_predecessor_is_its_heirs() -> None:
    plans = {A: {"2026-02": 10, "2026-03": 10, "2026-04": None}, B: {"2026-03": 1, "2026-04": None, "2026-05": 7}}
    assert inherited(plans, CHAIN) == {
        A: {"2026-02": 10},
        B: {"2026-03": 21, "2026-04": None, "2026-05": 7},
    }


def test_null_takes_nothing_from_what_somebody_said() -> None:
    assert inherited({B: {"2026-03": 1}, A: {"2026-03": None}}, CHAIN) == {B: {"2026-03": 1}}
    assert inherited({B: {"2026-03": None}, A: {"2026-03": 0}}, CHAIN) == {B: {"2026-03": 0}}


def test_a_product_is_not_its_own_successor() -> None:
    assert "own successor" in str(link_problem(A, A, {}))


def test_a_chain_runs_in_no_circle() -> None:
    links = {A: Link(B, "2026-03"), B: Link(C, "2026-06")}
    assert link_problem(C, D, links) is None
    assert "circle" in str(link_problem(C, A, links))
    assert "circle" in str(link_problem(B, A, {A: Link(B, "2026-03")}))


def test_the_link_that_a_product_has_is_replaced_and_does_not_count() -> None:
    assert link_problem(A, C, {A: Link(B, "2026-03"), C: Link(D, "2026-03")}) is None
    assert link_problem(B, C, {A: Link(B, "2026-03"), B: Link(A, "2026-03")}) is None


def chain_of(steps: int, first: int = 100) -> dict[UUID, Link]:
    return {UUID(int=first + step): Link(UUID(int=first + step + 1), "2026-03") for step in range(steps)}


@pytest.mark.parametrize("before", range(MAX_STEPS + 2))
def test_a_chain_has_a_longest_length_wherever_it_grows(before: int) -> None:
    after = MAX_STEPS - before
    links = chain_of(before, 100) | chain_of(max(0, after), 200)
    new, successor = UUID(int=100 + before), UUID(int=200)
    assert "at most 10 steps" in str(link_problem(new, successor, links))
    if after > 0:
        del links[UUID(int=200 + after - 1)]
        assert link_problem(new, successor, links) is None


def test_a_circle_that_is_there_all_the_same_ends_every_question() -> None:
    links = {A: Link(B, "2026-03"), B: Link(A, "2026-03")}
    assert Succession(links).heir(A, "2026-04").product in (A, B)
    assert Succession(links).with_predecessors([A]) == {A, B}
    assert link_problem(C, A, links) is not None
    assert link_problem(A, D, links | {B: Link(A, "2026-03")}) is None
    assert link_problem(C, D, {A: Link(B, "2026-03"), B: Link(A, "2026-03"), D: Link(A, "2026-03")}) is not None


products = st.sampled_from([UUID(int=number) for number in range(1, 9)])
some_months = st.sampled_from(MONTHS)
proposals = st.lists(
    st.tuples(products, products, some_months, st.sampled_from([FACTOR, 2 * FACTOR, FACTOR // 2, 33_333_333])),
    max_size=12,
)


def accepted(proposed: list[tuple[UUID, UUID, str, int]]) -> dict[UUID, Link]:
    links: dict[UUID, Link] = {}
    for product, successor, since, factor in proposed:
        if link_problem(product, successor, links) is None:
            links[product] = Link(successor, since, factor)
    return links


@given(proposals)
def test_whatever_is_accepted_runs_in_no_circle(proposed: list[tuple[UUID, UUID, str, int]]) -> None:
    links = accepted(proposed)
    for product in links:
        seen = [product]
        while (link := links.get(seen[-1])) is not None:
            assert link.successor not in seen
            seen.append(link.successor)
        assert len(seen) <= MAX_STEPS + 1


@given(proposals, products, some_months)
def test_an_heir_is_its_own_heir_and_stands_on_what_it_inherits(
    proposed: list[tuple[UUID, UUID, str, int]], product: UUID, month: str
) -> None:
    succession = Succession(accepted(proposed))
    heir = succession.heir(product, month)
    assert succession.heir(heir.product, month) == Heir(heir.product)
    (span,) = succession.spans(heir.product, (month,))
    assert span.sources[product] == heir.factor


@given(proposals, st.dictionaries(products, st.dictionaries(some_months, st.none() | st.integers(0, 10**6))))
def test_nothing_planned_is_lost_or_counted_twice(
    proposed: list[tuple[UUID, UUID, str, int]], plans: dict[UUID, dict[str, int | None]]
) -> None:
    succession = Succession(accepted(proposed))
    heirs = inherited(plans, succession)
    expected: dict[tuple[UUID, str], int | None] = {}
    for product, plan in plans.items():
        for month, quantity in plan.items():
            heir = succession.heir(product, month)
            key = (heir.product, month)
            if quantity is None:
                expected.setdefault(key, None)
            else:
                expected[key] = (expected.get(key) or 0) + carried(quantity, heir.factor)
    assert {(product, month): said for product, plan in heirs.items() for month, said in plan.items()} == expected
