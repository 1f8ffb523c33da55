"""Stored files: whose they are, how long they are kept, and that nothing of them stays behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.errors import NotFound, PayloadTooLarge
from core.mongo import Mongo
from models.job import StoredFile
from models.tenant import Tenant
from services import files
from tests import factories
from tests.interrupted import Killed

LARGE = b"x" * (3 * files.CHUNK_BYTES)


@pytest.fixture(autouse=True)
def company(tenant: Tenant) -> Iterator[Tenant]:
    with tenant_scope(tenant.id):
        yield tenant


async def store(source: files.Source = LARGE, *, max_bytes: int | None = None) -> StoredFile:
    return await files.store(source, name="table.csv", content_type="text/csv", max_bytes=max_bytes)


async def chunks(mongo: Mongo) -> int:
    """How many pieces of files lie in the bucket."""
    return await mongo.database["fs.chunks"].count_documents({})


async def chunks_to_keep(mongo: Mongo) -> int:
    """The same once what other tests left to expire is collected, which would be missed later."""
    await files.delete_expired()
    return await chunks(mongo)


async def let_expire() -> None:
    """As if all files of the tenant had been stored long ago."""
    await scoped(StoredFile).update_many({}, {"$set": {"expires_at": now() - timedelta(seconds=1)}})


async def test_a_file_comes_back_as_it_went_in(tmp_path: Path) -> None:
    stored = await store()
    read = await files.open_to_path(stored.id, tmp_path / "copy")
    assert (read.size, read.sha256, read.expires_at) == (len(LARGE), stored.sha256, stored.expires_at)
    assert (tmp_path / "copy").read_bytes() == LARGE


async def test_a_file_of_another_company_is_not_there() -> None:
    stored = await store()
    other = await factories.make_tenant()
    with tenant_scope(other.id):
        for id in (stored.id, uuid4()):
            with pytest.raises(NotFound):
                await anext(files.stream(id))


async def test_a_file_that_is_too_large_leaves_nothing_behind(mongo: Mongo) -> None:
    before = await chunks(mongo)
    with pytest.raises(PayloadTooLarge):
        await store(max_bytes=len(LARGE) - 1)
    assert await chunks(mongo) == before
    assert await scoped(StoredFile).count() == 0


async def test_an_expired_file_is_gone_at_once_and_collected_later(mongo: Mongo) -> None:
    before = await chunks_to_keep(mongo)
    stored = await store()
    await let_expire()
    with pytest.raises(NotFound, match="no longer kept"):
        await files.get(stored.id)
    await files.delete_expired()
    assert await chunks(mongo) == before
    assert await scoped(StoredFile).count() == 0


async def test_an_upload_that_was_cut_off_is_no_file_and_is_collected(
    mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed process aborts nothing: its pieces must have an owner already."""

    async def cut_off() -> AsyncIterator[bytes]:
        yield LARGE
        raise Killed

    async def nothing(_: object) -> None: ...

    before = await chunks_to_keep(mongo)
    with monkeypatch.context() as patch:
        patch.setattr("gridfs.asynchronous.AsyncGridIn.abort", nothing)
        patch.setattr(files, "_forget", nothing)
        patch.setattr("gridfs.asynchronous.grid_file._UPLOAD_BUFFER_SIZE", 1)  # send each piece at once
        with pytest.raises(Killed):
            await store(cut_off())
    assert await chunks(mongo) > before
    (unfinished,) = await scoped(StoredFile).documents()
    with pytest.raises(NotFound):
        await files.get(unfinished.id)
    await let_expire()
    await files.delete_expired()
    assert await chunks(mongo) == before
