"""Who may do what, and whose customers they see."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from planning.access import (
    RULES,
    Action,
    Actor,
    Assignment,
    Scope,
    customer_scope,
    in_scope,
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
    Action.READ_CUSTOMERS: "amsv",
    Action.READ_PRODUCTS: "amsv",
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
    Action.READ_IMPORT: "am",
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


def test_a_rep_sees_the_own_customers_and_nobody_elses() -> None:
    scope = customer_scope(Role.SALES_REP, frozenset({CAFE}))
    assert in_scope(scope, CAFE)
    assert not in_scope(scope, SHOP)


def test_a_rep_without_customers_sees_none() -> None:
    assert not in_scope(customer_scope(Role.SALES_REP, frozenset()), CAFE)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MANAGER, Role.VIEWER])
def test_the_others_see_every_customer(role: Role) -> None:
    assert customer_scope(role, frozenset({CAFE})) == Scope(all_customers=True)
    assert in_scope(customer_scope(role, frozenset()), SHOP)


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
    ],
)
def test_a_line_is_attributed_to_the_closest_primary_rep(assignments: list[Assignment], rep: UUID | None) -> None:
    assert primary_rep(assignments, CAFE, TODAY, "tea") == rep
