"""The OpenAPI document is complete, and the copy in the repository is the one that the code makes."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from api.app import contract
from api.errors import EXAMPLES
from api.routes.registry import ROUTERS
from api.routing import StrictRoute
from core.errors import all_errors
from tests.contract import document, operations

UNDOCUMENTED = {"/metrics"}
OPERATIONS = [pytest.param(operation, id=f"{method} {path}") for method, path, operation in operations()]
BODIES = ("requestBody", "responses")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_says_what_it_is(operation: dict[str, Any]) -> None:
    assert operation["tags"]
    assert len(operation["summary"]) > 5
    assert "_api_v1_" not in operation["operationId"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_declares_its_answer_with_an_example(operation: dict[str, Any]) -> None:
    good = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
    assert good
    for status, answer in good.items():
        content = answer.get("content", {})
        assert content or status == "204", f"{status} has no model"
        for media in content.values():
            assert _has_example(media), f"{status} has no example"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_body_has_an_example(operation: dict[str, Any]) -> None:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        assert _has_example(media)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_declares_its_errors_by_code(operation: dict[str, Any]) -> None:
    refusals = {status: answer for status, answer in operation["responses"].items() if status >= "4"}
    assert {"400", "422", "429", "503"} <= set(refusals)
    if operation.get("security"):
        assert {"401", "403"} <= set(refusals)
    for status, answer in refusals.items():
        examples = answer["content"]["application/json"]["examples"]
        assert examples
        for code, example in examples.items():
            assert example == {"$ref": f"{EXAMPLES}{code}"}
            assert {error.code(): error.status for error in all_errors()}[code] == int(status)


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))


def test_component_names_are_plain() -> None:
    """Two models of one name would be told apart by their module's path, which is no contract."""
    assert [name for name in contract()["components"]["schemas"] if "__" in name.replace("___", "_").strip("_")] == []


def test_every_route_reads_its_body_strictly_and_is_documented() -> None:
    for router in ROUTERS:
        for context in iter_route_contexts(router.routes):
            route = context.original_route
            assert isinstance(route, APIRoute)
            if route.path in UNDOCUMENTED:
                continue
            assert isinstance(route, StrictRoute), route.path
            assert route.path in document()["paths"]


def _has_example(node: Any, seen: tuple[str, ...] = ()) -> bool:
    """Whether a schema, or something it is made of, shows a value."""
    if isinstance(node, list):
        return any(_has_example(inner, seen) for inner in node)
    if not isinstance(node, dict):
        return False
    if any(key in node for key in ("example", "examples", "const", "enum")):
        return True
    reference = node.get("$ref", "")
    if reference and reference not in seen:
        target = document()["components"]["schemas"][reference.rpartition("/")[2]]
        return _has_example(target, (*seen, reference))
    if node.get("format") == "binary" or node.get("contentMediaType"):
        return True
    return any(_has_example(inner, seen) for inner in node.values())
