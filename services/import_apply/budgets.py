"""Writing a budget: what was decided, at the level at which it was decided."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.clock import now
from core.collections import scoped, transaction
from core.context import current_tenant
from core.mongo import RawDocument
from core.text import code_key
from models.budget import BudgetEntry
from models.keys import budget_id
from planning.budgets import ALL, CustomerLevel, ProductLevel, named_level
from services.budget_levels import Levels, Members, customer_levels, product_levels
from services.import_apply.base import ImportContext, Plan, Refused, Writer
from services.import_apply.leftovers import Leftovers, Periods, Removal
from services.import_kinds.validation import RowError, ValidBatch

CUSTOMERS: Mapping[str, str] = {level: level for level in CustomerLevel if level != ALL} | {"customer": "customer_code"}
PRODUCTS: Mapping[str, str] = {level: level for level in ProductLevel if level != ALL} | {"product": "item_code"}
"""Level -> the column that names it."""
ONE_LEVEL = "one of {columns}, or none of them for all"
NOBODY = "a {level} that there is"
SEVERAL_UNITS = "a value: the products of this level are counted in {units}, which can't be added"
NUMBERS = ("quantity", "value")


@dataclass(frozen=True, slots=True)
class Level:
    """The level that a row names, its key as it is compared, and who belongs to it."""

    name: str
    key: str | None
    members: Members

    @property
    def shown(self) -> str | None:
        return None if self.name == ALL else self.members.shown


class BudgetLeftovers(Leftovers[UUID]):
    """Entries of a year's version, at whatever level they were decided."""

    def __init__(self, context: ImportContext) -> None:
        super().__init__()
        self.context = context
        self.periods = Periods[tuple[int, str]]()

    def add(self, entry: RawDocument) -> None:
        """An entry of the file."""
        self.named.add(entry["_id"].bytes)
        self.periods.add((entry["fiscal_year"], code_key(entry["version"])), entry["month"])

    async def found(self) -> AsyncIterator[UUID]:
        for (year, version), first, last in self.periods.spans():
            query = {"fiscal_year": year, "month": {"$gte": first, "$lte": last}}
            async for row in scoped(BudgetEntry).find(query, {"version": 1}):
                if code_key(row["version"]) == version and not self.named.holds(row["_id"].bytes):
                    yield row["_id"]

    async def removal_of(self, found: Sequence[UUID]) -> Removal:
        return Removal(await scoped(BudgetEntry).rows({"_id": {"$in": list(found)}}))

    async def remove(self, removal: Removal) -> None:
        door = scoped(BudgetEntry)
        await self.context.journal.note_removed(door, removal.things)
        await door.delete({"_id": {"$in": [entry["_id"] for entry in removal.things]}})


class BudgetWriter(Writer):
    """Found by year, version, month and level. A row replaces the numbers of its entry; columns that the file does not
    have stay."""

    customers: Levels
    products: Levels
    leftovers: BudgetLeftovers

    async def prepare(self) -> None:
        self.leftovers = BudgetLeftovers(self.context)
        self.customers = await customer_levels()
        self.products = await product_levels()

    async def plan(self, batch: ValidBatch) -> Plan:
        plan = Plan()
        entries = {entry["_id"]: (row, entry) for row, entry in self._entries(batch, plan.errors)}
        plan.unchanged = len(batch.rows) - len({error.row for error in plan.errors}) - len(entries)
        query = {"_id": {"$in": list(entries)}}
        stored = {row["_id"]: row for row in await scoped(BudgetEntry).rows(query)}
        at = now()
        for id, (row, entry) in entries.items():
            self.leftovers.add(entry)
            before = stored.get(id)
            if before is None:
                plan.new.append({**dict.fromkeys(NUMBERS), **entry, "rev": 1, "created_at": at, "updated_at": at})
                continue
            changes = {name: entry[name] for name in NUMBERS if name in entry and entry[name] != before[name]}
            if not changes:
                plan.unchanged += 1
                continue
            if refusal := self.keeps_standing(row):
                plan.errors.append(refusal)
                continue
            changes |= {"import_id": entry["import_id"], "updated_at": at}
            plan.changed.append(({"_id": id, "rev": before["rev"]}, {"$set": changes, "$inc": {"rev": 1}}))
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        await transaction(lambda: self.put(scoped(BudgetEntry), plan.new, plan.changed))
        return []

    def _entries(self, batch: ValidBatch, errors: list[RowError]) -> Iterator[tuple[int, RawDocument]]:
        for at, row in enumerate(batch.rows):
            said = {name: values[at] for name, values in batch.columns.items()}
            known = len(errors)
            errors += self._problems(row, said)
            customer = self._level(row, said, CUSTOMERS, self.customers, errors)
            product = self._level(row, said, PRODUCTS, self.products, errors)
            if customer is None or product is None:
                continue
            if said.get("quantity") is not None and len(product.members.units) > 1:
                units = ", ".join(sorted(product.members.units))
                errors.append(self.context.error(row, "quantity", "", SEVERAL_UNITS.format(units=units)))
            if len(errors) == known:
                yield row, self._entry(said, customer, product)

    def _problems(self, row: int, said: Mapping[str, Any]) -> Iterator[RowError]:
        year = self.context.months.fiscal(said["month"]).year
        if year != said["fiscal_year"]:
            expected = f"a month of the fiscal year {said['fiscal_year']}; this one is in {year}"
            yield self.context.error(row, "month", said["month"], expected)

    def _level(
        self, row: int, said: Mapping[str, Any], columns: Mapping[str, str], levels: Levels, errors: list[RowError]
    ) -> Level | None:
        named = named_level({level: said.get(column) for level, column in columns.items()})
        if named is None:
            first = next(column for column in columns.values() if said.get(column) is not None)
            expected = ONE_LEVEL.format(columns=", ".join(columns.values()))
            errors.append(self.context.error(row, first, said[first], expected))
            return None
        level, key = named
        folded = None if key is None else code_key(key)
        members = levels.get((level, folded))
        if members is None:
            errors.append(self.context.error(row, columns[level], key, NOBODY.format(level=level)))
            return None
        return Level(level, folded, members)

    def _entry(self, said: Mapping[str, Any], customer: Level, product: Level) -> RawDocument:
        # By the code that the masters have now: an old one of a merged customer finds the same entry.
        keys = [
            level.key if level.name == ALL else code_key(level.members.shown or "") for level in (customer, product)
        ]
        when = (said["fiscal_year"], code_key(said["version"]), said["month"])
        return {
            "_id": budget_id(current_tenant(), *when, customer.name, keys[0], product.name, keys[1]),
            "fiscal_year": said["fiscal_year"],
            "version": said["version"],
            "month": said["month"],
            "customer_level": str(customer.name),
            "customer_key": customer.shown,
            "customer_id": _only(customer, CustomerLevel.CUSTOMER),
            "product_level": str(product.name),
            "product_key": product.shown,
            "product_id": _only(product, ProductLevel.PRODUCT),
            "import_id": self.context.import_id,
            **{name: said[name] for name in NUMBERS if name in said},
        }


def _only(level: Level, own: str) -> UUID | None:
    return level.members.ids[0] if level.name == own else None
