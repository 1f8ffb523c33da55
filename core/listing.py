"""One page of a list: the rows, whether more follow, and how many there are when that is cheap to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bson.binary import Binary, UuidRepresentation
from bson.codec_options import CodecOptions

from core.collections import Scoped
from core.documents import PlanwrightDocument
from core.mongo import RawDocument, current_session

COUNT_WITHOUT_ASKING = 10_000
_STORED_IDS: CodecOptions[RawDocument] = CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.UNSPECIFIED)


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list: `sort` holds (field, 1 or -1) and should end with `_id`, so that pages don't overlap.

    `count`: True = always count, False = never, None = count as long as there are at most 10,000.
    """

    skip: int = 0
    limit: int = 50
    sort: Sequence[tuple[str, int]] = (("_id", 1),)
    count: bool | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """`total` is None when it was not counted."""

    rows: list[RawDocument]
    has_next: bool
    total: int | None


async def read_page(
    door: Scoped[PlanwrightDocument] | Scoped[Any],
    query: Mapping[str, Any],
    projection: Mapping[str, Any],
    window: Window,
) -> Listing:
    """The raw rows of one page through a model's door; `_id` comes back as `id`, a text.

    Other UUIDs in the rows stay in their stored form, which only the JSON writer reads: making UUID objects of a
    hundred rows would take a tenth of the whole request.
    """
    size = window.limit + 1
    cursor = door.raw.with_options(codec_options=_STORED_IDS).find(
        as_stored(door.where(query)),
        projection,
        sort=list(window.sort),
        skip=window.skip,
        limit=size,
        batch_size=size,
        session=current_session(),
    )
    rows = await cursor.to_list()
    has_next = len(rows) > window.limit
    del rows[window.limit :]
    for row in rows:
        row["id"] = uuid_text(row.pop("_id"))
    return Listing(rows, has_next, await _total(door, query, window, len(rows), has_next))


async def _total(door: Scoped[Any], query: Mapping[str, Any], window: Window, shown: int, has_next: bool) -> int | None:
    if window.count is False:
        return None
    if not has_next and (shown or not window.skip):
        return window.skip + shown
    if window.count:
        return await door.count(query)
    counted = await door.count(query, limit=COUNT_WITHOUT_ASKING + 1)
    return counted if counted <= COUNT_WITHOUT_ASKING else None


def uuid_text(stored: bytes) -> str:
    """The usual text of a UUID's 16 bytes."""
    digits = stored.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def as_stored(node: Any) -> Any:
    """The query with its UUIDs in their stored form."""
    if isinstance(node, UUID):
        return Binary.from_uuid(node)
    if isinstance(node, Mapping):
        return {key: as_stored(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [as_stored(value) for value in node]
    return node
