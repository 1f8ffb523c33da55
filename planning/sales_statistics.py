"""Statistics of sales: what is asked, how figures are added, and which months are held against which.

Sums are exact: costs are kept in 1/10^11 (a quantity times a price), so that totals do not depend on what was added up
first, and are rounded once, for showing. Quantities are added within one unit of measure only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from uuid import UUID

from planning.calendar import MonthRule
from planning.months import Month, add_months, month_range, months_between
from planning.numbers import MONEY, PRICE, QUANTITY, round_to_minor

EXACT = QUANTITY.factor * PRICE.factor
"""The scale of exact costs."""
PER_MONEY = EXACT // MONEY.factor
_EXACT_DIGITS = QUANTITY.digits + PRICE.digits
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
_AVERAGE_DIGITS = Decimal("0.0001")
_PERCENT_DIGITS = Decimal("0.01")


class Dimension(StrEnum):
    """What statistics are made by; `rep` is who is the customer's primary rep today."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    CUSTOMER = "customer"
    PRODUCT = "product"
    CATEGORY = "category"
    FAMILY = "family"
    BRAND = "brand"
    REGION = "region"
    COUNTRY = "country"
    GROUP = "group"
    REP = "rep"


TIMES = frozenset((Dimension.MONTH, Dimension.QUARTER, Dimension.YEAR))
HAVE_ONE_CUSTOMER = frozenset((Dimension.CUSTOMER, Dimension.REGION, Dimension.COUNTRY, Dimension.GROUP))
"""An invoice has one of each, so that orders can be added up."""


class Measure(StrEnum):
    """A figure that charts show and that rows are ranked by."""

    REVENUE = "revenue"
    QUANTITY = "quantity"
    ORDERS = "orders"
    COST = "cost"
    GROSS_PROFIT = "gross_profit"
    AVERAGE_PRICE = "average_price"


OF_COST = frozenset((Measure.COST, Measure.GROSS_PROFIT))
OF_UNIT = frozenset((Measure.QUANTITY, Measure.AVERAGE_PRICE))
"""Figures that mean something within one unit of measure only."""


@dataclass(slots=True)
class Sum:
    """What was sold in one unit of measure; money scaled, `cost` exact.

    `cost` is of sales whose cost is known. Of the lines without a known cost `unknown_lines` is the number and
    `unknown_revenue` the revenue: they are in revenue and quantity, and neither in cost nor in gross profit.
    """

    quantity: int = 0
    revenue: int = 0
    lines: int = 0
    cost: int = 0
    unknown_lines: int = 0
    unknown_revenue: int = 0

    def merge(self, other: Sum) -> None:
        self.quantity += other.quantity
        self.revenue += other.revenue
        self.lines += other.lines
        self.cost += other.cost
        self.unknown_lines += other.unknown_lines
        self.unknown_revenue += other.unknown_revenue

    @property
    def known_revenue(self) -> int:
        return self.revenue - self.unknown_revenue

    @property
    def cost_is_unknown(self) -> bool:
        """Whether there are goods, and nobody knows what any of them cost: that is not 0."""
        return self.unknown_lines > 0 and self.cost == 0

    @property
    def gross_profit(self) -> int:
        """Exact: of the sales whose cost is known."""
        return self.known_revenue * PER_MONEY - self.cost


@dataclass(slots=True)
class Figures:
    """What was sold, by unit of measure, and in how many orders."""

    units: dict[str, Sum] = field(default_factory=dict)
    orders: int = 0

    def of(self, unit: str) -> Sum:
        """The part in this unit."""
        found = self.units.get(unit)
        if found is None:
            found = self.units[unit] = Sum()
        return found

    def merge(self, other: Figures) -> None:
        self.orders += other.orders
        for unit, part in other.units.items():
            self.of(unit).merge(part)

    @property
    def total(self) -> Sum:
        """All units together: its quantity means nothing unless there is one unit only."""
        total = Sum()
        for part in self.units.values():
            total.merge(part)
        return total

    @property
    def is_nothing(self) -> bool:
        """Whether there was neither a line nor an order."""
        return not self.orders and not any(part.lines for part in self.units.values())


def name_key(name: str | None) -> str | None:
    """The form in which categories, regions and so on are compared; None = nobody said."""
    return None if name is None else name.strip().casefold() or None


def added(figures: Iterable[Figures]) -> Figures:
    """All of them together."""
    total = Figures()
    for one in figures:
        total.merge(one)
    return total


def exact_to_minor(exact: int, currency: str) -> Decimal:
    """An exact cost or profit as shown: half-even to the currency's minor unit, once."""
    return Decimal(exact).scaleb(-_EXACT_DIGITS, _WIDE).quantize(round_to_minor(0, currency), context=_WIDE)


def cost_shown(total: Sum, currency: str) -> Decimal | None:
    """The cost as shown; None where nobody knows any of it."""
    return None if total.cost_is_unknown else exact_to_minor(total.cost, currency)


def gross_profit_shown(total: Sum, currency: str) -> Decimal | None:
    """The gross profit of the sales whose cost is known, as shown; None where nobody knows any cost."""
    return None if total.cost_is_unknown else exact_to_minor(total.gross_profit, currency)


