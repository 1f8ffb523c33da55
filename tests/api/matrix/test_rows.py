"""T20: the matrix is complete, and its rows say what is so."""

from __future__ import annotations

from collections import Counter

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from api.dependencies import SignedIn
from api.routes.registry import ROUTERS
from planning.access import Action
from tests.api.matrix.base import declared_operations, matrix_operations, rows
from tests.api.matrix.calls import Call
from tests.api.matrix.world import World

EXPLAINED = {Action.SEE_COST: "fields of answers, see test_whose_customers_and_which_fields_a_role_sees"}
OPERATIONS = {operation.id: operation for operation in matrix_operations()}
REFUSED = {400, 401, 403, 404, 405, 412, 413, 415, 422, 428}
TAKEN = [operation.id for operation in OPERATIONS.values() if not operation.row.public and not operation.row.not_taken]
READS = [name for name in TAKEN if not OPERATIONS[name].changes]


def test_t20_every_operation_has_one_row() -> None:
    named = Counter(operation_id for operation_id, _ in rows())
    assert set(declared_operations()) - set(named) == set(), "give them a row in tests/api/matrix/<noun>.py"
    assert set(named) - set(declared_operations()) == set(), "there are no such operations"
    assert [name for name, count in named.items() if count > 1] == []


def test_every_action_is_asked() -> None:
    asked = {action for _, row in rows() for action in (row.action, *row.asks) if action is not None}
    assert asked | set(EXPLAINED) == set(Action)


def test_a_row_names_the_action_that_its_door_asks() -> None:
    doors = _doors()
    assert {name: operation.row.action for name, operation in OPERATIONS.items()} == {
        name: doors[name] for name in OPERATIONS
    }


def test_public_is_what_the_document_calls_public() -> None:
    public = {name for name, operation in OPERATIONS.items() if operation.row.public}
    assert public == {name for name, (_, _, declared) in declared_operations().items() if not declared.get("security")}


@pytest.mark.parametrize("name", READS)
async def test_an_operation_answers_its_rows_question(a: World, name: str) -> None:
    answer = await _call(name, a).send(a.admin)
    assert answer.status_code < 300, answer.text


@pytest.mark.parametrize("name", [name for name in TAKEN if OPERATIONS[name].changes])
async def test_an_operation_takes_what_its_row_sends(fresh: World, name: str) -> None:
    """It may be refused by the state of things (409, 423), but not for what was sent."""
    answer = await _call(name, fresh).send(fresh.admin)
    assert answer.status_code not in REFUSED, answer.text
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("name", [name for name in READS if OPERATIONS[name].row.scoped])
async def test_what_belongs_to_the_rep_is_there_for_the_rep(a: World, name: str) -> None:
    answer = await _call(name, a).send(a.rep)
    assert answer.status_code < 300, answer.text


def _call(name: str, world: World) -> Call:
    return Call.of(OPERATIONS[name], world)


def _doors() -> dict[str, Action | None]:
    """The action that each route asks for at its door; None where it asks for none."""
    routes = [context.original_route for router in ROUTERS for context in iter_route_contexts(router.routes)]
    return {
        route.name: next((door.action for door in _signed_in(route) if door.action is not None), None)
        for route in routes
        if isinstance(route, APIRoute)
    }


def _signed_in(route: APIRoute) -> list[SignedIn]:
    return [inner.call for inner in route.dependant.dependencies if isinstance(inner.call, SignedIn)]
