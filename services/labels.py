"""Codes and names to put beside ids that are listed: one query for a page, whatever form the ids are in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from core.collections import Scoped, scoped
from core.mongo import RawDocument
from models.customer import Customer
from models.cycle import Cycle
from models.product import Product
from models.user import User

Label = Mapping[str, Any]


class Labels:
    """The rows found, by id; an id that nobody has gives an empty row."""

    def __init__(self, rows: Iterable[RawDocument]) -> None:
        self._rows = {_bytes(row["_id"]): row for row in rows}

    def __getitem__(self, id: UUID | bytes) -> Label:
        return self._rows.get(_bytes(id), {})


async def labels_of(
    model: type[User] | type[Customer] | type[Product] | type[Cycle], ids: Iterable[UUID | bytes], *fields: str
) -> Labels:
    """These fields of the documents with these ids."""
    wanted = [UUID(bytes=id) for id in {_bytes(id) for id in ids}]
    door: Scoped[Any] = scoped(model)
    return Labels(await door.rows({"_id": {"$in": wanted}}, dict.fromkeys(fields, 1)) if wanted else ())


def _bytes(id: UUID | bytes) -> bytes:
    """The 16 bytes of an id, as a page holds it (stored) or as a document does (a UUID)."""
    return id.bytes if isinstance(id, UUID) else bytes(id)
