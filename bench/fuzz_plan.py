"""What schemathesis is told: whom to be, which ids there are, and what counts as an answer. Written into a directory.

It acts as the admin of company a and knows ids of a and, one in three, of b; b's admin is the peer as whom it repeats
what a was shown. Both get their tokens from the `Desk` and not from /auth/login: the run guesses passwords, too, and so
locks the accounts whose addresses it learns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from api.app import contract
from core.collections import scoped
from core.context import tenant_scope
from models.user import User
from ops.embedded import HOST
from planning.roles import Role
from tests.api.matrix.base import matrix_operations
from tests.api.matrix.calls import Call
from tests.api.matrix.world import World
from tests.people import access_token

UUID_LENGTH = 36
VERSIONS = ['"1"', '"1"', '"2"']
ACCEPTED = ["2xx", "401", "403", "404", "409", "412", "415", "422", "423", "429", "5xx"]
"""To data that fit the document: rules that no schema can say (a deadline in the past, a name that is taken) are 422,
a version or a lock 412 and 423, and what is in a file 415. A 5xx is a finding of its own."""
REFUSED = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "423", "428", "429", "5xx"]
"""To data that don't."""
WITHOUT_HEADER = ["400", "401", "403", "406", "415", "422", "428"]
"""To a request without a header that is needed: 428 is what RFC 6585 has for If-Match."""


class Desk:
    """Hands out access tokens, each of a new session of the user as it is now: `GET /a`, `GET /b`."""

    def __init__(self, worlds: dict[str, World]) -> None:
        self.worlds = worlds
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Desk]:
        server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def token(self, name: str) -> str:
        world = self.worlds[name]
        with tenant_scope(world.tenant.id):
            return await access_token(await scoped(User).get(world.users[Role.ADMIN].id))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        name = request.split(b" ")[1].decode().strip("/")
        body = orjson.dumps({"token": await self.token(name)})
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


@dataclass(frozen=True, slots=True)
class Plan:
    """The files: the configuration, the OpenAPI document with examples, and what must not be shown to a."""

    directory: Path
    config: Path
    document: Path
    foreign: Path


async def write(directory: Path, desk: Desk) -> Plan:
    """The files for the two companies of the desk."""
    a, b = desk.worlds["a"], desk.worlds["b"]
    plan = Plan(directory, *(directory / name for name in ("schemathesis.toml", "openapi.json", "foreign.json")))
    people = directory / "people.json"
    ids = sorted({key for rows in (await b.contents()).values() for key in rows if len(key) == UUID_LENGTH})
    plan.foreign.write_bytes(orjson.dumps({"word": b.mark, "ids": ids}))
    plan.document.write_bytes(orjson.dumps(_document(desk.worlds)))
    people.write_bytes(orjson.dumps({"auth": [_person(desk, name) for name in desk.worlds]}))
    plan.config.write_text("\n".join(_lines(people, a, b)) + "\n", encoding="utf-8")
    return plan


def _document(worlds: dict[str, World]) -> dict[str, Any]:
    """The OpenAPI document with what the matrix sends as examples, so that each operation takes something."""
    document = deepcopy(contract())
    for operation in matrix_operations():
        if not operation.row.public:
            declared = document["paths"][operation.path][operation.method.lower()]
            _add_examples(declared, {name: Call.of(operation, world) for name, world in worlds.items()})
    return document


def _add_examples(declared: dict[str, Any], calls: dict[str, Call]) -> None:
    for parameter in declared.get("parameters", ()):
        name, place = parameter["name"], parameter["in"]
        sent = {who: call.ids if place == "path" else call.sent.get("params", {}) for who, call in calls.items()}
        known = {who: {"value": str(values[name])} for who, values in sent.items() if name in values}
        if place in ("path", "query") and known:
            parameter["examples"] = known
        elif name.lower() == "if-match":
            parameter["schema"]["examples"] = [VERSIONS[0]]
    media = declared.get("requestBody", {}).get("content", {}).get("application/json", {})
    bodies = {who: {"value": call.sent["json"]} for who, call in calls.items() if "json" in call.sent}
    if bodies:
        media["examples"] = bodies


def _person(desk: Desk, name: str) -> dict[str, object]:
    token = {
        "extractFrom": "body",
        "extractSelector": "/token",
        "sendIn": "header",
        "sendName": "Authorization",
        "sendTemplate": "Bearer {token}",
    }
    login = {"externalEndpointURL": f"http://{HOST}:{desk.port}/{name}", "verb": "GET", "token": token}
    return {"name": name, "loginEndpointAuth": login}


def _lines(people: Path, a: World, b: World) -> list[str]:
    """The configuration, in TOML."""
    known = {name: [str(id), str(id), str(b.ids[name])] for name, id in a.ids.items()}
    places = [f"{place}.{name}" for name in known for place in ("path", "query", "body")]
    bound = {**{place: place.partition(".")[2] for place in places}, "header.if-match": "version"}
    return [
        "continue-on-failure = true",
        "warnings = false",
        'generation.database = "none"',
        "[checks]",
        f"positive_data_acceptance.expected-statuses = {_toml(ACCEPTED)}",
        f"negative_data_rejection.expected-statuses = {_toml(REFUSED)}",
        f"missing_required_header.expected-statuses = {_toml(WITHOUT_HEADER)}",
        "[auth.wfc]",
        f"path = {_toml(str(people))}",
        'user = "a"',
        'peers = ["a", "b"]',
        "[dictionaries]",
        *(f"{name} = {{ values = {_toml(values)} }}" for name, values in {**known, "version": VERSIONS}.items()),
        "[parameters]",
        *(f"{_toml(place)} = {{ dictionary = {_toml(name)}, probability = 0.7 }}" for place, name in bound.items()),
        # Every company has every month, and one in which nothing happened looks like that of another.
        "[[operations]]",
        'include-name = "GET /api/v1/months/{month}"',
        "checks.object_level_authorization.enabled = false",
    ]


def _toml(value: str | list[str]) -> str:
    """Texts and lists of them are written alike in JSON and TOML."""
    return orjson.dumps(value).decode()
