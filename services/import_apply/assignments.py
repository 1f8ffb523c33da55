"""Writing who plans which customers: the same rules for a file as for one entry (`planning.assignments`).

A row is refused when it would be a second primary, or a second entry of the same person, in one scope on one day; the
refusal names the row or the entry in the way. A batch is judged as a whole, so that a line that ends an entry may stand
below the line that begins the next one. It is judged twice: for the plan, and again in the transaction that writes,
which takes turns with everybody else who changes entries of these customers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from core.clock import now
from core.collections import Scoped, as_binary, scoped, scoped_binary, transaction
from core.context import current_tenant
from core.mongo import RawDocument
from models.assigned import as_rule
from models.customer import Assignment
from models.tenant import Tenant
from models.user import User
from planning import access
from planning.access import category_key
from planning.assignments import category_problem, days_of, planner_problem, settle
from planning.intervals import in_words
from services.import_apply.base import Id, Plan, References, Refused, Writer, customers_of, resolved, users_of
from services.import_apply.keyed import Incoming, Key
from services.import_kinds.validation import RowError, ValidBatch
from services.turns import assigning, take_turns

CUSTOMERS_PER_TRANSACTION = 200
KEY = ("user_id", "customer_id", "category", "valid_from")
COMPARED = ("valid_to", "primary")

Stored = Mapping[Key, RawDocument]
Entries = dict[Key, access.Assignment]


class AssignmentWriter(Writer):
    """Rep x customer (x category) from a date, found by these four. Categories compare case-folded."""

    users: References
    customers: References
    sheet_scope: str
    emails: Mapping[bytes, str]
    cannot_plan: frozenset[Id]

    @property
    def door(self) -> Scoped[Any]:
        return scoped_binary(Assignment)

    async def prepare(self) -> None:
        self.users = await users_of(self.context)
        self.customers = await customers_of(self.context, tied=True)
        self.sheet_scope = (await scoped(Tenant).get(current_tenant())).sheet_scope
        self.emails = {bytes(id): email for email, id in self.users.ids.items()}
        people = await scoped(User).rows({}, {"role": 1, "is_active": 1})
        self.cannot_plan = frozenset(as_binary(one["_id"]) for one in people if _cannot_plan(one))
        self.rows: dict[Key, int] = {}
        self.said: dict[Id, Entries] = {}
        """What the file has said so far, by customer: a dry run finds none of it in the database."""

    async def plan(self, batch: ValidBatch) -> Plan:
        rows, errors = self._incoming(batch)
        plan = Plan(errors=errors)
        stored = await self._entries({row.key[1] for row in rows})
        changing = [row for row in rows if row.key not in stored or _differs(stored[row.key], row)]
        unfit = {row.row: error for row in changing if (error := self._unfit(row, row.key in stored)) is not None}
        able = [row for row in changing if row.row not in unfit]
        plan.errors += unfit.values()
        self.rows |= {row.key: row.row for row in rows}
        standing = self._standing(stored) | self._remembered(rows)
        wanted = {row.key: _proposed(row, stored) for row in able}
        refused = settle(standing, wanted)
        for row in able:
            if row.key in refused:
                plan.errors.append(self._in_the_way(row, wanted[row.key], refused[row.key]))
                continue
            self.said.setdefault(row.key[1], {})[row.key] = wanted[row.key]
            if row.key in stored:
                plan.changed.append(({"row": row}, {}))
            else:
                plan.new.append({"row": row})
        plan.unchanged = len(rows) - len(changing)
        return plan

    async def write(self, plan: Plan) -> list[Refused]:
        fresh = {new["row"].key for new in plan.new}
        by_customer: dict[Id, list[Incoming]] = {}
        for row in (*(new["row"] for new in plan.new), *(found["row"] for found, _ in plan.changed)):
            by_customer.setdefault(row.key[1], []).append(row)
        customers = list(by_customer)
        refused: list[Refused] = []
        for start in range(0, len(customers), CUSTOMERS_PER_TRANSACTION):
            chunk = customers[start : start + CUSTOMERS_PER_TRANSACTION]
            late = await self._write_together([row for customer in chunk for row in by_customer[customer]], chunk)
            refused += [Refused("inserted" if key in fresh else "updated", error) for key, error in late.items()]
        return refused

    async def _write_together(self, rows: Sequence[Incoming], customers: Sequence[Id]) -> dict[Key, RowError]:
        """Write all rows of some customers in one transaction; returns those that turned out to have something in the
        way, by their keys. What another import inserted meanwhile is updated."""

        async def action() -> dict[Key, RowError]:
            await take_turns(*assigning([UUID(bytes=bytes(customer)) for customer in customers]))
            stored = await self._entries(customers)
            changing = [row for row in rows if row.key not in stored or _differs(stored[row.key], row)]
            wanted = {row.key: _proposed(row, stored) for row in changing}
            refused = settle(self._standing(stored), wanted)
            ready = [row for row in changing if row.key not in refused]
            fresh = [_document(row) for row in ready if row.key not in stored]
            changed = [
                ({"_id": stored[row.key]["_id"]}, {"$set": {**row.values, "updated_at": now()}, "$inc": {"rev": 1}})
                for row in ready
                if row.key in stored
            ]
            await self.put(self.door, fresh, changed)
            return {
                row.key: self._in_the_way(row, wanted[row.key], refused[row.key])
                for row in changing
                if row.key in refused
            }

        return await transaction(action)

    def _incoming(self, batch: ValidBatch) -> tuple[list[Incoming], list[RowError]]:
        kept, (users, customers), errors = resolved(batch, self.users, self.customers)
        columns, count = kept.columns, len(kept.rows)
        categories = columns.get("category") or [None] * count
        ends = columns.get("valid_to")
        rows = []
        seen: dict[Key, int] = {}
        for at in range(count):
            category = categories[at]
            problem = category_problem(category, self.sheet_scope)
            if problem is not None:
                errors.append(self.context.error(kept.rows[at], problem.field, category, f"nothing: {problem.message}"))
                continue
            key = (users[at], customers[at], category_key(category), columns["valid_from"][at])
            values = {"primary": columns["primary"][at], **({"valid_to": ends[at]} if ends else {})}
            first = seen.setdefault(key, kept.rows[at])
            if first != kept.rows[at]:
                expected = f"one row for each person, customer, category and day; row {first} is about the same"
                errors.append(self.context.error(kept.rows[at], "customer_code", "", expected))
                continue
            rows.append(Incoming(kept.rows[at], key, values, category))
        return rows, errors

    async def _entries(self, customer_ids: Iterable[Id]) -> Stored:
        """All entries of these customers: what a row collides with may be anybody's."""
        shown = dict.fromkeys((*KEY, *COMPARED), 1)
        rows = await self.door.rows({"customer_id": {"$in": list(customer_ids)}}, shown)
        return {_key_of(row): row for row in rows}

    def _standing(self, stored: Stored) -> Entries:
        return {key: _rule_of(document) for key, document in stored.items()}

    def _remembered(self, rows: Iterable[Incoming]) -> Entries:
        """What the file said before about the customers of these rows."""
        return {key: entry for id in {row.key[1] for row in rows} for key, entry in self.said.get(id, {}).items()}

    def _unfit(self, row: Incoming, is_stored: bool) -> RowError | None:
        """Why a row is refused whatever else is entered."""
        if is_stored:
            return self.keeps_standing(row.row)
        return self._not_able(row) if row.key[0] in self.cannot_plan else None

    def _not_able(self, row: Incoming) -> RowError:
        address = self.emails.get(bytes(row.key[0]), "")
        return self.context.error(row.row, "email", address, "an active user who may plan; a viewer only reads")

    def _in_the_way(self, row: Incoming, entry: access.Assignment, other: access.Assignment) -> RowError:
        ids = (as_binary(other.user_id), as_binary(other.customer_id))
        at = self.rows.get((*ids, category_key(other.category), other.valid_from.isoformat()))
        where = "an entry that is there already" if at is None else f"row {at}"
        days = in_words(days_of(other))
        expected = f"one entry of a person at a time; {where} is for {days}"
        if other.user_id != entry.user_id:
            who = self.emails.get(other.user_id.bytes, str(other.user_id))
            expected = f"one primary at a time; {where} names {who} for {days}"
        return self.context.error(row.row, "valid_from", row.key[3], expected)


