"""Who plans a customer and who stands in: what can't stand beside each other, and handing over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.access import Assignment, category_key
from planning.assignments import (
    Delegation,
    HandOver,
    Problem,
    category_problem,
    collide,
    delegation_problem,
    in_the_way,
    plan_hand_over,
    planner_problem,
    settle,
)

ANNA, BEN, CARL = UUID(int=1), UUID(int=2), UUID(int=3)
CAFE, SHOP = UUID(int=11), UUID(int=12)
JANUARY, JUNE, JULY, DECEMBER = date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1), date(2026, 12, 31)


@pytest.mark.parametrize(
    ("one", "other", "do"),
    [
        (Assignment(CAFE, ANNA, JANUARY), Assignment(CAFE, BEN, JULY), True),
        (Assignment(CAFE, ANNA, JANUARY, JUNE), Assignment(CAFE, BEN, JULY), False),
        (Assignment(CAFE, ANNA, JANUARY, JULY), Assignment(CAFE, BEN, JULY), True),
        (Assignment(CAFE, ANNA, JANUARY), Assignment(CAFE, BEN, JULY, primary=False), False),
        (Assignment(CAFE, ANNA, JANUARY), Assignment(CAFE, ANNA, JULY, primary=False), True),
        (Assignment(CAFE, ANNA, JANUARY, primary=False), Assignment(CAFE, BEN, JULY, primary=False), False),
        (Assignment(CAFE, ANNA, JANUARY), Assignment(SHOP, BEN, JULY), False),
        (Assignment(CAFE, ANNA, JANUARY), Assignment(CAFE, BEN, JULY, category="tea"), False),
        (Assignment(CAFE, ANNA, JANUARY, category=" Tea"), Assignment(CAFE, BEN, JULY, category="tea"), True),
        (Assignment(CAFE, ANNA, JANUARY, category="cups"), Assignment(CAFE, BEN, JULY, category="tea"), False),
    ],
)
def test_two_primaries_or_one_person_twice_collide(one: Assignment, other: Assignment, do: bool) -> None:
    assert collide(one, other) == collide(other, one) == do


def test_the_first_entry_in_the_way_is_named_and_never_the_entry_itself() -> None:
    later = Assignment(CAFE, BEN, JULY, id=UUID(int=22))
    earlier = Assignment(CAFE, CARL, JANUARY, JUNE, id=UUID(int=21))
    assert in_the_way(Assignment(CAFE, ANNA, JANUARY), [later, earlier]) == earlier
    assert in_the_way(Assignment(CAFE, ANNA, JULY), [later, earlier]) == later
    moved = Assignment(CAFE, BEN, JANUARY + timedelta(days=200), id=later.id)
    assert in_the_way(moved, [later, earlier]) is None
    assert in_the_way(Assignment(SHOP, ANNA, JULY), [later, earlier]) is None


def test_of_a_file_the_later_line_is_refused() -> None:
    first, second = Assignment(CAFE, ANNA, JANUARY), Assignment(CAFE, BEN, JULY)
    assert settle({}, {"1": first, "2": second}) == {"2": first}
    assert settle({"0": first}, {"2": second}) == {"2": first}


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_line_may_end_what_another_line_follows_in_any_order(order: tuple[str, str]) -> None:
    lines = {"a": Assignment(CAFE, ANNA, JANUARY, JUNE), "b": Assignment(CAFE, BEN, JULY)}
    assert settle({"a": Assignment(CAFE, ANNA, JANUARY)}, {key: lines[key] for key in order}) == {}


def test_a_refused_line_leaves_the_entry_that_it_would_have_ended() -> None:
    anna, carl = Assignment(CAFE, ANNA, JULY, id=UUID(int=1)), Assignment(CAFE, CARL, JANUARY, JUNE)
    moved = Assignment(CAFE, ANNA, JANUARY, JUNE, id=UUID(int=1))
    ben = Assignment(CAFE, BEN, JULY)
    assert settle({"anna": anna, "carl": carl}, {"anna": moved, "ben": ben}) == {"anna": carl, "ben": anna}


days = st.integers(0, 8).map(lambda offset: JANUARY + timedelta(days=offset))


@st.composite
def entries(draw: st.DrawFn) -> Assignment:
    first = draw(days)
    last = draw(st.none() | st.integers(0, 6).map(lambda length: first + timedelta(days=length)))
    person, category = draw(st.sampled_from([ANNA, BEN, CARL])), draw(st.sampled_from([None, "tea", "TEA "]))
    return Assignment(CAFE, person, first, last, category, draw(st.booleans()), id=draw(st.uuids()))


def _without_collisions(found: list[Assignment]) -> list[Assignment]:
    kept: list[Assignment] = []
    for entry in found:
        if not any(collide(entry, other) for other in kept):
            kept.append(entry)
    return kept


@given(st.lists(entries(), max_size=5).map(_without_collisions), st.lists(st.tuples(st.integers(0, 8), entries())))
def test_what_a_file_leaves_has_no_collision(standing: list[Assignment], lines: list[tuple[int, Assignment]]) -> None:
    stored = dict(enumerate(standing))
    proposed = dict(lines)
    refused = settle(stored, proposed)
    left = stored | {key: entry for key, entry in proposed.items() if key not in refused}
    values = list(left.values())
    assert not any(collide(one, other) for at, one in enumerate(values) for other in values[:at])
    assert all(collide(proposed[key], other) for key, other in refused.items())
    if len(proposed) == 1 and refused:
        [(key, entry)] = proposed.items()
        assert any(collide(entry, other) for name, other in stored.items() if name != key)


# --- handing over ----------------------------------------------------------------------------------------------------


def test_handing_over_ends_one_the_day_before_and_begins_the_other() -> None:
    anna = Assignment(CAFE, ANNA, JANUARY, DECEMBER, id=UUID(int=21))
    helper = Assignment(CAFE, CARL, JANUARY, primary=False, id=UUID(int=22))
    assert plan_hand_over([helper, anna], ANNA, BEN, None, JULY) == HandOver(
        ended=(anna,), last_day=JUNE, begun=Assignment(CAFE, BEN, JULY, DECEMBER), beside=(helper,)
    )


def test_a_helper_who_takes_over_helps_no_longer() -> None:
    anna = Assignment(CAFE, ANNA, JANUARY, id=UUID(int=21))
    helper = Assignment(CAFE, BEN, JANUARY, primary=False, id=UUID(int=22))
    plan = plan_hand_over([helper, anna], ANNA, BEN, None, JULY)
    assert isinstance(plan, HandOver)
    assert (plan.ended, plan.beside) == ((anna, helper), ())


@pytest.mark.parametrize(
    "helper",
    [
        Assignment(CAFE, BEN, JANUARY, JUNE, primary=False),
        Assignment(CAFE, BEN, JANUARY, None, primary=False),
        Assignment(CAFE, BEN, JULY, DECEMBER, primary=False),
        Assignment(CAFE, CARL, JANUARY, DECEMBER, primary=False),
        Assignment(CAFE, BEN, JANUARY, DECEMBER, category="tea", primary=False),
    ],
)
def test_what_is_over_goes_further_or_is_somebody_elses_stays(helper: Assignment) -> None:
    anna = Assignment(CAFE, ANNA, JANUARY, DECEMBER)
    plan = plan_hand_over([anna, helper], ANNA, BEN, None, JULY)
    assert isinstance(plan, HandOver)
    assert (plan.ended, plan.beside) == ((anna,), (helper,))


@pytest.mark.parametrize(
    ("leaving", "coming", "category", "day", "field"),
    [
        (BEN, ANNA, None, JULY, "from_user_id"),
        (ANNA, ANNA, None, JULY, "to_user_id"),
        (ANNA, BEN, "tea", JULY, "from_user_id"),
        (ANNA, BEN, None, DECEMBER + timedelta(days=1), "from_user_id"),
        (ANNA, BEN, None, JANUARY, "valid_from"),
    ],
)
def test_what_is_not_there_is_not_handed_over(
    leaving: UUID, coming: UUID, category: str | None, day: date, field: str
) -> None:
    plan = plan_hand_over([Assignment(CAFE, ANNA, JANUARY, DECEMBER)], leaving, coming, category, day)
    assert isinstance(plan, Problem)
    assert plan.field == field


def _primary_of_scope(found: list[Assignment], day: date, scope: str | None) -> list[UUID]:
    return [one.user_id for one in found if one.primary and one.holds_on(day) and category_key(one.category) == scope]


@given(st.lists(entries(), max_size=5).map(_without_collisions), st.sampled_from([ANNA, BEN, CARL]), days)
def test_handing_over_changes_who_is_primary_from_its_day_and_nothing_else(
    standing: list[Assignment], coming: UUID, day: date
) -> None:
    old = next((one for one in standing if one.primary and one.holds_on(day)), None)
    plan = plan_hand_over(standing, old.user_id, coming, old.category, day) if old else None
    if old is None or not isinstance(plan, HandOver) or in_the_way(plan.begun, plan.beside) is not None:
        return
    after = [replace(one, valid_to=plan.last_day) for one in plan.ended] + [*plan.beside, plan.begun]
    for today, scope in product((JANUARY + timedelta(days=offset) for offset in range(20)), (None, "tea")):
        handed = today >= day and old.holds_on(today) and category_key(old.category) == scope
        expected = [coming] if handed else _primary_of_scope(standing, today, scope)
        assert _primary_of_scope(after, today, scope) == expected


# --- categories, people, standing in ---------------------------------------------------------------------------------


def test_categories_are_assigned_only_where_they_are_planned() -> None:
    assert category_problem(None, "customer") is None
    assert category_problem("Tea", "customer_category") is None
    problem = category_problem("Tea", "customer")
    assert problem is not None
    assert "plans whole customers" in problem.message


@pytest.mark.parametrize(
    ("role", "is_active", "fine"),
    [
        ("sales_rep", True, True),
        ("manager", True, True),
        ("admin", True, True),
        ("viewer", True, False),
        ("sales_rep", False, False),
    ],
)
def test_whoever_plans_is_active_and_no_viewer(role: str, is_active: bool, fine: bool) -> None:
    assert (planner_problem(role, is_active=is_active, field="user_id") is None) == fine


STANDING = Delegation(ANNA, BEN, "2026-07-01", "2026-07-14", UUID(int=31))


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (Delegation(ANNA, BEN, "2026-07-15", "2026-07-20"), None),
        (Delegation(ANNA, BEN, "2026-07-14", "2026-07-20"), "valid_from"),
        (Delegation(ANNA, CARL, "2026-07-14", "2026-07-20"), None),
        (Delegation(ANNA, ANNA, "2026-08-01", "2026-08-02"), "delegate_id"),
        (Delegation(ANNA, BEN, "2026-07-02", "2026-07-20", UUID(int=31)), None),
    ],
)
def test_nobody_stands_in_twice_or_for_themselves(new: Delegation, field: str | None) -> None:
    problem = delegation_problem(new, [STANDING])
    assert (problem.field if problem else None) == field
