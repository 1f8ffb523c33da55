"""Suggestions: what somebody may have meant."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.texts import Line

MAX_SUGGESTIONS = 20


class SuggestionQuery(BaseModel):
    """What was typed."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[
        str, Line(100, 1), Field(description="A code, a name or words of it, misspelt or not.", examples=["nortwind"])
    ]
    limit: Annotated[int, Field(ge=1, le=MAX_SUGGESTIONS, description="How many at most.")] = 10


class ProductSuggestionQuery(SuggestionQuery):
    """What was typed, and for whom."""

    customer_id: Annotated[UUID | None, Field(description="Only what this customer may order today.")] = None


class Suggestion(BaseModel):
    """A customer or product that fits."""

    id: UUID
    code: str = Field(examples=["C-1001"])
    name: str = Field(examples=["Northwind Traders"])
    score: float = Field(description="0 to 1: how well it fits.", examples=[0.874])
    by_code: bool = Field(description="The text is its code, or the beginning of it.", examples=[False])
