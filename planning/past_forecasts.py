"""Forecasts of cycles that were run elsewhere, before this system: which cycle a row belongs to."""

from __future__ import annotations

from planning.month_titles import month_of_title
from planning.months import Month, months_between

MAX_LAG = 36
"""Months from the one that a cycle is run in to the last one that it plans."""
NEEDS_BASE_MONTH = "the month that the cycle was run in, like 2025-11, here or as the name of the cycle"


def base_month_of(base_month: Month | None, cycle: str | None) -> Month | None:
    """The month that the cycle of a row was run in: as it stands there, or as the cycle's name says it
    (`December 2025`); None when neither does."""
    if base_month is not None:
        return base_month
    return None if cycle is None else month_of_title(cycle)


def base_month_problem(base_month: Month, running: Month) -> str | None:
    """What was expected of the month that a cycle was run in, or None when it can be one: it has begun."""
    return None if base_month <= running else f"a month that has begun, so {running} at the latest"


def name_problem(base_month: Month, named: Month | None) -> str | None:
    """What was expected of a name under which the cycle of the month `named` is known; None when it is this one."""
    if named in (None, base_month):
        return None
    return f"a name of its own: the cycle that was run in {named} is called so"


def lag_problem(base_month: Month, month: Month) -> str | None:
    """What was expected of the planned month, or None when the cycle may have planned it."""
    if 0 <= months_between(base_month, month) <= MAX_LAG:
        return None
    return f"a month from {base_month}, in which the cycle was run, to {MAX_LAG} months later"
