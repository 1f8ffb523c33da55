"""Customers, who plans them, what they may order and at which price. Document dates are ISO strings (`2026-11-21`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from beanie import DecimalAnnotation
from pydantic import Field
from pymongo import IndexModel

from core.clock import now
from core.documents import TenantDocument
from models.list_indexes import list_indexes

LIST_FILTERS = ("region", "group", "country", "currency", "status")
"""The fields by which lists of customers are filtered."""

MAX_ALIASES = 50
"""Other names of one customer."""

IS_MERGED: dict[str, Any] = {"merged_into": {"$type": "binData"}}
"""The query for customers that were merged into another one."""


class Customer(TenantDocument):
    """`code_key` and `search` are normalised for comparing and prefix search; `currency` is the customer's own.

    `status` is prospect, active or inactive; `is_active` is false exactly when it is inactive (what that means stands
    in `planning.lifecycle`), and `status_before` is what restoring gives back. `merged_into` names the customer that
    this one turned out to be: what it sold and planned is read as that one's. Nodes default to the customer itself.
    `matrix_rev` and `price_rev` count the changes of the customer's product list and prices: whoever changes one of
    these writes its counter, so that two who do it at once meet.
    """

    code: str
    code_key: str
    name: str
    search: list[str] = Field(default_factory=list)
    region: str | None = None
    group: str | None = None
    country: str | None = None
    currency: str
    aliases: list[str] = Field(default_factory=list)
    status: str = "active"
    status_before: str | None = None
    is_active: bool = True
    merged_into: UUID | None = None
    planning_customer_id: UUID | None = None
    matrix_rev: int = 0
    price_rev: int = 0
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "customers"
        indexes = [
            IndexModel([("tenant_id", 1), ("code_key", 1)], unique=True, name="tenant_code"),
            *list_indexes(LIST_FILTERS, selective=("region", "group")),
            IndexModel([("tenant_id", 1), ("updated_at", 1)], name="tenant_updated"),
            IndexModel(
                [("tenant_id", 1), ("merged_into", 1)],
                partialFilterExpression={"merged_into": {"$type": "binData"}},
                name="tenant_merged",
            ),
            IndexModel(
                [("tenant_id", 1), ("planning_customer_id", 1)],
                partialFilterExpression={"planning_customer_id": {"$type": "binData"}},
                name="tenant_planning_customer",
            ),
        ]


class Assignment(TenantDocument):
    """Rep x customer (x category). `primary` is the rep whose name a snapshot freezes."""

    user_id: UUID
    customer_id: UUID
    category: str | None = None
    valid_from: str
    valid_to: str | None = None
    primary: bool = True
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "assignments"
        indexes = [
            IndexModel(
                [("tenant_id", 1), ("user_id", 1), ("customer_id", 1), ("category", 1), ("valid_from", 1)],
                unique=True,
                name="tenant_user_customer",
            ),
            IndexModel([("tenant_id", 1), ("customer_id", 1)], name="tenant_customer"),
        ]


class MatrixEntry(TenantDocument):
    """A product that a customer may order, from and to a date (inclusive; null = always)."""

    customer_id: UUID
    product_id: UUID
    valid_from: str | None = None
    valid_to: str | None = None
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "matrix"
        indexes = [
            IndexModel(
                [("tenant_id", 1), ("customer_id", 1), ("product_id", 1), ("valid_from", 1)],
                unique=True,
                name="tenant_customer_product",
            ),
        ]


class CustomerPrice(TenantDocument):
    """A customer's price of a product in the customer's currency, from and to a date (inclusive; null = open)."""

    customer_id: UUID
    product_id: UUID
    price: DecimalAnnotation
    currency: str
    valid_from: str
    valid_to: str | None = None
    rev: int = 1
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        name = "customer_prices"
        indexes = [
            IndexModel(
                [("tenant_id", 1), ("customer_id", 1), ("product_id", 1), ("valid_from", 1)],
                unique=True,
                name="tenant_customer_product_from",
            ),
        ]
