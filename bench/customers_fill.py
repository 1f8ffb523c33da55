"""Any number of customers, made up from a seed number and inserted raw."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from uuid import UUID

from core.collections import as_binary, dump, scoped_binary
from core.mongo import RawDocument
from core.search import search_words
from models.customer import Customer

BATCH = 10_000
KINDS = ("Trading", "Stores", "Traders", "Holding")
REGIONS = ("North", "South", "East", "West")
COUNTRIES = ("Germany", "France", "Italy", "Spain", "Poland", "Austria", "Norway", "Greece", "Ireland", "Portugal")
GROUPS = tuple(f"Group {number:02}" for number in range(50))
INACTIVE_SHARE = 0.05
SEED = 7


async def fill(first: int, count: int) -> None:
    """Customers number `first` to `first + count - 1` of the tenant in context."""
    for start in range(first, first + count, BATCH):
        await scoped_binary(Customer).insert_rows(list(_rows(start, min(BATCH, first + count - start))))


def _rows(first: int, count: int) -> Iterator[RawDocument]:
    chance = Random(SEED + first)
    template = dump(Customer(code="", code_key="", name="", currency="EUR"))
    for number in range(first, first + count):
        code = f"C-{number:07}"
        name = f"{_word(chance)} {_word(chance)} {chance.choice(KINDS)}"
        active = chance.random() >= INACTIVE_SHARE
        yield {
            **template,
            "_id": as_binary(UUID(int=chance.getrandbits(128), version=4)),
            "code": code,
            "code_key": code.casefold(),
            "name": name,
            "search": search_words(code, name),
            "region": chance.choice(REGIONS),
            "group": chance.choice(GROUPS),
            "country": chance.choice(COUNTRIES),
            "is_active": active,
            "status": "active" if active else "inactive",
        }


def _word(chance: Random) -> str:
    """Three syllables: about 30,000 words."""
    return "".join(chance.choice("bdfgklmnprst") + chance.choice("aeiou") for _ in range(3)).title()
