"""What the writers of all kinds share: a batch becomes a plan (what is new, changed, the same, or refused), then is
written. A plan only reads, so that a dry run stops after it, and its counts can be recorded before anything is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, ClassVar, Literal
from uuid import UUID

from bson.binary import Binary
from pymongo.errors import BulkWriteError

from core.collections import DUPLICATE_KEY, Scoped, as_binary, scoped
from core.errors import Overtaken
from core.mongo import RawDocument, current_session
from core.text import code_key
from models.customer import Customer
from models.merged import load_merged
from models.product import Product
from models.user import User
from planning.calendar import MonthRule
from planning.import_modes import Mode
from planning.lifecycle import Where, takes_part
from planning.months import Month
from services.import_journal import Change, Journal
from services.import_kinds.validation import RowError, ValidBatch
from services.sales_effects import SalesEffect

Id = Binary
INACTIVE = "one that is in use: this one is inactive, so restore it first"
STANDS = "a new row: this one is stored with other values, which the mode upsert would change"


@dataclass(frozen=True, slots=True)
class ImportContext:
    """What a writer knows of its file: the job with its journal and mode, the company's currency and month rule, the
    titles of the columns.

    In a dry run nothing is written, so a writer must remember itself what earlier batches said.
    """

    import_id: UUID
    currency: str
    actuals_basis: str
    months: MonthRule
    titles: Mapping[str, str]
    journal: Journal
    dry_run: bool = False
    mode: Mode = Mode.UPSERT

    def error(self, row: int, column: str, value: object, expected: str) -> RowError:
        """A refusal of one cell, with the column as the file titles it."""
        return RowError(row, self.titles.get(column, column), str(value), expected)


@dataclass(slots=True)
class Plan:
    """What one batch would do. `changed` pairs a filter with an update; `touched` are customers whose sales lines
    change, and `months` the months of these lines, before and after."""

    new: list[RawDocument] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unchanged: int = 0
    errors: list[RowError] = field(default_factory=list)
    touched: set[Id] = field(default_factory=set)
    months: set[Month] = field(default_factory=set)
    effect: SalesEffect = field(default_factory=SalesEffect)
    overruled: dict[Id, RawDocument] = field(default_factory=dict)
    """Corrected sales lines of which their source says something new, as they were."""
    cells: Counter[str] = field(default_factory=Counter)
    """Of forecasts: cells by what became of them."""

    @property
    def inserted(self) -> int:
        """How many rows say something new."""
        return len(self.new)

    @property
    def updated(self) -> int:
        """How many rows change what is stored."""
        return len(self.changed)


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was planned as `inserted` or `updated`, and turned out to be refused when it was written.

    `rejected`: one more thing that is wrong in a row that is refused already.
    """

    counted_as: Literal["inserted", "updated", "rejected"]
    error: RowError
    cells: Mapping[str, int] = field(default_factory=dict)
    """What it changes in `Plan.cells`."""


class Writer(ABC):
    """Writes one file of one kind; it lives as long as the file. `journaled`: what it writes can be undone."""

    journaled: ClassVar[bool] = True

    def __init__(self, context: ImportContext) -> None:
        self.context = context

    @abstractmethod
    async def prepare(self) -> None:
        """Load what the rows refer to."""

    @abstractmethod
    async def plan(self, batch: ValidBatch) -> Plan:
        """Compare a batch with what is stored. Reads only."""

    @abstractmethod
    async def write(self, plan: Plan) -> list[Refused]:
        """Carry a plan out. Idempotent: a plan made anew after a half-written one does the rest.

        Returns what turned out to be refused only now; such rows were not written. Raises Overtaken when somebody
        changed since what the plan is about.
        """

    async def put(self, door: Scoped[Any], new: Sequence[RawDocument], changed: Sequence[Change]) -> None:
        """Insert and update documents, with what is needed to take it back; raises Overtaken as `write`."""
        if not new and not changed:
            return
        await self.context.journal.note(door, new, changed)
        try:
            if new:
                await door.insert_rows(new, ordered=current_session() is not None)
        except BulkWriteError as error:
            if any(one["code"] != DUPLICATE_KEY for one in error.details["writeErrors"]):
                raise
            raise Overtaken() from error
        done = await door.update_rows(changed)
        if done is not None and done.matched_count != len(changed):
            raise Overtaken()

    async def finish(self) -> None:  # noqa: B027 - most kinds have nothing left to do
        """What is left to do when all batches are written. Idempotent."""

    def keeps_standing(self, row: int) -> RowError | None:
        """The refusal of a row that would change what is stored, where the file may only add."""
        return self.context.error(row, "", "", STANDS) if self.context.mode is Mode.INSERT_ONLY else None


