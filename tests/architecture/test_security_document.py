"""docs/security.md says what is true: who may do what, and which test proves a promise."""

from __future__ import annotations

import ast

import pytest

from planning.access import RULES, Action, Actor, Person, customer_scope, may
from planning.roles import Role
from services.reports import SEES_ALL_REPORTS
from tests.security_document import NO, ROOT, company_wide, promise_of, promises, proofs

PROVED = [
    *(f"T{number:02}" for number in (*range(1, 22), *range(23, 30), *range(31, 40))),
    *("T41", "T44", "T45"),
]


def test_every_action_has_one_row() -> None:
    assert [promise.action for promise in promises()] == list(Action)


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("role", list(Role))
def test_the_table_says_what_the_rules_say(role: Role, action: Action) -> None:
    promise = promise_of(action)
    assert promise.by_grant == RULES[action].by_grant
    expected = _whose(promise.subject, role) if may(Actor(role), action).allowed else NO
    assert promise.answers[role] == expected


def test_what_is_left_to_those_who_see_all_customers_is_listed() -> None:
    assert company_wide() == {action for action, rule in RULES.items() if rule.company_wide}


def test_every_number_is_proved_by_tests_that_exist() -> None:
    found = proofs()
    assert list(found) == PROVED
    assert [number for number, tests in found.items() if not tests] == []
    known = {path: _tests_in(path) for tests in found.values() for path, _ in tests}
    assert [f"{path}::{name}" for tests in found.values() for path, name in tests if name not in known[path]] == []


def _whose(subject: str, role: Role) -> str:
    """Whose things of this kind somebody of the role sees."""
    sees_all = {
        "customers": customer_scope(Person(role)).all_customers,
        "reports": role in SEES_ALL_REPORTS,
        "imports": may(Actor(role), Action.IMPORT_FILE).allowed,
        "operations": may(Actor(role), Action.MOVE_CYCLE).allowed,
    }
    return "yes" if subject == "the tenant" else "all" if sees_all[subject] else "own"


def _tests_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return {function.name for function in functions if function.name.startswith("test_")}
