"""Writing documents that are found by a natural key: customers, products, assignments, matrix and prices."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bson import Decimal128

from core.collections import Scoped, transaction
from core.mongo import RawDocument
from planning.numbers import PRICE
from services.import_apply.base import Id, Plan, Refused, Writer
from services.import_kinds.validation import RowError, ValidBatch

CUSTOMERS_PER_QUERY = 500
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A row of the file: its natural key as compared, and the fields that it says something about.

    `spelled` is the code or category as the file writes it: a stored spelling stays, whatever comes later.
    """

    row: int
    key: Key
    values: Mapping[str, Any]
    spelled: str | None = None


class KeyedWriter(Writer):
    """Compares by natural key; `key` names its stored fields. Fields that a file says nothing about stay."""

    key: tuple[str, ...]

    @property
    @abstractmethod
    def door(self) -> Scoped[Any]:
        """The collection."""

    @abstractmethod
    def incoming(self, batch: ValidBatch) -> tuple[list[Incoming], list[RowError]]:
        """The rows with their references resolved."""

    @abstractmethod
    async def stored(self, rows: Sequence[Incoming]) -> Mapping[Key, RawDocument]:
        """What is stored under these keys."""

    @abstractmethod
    def fresh(self, row: Incoming) -> RawDocument:
        """The whole new document of a row."""

    def proposed(self, row: Incoming, before: RawDocument) -> Mapping[str, Any] | RowError:
        """What the row says of what is stored, with all that follows from it; a refusal where it may not."""
        return row.values

    def update(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The update that makes these changes."""
        return {"$set": dict(changes)}

    async def plan(self, batch: ValidBatch) -> Plan:
        rows, errors = self.incoming(batch)
        return self.compared(rows, await self.stored(rows) if rows else {}, errors)

    def compared(self, rows: Iterable[Incoming], stored: Mapping[Key, RawDocument], errors: list[RowError]) -> Plan:
        """What is new, changed and the same."""
        return self.paired(((row, stored.get(row.key)) for row in rows), errors)

    def paired(self, rows: Iterable[tuple[Incoming, RawDocument | None]], errors: list[RowError]) -> Plan:
        """The same for rows that stand beside what is stored."""
        plan = Plan(errors=errors)
        for row, before in rows:
            if before is None:
                plan.new.append(self.fresh(row))
                continue
            said = self.proposed(row, before)
            if isinstance(said, RowError):
                plan.errors.append(said)
                continue
            changes = {name: value for name, value in said.items() if _plain(before.get(name)) != _plain(value)}
            if changes and (refusal := self.keeps_standing(row.row)):
                plan.errors.append(refusal)
            elif changes:
                plan.changed.append(({"_id": before["_id"]}, self.update(changes)))
            else:
                plan.unchanged += 1
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        # One transaction: what is noted to take it back is what was there at that moment.
        await transaction(lambda: self.put(self.door, plan.new, plan.changed))
        return []


async def of_customers(
    door: Scoped[Any], other: str, pairs: Iterable[tuple[Id, Id]], projection: Mapping[str, int]
) -> list[RawDocument]:
    """Documents of (customer, `other`) pairs, a branch of the query per customer, so that an index answers each."""
    by_customer: dict[Id, list[Id]] = {}
    for customer_id, other_id in pairs:
        by_customer.setdefault(customer_id, []).append(other_id)
    branches = [{"customer_id": customer_id, other: {"$in": others}} for customer_id, others in by_customer.items()]
    found: list[RawDocument] = []
    for start in range(0, len(branches), CUSTOMERS_PER_QUERY):
        found += await door.rows({"$or": branches[start : start + CUSTOMERS_PER_QUERY]}, projection, batch_size=10_000)
    return found


@lru_cache(maxsize=20_000)
def price(scaled: int | None) -> Decimal128 | None:
    """A scaled price as masters store it, without trailing zeros."""
    if scaled is None:
        return None
    value = PRICE.to_decimal(scaled).normalize()
    return Decimal128(value if value.as_tuple().exponent <= 0 else value.quantize(Decimal(1)))  # type: ignore[operator]


def _plain(value: Any) -> Any:
    return value.to_decimal() if isinstance(value, Decimal128) else value
