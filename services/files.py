"""Files in GridFS under generated keys. The tenant document `StoredFile` owns each; the bytes lie in the global bucket.

The bytes are written first and the owner last, so a file that can be found is complete. What a crash leaves without an
owner carries its expiry as well, and is collected with the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from gridfs.asynchronous import AsyncGridFSBucket
from gridfs.errors import NoFile

from core.clock import now
from core.collections import scoped
from core.context import current_tenant, current_user, system_scope
from core.errors import NotFound, PayloadTooLarge
from models.job import StoredFile

CHUNK_BYTES = 255 * 1024
GARBAGE_BATCH = 200

Source = bytes | Path | AsyncIterable[bytes]


async def store(
    source: Source, *, name: str, content_type: str, keep_days: int = 90, max_bytes: int | None = None
) -> StoredFile:
    """Keep a file for `keep_days` days; size and SHA-256 are taken while it streams.

    `name` is for showing only. Raises PayloadTooLarge past `max_bytes`; nothing is kept then. Not part of a
    transaction (GridFS can't be).
    """
    file_id, digest, size = uuid4(), hashlib.sha256(), 0
    expires_at = now() + timedelta(days=keep_days)
    metadata = {"tenant_id": current_tenant(), "expires_at": expires_at}
    upload = _bucket().open_upload_stream_with_id(file_id, str(file_id), metadata=metadata)
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
        raise
    stored = StoredFile(
        id=file_id,
        name=name,
        size=size,
        sha256=digest.hexdigest(),
        content_type=content_type,
        owner_id=current_user(),
        expires_at=expires_at,
    )
    return await scoped(StoredFile).insert(stored)


async def get(file_id: UUID) -> StoredFile:
    """The file's description; NotFound when there is none, it is another tenant's, or it has expired."""
    stored = await scoped(StoredFile).get(file_id)
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
    """Delete what has expired, of all tenants and without owner; at most 200 at a time. Returns how many."""
    bucket = _bucket()
    expired = await bucket.find({"metadata.expires_at": {"$lte": now()}}, limit=GARBAGE_BATCH).to_list()
    ids = [file._id for file in expired]
    with system_scope("collecting expired files"):
        await scoped(StoredFile).delete({"_id": {"$in": ids}})
    for file_id in ids:
        try:
            await bucket.delete(file_id)
        except NoFile:  # another collector was faster
            continue
    return len(ids)


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
