"""Queries for effective-dated documents, whose days are ISO texts and null where they are open."""

from __future__ import annotations

from typing import Any


def holding(first_day: str, last_day: str | None = None) -> dict[str, Any]:
    """The query for what holds on some day from `first_day` to `last_day`, both included; without a last day, on the
    first one. It is one `$and`, so that it can stand beside other conditions."""
    last = last_day or first_day
    return {
        "$and": [
            {"$or": [{"valid_from": None}, {"valid_from": {"$lte": last}}]},
            {"$or": [{"valid_to": None}, {"valid_to": {"$gte": first_day}}]},
        ]
    }