class References:
    """Ids by the codes that a file names. A code that is not there is a row error, not a failure; so is one of an
    `inactive` master where nothing may be tied to those."""

    def __init__(
        self,
        context: ImportContext,
        column: str,
        expected: str,
        ids: Mapping[str, Id],
        inactive: frozenset[str] = frozenset(),
    ) -> None:
        self.context = context
        self.column = column
        self.expected = expected
        self.ids = ids
        self.inactive = inactive
        self._known: dict[str, Id | None] = {}

    def resolve(self, batch: ValidBatch) -> tuple[list[Id | None], list[RowError]]:
        """The id of each row, None where there is none, with an error; a row that names none is none of ours."""
        codes = batch.columns[self.column]
        for code in set(codes).difference(self._known, (None,)):
            key = code_key(code)
            self._known[code] = None if key in self.inactive else self.ids.get(key)
        found = list(map(self._known.get, codes))
        if None not in found:
            return found, []
        missing = [
            self.context.error(row, self.column, code, INACTIVE if code_key(code) in self.inactive else self.expected)
            for row, code, id in zip(batch.rows, codes, found, strict=True)
            if id is None and code is not None
        ]
        return found, missing


async def customers_of(context: ImportContext, *, tied: bool = False) -> References:
    """Customers by code; the code of a merged customer finds the one that it is now. `tied`: the rows tie something
    to the customer, which an inactive one does not take."""
    merged, where = await load_merged(), Where.RELATIONS if tied else Where.SALES
    ids: dict[str, Id] = {}
    inactive: set[str] = set()
    async for row in scoped(Customer).find({}, {"code_key": 1, "is_active": 1}, batch_size=10_000):
        ids[row["code_key"]] = as_binary(merged.owner(row["_id"]))
        if row["_id"] not in merged.targets and not takes_part(where, row["is_active"]):
            inactive.add(row["code_key"])
    return References(context, "customer_code", "the code of a customer that exists", ids, frozenset(inactive))


async def products_of(context: ImportContext, *, tied: bool = False) -> References:
    """Products by item code; `tied` as for customers."""
    where = Where.RELATIONS if tied else Where.SALES
    rows = await scoped(Product).rows({}, {"code_key": 1, "is_active": 1})
    ids = {row["code_key"]: as_binary(row["_id"]) for row in rows}
    inactive = frozenset(row["code_key"] for row in rows if not takes_part(where, row["is_active"]))
    return References(context, "item_code", "the code of a product that exists", ids, inactive)


async def merged_codes() -> dict[UUID, str]:
    """The code of the customer that each merged one is now."""
    merged = await load_merged()
    rows = await scoped(Customer).rows({"_id": {"$in": list(merged.targets.values())}}, {"code": 1})
    codes = {row["_id"]: row["code"] for row in rows}
    return {source: codes[target] for source, target in merged.targets.items()}


async def users_of(context: ImportContext) -> References:
    """Users by e-mail address, without those who were deleted."""
    users = scoped(User).find({"deleted_at": None}, {"email_key": 1}, batch_size=10_000)
    ids = {row["email_key"]: as_binary(row["_id"]) async for row in users}
    return References(context, "email", "the e-mail address of a user of this company", ids)


def resolved(batch: ValidBatch, *references: References) -> tuple[ValidBatch, list[list[Id]], list[RowError]]:
    """The rows whose references all exist, their ids by reference, and the errors of the others, also of those that are
    wrong already."""
    found: list[list[Any]] = []
    errors: list[RowError] = []
    for reference in references:
        ids, missing = reference.resolve(batch)
        found.append(ids)
        errors += missing
    all_there = not errors
    if batch.wrong is not None:
        errors += [error for reference in references for error in reference.resolve(batch.wrong)[1]]
    if all_there:
        return batch, found, errors
    keep = [None not in ids for ids in zip(*found, strict=True)]
    return batch.where(keep), [list(compress(ids, keep)) for ids in found], errors
