"""The base of every stored document: UUID ids, no unknown fields, and a tenant that fails closed.

Beanie's own `get`, `save` and `delete` filter by `_id` alone. All of Beanie's queries pass through
`_add_class_id_filter`, so the tenant is added there, once; a query without a tenant in context raises.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn
from uuid import UUID, uuid4

from beanie import Document
from pydantic import ConfigDict, Field

from core.context import current_tenant, tenant_filter


class PlanwrightDocument(Document):
    """A document of a global collection. Deriving from it directly is a decision: see `GLOBAL_COLLECTIONS`."""

    id: UUID = Field(default_factory=uuid4)  # type: ignore[assignment]

    model_config = ConfigDict(extra="forbid", validate_assignment=False)

    collection_name: ClassVar[str]


class TenantDocument(PlanwrightDocument):
    """A document of one tenant. The tenant comes from the context, never from a caller."""

    tenant_id: UUID = Field(default_factory=current_tenant)

    @classmethod
    def _add_class_id_filter(cls, args: tuple[Any, ...], with_children: bool = False) -> tuple[Any, ...]:
        return (*super()._add_class_id_filter(args, with_children), tenant_filter())

    @classmethod
    async def distinct(cls, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Beanie's `distinct` knows no filter; use `scoped(Model).distinct(...)`."""
        raise NotImplementedError("use scoped(Model).distinct(...), which adds the tenant")

    @classmethod
    def bulk_writer(cls, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Beanie's bulk writer knows no tenant; use `scoped(Model).update_rows(...)`."""
        raise NotImplementedError("use scoped(Model).update_rows(...) or upsert_rows(...), which add the tenant")
