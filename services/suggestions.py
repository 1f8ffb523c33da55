"""Suggestions for a misspelt code or name, from an index of words per tenant and noun that each process keeps.

An index is read once and is never changed; what was changed since (by `updated_at`, with a margin for clocks and for
transactions that commit late) is read at each call and laid over it, so that suggestions are as new as the database.
When that has become much, the index is read anew. Memory is bounded: a few indexes, the least used one goes first.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import Scoped, scoped, scoped_binary
from core.context import current_tenant
from core.mongo import RawDocument
from core.search import as_one_word, search_words
from models.customer import Customer, MatrixEntry
from models.product import Product
from planning.lifecycle import Where, takes_part
from planning.suggesting import Entry, Hit, WordIndex
from services.identity import Caller
from services.scopes import day_of_tenant, demand_customer, ids_in, scope_of
from services.validity import holding

MARGIN = timedelta(seconds=90)
"""How far back "since" reaches: a transaction lives for at most 60 s, and clocks differ by some."""
MOST_CHANGES = 2_000
REST = timedelta(seconds=10)
"""An index is read anew at most this often: while a large import runs, the newest rows may not be suggested yet."""
MOST_ENTRIES = 300_000
MOST_INDEXES = 8
LOOKED_AT = 2_000
"""How many of the best entries are looked at for one that the caller sees."""
BATCH = 10_000
_READ = {"code": 1, "search": 1, "is_active": 1}


class Noun(StrEnum):
    """What is suggested."""

    CUSTOMERS = "customers"
    PRODUCTS = "products"


@dataclass(slots=True)
class _Held:
    """One index with the moment from which changes are laid over it."""

    index: WordIndex = field(default_factory=lambda: WordIndex([]))
    since: datetime | None = None
    read_at: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


_held: OrderedDict[tuple[UUID, Noun], _Held] = OrderedDict()


async def suggest(
    caller: Caller, noun: Noun, text: str, limit: int, at: datetime, *, customer_id: UUID | None = None
) -> list[dict[str, Any]]:
    """At most `limit` active customers or products that the caller sees, best first: `id`, `code`, `name`, `score` and
    whether the text is the code or its beginning (`by_code`). `customer_id`: only products that this customer may order
    today; NotFound for one that the caller does not see."""
    own = await (_own(caller, noun, at) if customer_id is None else _listed(caller, customer_id, at))
    words = search_words(text)
    if not words:
        return []
    held = await _fresh(noun)
    changed = {row["_id"].bytes: row for row in await _changes(noun, held)}
    recent = WordIndex(_entries(changed.values()))
    code = as_one_word(text)

    def look() -> list[Hit]:
        old = (hit for hit in held.index.find(words, code) if hit.key not in changed)
        seen = [hit for hits in (old, recent.find(words, code)) for hit in _first(hits, own)]
        return sorted(seen, key=lambda hit: (-hit.by_code, -hit.score))[:limit]

    return await _shown(noun, await asyncio.to_thread(look))


def forget() -> None:
    """Drop all indexes of this process."""
    _held.clear()


def _first(hits: Iterable[Hit], own: frozenset[bytes] | None) -> list[Hit]:
    found: list[Hit] = []
    for hit in hits:
        if own is None or hit.key in own:
            found.append(hit)
        if len(found) == LOOKED_AT:
            break
    return found


async def _own(caller: Caller, noun: Noun, at: datetime) -> frozenset[bytes] | None:
    """The ids that the caller sees; None = all. A rep's products are those on the lists of the own customers."""
    customers = await ids_in(await scope_of(caller.role, caller.user_id, at, caller.regions))
    if customers is None:
        return None
    if noun is Noun.CUSTOMERS:
        return frozenset(id.bytes for id in customers)
    on_lists = await scoped(MatrixEntry).distinct("product_id", {"customer_id": {"$in": sorted(customers)}})
    return frozenset(id.bytes for id in on_lists)


async def _listed(caller: Caller, customer_id: UUID, at: datetime) -> frozenset[bytes]:
    await demand_customer(caller.role, caller.user_id, at, customer_id, caller.regions)
    today = {"customer_id": customer_id, **holding((await day_of_tenant(at)).isoformat())}
    return frozenset(id.bytes for id in await scoped(MatrixEntry).distinct("product_id", today))


async def _shown(noun: Noun, hits: list[Hit]) -> list[dict[str, Any]]:
    ids = [UUID(bytes=hit.key) for hit in hits]
    rows = await _door(noun).rows({"_id": {"$in": ids}, "is_active": True}, {"code": 1, "name": 1})
    known = {row["_id"].bytes: row for row in rows}
    return [
        {
            "id": known[hit.key]["_id"],
            "code": known[hit.key]["code"],
            "name": known[hit.key]["name"],
            "score": round(hit.score, 3),
            "by_code": hit.by_code,
        }
        for hit in hits
        if hit.key in known
    ]


async def _fresh(noun: Noun) -> _Held:
    """The index of the tenant in context, read anew when too much has changed since."""
    key = (current_tenant(), noun)
    held = _held.setdefault(key, _Held())
    _held.move_to_end(key)
    while len(_held) > MOST_INDEXES:
        _held.popitem(last=False)
    async with held.lock:
        if await _is_old(noun, held):
            began = now()
            rows = [row async for row in _all(noun)]
            held.index = await asyncio.to_thread(lambda: WordIndex(_entries(rows)))
            held.since, held.read_at = began - MARGIN, began
    return held


async def _is_old(noun: Noun, held: _Held) -> bool:
    if held.read_at is None:
        return True
    if now() - held.read_at < REST:
        return False
    return await _door(noun).count(_since(held), limit=MOST_CHANGES + 1) > MOST_CHANGES


async def _changes(noun: Noun, held: _Held) -> list[RawDocument]:
    return await _door(noun).rows(_since(held), _READ, sort=[("updated_at", -1)], limit=MOST_CHANGES)


def _since(held: _Held) -> dict[str, Any]:
    return {"updated_at": {"$gt": held.since}}


async def _all(noun: Noun) -> AsyncIterator[RawDocument]:
    """The active ones. Ids stay in their stored form: making UUIDs of all of them costs more than reading them."""
    door = scoped_binary(Customer) if noun is Noun.CUSTOMERS else scoped_binary(Product)
    async for row in door.find({"is_active": True}, _READ, batch_size=BATCH, limit=MOST_ENTRIES):
        yield row


def _entries(rows: Iterable[RawDocument]) -> Iterable[Entry]:
    for row in rows:
        if takes_part(Where.LISTS, row["is_active"]):
            key = row["_id"]
            code = as_one_word(row["code"])
            yield Entry(key.bytes if isinstance(key, UUID) else bytes(key), code, row["search"])


def _door(noun: Noun) -> Scoped[Any]:
    return scoped(Customer) if noun is Noun.CUSTOMERS else scoped(Product)
