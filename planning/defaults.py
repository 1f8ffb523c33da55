"""What a tenant's settings will decide, as defaults in one place.

A new tenant gets a copy of these values, and every cycle gets a copy of its tenant's, so that a later change never
moves a running cycle.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from planning.calendar import MonthPattern

SheetScope = Literal["customer", "customer_category"]
ActualsBasis = Literal["invoice_date", "order_date", "delivery_date"]


@dataclass(frozen=True, slots=True)
class TenantDefaults:
    """The settings of a tenant that has not decided anything yet."""

    time_zone: str = "Europe/London"
    """IANA zone of deadlines and of "the month after entry closes"."""
    base_currency: str = "EUR"
    """ISO 4217 code in which plans are valued."""
    fiscal_year_start_month: int = 1
    """1..12: the calendar month with which the fiscal year begins."""
    working_weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    """ISO weekdays (Monday is 1) that count as working days."""
    month_pattern: MonthPattern = MonthPattern.CALENDAR
    """How months are cut."""
    count_working_days: bool = False
    """Whether the days between deadlines are working days."""

    horizon: int = 16
    """How many months a cycle plans, beginning with `start_month`."""
    mandatory_months: int = 12
    """How many of them must be filled before submitting."""
    sheet_scope: SheetScope = "customer"
    """One sheet per customer, or one per customer and product category."""
    entry_days: int = 10
    """Days from opening to the end of entry."""
    review_days: int = 5
    """Days from the end of entry to the close."""
    reminder_offsets_days: tuple[int, ...] = (7, 3, 1)
    """Days before the end of entry at which reps with open sheets are reminded, earliest first."""
    auto_close: bool = False
    """Whether the cycle closes by itself at its deadline once the share is met."""
    auto_close_share: Decimal = Decimal("0.8")
    """Share of the plan's value (0..1) that must be submitted for that."""

    actuals_basis: ActualsBasis = "invoice_date"
    """The document date that decides in which month something was sold."""
    active_history_months: int = 12
    """A line sold in this many last complete months is active."""
    price_history_months: int = 12
    """Complete months before `start_month` from which the average selling price is taken."""


DEFAULTS = TenantDefaults()
"""The one instance."""
