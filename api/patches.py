"""The base of PATCH bodies: what they don't name stays as it is, and null is said only where it means something."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from api.texts import Body


class Patch(Body):
    """Names at least one field; give each field the default None. `cleared_by_null` names those that null clears."""

    cleared_by_null: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="before")
    @classmethod
    def _not_null(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None and info.field_name not in cls.cleared_by_null:
            raise PydanticCustomError("null", "must not be null; leave it out to keep it as it is")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Patch:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_change", "must name at least one field to change")
        return self
