"""T18, T23-T28, T31: input that nobody sends by accident is refused with a 4xx, and never stored or echoed."""

from __future__ import annotations

from typing import Annotated, Any

import httpx
import pytest
from pydantic import ValidationError

from api.app import contract
from api.json_body import parse_json
from api.numbers import Money, Price, Quantity
from api.texts import Body, Id, Line, Moment, Month
from core.errors import InvalidInput, MalformedRequest, PlanwrightError
from tests.api.conftest import SignIn
from tests.contract import document, operations

LOGIN = "/api/v1/auth/login"
JSON = {"Content-Type": "application/json"}


def refused(body: bytes | str) -> PlanwrightError:
    """What `parse_json` says of a body."""
    with pytest.raises((InvalidInput, MalformedRequest)) as caught:
        parse_json(body if isinstance(body, bytes) else body.encode())
    return caught.value


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", str(10**30), "9" * 5000, "0.1234567890123456789"]
)
def test_numbers_that_no_field_can_hold_are_refused(number: str) -> None:
    assert refused(f'{{"a": {number}}}').status == 422


@pytest.mark.parametrize(
    "body",
    [
        '{"a": 1, "a": 2}',
        '{"a": {"b": 1, "b": 2}}',
        '{"a": "\\ud800"}',
        '["\\u0000"]',
        '{"\\u0000": 1}',
        '{"$where": 1}',
        '{"a": {"b.c": 1}}',
        "[" * 200 + "]" * 200,
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_json_that_would_hurt_later_is_refused(body: str) -> None:
    assert refused(body).status == 422


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe{}", b'{"a": \x00}', b"{'a': 1}", b"[1,]", b'"\xed\xa0\x80"'])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert refused(body).status == 400


def test_plain_json_passes_unchanged() -> None:
    assert parse_json('{"a": [1, -2.5, null, true, "\\u00e9 😀", "\\ud83d\\ude00"]}'.encode()) == {
        "a": [1, -2.5, None, True, "é 😀", "😀"]
    }


def test_the_place_of_a_mistake_is_named() -> None:
    assert refused('{"rows": [{"name": "\\u0000"}]}').details[0].field == "rows.0.name"


class _Numbers(Body):
    quantity: Quantity = 0
    money: Money = 0
    price: Price = 0


@pytest.mark.parametrize(
    "value", [True, "7", "1e3", None, [], {}, float("nan"), float("inf"), -1, 2**63, 10**30, 0.0001]
)
def test_a_quantity_is_a_json_number_within_its_scale(value: Any) -> None:
    with pytest.raises(ValidationError):
        _Numbers(quantity=value)


def test_numbers_become_scaled_integers() -> None:
    numbers = _Numbers.model_validate({"quantity": 12.345, "money": 0.0001, "price": 2.95})
    assert (numbers.quantity, numbers.money, numbers.price) == (12_345, 1, 295_000_000)


class _Texts(Body):
    line: Annotated[str, Line(50)] = ""
    id: Id | None = None
    month: Month = "2026-11"
    at: Moment | None = None


@pytest.mark.parametrize(
    "fields",
    [
        {"line": "a\nb"},
        {"line": "\u202egnp.exe"},
        {"line": "x" * 51},
        {"line": 7},
        {"line": {"$ne": None}},
        {"id": "7"},
        {"id": 7},
        {"month": "2026-13"},
        {"month": 202611},
        {"at": "2026-12-01T10:00:00"},
        {"at": "2026-12-01"},
        {"at": 1_700_000_000},
        {"at": "9999-12-31T23:59:59Z"},
        {"unknown": 1},
        {"tenant_id": "8d3c7a1e-2f50-4b8e-9a6d-3c1f0e5b7a92"},
    ],
)
def test_a_field_holds_its_own_kind_only(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _Texts.model_validate(fields)


def test_times_become_utc() -> None:
    at = _Texts.model_validate({"at": "2026-12-01T10:00:00.123456+02:00"}).at
    assert at is not None
    assert at.isoformat() == "2026-12-01T08:00:00.123000+00:00"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        '{"email": {"$ne": null}, "password": "x"}',
        '{"email": "a@b.example", "password": "x", "role": "admin"}',
    ],
)
async def test_a_bad_body_is_refused_in_the_envelope(api: httpx.AsyncClient, content: str) -> None:
    answer = await api.post(LOGIN, content=content, headers=JSON)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["code"] in ("malformed_request", "invalid_input")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
async def test_another_content_type_is_refused(api: httpx.AsyncClient, kind: str) -> None:
    answer = await api.post(LOGIN, content='{"email": "a@b.example", "password": "x"}', headers={"Content-Type": kind})
    assert answer.status_code == 400


async def test_the_field_is_named_by_its_path(api: httpx.AsyncClient) -> None:
    answer = await api.post(LOGIN, json={"email": "a@b.example", "extra": 1})
    assert {(one["field"], one["message"]) for one in answer.json()["error"]["details"]} == {
        ("password", "is required"),
        ("extra", "is not a known field; remove it"),
    }


@pytest.mark.parametrize(
    "query",
    [
        "limit=1000000000",
        "limit=-1",
        "limit=0",
        "page=0",
        "page=1000000000",
        "page=100000&limit=100",
        "skip=1000000000",
        "sort_by=password_hash",
        "sort_by=$where",
        "order=sideways",
        "search[$ne]=",
        "search[$regex]=.*",
        "search=%00",
        "search=%ff",
        f"search={'a' * 10_000}",
        "region[$gt]=",
        "is_active=perhaps",
        "expand=everything",
    ],
)
async def test_lists_refuse_what_they_do_not_know(sign_in: SignIn, query: str) -> None:
    manager = await sign_in("manager")
    for path in ("/api/v1/customers", "/api/v1/products"):
        answer = await manager.get(f"{path}?{query}")
        if not (path.endswith("products") and query.startswith("region")):
            assert answer.status_code == 422, path


@pytest.mark.parametrize("text", ["(a+)+$", ".*", "[", "\\", "^", "$where", "a" * 100])
async def test_a_search_is_no_pattern(sign_in: SignIn, text: str) -> None:
    manager = await sign_in("manager")
    answer = await manager.get("/api/v1/customers", params={"search": text})
    assert answer.status_code == 200


async def test_an_id_that_is_none_is_refused(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    answer = await manager.get("/api/v1/operations/7")
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == "operation_id"


def test_no_body_accepts_unknown_fields() -> None:
    """T18: whatever is not named in a body (tenant_id, role, status, version, …) is refused, at every depth."""
    schemas = _open_schemas()
    for method, path, operation in operations():
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            for name in _reachable(content["application/json"]["schema"]):
                assert name not in schemas, f"{method} {path}: {name} accepts unknown fields"


DECIDED_BY_PEOPLE = {
    "NewUser": {"role"},
    "UserPatch": {"role"},
    "NewCustomer": {"status"},
    "CustomerPatch": {"status"},
}


def test_no_body_names_what_only_we_decide() -> None:
    ours = {"tenant_id", "created_by", "approved_at", "role", "version", "stage", "status", "rev"}
    for method, path, operation in operations():
        content = operation.get("requestBody", {}).get("content", {})
        for media in content.values():
            for name in _reachable(media["schema"]):
                fields = set(document()["components"]["schemas"][name].get("properties", {}))
                taken = fields & ours - DECIDED_BY_PEOPLE.get(name, set())
                assert not taken, f"{method} {path}: {name} takes {taken}"


def _open_schemas() -> set[str]:
    """Names of declared objects that don't forbid other fields."""
    declared: dict[str, dict[str, Any]] = contract()["components"]["schemas"]
    return {
        name
        for name, schema in declared.items()
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False
    }


def _reachable(schema: Any, seen: set[str] | None = None) -> set[str]:
    """The names of all components that a schema refers to."""
    seen = set() if seen is None else seen
    if isinstance(schema, list):
        for inner in schema:
            _reachable(inner, seen)
    elif isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name and name not in seen:
            seen.add(name)
            _reachable(document()["components"]["schemas"][name], seen)
        for inner in schema.values():
            _reachable(inner, seen)
    return seen