def money_per_day(money: int, days: int, currency: str) -> Decimal:
    """Scaled money divided by a number of days, half-even to the currency's minor unit, once."""
    return _WIDE.divide(MONEY.to_decimal(money), Decimal(days)).quantize(round_to_minor(0, currency), context=_WIDE)


def quantity_per_day(quantity: int, days: int) -> Decimal:
    """A scaled quantity divided by a number of days, half-even to 1/1000."""
    return _WIDE.divide(QUANTITY.to_decimal(quantity), Decimal(days)).quantize(QUANTITY.step, context=_WIDE)


def average_price(part: Sum) -> Decimal | None:
    """Net revenue of one unit, half-even to four decimals; None unless more was sold than came back."""
    if part.quantity <= 0:
        return None
    price = _WIDE.divide(MONEY.to_decimal(part.revenue), QUANTITY.to_decimal(part.quantity))
    return price.quantize(_AVERAGE_DIGITS, context=_WIDE)


def percent(part: int | Decimal, whole: int | Decimal) -> Decimal | None:
    """`part` in percent of `whole`, half-even to two decimals; None unless the whole is above 0."""
    if whole <= 0:
        return None
    return _WIDE.divide(100 * Decimal(part), Decimal(whole)).quantize(_PERCENT_DIGITS, context=_WIDE)


@dataclass(frozen=True, slots=True)
class ProductWanted:
    """Which products; None = any, an empty name = those of which nobody said it. Of a product with a successor it is
    the heir of the month that is asked."""

    product_id: UUID | None = None
    category: str | None = None
    family: str | None = None
    brand: str | None = None
    unit: str | None = None

    @property
    def is_any(self) -> bool:
        return self == ANY_PRODUCT


ANY_PRODUCT = ProductWanted()


@dataclass(frozen=True, slots=True)
class SalesQuestion:
    """What is asked, with all that the answer depends on besides sales and master data.

    `months` are consecutive. `complete` holds every month whose actuals are all there. `customer_ids` None = all; else
    those under whom sales are stored. `working_days` says of each month how many of its working days have begun.
    """

    by: Dimension
    months: tuple[Month, ...]
    complete: frozenset[Month]
    rule: MonthRule
    currency: str
    day: date
    customer_ids: tuple[UUID, ...] | None = None
    products: ProductWanted = ANY_PRODUCT
    with_cost: bool = False
    working_days: Mapping[Month, int] = field(default_factory=dict)
    top: int = 20
    rank_by: Measure = Measure.REVENUE
    series: Dimension | None = None
    measure: Measure = Measure.REVENUE
    last_year: bool = False

    @property
    def entities(self) -> Dimension | None:
        """What rows or series are made of besides time; None = of time only."""
        return self.series if self.by in TIMES else self.by

    @property
    def first_needed(self) -> Month:
        """The first month that any figure asks for: last year's, and for months what moves over twelve of them."""
        first = self.months[0]
        needed = [first, add_months(first, -12)]
        if self.by is Dimension.MONTH:
            needed += [moving_months(first)[0], year_to_date(self.rule, first)[0]]
        return min(needed)

    @property
    def comparable(self) -> tuple[Month, ...]:
        """The months that can be held against last year: all there, and the same month of last year as well."""
        return tuple(
            month for month in self.months if month in self.complete and add_months(month, -12) in self.complete
        )

    def periods(self) -> dict[str, tuple[Month, ...]]:
        """The months of the question by the periods that they fall into, in order."""
        found: dict[str, list[Month]] = {}
        for month in self.months:
            found.setdefault(period_of(self.by, self.rule, month), []).append(month)
        return {period: tuple(some) for period, some in found.items()}


def period_of(by: Dimension, rule: MonthRule, month: Month) -> str:
    """The period that a month falls into: itself, the fiscal quarter (`2026-Q1`) or the fiscal year (`2026`)."""
    if by is Dimension.QUARTER:
        fiscal = rule.fiscal(month)
        return f"{fiscal.year}-Q{fiscal.quarter}"
    return str(rule.fiscal(month).year) if by is Dimension.YEAR else month


def moving_months(month: Month) -> tuple[Month, ...]:
    """The twelve months that end with this one."""
    return month_range(add_months(month, -11), 12)


def year_to_date(rule: MonthRule, month: Month) -> tuple[Month, ...]:
    """The months of the fiscal year up to this one."""
    first, _ = rule.fiscal_year(month)
    return month_range(first, months_between(first, month) + 1)


def ranked(measure: Measure, figures: Figures) -> Decimal | int:
    """The number that rows are ranked by. Of quantities it means something within one unit only."""
    total = figures.total
    numbers: Mapping[Measure, Decimal | int] = {
        Measure.REVENUE: total.revenue,
        Measure.QUANTITY: total.quantity,
        Measure.ORDERS: figures.orders,
        Measure.COST: total.cost,
        Measure.GROSS_PROFIT: total.gross_profit,
        Measure.AVERAGE_PRICE: average_price(total) or Decimal(0),
    }
    return numbers[measure]


def all_there(months: Collection[Month], complete: Collection[Month]) -> bool:
    """Whether the actuals of all these months are there."""
    return all(month in complete for month in months)