def _cannot_plan(person: RawDocument) -> bool:
    return planner_problem(person["role"], is_active=person["is_active"], field="email") is not None


def _differs(stored: RawDocument, row: Incoming) -> bool:
    """Whether the row says something else than what is stored under its key."""
    return any(stored[name] != value for name, value in row.values.items())


def _document(row: Incoming) -> RawDocument:
    """The whole new document of a row."""
    user_id, customer_id, _, valid_from = row.key
    at = now()
    return {
        "_id": as_binary(uuid4()),
        "user_id": user_id,
        "customer_id": customer_id,
        "category": row.spelled,
        "valid_from": valid_from,
        "valid_to": None,
        "rev": 1,
        "created_at": at,
        "updated_at": at,
        **row.values,
    }


def _proposed(row: Incoming, stored: Stored) -> access.Assignment:
    """The entry as it would stand: a stored one with what the row says, or a new one."""
    before = stored.get(row.key)
    return _rule_of(_document(row) if before is None else {**before, **row.values})


def _key_of(document: RawDocument) -> Key:
    return (document["user_id"], document["customer_id"], category_key(document["category"]), document["valid_from"])


def _rule_of(document: RawDocument) -> access.Assignment:
    """A raw assignment, ids as stored, as the rules see it."""
    ids = {name: UUID(bytes=bytes(document[name])) for name in ("_id", "user_id", "customer_id")}
    return as_rule({**document, **ids})
