"""What the sources of all kinds share: rows of the database as the columns of the kind's table, piece by piece.

A source yields raw documents in the order of their natural keys, as people would sort them, and says for each column
how a document fills it. Memory holds a piece, and the codes of the masters that the rows name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from operator import methodcaller
from typing import Any, ClassVar
from uuid import UUID

from bson import Decimal128
from bson.binary import Binary

from core.collections import BinaryScoped, as_binary, scoped
from core.mongo import RawDocument
from core.sheets import Value
from core.text import code_key
from models.customer import Customer
from models.product import Product
from planning.access import Scope
from services.import_kinds.tables import Column, KindTable
from services.scopes import narrowed, valid_on

PIECE = 5_000
IDS_PER_QUERY = 10_000
NUMBERS = frozenset(("quantity", "money", "price", "percent"))

Getter = Callable[[RawDocument], Value]


@dataclass(frozen=True, slots=True)
class Filters:
    """What to keep; nothing named = everything.

    `valid_on` keeps entries that hold on that day; `include_inactive` adds masters that are out of use, and what is
    tied to them.
    """

    customer_ids: tuple[UUID, ...] = ()
    product_ids: tuple[UUID, ...] = ()
    region: str | None = None
    category: str | None = None
    from_month: str | None = None
    to_month: str | None = None
    valid_on: str | None = None
    cycle_id: UUID | None = None
    include_inactive: bool = False

    def named(self) -> set[str]:
        """The filters that say something."""
        return {one.name for one in fields(self) if getattr(self, one.name) not in ((), None, False)}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted: the customers that the caller sees, the filters, the layout."""

    scope: Scope
    filters: Filters = field(default_factory=Filters)
    layout: str = "long"


class RowSource(ABC):
    """The rows of one kind. `filters` and `layouts` are those that it knows; `needed` are stored fields that it reads
    whichever columns are wanted.

    A column is filled by the field of its name, unless `cells` says how else.
    """

    filters: ClassVar[frozenset[str]] = frozenset()
    layouts: ClassVar[tuple[str, ...]] = ("long",)
    needed: ClassVar[tuple[str, ...]] = ()

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.shown: dict[str, int] = {}

    @abstractmethod
    async def prepare(self) -> int:
        """Load what the rows refer to; about how many rows there are."""

    async def laid_out(self, table: KindTable) -> KindTable:
        """The columns of the layout that is asked for. Raises InvalidInput where they depend on what is not there."""
        return table

    def cells(self) -> Mapping[str, Getter]:
        """How a document fills columns that are not stored under their name; after `prepare`."""
        return {}

    def stored(self, column: Column) -> Getter:
        """How a document fills a column that is stored under its name."""
        return decimal(column.name) if column.shown in NUMBERS else plain(column.name)

    @abstractmethod
    def pieces(self) -> AsyncIterator[Sequence[RawDocument]]:
        """The documents in order, in pieces of about 5,000; after `prepare`."""

    async def columns(self, columns: Sequence[Column]) -> AsyncGenerator[list[list[Value]], None]:
        """The same as the values of these columns, column by column."""
        cells = self.cells()
        own = [column for column in columns if column.name not in cells]
        self.shown = dict.fromkeys((*self.needed, *(column.name for column in own)), 1)
        getters = [cells.get(column.name) or self.stored(column) for column in columns]
        async for piece in self.pieces():
            yield [list(map(getter, piece)) for getter in getters]


def plain(name: str) -> Getter:
    """The field as it is; None where it is absent."""
    return methodcaller("get", name)


def decimal(name: str) -> Getter:
    """A decimal of a master."""

    def get(row: RawDocument) -> Value:
        value = row.get(name)
        return value.to_decimal() if isinstance(value, Decimal128) else value

    return get


def code_of(codes: Mapping[Binary, str], name: str) -> Getter:
    """The code of the master that this field names; None where it names none."""

    def get(row: RawDocument) -> Value:
        return codes.get(row.get(name))  # type: ignore[arg-type]

    return get


async def streamed(
    door: BinaryScoped[Any], query: Mapping[str, Any], shown: Mapping[str, int], sort: Sequence[tuple[str, int]]
) -> AsyncIterator[list[RawDocument]]:
    """The documents of a query in an order that an index gives."""
    cursor = door.find(query, shown, sort=list(sort), batch_size=PIECE)
    while rows := await cursor.to_list(PIECE):
        yield rows


def customers_query(filters: Filters, *, of_all: bool = False) -> dict[str, Any]:
    """The customers that the filters keep; `of_all`: inactive ones too."""
    query: dict[str, Any] = {} if of_all or filters.include_inactive else {"is_active": True}
    if filters.region is not None:
        query["region"] = filters.region
    return query


def products_query(filters: Filters, *, of_all: bool = False) -> dict[str, Any]:
    """The products that the filters keep; `of_all`: inactive ones too."""
    query: dict[str, Any] = {} if of_all or filters.include_inactive else {"is_active": True}
    if filters.category is not None:
        query["category"] = filters.category
    return query


async def customer_codes(asked: Asked, among: Collection[UUID], *, of_all: bool = False) -> dict[Binary, str]:
    """Codes of those customers that the caller sees and the filters keep, sorted by code."""
    query = customers_query(asked.filters, of_all=of_all)
    rows: list[RawDocument] = []
    for ids in _portions(among):
        own = await narrowed(asked.scope, {**query, "_id": {"$in": ids}})
        rows += await scoped(Customer).rows(own, {"code": 1})
    return _by_code(rows)


async def product_codes(asked: Asked, *, of_all: bool = False) -> dict[Binary, str]:
    """Codes of the products that the filters keep, sorted by code."""
    query = products_query(asked.filters, of_all=of_all)
    if asked.filters.product_ids:
        query["_id"] = {"$in": list(asked.filters.product_ids)}
    return _by_code(await scoped(Product).rows(query, {"code": 1}))


def holds_on(filters: Filters) -> dict[str, Any]:
    """The query for effective-dated entries that the filters keep; an open beginning holds always."""
    if filters.valid_on is None:
        return {}
    holds = valid_on(date.fromisoformat(filters.valid_on))
    begun = {"$or": [{"valid_from": None}, {"valid_from": holds.pop("valid_from")}]}
    return {"$and": [holds, begun]}


def months_kept(filters: Filters) -> dict[str, Any]:
    """The query for what belongs to months that the filters keep."""
    bounds = {"$gte": filters.from_month, "$lte": filters.to_month}
    months = {way: month for way, month in bounds.items() if month is not None}
    return {"month": months} if months else {}


def binaries(ids: Iterable[UUID]) -> list[Binary]:
    """Ids as the bulk door knows them."""
    return [as_binary(id) for id in ids]


def _portions(ids: Collection[UUID]) -> Iterable[list[UUID]]:
    listed = list(ids)
    return [listed[start : start + IDS_PER_QUERY] for start in range(0, len(listed), IDS_PER_QUERY)]


def _by_code(rows: Sequence[RawDocument]) -> dict[Binary, str]:
    return {as_binary(row["_id"]): row["code"] for row in sorted(rows, key=lambda row: code_key(row["code"]))}
