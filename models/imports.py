"""What imports leave behind besides the data: before-images for undoing them, and column mappings to use again."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import TenantDocument


class JournalBatch(TenantDocument):
    """What one batch of an import changed, written before the batch itself. `_id` is made of import and last row.

    `entries` hold the id of a document, what the changed fields were before (null: the document is new) and what they
    are after: undoing sets them back where they still are what the import made them.
    """

    import_id: UUID
    collection: str
    row: int
    entries: list[dict[str, Any]]
    expires_at: datetime

    class Settings:
        name = "import_journal"
        indexes = [
            IndexModel([("tenant_id", 1), ("import_id", 1), ("row", 1)], name="tenant_import"),
            IndexModel([("expires_at", 1)], expireAfterSeconds=0, name="ttl"),
        ]


class ColumnMapping(TenantDocument):
    """How the titles of one source's files map to the columns of a kind; `source` is the name that people gave it.

    Each entry of `columns` has a title and its column, null = the title is left alone.
    """

    kind: str
    source: str
    source_key: str
    columns: list[dict[str, str | None]]
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "column_mappings"
        indexes = [IndexModel([("tenant_id", 1), ("kind", 1), ("source_key", 1)], unique=True, name="tenant_source")]
