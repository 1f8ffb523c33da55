"""The defaults are values that the rules accept."""

from __future__ import annotations

from decimal import Decimal

from planning.defaults import DEFAULTS
from planning.months import zone
from planning.numbers import minor_units


def test_the_defaults_make_sense_together() -> None:
    assert str(zone(DEFAULTS.time_zone)) == "Europe/London"
    assert minor_units(DEFAULTS.base_currency) == 2
    assert 0 < DEFAULTS.mandatory_months <= DEFAULTS.horizon
    assert Decimal(0) < DEFAULTS.auto_close_share <= 1
    assert 1 <= DEFAULTS.fiscal_year_start_month <= 12


def test_reminders_come_within_entry_and_each_once() -> None:
    offsets = DEFAULTS.reminder_offsets_days
    assert list(offsets) == sorted(set(offsets), reverse=True)
    assert all(0 < days <= DEFAULTS.entry_days for days in offsets)
