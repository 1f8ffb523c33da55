"""Audit events: who did what to which thing, written in the transaction of the deed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from core.collections import scoped
from core.context import current_user, request_id
from models.audit import AuditEvent


async def record(
    action: str,
    entity: str,
    entity_id: UUID | str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str | None = None,
) -> AuditEvent:
    """Write one event for the person in context. Call it inside the transaction that does the deed.

    `action` is `<noun>.<past tense verb>`, e.g. `cycle.opened`; `before` and `after` hold the changed fields only and
    never a secret.
    """
    return await scoped(AuditEvent).insert(
        AuditEvent(
            actor_id=current_user(),
            action=action,
            entity=entity,
            entity_id=str(entity_id),
            before=before,
            after=after,
            reason=reason,
            request_id=request_id.get(),
        )
    )


async def record_once(
    event_id: UUID, action: str, entity: str, entity_id: UUID | str, *, after: dict[str, Any]
) -> AuditEvent:
    """The same for a deed that must be done once, with an id made of it: a second one is a duplicate key."""
    event = AuditEvent(
        id=event_id,
        actor_id=current_user(),
        action=action,
        entity=entity,
        entity_id=str(entity_id),
        after=after,
        request_id=request_id.get(),
    )
    return await scoped(AuditEvent).insert(event)
