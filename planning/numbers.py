"""Exact numbers: quantities, money and prices as scaled integers, and the few operations between them.

Cells, rollups and snapshots hold int64: a quantity in 1/1000, money in 1/10000, prices (costs, rates, factors) in
1/10^8. Input is limited to 15 significant digits, because that is what a JSON number carries without loss. Every
rounding here is half-even and happens once.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from core.errors import InvalidInput

MAX_DIGITS = 15
"""Significant digits that survive the way through a JSON number."""

_LIMIT = 10**18  # scaled integers stay below it, so they fit int64
_VALUE_LIMIT = 10**MAX_DIGITS  # what is computed stays exact in JSON too
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Scale:
    """A kind of number that is stored as an integer of its smallest step, 10^-digits."""

    name: str
    digits: int
    factor: int
    step: Decimal

    def to_scaled(self, value: Decimal) -> int:
        """The exact scaled integer. InvalidInput for NaN, infinity, a finer step or more than 15 significant digits."""
        scaled = self.round_scaled(value)
        if self.to_decimal(scaled) != value:
            raise InvalidInput(f"A {self.name} has at most {self.digits} decimals.")
        if abs(scaled) >= _VALUE_LIMIT and len(str(abs(scaled)).rstrip("0")) > MAX_DIGITS:
            raise InvalidInput(f"A {self.name} has at most {MAX_DIGITS} significant digits.")
        return scaled

    def round_scaled(self, value: Decimal) -> int:
        """The nearest scaled integer, half-even. InvalidInput for NaN, infinity and what does not fit int64."""
        if not value.is_finite():
            raise InvalidInput(f"A {self.name} must be a finite number.")
        if value and value.adjusted() + self.digits >= 18:
            raise InvalidInput(f"This {self.name} is too large.")
        return int(value.quantize(self.step, context=_WIDE).scaleb(self.digits, _WIDE))

    def from_number(self, number: int | float) -> int:
        """The exact scaled integer of a JSON number, read as the shortest decimal that writes it."""
        return self.to_scaled(Decimal(repr(number)))

    def to_decimal(self, scaled: int) -> Decimal:
        """The number itself, with exactly the decimals of the scale."""
        return Decimal(scaled).scaleb(-self.digits, _WIDE)

    def to_number(self, scaled: int) -> int | float:
        """The number for JSON: an int when whole, else a float; exact up to 15 significant digits."""
        whole, rest = divmod(scaled, self.factor)
        return scaled / self.factor if rest else whole


def _scale(name: str, digits: int) -> Scale:
    return Scale(name, digits, 10**digits, Decimal(1).scaleb(-digits))


QUANTITY = _scale("quantity", 3)
MONEY = _scale("money", 4)
PRICE = _scale("price", 8)

_VALUE_DIVISOR = QUANTITY.factor * PRICE.factor // MONEY.factor


def divide_half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded half-even to a whole number; `denominator` must be positive."""
    quotient, rest = divmod(numerator, denominator)
    rest *= 2
    if rest > denominator or (rest == denominator and quotient & 1):
        return quotient + 1
    return quotient


def value_of(quantity: int, price: int) -> int:
    """Quantity x price as scaled money, half-even to 1/10000. InvalidInput from 10^11 on: no longer exact in JSON."""
    value = divide_half_even(quantity * price, _VALUE_DIVISOR)
    if not -_VALUE_LIMIT < value < _VALUE_LIMIT:
        raise InvalidInput("Quantity times price is too large.")
    return value


def quantity_from_value(value: int, price: int) -> int:
    """Money / price as a scaled quantity, half-even to 1/1000, never to a rounding step.

    InvalidInput when the price is not positive, or when the quantity would reach 10^12.
    """
    if price <= 0:
        raise InvalidInput("A value needs a price above 0 to become a quantity.")
    quantity = divide_half_even(value * _VALUE_DIVISOR, price)
    if not -_VALUE_LIMIT < quantity < _VALUE_LIMIT:
        raise InvalidInput("Value divided by price is too large.")
    return quantity


_MINOR_UNITS = (
    dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0)
    | dict.fromkeys(("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0)
    | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
    | dict.fromkeys(("CLF", "UYW"), 4)
)


def minor_units(currency: str) -> int:
    """Decimals of a currency's smallest unit by ISO 4217: 2 unless the standard says 0, 3 or 4."""
    return _MINOR_UNITS.get(currency.strip().upper(), 2)


def round_to_minor(money: int, currency: str) -> Decimal:
    """Scaled money as shown: half-even to the currency's minor unit. Sum the stored values first, then round once."""
    digits = minor_units(currency)
    return MONEY.to_decimal(money).quantize(Decimal(1).scaleb(-digits), context=_WIDE)
