"""Long work as documents: the caller polls the document, a workflow does the work, upkeep starts what was left."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import TenantDocument


class Job(TenantDocument):
    """`kind` is `import`, `import-undo`, `report`, `export` or `findings`; `state` is queued, running, succeeded,
    rejected or failed.

    `params` is what was asked, `progress` moves while it runs, `cursor` is where a resumed run goes on. `rejected` says
    that the input was refused (see `error` and `findings`), `failed` that we could not do it. `layout` is where an
    import's table stands in its file and what its titles mean, as the first try found it. `undo_id` is the job that
    takes an import back, `undone_at` when that was done.
    """

    kind: str
    state: str = "queued"
    params: dict[str, Any] = Field(default_factory=dict)
    file_id: UUID | None = None
    progress: dict[str, int] = Field(default_factory=dict)
    cursor: dict[str, Any] = Field(default_factory=dict)
    layout: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    result_file_id: UUID | None = None
    findings: list[dict[str, Any]] = Field(default_factory=list)
    error: dict[str, Any] | None = None
    undo_id: UUID | None = None
    undone_at: datetime | None = None
    undone_by: UUID | None = None
    requested_by: UUID | None = None
    received_at: datetime = Field(default_factory=now)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None

    class Settings:
        name = "jobs"
        indexes = [
            IndexModel([("tenant_id", 1), ("kind", 1), ("received_at", -1)], name="tenant_kind"),
            IndexModel([("state", 1), ("received_at", 1)], name="state_of_all_tenants"),
            IndexModel([("expires_at", 1)], expireAfterSeconds=0, name="ttl"),
        ]


class Mail(TenantDocument):
    """One mail to one person, queued in the transaction of its cause. `message_id` is stable over all deliveries.

    `state` is queued, sent or failed; a mail that the server took but whose mark was lost is sent a second time with
    the same Message-ID. `link_purpose` asks the delivery step to mint a password link, so no raw token is ever stored.
    """

    cause: str
    template: str
    data: dict[str, Any] = Field(default_factory=dict)
    user_id: UUID
    message_id: str
    link_purpose: str | None = None
    state: str = "queued"
    attempts: int = 0
    error: str | None = None
    queued_at: datetime = Field(default_factory=now)
    next_try_at: datetime | None = Field(default_factory=now)
    """Not before; a claim moves it ahead so that no other deliverer takes the mail. Null = no further try."""
    sent_at: datetime | None = None

    class Settings:
        name = "mails"
        indexes = [
            IndexModel([("tenant_id", 1), ("cause", 1), ("user_id", 1)], unique=True, name="tenant_cause"),
            IndexModel([("tenant_id", 1), ("state", 1), ("next_try_at", 1)], name="tenant_due"),
            IndexModel([("state", 1), ("next_try_at", 1)], name="due_of_all_tenants"),
        ]


class StoredFile(TenantDocument):
    """A file in GridFS under a generated key (its `_id`): who owns it, what it is, until when it is kept.

    `sha256` is empty as long as its bytes are not all there.
    """

    name: str
    size: int
    sha256: str
    content_type: str
    owner_id: UUID | None = None
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime

    class Settings:
        name = "files"
        indexes = [
            IndexModel([("tenant_id", 1), ("created_at", -1)], name="tenant_created"),
            IndexModel([("expires_at", 1)], name="expiry"),
        ]
