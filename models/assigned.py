"""Stored assignments as the rules see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from planning import access


def as_rule(row: Mapping[str, Any]) -> access.Assignment:
    """A raw document of `Assignment`, with ids as UUIDs."""
    return access.Assignment(
        customer_id=row["customer_id"],
        user_id=row["user_id"],
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_to=None if row["valid_to"] is None else date.fromisoformat(row["valid_to"]),
        category=row["category"],
        primary=row["primary"],
        id=row["_id"],
    )
