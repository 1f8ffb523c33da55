"""How long suggestions take among 100,000 customers: reading the index, and the median of each kind of text.

Nothing is asserted: the times belong to the machine.

    python -m bench.suggestions
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from datetime import timedelta
from uuid import uuid4

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from core.clock import now
from core.collections import dump, scoped
from core.context import tenant_scope
from core.mongo import Mongo
from core.search import search_words
from core.settings import MongoSettings
from models.customer import Customer
from models.registry import DOCUMENTS
from planning.roles import Role
from services.identity import Caller
from services.suggestions import Noun, suggest
from tests import factories
from tests.servers import running_mongod

CUSTOMERS = 100_000
PER_INSERT = 5_000
ROUNDS = 15
LIMIT = 10
SYLLABLES = ("nor", "wind", "tra", "mar", "del", "kos", "ber", "lin", "ta", "vel", "son", "mo", "ri", "hal", "gen")
TEXTS = ("norwindtra", "nrowindtra berlin", "c012345", "c01234", "c1", "trading marta", "trading", "zzzzzzzz")


async def measure(uri: str) -> dict[str, float]:
    """Seconds by text; the index is read by `(index)`."""
    mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database="bench-suggestions"))
    await mongo.start(DOCUMENTS, indexes=True)
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        await _customers()
        caller = Caller(uuid4(), tenant.id, uuid4(), Role.ADMIN, frozenset(), "Ada", "en")
        seconds = {"(index)": await _seconds(caller, "northwind")}
        for text in TEXTS:
            seconds[text] = statistics.median([await _seconds(caller, text) for _ in range(ROUNDS)])
    await mongo.close()
    return seconds


async def _seconds(caller: Caller, text: str) -> float:
    began = time.perf_counter()
    await suggest(caller, Noun.CUSTOMERS, text, LIMIT, now())
    return time.perf_counter() - began


async def _customers() -> None:
    template = dump(Customer(code="C", code_key="c", name="", currency="EUR", updated_at=now() - timedelta(days=1)))
    for start in range(0, CUSTOMERS, PER_INSERT):
        rows = []
        for number in range(start, start + PER_INSERT):
            one, two, three, four, five = (SYLLABLES[(number // 15**power) % 15] for power in range(5))
            name, code = f"{one}{two}{three} {four}{five} Trading", f"C{number:06}"
            said = {"code": code, "code_key": code.casefold(), "name": name, "search": search_words(code, name)}
            rows.append({**template, **said, "_id": uuid4()})
        await scoped(Customer).insert_rows(rows)


def main() -> int:
    """Measure and print."""
    with running_mongod() as uri:
        seconds = asyncio.run(measure(uri))
    table = Table("text", "milliseconds", title=f"Suggestions among {CUSTOMERS:,} customers")
    for text, taken in seconds.items():
        table.add_row(text, f"{1_000 * taken:.0f}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
