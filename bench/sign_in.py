"""How long refusals of sign-in, and requests for a new password, take for addresses that exist and for those that
don't: the medians of 30 each.

The cases take turns within each round, so that other work on the machine meets all of them. What bounds the time is
asserted: each refusal costs one password check, each request none. The times are printed only.

    python -m bench.sign_in
"""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from api.app import create_app
from core.context import tenant_scope
from core.logging import configure_logging
from core.mongo import Mongo
from core.security.kit import kit
from core.settings import MongoSettings, load_settings
from models.registry import DOCUMENTS
from tests import factories
from tests.people import BASE_URL
from tests.servers import running_mongod

ROUNDS = 30
DATABASE = "bench-sign-in"
PASSWORD = "correct horse battery"
WRONG = "wrong horse battery"
GENEROUS = {"LOCKOUT_ATTEMPTS": "100", "RATE_LIMIT_LOGINS_PER_MINUTE": "100000", "RATE_LIMIT_PER_MINUTE": "100000"}
KNOWN = "an account"
HEADERS = ("address", "answer", "checks", "median ms", "to the first")


@dataclass(frozen=True, slots=True)
class Door:
    """A route that an address is sent to, and what else is sent."""

    title: str
    path: str
    more: Mapping[str, str]
    checks: int


DOORS = (
    Door("Refused sign-ins", "/api/v1/auth/login", {"password": WRONG}, 1),
    Door("Requests for a new password", "/api/v1/auth/password-reset", {}, 0),
)


@dataclass(slots=True)
class Case:
    """What was measured at one door for one kind of address."""

    seconds: list[float] = field(default_factory=list)
    answers: set[str] = field(default_factory=set)
    checks: int = 0


async def measure(uri: str) -> dict[str, dict[str, Case]]:
    """By door and kind of address."""
    mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database=DATABASE))
    await mongo.start(DOCUMENTS, indexes=True)
    addresses = await _addresses()
    found = {door.title: {kind: Case() for kind in addresses} for door in DOORS}
    transport = httpx.ASGITransport(create_app(load_settings(), mongo=mongo))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        for door in DOORS:
            for number in range(ROUNDS):
                for kind, emails in addresses.items():
                    await _ask(client, door, emails[number], found[door.title][kind])
    await mongo.close()
    return found


async def _ask(client: httpx.AsyncClient, door: Door, email: str, case: Case) -> None:
    checked, began = kit().passwords.checks, time.perf_counter()
    answer = await client.post(door.path, json={"email": email, **door.more})
    case.seconds.append(time.perf_counter() - began)
    case.answers.add(f"{answer.status_code} {answer.json()['error']['code'] if answer.content else ''}".strip())
    case.checks += kit().passwords.checks - checked


async def _addresses() -> dict[str, list[str]]:
    """As many addresses of each kind as there are rounds; the first kind is what the others are compared with."""
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        hashed = await kit().passwords.hash(PASSWORD)
        kinds: dict[str, dict[str, Any]] = {
            KNOWN: {"password_hash": hashed},
            "a disabled account": {"password_hash": hashed, "is_active": False},
            "an account without a password": {},
        }
        known = {
            kind: [(await factories.make_user(**changes)).email for _ in range(ROUNDS)]
            for kind, changes in kinds.items()
        }
    return {**known, "no account": [f"{secrets.token_hex(8)}@acme.example" for _ in range(ROUNDS)]}


def main() -> bool:
    """Print the medians; whether every answer at a door was the same, after as many password checks as expected."""
    os.environ.update({**GENEROUS, "PLANWRIGHT_ENV": "dev", "JWT_SECRET": secrets.token_urlsafe(48)})
    load_settings.cache_clear()
    configure_logging("WARNING", "console")
    with running_mongod() as uri:
        found = asyncio.run(measure(uri))
    told = [_told(door, found[door.title]) for door in DOORS]
    return all(told)


def _told(door: Door, cases: Mapping[str, Case]) -> bool:
    rounds = load_settings().security.bcrypt_rounds
    table = Table(*HEADERS, title=f"{door.title}, {ROUNDS} each, {rounds} rounds")
    base = statistics.median(cases[KNOWN].seconds)
    for kind, case in cases.items():
        median = statistics.median(case.seconds)
        said = ", ".join(sorted(case.answers))
        table.add_row(kind, said, str(case.checks), f"{median * 1000:.1f}", f"{median / base - 1:+.1%}")
    Console().print(table)
    same = len(set[str]().union(*(case.answers for case in cases.values()))) == 1
    return same and {case.checks for case in cases.values()} == {ROUNDS * door.checks}


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
