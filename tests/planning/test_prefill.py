"""What a line says before anybody said anything."""

from __future__ import annotations

from planning.cells import Origin
from planning.prefill import PrefillCell, prefill_line


def test_the_last_plan_wins_over_the_naive_and_0_is_something_said() -> None:
    months = ("2026-11", "2026-12", "2027-01", "2027-02")
    last_plan = {"2026-11": 5, "2026-12": 0, "2027-01": None}
    naive = {"2026-11": 9, "2026-12": 9, "2027-01": 9, "2027-02": None}
    assert prefill_line(months, last_plan, naive) == (
        PrefillCell("2026-11", 5, Origin.COPIED),
        PrefillCell("2026-12", 0, Origin.COPIED),
        PrefillCell("2027-01", 9, Origin.BASELINE),
        PrefillCell("2027-02", None, None),
    )


def test_nobody_knows_anything_of_a_new_line() -> None:
    assert prefill_line(("2026-11",), {}, {}) == (PrefillCell("2026-11", None, None),)
