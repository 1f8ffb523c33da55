"""How long refusals of sign-in take for addresses that exist and for those that don't: the medians of 30 each.

The cases take turns within each round, so that other work on the machine meets all of them. What bounds the time is
asserted: each refusal costs one password check. The times are printed only.

    python -m bench.sign_in
"""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import sys
import time

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
KNOWN = "an account, another password"
HEADERS = ("address", "answer", "checks", "median ms", "to the first")


async def measure(uri: str) -> tuple[dict[str, list[float]], dict[str, set[str]], dict[str, int]]:
    """Seconds of every attempt, the answers, and the password checks, by case."""
    mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database=DATABASE))
    await mongo.start(DOCUMENTS, indexes=True)
    addresses = await _addresses()
    seconds: dict[str, list[float]] = {case: [] for case in addresses}
    answers: dict[str, set[str]] = {case: set() for case in addresses}
    checks = dict.fromkeys(addresses, 0)
    transport = httpx.ASGITransport(create_app(load_settings(), mongo=mongo))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        for _ in range(ROUNDS):
            for case, address in addresses.items():
                checked, began = kit().passwords.checks, time.perf_counter()
                answer = await client.post("/api/v1/auth/login", json={"email": address, "password": WRONG})
                seconds[case].append(time.perf_counter() - began)
                answers[case].add(f"{answer.status_code} {answer.json()['error']['code']}")
                checks[case] += kit().passwords.checks - checked
    await mongo.close()
    return seconds, answers, checks


async def _addresses() -> dict[str, str]:
    """One address for each case; the first is the one that the others are compared with."""
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        hashed = await kit().passwords.hash(PASSWORD)
        known = await factories.make_user(password_hash=hashed)
        disabled = await factories.make_user(password_hash=hashed, is_active=False)
        invited = await factories.make_user(password_hash=None)
    nobody = f"{secrets.token_hex(8)}@acme.example"
    return {
        KNOWN: known.email,
        "no account": nobody,
        "a disabled account": disabled.email,
        "an account without a password": invited.email,
    }


def main() -> bool:
    """Print the medians; whether every refusal was the same answer after one password check."""
    os.environ.update({**GENEROUS, "PLANWRIGHT_ENV": "dev", "JWT_SECRET": secrets.token_urlsafe(48)})
    load_settings.cache_clear()
    configure_logging("WARNING", "console")
    with running_mongod() as uri:
        seconds, answers, checks = asyncio.run(measure(uri))
    table = Table(*HEADERS, title=f"Refused sign-ins, {ROUNDS} each, {load_settings().security.bcrypt_rounds} rounds")
    base = statistics.median(seconds[KNOWN])
    for case, tries in seconds.items():
        median = statistics.median(tries)
        said = ", ".join(sorted(answers[case]))
        table.add_row(case, said, str(checks[case]), f"{median * 1000:.1f}", f"{median / base - 1:+.1%}")
    Console().print(table)
    return set(checks.values()) == {ROUNDS} and len(set().union(*answers.values())) == 1


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
