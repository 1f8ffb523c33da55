"""The connection to MongoDB, and transactions.

One client per process and event loop. A transaction travels in the context: every call through `scoped()` and every
`store()` inside `in_transaction` belongs to it, so no `session=` can be forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from beanie import Document, init_beanie
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from core.errors import DatabaseUnavailable
from core.settings import MongoSettings

T = TypeVar("T")
RawDocument = dict[str, Any]
DUPLICATE_KEY_TRIES = 5

_bound: AsyncMongoClient[RawDocument] | None = None
_session: ContextVar[AsyncClientSession | None] = ContextVar("planwright_session", default=None)


class Mongo:
    """A connected client with its database. Close it with `close()`."""

    def __init__(self, settings: MongoSettings) -> None:
        self.client: AsyncMongoClient[RawDocument] = AsyncMongoClient(
            settings.mongodb_uri.get_secret_value(),
            tz_aware=True,
            uuidRepresentation="standard",
            retryWrites=True,
            w="majority",
            appname="planwright",
            maxPoolSize=settings.mongodb_max_pool_size,
            serverSelectionTimeoutMS=settings.mongodb_server_selection_timeout_ms,
            timeoutMS=settings.mongodb_timeout_ms,
        )
        self.database: AsyncDatabase[RawDocument] = self.client.get_database(settings.mongodb_database)

    async def start(self, documents: Sequence[type[Document]], *, indexes: bool = False) -> None:
        """Bind the documents to this database; `indexes` creates them (set-up does that, not every process)."""
        global _bound
        await init_beanie(database=self.database, document_models=list(documents), skip_indexes=not indexes)
        _bound = self.client

    async def ping(self) -> None:
        """Raises `DatabaseUnavailable` when no writable primary answers."""
        try:
            answer = await self.client.admin.command("hello")
        except PyMongoError as error:
            raise DatabaseUnavailable() from error
        if not answer.get("isWritablePrimary"):
            raise DatabaseUnavailable("The database has no primary at the moment; try again shortly.")

    async def close(self) -> None:
        await self.client.close()


def bound_client() -> AsyncMongoClient[RawDocument]:
    """The client that the documents were bound to by `Mongo.start` (Beanie binds them once per process, too)."""
    if _bound is None:
        raise RuntimeError("Mongo.start(...) has not run in this process")
    return _bound


def current_session() -> AsyncClientSession | None:
    """The session of the running transaction, if there is one."""
    return _session.get()


async def in_transaction(client: AsyncMongoClient[RawDocument], action: Callable[[], Awaitable[T]]) -> T:
    """Run `action` in one transaction: all of it happens, or nothing.

    Transient errors and write conflicts rerun the action, so it must only touch the database. A duplicate key on a
    first insert (two callers made the same document) reruns it as well, up to five times. Inside another transaction
    the action simply joins it.
    """
    if _session.get() is not None:
        return await action()
    for attempt in range(DUPLICATE_KEY_TRIES):
        try:
            return await _once(client, action)
        except DuplicateKeyError:
            if attempt == DUPLICATE_KEY_TRIES - 1:
                raise
    raise AssertionError("unreachable")


async def _once(client: AsyncMongoClient[RawDocument], action: Callable[[], Awaitable[T]]) -> T:
    async with client.start_session() as session:

        async def body(_: AsyncClientSession) -> T:
            token = _session.set(session)
            try:
                return await action()
            finally:
                _session.reset(token)

        return await session.with_transaction(
            body,
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
