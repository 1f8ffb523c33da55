"""Files in GridFS under generated keys. The tenant document `StoredFile` owns each; the bytes lie in the global bucket.

The owner is written first, without a SHA-256 and to expire within a day, then the bytes, then the owner is completed:
only a complete file can be found, and what a crash leaves half-written is collected with everything that expires.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from gridfs.asynchronous import AsyncGridFSBucket
from gridfs.errors import NoFile

from core.clock import now
from core.collections import scoped
from core.context import current_user, system_scope
from core.errors import NotFound, PayloadTooLarge
from models.job import StoredFile

CHUNK_BYTES = 255 * 1024
GARBAGE_BATCH = 200
UPLOADED_WITHIN = timedelta(days=1)
UNFINISHED = ""
"""The SHA-256 of a file whose bytes are not all there."""

Source = bytes | Path | AsyncIterable[bytes]


async def store(
    source: Source, *, name: str, content_type: str, keep_days: int = 90, max_bytes: int | None = None
) -> StoredFile:
    """Keep a file for `keep_days` days; size and SHA-256 are taken while it streams.

    `name` is for showing only. Raises PayloadTooLarge past `max_bytes`; nothing is kept then. Not part of a
    transaction (GridFS can't be).
    """
    stored = await scoped(StoredFile).insert(
        StoredFile(
            name=name,
            size=0,
            sha256=UNFINISHED,
            content_type=content_type,
            owner_id=current_user(),
            expires_at=now() + UPLOADED_WITHIN,
        )
    )
    digest, size = hashlib.sha256(), 0
    upload = _bucket().open_upload_stream_with_id(stored.id, str(stored.id), metadata={"tenant_id": stored.tenant_id})
    try:
        async for chunk in _chunks(source):
            size += len(chunk)
            if max_bytes is not None and size > max_bytes:
                raise PayloadTooLarge(f"The file is larger than {max_bytes / 1e6:,.0f} MB; split it.")
            digest.update(chunk)
            await upload.write(chunk)
        await upload.close()
    except BaseException:
        await upload.abort()
        await _forget(stored.id)
        raise
    known = {"size": size, "sha256": digest.hexdigest(), "expires_at": stored.created_at + timedelta(days=keep_days)}
    await scoped(StoredFile).update_one({"_id": stored.id}, {"$set": known})
    complete: StoredFile = stored.model_copy(update=known)
    return complete


async def get(file_id: UUID) -> StoredFile:
    """The file's description; NotFound when there is none, it is another tenant's, not complete, or has expired."""
    stored = await scoped(StoredFile).get(file_id)
    if stored.sha256 == UNFINISHED:
        raise NotFound()
    if stored.expires_at <= now():
        raise NotFound("The file is no longer kept.")
    return stored


async def stream(file_id: UUID) -> AsyncIterator[bytes]:
    """The bytes, chunk by chunk; errors as `get`."""
    await get(file_id)
    try:
        download = await _bucket().open_download_stream(file_id)
    except NoFile as error:
        raise NotFound("The file is no longer kept.") from error
    while chunk := await download.read(CHUNK_BYTES):
        yield chunk


async def open_to_path(file_id: UUID, path: Path) -> StoredFile:
    """Write the bytes to `path`, for a reader that needs a file; errors as `get`."""
    stored = await get(file_id)
    with await asyncio.to_thread(path.open, "wb") as out:
        async for chunk in stream(file_id):
            await asyncio.to_thread(out.write, chunk)
    return stored


async def delete_expired() -> int:
    """Delete what has expired, of all tenants; at most 200 at a time. Returns how many."""
    with system_scope("collecting expired files"):
        expired = await scoped(StoredFile).rows({"expires_at": {"$lte": now()}}, {"_id": 1}, limit=GARBAGE_BATCH)
        for row in expired:
            # The owner goes last: whatever interrupts this, the next round finds the rest.
            with suppress(NoFile):
                await _bucket().delete(row["_id"])
            await _forget(row["_id"])
    return len(expired)


async def _forget(file_id: UUID) -> None:
    await scoped(StoredFile).delete({"_id": file_id})


def _bucket() -> AsyncGridFSBucket:
    return AsyncGridFSBucket(scoped(StoredFile).raw.database, chunk_size_bytes=CHUNK_BYTES)


async def _chunks(source: Source) -> AsyncIterator[bytes]:
    if isinstance(source, bytes):
        yield source
    elif isinstance(source, Path):
        with await asyncio.to_thread(source.open, "rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield chunk
    else:
        async for chunk in source:
            yield chunk
