"""Indexes as the models name them: missing ones are made, those that stand in their way or that no model names any
more are dropped. What an operator made is left alone, unless it has the very keys or the name of one of ours.

`system_state` holds the names of those that set-up made, so that it knows its own later.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import pymongo
from beanie import Document
from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError, OperationFailure

from core.mongo import Mongo
from ops.errors import OpsError
from ops.migrations.first_release import INDEXES

MADE = "indexes"
DUPLICATE_KEY = 11000
BUILT_WITHIN = 3_600.0
"""Seconds for the indexes of one collection: a new one over millions of documents takes minutes."""
NO_SUCH_COLLECTION = 26
OPTIONS = ("unique", "expireAfterSeconds", "partialFilterExpression")


async def bring_up_to_date(
    mongo: Mongo, documents: Sequence[type[Document]], say: Callable[[str], None] = lambda _: None
) -> None:
    """Make and drop indexes. Raises OpsError where a unique index meets documents that are not."""
    wanted = {model.Settings.name: list(model.Settings.indexes) for model in documents}
    async for collection, name in _in_the_way(mongo, wanted):
        await mongo.database[collection].drop_index(name)
        say(f"MongoDB: made the index {name} of {collection} anew, because it has changed.")
    for collection, indexes in wanted.items():
        await _make(mongo, collection, indexes)
    async for collection, name in _outdated(mongo, wanted):
        await mongo.database[collection].drop_index(name)
        say(f"MongoDB: dropped the index {name} of {collection}, which nothing uses any more.")
    made = {collection: [index.document["name"] for index in indexes] for collection, indexes in wanted.items()}
    await mongo.database["system_state"].update_one({"_id": MADE}, {"$set": {"collections": made}}, upsert=True)


async def _make(mongo: Mongo, collection: str, indexes: Sequence[IndexModel]) -> None:
    if not indexes:
        return
    try:
        with pymongo.timeout(BUILT_WITHIN):
            await mongo.database[collection].create_indexes(list(indexes))
    except (DuplicateKeyError, OperationFailure) as error:
        if error.code != DUPLICATE_KEY:
            raise
        raise OpsError(
            f"The collection {collection} holds documents that are the same by a unique index "
            f"({(error.details or {}).get('errmsg', error)}): merge or remove one of them, and run set-up again."
        ) from error


async def _in_the_way(mongo: Mongo, wanted: Mapping[str, Sequence[IndexModel]]) -> AsyncIterator[tuple[str, str]]:
    """Stored indexes with the name of a wanted one but other keys or options, or its keys under another name."""
    for collection, indexes in wanted.items():
        by_name = {index.document["name"]: _specification(index.document) for index in indexes}
        keys = [_keys(specification) for specification in by_name.values()]
        for name, specification in (await _stored(mongo, collection)).items():
            as_wanted = by_name[name] == specification if name in by_name else _keys(specification) not in keys
            if not as_wanted:
                yield collection, name


async def _outdated(mongo: Mongo, wanted: Mapping[str, Sequence[IndexModel]]) -> AsyncIterator[tuple[str, str]]:
    """Stored indexes that set-up made once and that no model names now."""
    noted = await mongo.database["system_state"].find_one({"_id": MADE})
    made: Mapping[str, Sequence[str]] = INDEXES if noted is None else noted["collections"]
    for collection, names in made.items():
        named = {index.document["name"] for index in wanted.get(collection, ())}
        stored = await _stored(mongo, collection)
        for name in names:
            if name not in named and name in stored:
                yield collection, name


async def _stored(mongo: Mongo, collection: str) -> dict[str, dict[str, Any]]:
    """Specifications of a collection's indexes by name, without that of `_id`; none while there is no collection."""
    try:
        found = [index async for index in await mongo.database[collection].list_indexes()]
    except OperationFailure as error:
        if error.code != NO_SUCH_COLLECTION:
            raise
        return {}
    return {index["name"]: _specification(index) for index in found if index["name"] != "_id_"}


def _specification(index: Mapping[str, Any]) -> dict[str, Any]:
    """What two indexes must have in common to be the same."""
    options = {name: index[name] for name in OPTIONS if index.get(name) not in (None, False)}
    return {"key": list(dict(index["key"]).items()), **options}


def _keys(specification: Mapping[str, Any]) -> tuple[Any, Any]:
    """MongoDB refuses a second index with the same keys over the same documents, whatever it is called."""
    return specification["key"], specification.get("partialFilterExpression")
