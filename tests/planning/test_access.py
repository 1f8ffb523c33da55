"""Who may do what, and whose customers they see."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.access import (
    RULES,
    Action,
    Actor,
    Assignment,
    Person,
    Scope,
    customer_scope,
    in_scope,
    is_regional,
    may,
    own_customers,
    primary_rep,
)
from planning.roles import Role

ANNA, BEN = UUID(int=1), UUID(int=2)
CAFE, SHOP, HOTEL = UUID(int=11), UUID(int=12), UUID(int=13)
TODAY = date(2026, 11, 15)
ALWAYS = date(2020, 1, 1)

# a admin, m manager, s sales rep, v viewer: written out once more, so that a slip in the table is seen.
EXPECTED = {
    Action.READ_USERS: "am",
    Action.MANAGE_USERS: "a",
    Action.READ_ASSIGNMENTS: "ams",
    Action.MANAGE_ASSIGNMENTS: "am",
    Action.READ_CUSTOMERS: "amsv",
    Action.CHANGE_CUSTOMERS: "am",
    Action.READ_PRODUCTS: "amsv",
    Action.CHANGE_PRODUCTS: "am",
    Action.CHANGE_COSTS: "am",
    Action.READ_MATRIX: "amsv",
    Action.CHANGE_MATRIX: "am",
    Action.READ_PRICES: "amsv",
    Action.CHANGE_PRICES: "am",
    Action.READ_RATES: "amsv",
    Action.CHANGE_RATES: "am",
    Action.READ_FINDINGS: "am",
    Action.READ_CALENDAR: "amsv",
    Action.CHANGE_CALENDAR: "a",
    Action.READ_MONTHS: "amsv",
    Action.READ_CYCLES: "amsv",
    Action.CREATE_CYCLE: "am",
    Action.CHANGE_CYCLE: "am",
    Action.MOVE_CYCLE: "am",
    Action.DELETE_CYCLE: "am",
    Action.READ_FORECAST: "amsv",
    Action.WRITE_FORECAST: "ams",
    Action.SUBMIT_FORECAST: "ams",
    Action.IMPORT_FILE: "am",
    Action.IMPORT_USERS: "a",
    Action.IMPORT_FORECASTS: "ams",
    Action.READ_IMPORT: "ams",
    Action.UNDO_IMPORT: "am",
    Action.READ_TEMPLATE: "amsv",
    Action.EXPORT: "amsv",
    Action.READ_SALES: "amsv",
    Action.CORRECT_SALES: "am",
    Action.GENERATE_REPORT: "amsv",
    Action.READ_REPORT: "amsv",
    Action.READ_OPERATION: "amsv",
    Action.SEE_COST: "am",
    Action.KEEP_ACTUALS: "a",
}


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("role", list(Role))
def test_the_table_is_what_was_agreed(role: Role, action: Action) -> None:
    decision = may(Actor(role), action)
    assert decision.allowed == (role[0] in EXPECTED[action])
    assert decision.reason.startswith(f"The role {role} may {'' if decision.allowed else 'not '}")


@pytest.mark.parametrize("action", list(Action))
def test_a_grant_opens_only_the_actions_that_can_be_granted(action: Action) -> None:
    decision = may(Actor(Role.VIEWER, grants=frozenset(Action)), action)
    assert decision.allowed == ("v" in EXPECTED[action] or action in (Action.SEE_COST, Action.KEEP_ACTUALS))


def test_decisions_say_why() -> None:
    assert may(Actor(Role.VIEWER, frozenset({"see_cost"})), Action.SEE_COST).reason == (
        "The grant see_cost lets you see cost and gross profit."
    )
    assert may(Actor(Role.SALES_REP), Action.MOVE_CYCLE).reason == (
        "The role sales_rep may not open, close or reopen a cycle; ask somebody with the role admin or manager."
    )
    assert may(Actor(Role.VIEWER), Action.SUBMIT_FORECAST).reason.endswith("the role admin, manager or sales_rep.")
    assert may(Actor(Role.MANAGER), Action.IMPORT_USERS).reason.endswith("the role admin.")


def test_every_action_has_its_row() -> None:
    assert set(RULES) == set(Action)


COMPANY_WIDE = {
    Action.CHANGE_PRODUCTS,
    Action.CHANGE_COSTS,
    Action.CHANGE_RATES,
    Action.CREATE_CYCLE,
    Action.CHANGE_CYCLE,
    Action.MOVE_CYCLE,
    Action.DELETE_CYCLE,
    Action.IMPORT_FILE,
    Action.UNDO_IMPORT,
}


@pytest.mark.parametrize("action", list(Action))
def test_a_manager_with_regions_may_do_what_does_not_concern_all_customers(action: Action) -> None:
    decision = may(Actor(Role.MANAGER, regional=True), action)
    assert decision.allowed == ("m" in EXPECTED[action] and action not in COMPANY_WIDE)
    assert RULES[action].company_wide == (action in COMPANY_WIDE)


def test_a_manager_with_regions_hears_why_not() -> None:
    assert may(Actor(Role.MANAGER, regional=True), Action.MOVE_CYCLE).reason == (
        "To open, close or reopen a cycle concerns all customers, and you see those of your regions only; "
        "ask an admin, or a manager who sees all."
    )


def test_a_rep_sees_the_own_customers_and_nobody_elses() -> None:
    scope = customer_scope(Person(Role.SALES_REP, assigned=frozenset({CAFE})))
    assert in_scope(scope, CAFE, None)
    assert not in_scope(scope, SHOP, "North")


def test_a_rep_without_customers_sees_none() -> None:
    assert not in_scope(customer_scope(Person(Role.SALES_REP)), CAFE, "North")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MANAGER, Role.VIEWER])
def test_the_others_see_every_customer(role: Role) -> None:
    assert customer_scope(Person(role, assigned=frozenset({CAFE}))) == Scope(all_customers=True)
    assert in_scope(customer_scope(Person(role)), SHOP, None)


def test_regions_narrow_a_manager_and_nobody_else() -> None:
    north = customer_scope(Person(Role.MANAGER, (" NORTH ",), frozenset({HOTEL})))
    assert in_scope(north, CAFE, "north")
    assert in_scope(north, CAFE, "North ")
    assert not in_scope(north, SHOP, "South")
    assert not in_scope(north, SHOP, None)
    assert in_scope(north, HOTEL, "South"), "who is assigned by name is seen wherever the customer is"
    for role in (Role.ADMIN, Role.VIEWER):
        assert customer_scope(Person(role, ("North",))) == Scope(all_customers=True)
        assert not is_regional(role, ["North"])
    assert customer_scope(Person(Role.SALES_REP, ("North",))).regions == frozenset()


def test_regions_that_say_nothing_show_nothing() -> None:
    """A blank among the regions must not open all of them."""
    assert not in_scope(customer_scope(Person(Role.MANAGER, ("  ",))), CAFE, "North")


REP = Person(Role.SALES_REP, assigned=frozenset({CAFE}))
OTHER_REP = Person(Role.SALES_REP, ("South",), frozenset({SHOP}))
NORTH = Person(Role.MANAGER, ("North",), frozenset({HOTEL}))
SOUTH = Person(Role.MANAGER, ("south",))


@pytest.mark.parametrize(
    ("person", "stood_in_for", "scope"),
    [
        (REP, [OTHER_REP], Scope(False, frozenset({CAFE, SHOP}))),
        (REP, [NORTH], Scope(False, frozenset({CAFE, HOTEL}))),
        (REP, [Person(Role.MANAGER), Person(Role.ADMIN)], Scope(False, frozenset({CAFE}))),
        (NORTH, [OTHER_REP], Scope(False, frozenset({HOTEL, SHOP}), frozenset({"north"}))),
        (NORTH, [SOUTH], Scope(False, frozenset({HOTEL}), frozenset({"north", "south"}))),
        (NORTH, [Person(Role.MANAGER)], Scope(True)),
        (NORTH, [SOUTH, Person(Role.ADMIN, ("South",))], Scope(True)),
        (NORTH, [Person(Role.VIEWER)], Scope(False, frozenset({HOTEL}), frozenset({"north"}))),
        (Person(Role.MANAGER), [OTHER_REP], Scope(True)),
    ],
)
def test_standing_in_hands_on_customers_and_no_role(person: Person, stood_in_for: list[Person], scope: Scope) -> None:
    assert customer_scope(person, stood_in_for) == scope


people = st.builds(
    Person,
    st.sampled_from(Role),
    st.lists(st.sampled_from(["North", " north", "South"]), max_size=2).map(tuple),
    st.frozensets(st.sampled_from([CAFE, SHOP, HOTEL])),
)


@given(
    people, st.lists(people, max_size=3), st.sampled_from([CAFE, SHOP, HOTEL]), st.sampled_from(["NORTH", "x", None])
)
def test_somebody_sees_what_they_see_or_what_is_seen_by_whom_they_stand_in_for(
    person: Person, others: list[Person], customer: UUID, region: str | None
) -> None:
    together = in_scope(customer_scope(person, others), customer, region)
    alone = [in_scope(customer_scope(one), customer, region) for one in (person, *others)]
    assert together <= any(alone)
    assert together >= alone[0]
    assert together >= any(customer in other.assigned for other in others)


def test_assignments_hold_from_their_first_to_their_last_day() -> None:
    assignments = [
        Assignment(CAFE, ANNA, ALWAYS),
        Assignment(SHOP, ANNA, ALWAYS, TODAY, category="tea"),
        Assignment(HOTEL, BEN, ALWAYS),
    ]
    assert own_customers(assignments, ANNA, TODAY) == {CAFE, SHOP}
    assert own_customers(assignments, ANNA, date(2026, 11, 16)) == {CAFE}
    assert own_customers(assignments, ANNA, date(2019, 12, 31)) == frozenset()


@pytest.mark.parametrize(
    ("assignments", "rep"),
    [
        ([], None),
        ([Assignment(SHOP, ANNA, ALWAYS)], None),
        ([Assignment(CAFE, ANNA, ALWAYS, ALWAYS)], None),
        ([Assignment(CAFE, ANNA, ALWAYS, category="coffee")], None),
        ([Assignment(CAFE, ANNA, ALWAYS), Assignment(CAFE, BEN, ALWAYS, category="tea")], BEN),
        ([Assignment(CAFE, ANNA, ALWAYS), Assignment(CAFE, BEN, ALWAYS, category=" TEA")], BEN),
        ([Assignment(CAFE, ANNA, ALWAYS), Assignment(CAFE, BEN, ALWAYS, category="tea", primary=False)], ANNA),
        ([Assignment(CAFE, ANNA, ALWAYS), Assignment(CAFE, BEN, date(2026, 1, 1))], BEN),
        ([Assignment(CAFE, ANNA, ALWAYS), Assignment(CAFE, BEN, date(2026, 1, 1), primary=False)], ANNA),
        ([Assignment(CAFE, ANNA, ALWAYS, primary=False)], None),
    ],
)
def test_a_line_is_attributed_to_the_closest_primary_rep(assignments: list[Assignment], rep: UUID | None) -> None:
    assert primary_rep(assignments, CAFE, TODAY, "tea") == rep
