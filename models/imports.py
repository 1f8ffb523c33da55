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
    """A part of what one batch of an import changed in one collection, written with the batch or before it. `_id` is
    made of import, last row and part; of two parts that name the same document the later one counts.

    `created` packs the ids of new documents, 16 bytes each, `marks` what they looked like, 8 bytes each
    (`services.import_journal.mark_of`; none for sales lines, which name their import). `entries` hold the `id` of a
    document, its changed fields `before` and `after` (absent in one of them: not there; `after` null: the document was
    removed, and `before` is all of it), and the `mark`. Of lines of a plan and rows of imported snapshots they hold
    cells instead, column by column (`services.journal_cells`); lines of one sheet, which is named. `undone_at`: the
    batch was set back, which changed sales lines of these `customers` in these `months`; the cells `kept` stayed.
    """

    import_id: UUID
    collection: str
    row: int
    part: int = 0
    created: bytes = b""
    marks: bytes = b""
    entries: list[dict[str, Any]] = Field(default_factory=list)
    sheet_id: UUID | None = None
    undone_at: datetime | None = None
    customers: list[UUID] = Field(default_factory=list)
    months: list[str] = Field(default_factory=list)
    kept: list[dict[str, Any]] = Field(default_factory=list)
    expires_at: datetime

    class Settings:
        name = "import_journal"
        indexes = [
            IndexModel([("tenant_id", 1), ("import_id", 1), ("row", 1), ("part", 1)], name="tenant_import"),
            IndexModel(
                [("tenant_id", 1), ("sheet_id", 1)],
                partialFilterExpression={"sheet_id": {"$type": "binData"}},
                name="tenant_sheet",
            ),
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
