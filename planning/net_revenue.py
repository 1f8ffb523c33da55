"""Net revenue of a sales line: after the line's discount, without tax and freight.

The first of these that the source says is taken:

1. its net revenue, as it is;
2. its gross amount, less the tax and the freight in it (what the customer pays, so after discount);
3. quantity x unit price, less the discount (prices are without tax and freight).

Discount, tax and freight bring the amount nearer to zero, whichever sign they are written with: they are taken off a
sale and off what a return gives back. More than there is can't be taken off. Free goods owe nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import Detail, InvalidInput
from planning.numbers import MONEY, value_of
from planning.sales_types import SalesType

TOO_LARGE = "a quantity and a price whose product has at most 11 digits before the point"


@dataclass(frozen=True, slots=True)
class SaidAmounts:
    """What a source says of a line's money, scaled; None = nothing."""

    net_revenue: int | None = None
    gross_amount: int | None = None
    unit_price: int | None = None
    discount: int | None = None
    tax: int | None = None
    freight: int | None = None


def net_revenue(sales_type: SalesType, quantity: int, said: SaidAmounts) -> int:
    """Scaled money. InvalidInput, with the field in its details, when quantity times price is too large, when more is
    taken off than there is, and without any amount."""
    if said.net_revenue is not None:
        return said.net_revenue
    if sales_type is SalesType.FREE_GOODS:
        return 0
    if said.gross_amount is not None:
        return _less(said.gross_amount, tax=said.tax, freight=said.freight)
    if said.unit_price is None:
        raise _refused("net_revenue", "a net revenue, a gross amount or a unit price")
    try:
        value = value_of(quantity, said.unit_price)
    except InvalidInput:
        raise _refused("quantity", TOO_LARGE) from None
    return _less(value, discount=said.discount)


def _less(amount: int, **parts: int | None) -> int:
    """The amount, brought nearer to zero by each part."""
    left = abs(amount)
    for name, part in parts.items():
        left -= abs(part or 0)
        if left < 0:
            raise _refused(name, f"at most the {MONEY.to_number(abs(amount))} that it is taken off from")
    return left if amount >= 0 else -left


def _refused(field: str, expected: str) -> InvalidInput:
    return InvalidInput(details=[Detail(field, expected)])
