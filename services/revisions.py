"""Changing one document that people edit: only from the version they read, with one audit event for what differs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from bson import Decimal128
from pydantic import BaseModel

from core.clock import now
from core.collections import Scoped, dump, scoped, transaction
from core.documents import PlanwrightDocument
from core.errors import NotFound, StaleVersion
from services import audit


async def insert(document: PlanwrightDocument, *, entity: str, said: Mapping[str, Any]) -> None:
    """Store a new document with the event `<entity>.created`, in the caller's transaction or one of its own.

    A duplicate key raises pymongo's `DuplicateKeyError`; check for it first where a person should hear why.
    """

    async def action() -> None:
        await scoped(type(document)).insert(document)
        await audit.record(f"{entity}.created", entity, document.id, after=plain(said))

    await transaction(action)


async def change(
    model: type[PlanwrightDocument],
    id: UUID,
    rev: int | None,
    changes: Mapping[str, Any],
    *,
    entity: str,
    action: str = "changed",
    reason: str | None = None,
) -> bool:
    """Set these fields if the document is still at `rev` (None = whatever it is at); False when nothing differs.

    Raises `NotFound`, and `StaleVersion` when somebody changed it since. `changes` holds values as the model has them;
    the audit event `<entity>.<action>` holds what differs, before and after.
    """

    async def compared() -> bool:
        door: Scoped[Any] = scoped(model)
        before = await door.get(id)
        if rev is not None and before.rev != rev:
            raise StaleVersion()
        stored = dump(before)
        proposed = dump(model.model_validate({**before.model_dump(), **changes}))
        after = {name: proposed[name] for name in changes if plain(proposed[name]) != plain(stored.get(name))}
        if not after:
            return False
        update = {"$set": {**after, "updated_at": now()}, "$inc": {"rev": 1}}
        if (await door.update_one({"_id": id, "rev": before.rev}, update)).matched_count == 0:
            raise StaleVersion()
        told = {name: plain(stored.get(name)) for name in after}
        await audit.record(f"{entity}.{action}", entity, id, before=told, after=plain(after), reason=reason)
        return True

    return await transaction(compared)


async def remove(model: type[PlanwrightDocument], id: UUID, rev: int | None, *, entity: str) -> None:
    """Delete an effective-dated entry (masters are never deleted) with the event `<entity>.removed`.

    Raises `NotFound` and `StaleVersion`.
    """

    async def action() -> None:
        door: Scoped[Any] = scoped(model)
        before = await door.get(id)
        if rev is not None and before.rev != rev:
            raise StaleVersion()
        if (await door.delete({"_id": id, "rev": before.rev})).deleted_count == 0:
            raise NotFound()
        await audit.record(f"{entity}.removed", entity, id, before=plain(_told(before)))

    await transaction(action)


def plain(value: Any) -> Any:
    """The value as an audit event holds it: decimals and ids as text, enums as their value."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        return plain(value.model_dump())
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _told(document: PlanwrightDocument) -> dict[str, Any]:
    hidden = {"id", "tenant_id", "rev", "created_at", "updated_at"}
    return {name: value for name, value in document.model_dump().items() if name not in hidden}
