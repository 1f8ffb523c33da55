"""Numbers at the edge: JSON numbers in, scaled integers inside.

A field of these types accepts a JSON number only (no text, no true, no NaN) and holds the scaled integer of its kind:
1/1000 for quantities, 1/10000 for money, 1/10^8 for prices. What is finer or larger than the scale is refused.
`Amount` holds a Decimal instead, as master data store prices, costs, rates and factors.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from core.errors import InvalidInput
from planning.numbers import MONEY, PRICE, QUANTITY, Scale


def _reader(scale: Scale, *, positive: bool) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise PydanticCustomError("number_type", "must be a JSON number")
        try:
            scaled = scale.from_number(value)
        except InvalidInput as error:
            raise PydanticCustomError("number_range", "{reason}", {"reason": error.message}) from error
        if positive and scaled < 0:
            raise PydanticCustomError("number_negative", "must not be negative")
        return scaled

    return read


_read_price = _reader(PRICE, positive=True)


def _schema(scale: Scale, *, positive: bool, example: float) -> WithJsonSchema:
    words = f"At most {scale.digits} decimals and 15 significant digits."
    schema: dict[str, Any] = {"type": "number", "description": words, "examples": [example]}
    return WithJsonSchema(schema | ({"minimum": 0} if positive else {}))


Quantity = Annotated[
    int, PlainValidator(_reader(QUANTITY, positive=True)), _schema(QUANTITY, positive=True, example=120)
]
SignedQuantity = Annotated[
    int, PlainValidator(_reader(QUANTITY, positive=False)), _schema(QUANTITY, positive=False, example=-12.5)
]
Money = Annotated[int, PlainValidator(_reader(MONEY, positive=True)), _schema(MONEY, positive=True, example=1499.9)]
SignedMoney = Annotated[
    int, PlainValidator(_reader(MONEY, positive=False)), _schema(MONEY, positive=False, example=-20.25)
]
Price = Annotated[int, PlainValidator(_reader(PRICE, positive=True)), _schema(PRICE, positive=True, example=2.95)]


def _decimal(scaled: int) -> Decimal:
    value = PRICE.to_decimal(scaled).normalize()
    return value if value.as_tuple().exponent <= 0 else value.quantize(Decimal(1))  # type: ignore[operator]


def _above_zero(scaled: int) -> int:
    if scaled <= 0:
        raise PydanticCustomError("number_positive", "must be above 0")
    return scaled


Amount = Annotated[
    Decimal,
    PlainValidator(lambda value: _decimal(_read_price(value))),
    _schema(PRICE, positive=True, example=2.95),
]
"""A price, cost or list price of master data: not negative, at most 8 decimals."""

Factor = Annotated[
    Decimal,
    PlainValidator(lambda value: _decimal(_above_zero(_read_price(value)))),
    WithJsonSchema(
        {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": f"Above 0, at most {PRICE.digits} decimals and 15 significant digits.",
            "examples": [12],
        }
    ),
]
"""A rate or a factor of conversion: above 0, at most 8 decimals."""
