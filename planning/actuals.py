"""The life of a month's actuals, and what finance says of them.

    open -> complete      its lines are all there (not before it has ended)
    complete -> restated  lines came or changed afterwards
    restated -> complete  somebody looked at that
    complete, restated -> open  with a reason

`complete` and `restated` months count alike wherever complete months are asked for. A control total that does not agree
with the lines blocks nothing; it is shown until one of them is corrected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from planning.months import Month
from planning.numbers import MONEY, round_to_minor


class MonthState(StrEnum):
    OPEN = "open"
    COMPLETE = "complete"
    RESTATED = "restated"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a month may change its state, and why (a sentence for a person)."""

    allowed: bool
    reason: str


def judge_completion(month: Month, running: Month) -> Verdict:
    """Whether a month may become complete, when `running` is the month that today belongs to."""
    if month < running:
        return Verdict(True, f"The month {month} has ended.")
    return Verdict(False, f"The month {month} has not ended yet; only ended months can be complete.")


def judge_reopening(month: Month, state: MonthState) -> Verdict:
    """Whether a month may be opened again."""
    if state is MonthState.OPEN:
        return Verdict(False, f"The month {month} is open already.")
    return Verdict(True, f"The month {month} is {state}; it can be reopened.")


@dataclass(frozen=True, slots=True)
class Posted:
    """What is stored of one source in a month: lines, and their revenue as scaled money."""

    rows: int = 0
    revenue: int = 0


@dataclass(frozen=True, slots=True)
class Control:
    """What finance says of it; `rows` None = they don't count them."""

    revenue: int
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One source of a month, what is posted against what finance says (None = nothing said).

    `difference` is posted minus control; money is compared in the currency's minor unit, as finance writes it. `agrees`
    is None where there is no control total.
    """

    source: str
    posted: Posted
    control: Control | None
    difference: int | None
    rows_difference: int | None
    agrees: bool | None


def compare_sources(
    posted: Mapping[str, Posted], controls: Mapping[str, Control], currency: str
) -> tuple[Compared, ...]:
    """Every source that has lines or a control total, by name."""
    return tuple(
        _compare(source, posted.get(source, Posted()), controls.get(source), currency)
        for source in sorted(posted.keys() | controls.keys())
    )


def _compare(source: str, posted: Posted, control: Control | None, currency: str) -> Compared:
    if control is None:
        return Compared(source, posted, None, None, None, None)
    difference = MONEY.round_scaled(
        round_to_minor(posted.revenue, currency) - round_to_minor(control.revenue, currency)
    )
    rows = None if control.rows is None else posted.rows - control.rows
    return Compared(source, posted, control, difference, rows, difference == 0 and not rows)
