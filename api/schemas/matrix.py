"""What a customer may order, at the edge."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.items import FIRST_DAY, LAST_DAY, MAX_ENTRIES, ItemView
from api.texts import Body, Day, Id


class NewMatrixEntry(Body):
    """A product that the customer may order. Without days: always."""

    product_id: Id
    valid_from: Annotated[Day, FIRST_DAY] | None = None
    valid_to: Annotated[Day, LAST_DAY] | None = None


class NewMatrixEntries(Body):
    """One or many; all are added, or none."""

    entries: Annotated[list[NewMatrixEntry], Field(min_length=1, max_length=MAX_ENTRIES)]

    def drafts(self) -> list[dict[str, Any]]:
        """What the service is asked for."""
        return [dict(entry) for entry in self.entries]


class MatrixList(Body):
    """The customer's whole list, as it shall be."""

    entries: Annotated[list[NewMatrixEntry], Field(max_length=MAX_ENTRIES)]

    def drafts(self) -> list[dict[str, Any]]:
        """What the service is asked for."""
        return [dict(entry) for entry in self.entries]


class MatrixPatch(Body):
    """Other days for the entry; null = open at that end."""

    valid_from: Annotated[Day, FIRST_DAY] | None = None
    valid_to: Annotated[Day, LAST_DAY] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> MatrixPatch:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_change", "must name at least one field to change")
        return self


class MatrixView(ItemView):
    """A product that the customer may order."""

    valid_from: str | None = Field(examples=["2026-01-01"])


class MatrixReplaced(BaseModel):
    """What became of the list. `added` holds the new entries."""

    added: list[MatrixView]
    changed: int = Field(examples=[2], description="Entries that got another last day.")
    removed: int = Field(examples=[1])
