"""Sales lines as audit events tell them: numbers as people write them, ids as text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from bson.binary import Binary

from planning.numbers import MONEY, PRICE, QUANTITY, Scale

SCALES: Mapping[str, Scale] = {
    "quantity": QUANTITY,
    "unit_price": PRICE,
    "unit_cost": PRICE,
    "fx_rate": PRICE,
    "net_revenue": MONEY,
    "original_revenue": MONEY,
    "cost": MONEY,
}
"""The fields of a line that hold scaled numbers."""


def plain_number(name: str, value: Any) -> Any:
    """A field's value with its scale taken off; other fields as they are."""
    return SCALES[name].to_number(value) if name in SCALES and value is not None else value


def as_said(line: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """These fields for an audit event."""
    return {name: _text_of_id(plain_number(name, line.get(name))) for name in names}


def _text_of_id(value: Any) -> Any:
    if isinstance(value, Binary):
        value = value.as_uuid()
    return str(value) if isinstance(value, UUID) else value
