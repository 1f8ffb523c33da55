"""Saved column mappings at the edge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.paging import PageQuery
from api.texts import Body, Line
from services.import_kinds.tables import ImportKind
from services.mappings import MAX_TITLES


class MappedTitle(Body):
    """A title of the source's files and the column that it means; null = leave the title alone."""

    title: Annotated[str, Line(255, 1), Field(examples=["Art.-Nr."])]
    column: Annotated[str, Line(64, 1), Field(examples=["item_code"])] | None


class MappingBody(Body):
    """A mapping, whole. Titles that it does not name are matched as ever."""

    columns: Annotated[list[MappedTitle], Field(min_length=1, max_length=MAX_TITLES)]

    def said(self) -> list[tuple[str, str | None]]:
        """Titles with their columns."""
        return [(one.title, one.column) for one in self.columns]


class MappingQuery(PageQuery):
    """By source; `kind` is exact."""

    kind: ImportKind | None = None


class MappingView(BaseModel):
    """A saved mapping."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    kind: ImportKind
    source: Annotated[str, Field(examples=["Webshop export"])]
    columns: list[MappedTitle]
    rev: Annotated[int, Field(examples=[1])]
    created_at: datetime
    updated_at: datetime
