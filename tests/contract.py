"""Every answer that a test gets is held against the OpenAPI document: declared status, declared fields, no others."""

from __future__ import annotations

import re
from copy import deepcopy
from functools import lru_cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from api.app import contract

ROOT = "urn:planwright"
FRAMEWORK_STATUSES = (405,)


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The OpenAPI document with every object closed: a field that is not declared is a mistake."""
    schema = deepcopy(contract())
    for component in schema["components"]["schemas"].values():
        _close(component)
    return schema


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """(METHOD, path, operation) of everything in the document."""
    return [
        (method.upper(), path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


async def check_answer(response: httpx.Response) -> None:
    """An httpx response hook: AssertionError when the answer is not what the document promises."""
    operation = operation_of(response.request.method, response.request.url.path)
    if operation is None or response.status_code in FRAMEWORK_STATUSES:
        return
    declared = operation["responses"].get(str(response.status_code))
    assert declared is not None, (
        f"{operation['operationId']} answered {response.status_code}, which it does not declare"
    )
    schema = declared.get("content", {}).get("application/json", {}).get("schema")
    if schema is None or not response.headers.get("content-type", "").startswith("application/json"):
        return
    await response.aread()
    mistakes = [
        f"{mistake.json_path}: {mistake.message}" for mistake in _validator(schema).iter_errors(response.json())
    ]
    assert mistakes == [], f"{operation['operationId']} {response.status_code}: {mistakes[:5]}"


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The operation that answers a request, if one is documented. Literal paths win over those with parameters."""
    for pattern, methods in _patterns():
        if pattern.fullmatch(path):
            operation: dict[str, Any] | None = methods.get(method.lower())
            return operation
    return None


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    paths = sorted(document()["paths"].items(), key=lambda entry: entry[0].count("{"))
    return [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), methods) for path, methods in paths]


@lru_cache(maxsize=1)
def _registry() -> Registry[Any]:
    registry: Registry[Any] = Registry()
    contents = Resource.from_contents(document(), default_specification=DRAFT202012)
    filled: Registry[Any] = registry.with_resource(ROOT, contents)
    return filled


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(_absolute(schema), registry=_registry())


def _absolute(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: f"{ROOT}{value}" if key == "$ref" and isinstance(value, str) else _absolute(value)
            for key, value in node.items()
        }
    return [_absolute(inner) for inner in node] if isinstance(node, list) else node


def _close(node: Any) -> None:
    if isinstance(node, dict):
        if "properties" in node:
            node.setdefault("additionalProperties", False)
        for inner in node.values():
            _close(inner)
    elif isinstance(node, list):
        for inner in node:
            _close(inner)
