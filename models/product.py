"""Products and what they cost. Amounts are decimals in the tenant's or the named currency, per unit of measure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from beanie import DecimalAnnotation
from pydantic import BaseModel, ConfigDict, Field
from pymongo import IndexModel

from core.clock import now
from core.documents import TenantDocument
from models.list_indexes import list_indexes

LIST_FILTERS = ("category", "family", "brand", "unit", "currency")
"""The fields by which lists of products are filtered."""


class UnitConversion(BaseModel):
    """One `unit` (a case, a pallet) is `factor` of the product's own unit of measure."""

    model_config = ConfigDict(extra="forbid")

    unit: str
    factor: DecimalAnnotation


class Product(TenantDocument):
    """`rounding_step` is the smallest amount that a spread gives (a case), in units.

    From `successor_from` on, one unit of this product is sold and planned as `successor_factor` units of
    `successor_id` (`planning.succession`). `standard_cost` is the cost of days for which there is no `ProductCost`.
    An inactive product is one that was deleted: see `planning.lifecycle`.
    """

    code: str
    code_key: str
    name: str
    search: list[str] = Field(default_factory=list)
    category: str | None = None
    family: str | None = None
    brand: str | None = None
    unit: str = "EA"
    conversions: list[UnitConversion] = Field(default_factory=list)
    rounding_step: DecimalAnnotation = DecimalAnnotation("1")
    list_price: DecimalAnnotation | None = None
    currency: str
    standard_cost: DecimalAnnotation | None = None
    launch_month: str | None = None
    end_month: str | None = None
    successor_id: UUID | None = None
    successor_from: str | None = None
    successor_factor: DecimalAnnotation = DecimalAnnotation("1")
    is_active: bool = True
    planning_item_id: UUID | None = None
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "products"
        indexes = [
            IndexModel([("tenant_id", 1), ("code_key", 1)], unique=True, name="tenant_code"),
            *list_indexes(LIST_FILTERS, selective=("category", "family", "brand")),
            IndexModel([("tenant_id", 1), ("updated_at", 1)], name="tenant_updated"),
            IndexModel([("tenant_id", 1), ("successor_id", 1)], name="tenant_successor"),
            IndexModel([("tenant_id", 1), ("planning_item_id", 1)], name="tenant_planning_item"),
        ]


class ProductCost(TenantDocument):
    """What one unit costs, in the tenant's base currency, from and to a date (inclusive; null = open)."""

    product_id: UUID
    cost: DecimalAnnotation
    valid_from: str
    valid_to: str | None = None
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "product_costs"
        indexes = [
            IndexModel(
                [("tenant_id", 1), ("product_id", 1), ("valid_from", 1)], unique=True, name="tenant_product_from"
            ),
        ]
