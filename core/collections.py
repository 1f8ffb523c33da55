"""The one door to raw collections: `scoped(Model)` adds the tenant to every filter, pipeline, `$lookup`, `$unionWith`
and inserted document, and the running transaction to every call.

Hot reads and bulk writes use it directly with projections; `one` and `get` give validated documents.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import numpy as np
from beanie.odm.utils.dump import get_dict
from bson.binary import UUID_SUBTYPE, Binary, UuidRepresentation
from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.errors import BulkWriteError
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, UpdateResult

from core.columns import FixedRows
from core.context import current_tenant, tenant_filter
from core.documents import PlanwrightDocument, TenantDocument
from core.errors import NotFound
from core.mongo import RawDocument, bound_client, current_session, in_transaction

D = TypeVar("D", bound=PlanwrightDocument)
T = TypeVar("T")
Filter = Mapping[str, Any]
ROWS_PER_ROUND_TRIP = 10_000
DUPLICATE_KEY = 11000
JOINS = frozenset(("$lookup", "$unionWith", "$facet"))
BEYOND = frozenset(("$graphLookup", "$merge", "$out"))
"""Stages that reach other collections in ways that no tenant can be put into."""


class Scoped(Generic[D]):
    """A model's collection, seen from the tenant in context."""

    def __init__(self, model: type[D]) -> None:
        self.model = model
        self.raw: AsyncCollection[RawDocument] = model.get_pymongo_collection()
        self.of_tenant = issubclass(model, TenantDocument)

    def where(self, query: Filter | None = None) -> RawDocument:
        """The query with the tenant in it, whatever tenant the query itself names."""
        return {**(query or {}), **(tenant_filter() if self.of_tenant else {})}

    def find(
        self, query: Filter | None = None, projection: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncCursor[RawDocument]:
        return self.raw.find(self.where(query), projection, session=current_session(), **options)

    async def rows(
        self, query: Filter | None = None, projection: Mapping[str, Any] | None = None, **options: Any
    ) -> list[RawDocument]:
        """All matching raw documents, in one list and, up to 10,000 of them, one round trip."""
        options.setdefault("batch_size", ROWS_PER_ROUND_TRIP)
        return await self.find(query, projection, **options).to_list()

    async def documents(self, query: Filter | None = None, **options: Any) -> list[D]:
        """All matching documents, validated."""
        return [self.document(row) for row in await self.rows(query, **options)]

    def document(self, row: RawDocument) -> D:
        """A raw document, validated."""
        document: D = self.model.model_validate(row)
        return document

    async def row(
        self, query: Filter, projection: Mapping[str, Any] | None = None, **options: Any
    ) -> RawDocument | None:
        return await self.raw.find_one(self.where(query), projection, session=current_session(), **options)

    async def one(self, query: Filter) -> D | None:
        row = await self.row(query)
        return None if row is None else self.document(row)

    async def get(self, id: UUID | str) -> D:
        """The document of this id; raises `NotFound` where there is none or it is another tenant's."""
        found = await self.one({"_id": id})
        if found is None:
            raise NotFound()
        return found

    async def count(self, query: Filter | None = None, **options: Any) -> int:
        return await self.raw.count_documents(self.where(query), session=current_session(), **options)

    async def exists(self, query: Filter) -> bool:
        return await self.row(query, {"_id": 1}) is not None

    async def distinct(self, field: str, query: Filter | None = None) -> list[Any]:
        return await self.raw.distinct(field, self.where(query), session=current_session())

    async def insert(self, document: D) -> D:
        """Store a new document; a duplicate key raises pymongo's `DuplicateKeyError`."""
        await self.raw.insert_one(self._own(dump(document)), session=current_session())
        return document

    async def insert_rows(self, rows: Sequence[RawDocument], *, ordered: bool = False) -> InsertManyResult:
        """Store many raw documents; the tenant is added. `rows` must not be empty."""
        return await self.raw.insert_many([self._own(row) for row in rows], ordered=ordered, session=current_session())

    async def insert_missing(self, rows: Sequence[RawDocument]) -> None:
        """Store the raw documents that are not there yet, by their `_id`; what is there stays untouched.

        Outside transactions only: there a duplicate ends the transaction.
        """
        try:
            if rows:
                await self.insert_rows(rows)
        except BulkWriteError as error:
            errors = error.details["writeErrors"] + error.details["writeConcernErrors"]
            if any(one["code"] != DUPLICATE_KEY for one in errors):
                raise

    async def update_one(self, query: Filter, update: Any, **options: Any) -> UpdateResult:
        return await self.raw.update_one(self.where(query), update, session=current_session(), **options)

    async def update_many(self, query: Filter, update: Any, **options: Any) -> UpdateResult:
        return await self.raw.update_many(self.where(query), update, session=current_session(), **options)

    async def change(self, query: Filter, update: Any, **options: Any) -> RawDocument | None:
        """Compare-and-set: the document after the change, or None when nothing matched `query`."""
        options.setdefault("return_document", ReturnDocument.AFTER)
        return await self.raw.find_one_and_update(self.where(query), update, session=current_session(), **options)

    async def delete(self, query: Filter) -> DeleteResult:
        return await self.raw.delete_many(self.where(query), session=current_session())

    async def upsert_rows(self, updates: Iterable[tuple[Filter, Any]]) -> BulkWriteResult | None:
        """Unordered upserts `(filter, update)` on natural keys; outside transactions only (see the decisions)."""
        operations = [UpdateOne(self.where(query), update, upsert=True) for query, update in updates]
        if not operations:
            return None
        return await self.raw.bulk_write(operations, ordered=False)

    async def update_rows(self, updates: Iterable[tuple[Filter, Any]]) -> BulkWriteResult | None:
        """Unordered updates `(filter, update)`, no upserts."""
        operations = [UpdateOne(self.where(query), update) for query, update in updates]
        if not operations:
            return None
        return await self.raw.bulk_write(operations, ordered=False, session=current_session())

    async def aggregate(self, pipeline: Sequence[Mapping[str, Any]], **options: Any) -> AsyncIterator[RawDocument]:
        """Run a pipeline that starts from this tenant's documents; sub-pipelines get the tenant too."""
        cursor = await self.raw.aggregate(self._pipeline(pipeline), session=current_session(), **options)
        async for row in cursor:
            yield row

    def _pipeline(self, pipeline: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        match = tenant_filter() if self.of_tenant else {}
        return [{"$match": match}, *(_scope_stage(stage) for stage in pipeline)]

    def _own(self, row: RawDocument) -> RawDocument:
        return {**row, "tenant_id": current_tenant()} if self.of_tenant else row


class BinaryScoped(Scoped[D]):
    """The same door for bulk work: ids are BSON binaries (`as_binary`) instead of UUIDs, in and out.

    Converting every UUID of a document costs three times as much as the rest of its coding.
    """

    def __init__(self, model: type[D]) -> None:
        super().__init__(model)
        options = self.raw.codec_options.with_options(uuid_representation=UuidRepresentation.UNSPECIFIED)
        self.raw = self.raw.with_options(codec_options=options)

    async def fixed_rows(
        self, pipeline: Sequence[Mapping[str, Any]], layout: FixedRows, **options: Any
    ) -> AsyncIterator[np.ndarray[Any, Any]]:
        """Run a pipeline and give its rows as arrays of this layout, batch by batch (`core.columns`)."""
        stages = [*self._pipeline(pipeline), layout.projection]
        cursor = await self.raw.aggregate_raw_batches(stages, session=current_session(), **options)
        async for batch in cursor:
            raw: Any = batch  # bytes, whatever the stubs say
            if raw:
                yield layout.read(raw)

    def where(self, query: Filter | None = None) -> RawDocument:
        return {**(query or {}), **self._tenant()}

    def _pipeline(self, pipeline: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        for stage in pipeline:
            _refuse(stage, JOINS | BEYOND)
        return [{"$match": self._tenant()}, *pipeline]

    def _own(self, row: RawDocument) -> RawDocument:
        return {**row, "tenant_id": tenant_binary()} if self.of_tenant else row

    def _tenant(self) -> RawDocument:
        scope = tenant_filter() if self.of_tenant else {}
        return {name: as_binary(value) if isinstance(value, UUID) else value for name, value in scope.items()}


def as_binary(id: UUID) -> Binary:
    """The id as MongoDB stores it."""
    return Binary(id.bytes, UUID_SUBTYPE)


def _refuse(stage: Mapping[str, Any], stages: frozenset[str]) -> None:
    if not stages.isdisjoint(stage):
        raise ValueError(f"{', '.join(stage)} would reach other tenants' documents: this door does not know it.")


def _scope_stage(stage: Mapping[str, Any]) -> Mapping[str, Any]:
    """Joined collections are tenant collections as well: their sub-pipelines start with the tenant."""
    _refuse(stage, BEYOND)
    match = {"$match": tenant_filter()}
    if "$lookup" in stage:
        join = dict(stage["$lookup"])
        join["pipeline"] = [match, *(_scope_stage(inner) for inner in join.get("pipeline", []))]
        return {"$lookup": join}
    if "$unionWith" in stage:
        union = stage["$unionWith"]
        other: dict[str, Any] = {"coll": union} if isinstance(union, str) else dict(union)
        other["pipeline"] = [match, *(_scope_stage(inner) for inner in other.get("pipeline", []))]
        return {"$unionWith": other}
    if "$facet" in stage:
        facets: Mapping[str, Sequence[Mapping[str, Any]]] = stage["$facet"]
        return {"$facet": {name: [_scope_stage(inner) for inner in stages] for name, stages in facets.items()}}
    return stage


def dump(document: PlanwrightDocument) -> RawDocument:
    """The document as MongoDB stores it (`_id`, aware UTC datetimes, Decimal128 for decimals)."""
    return dict(get_dict(document, to_db=True))


def scoped(model: type[D]) -> Scoped[D]:
    """The door to a model's collection."""
    return Scoped(model)


def tenant_binary() -> Binary:
    """The tenant in context, as MongoDB stores its id."""
    return _as_binary_again(current_tenant())


_as_binary_again = lru_cache(maxsize=64)(as_binary)


def scoped_binary(model: type[D]) -> BinaryScoped[D]:
    """The bulk door to a model's collection; its pipelines join no other collections."""
    return BinaryScoped(model)


async def transaction(action: Callable[[], Awaitable[T]]) -> T:
    """`in_transaction` on the client that the documents are bound to."""
    return await in_transaction(bound_client(), action)
