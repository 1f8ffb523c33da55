"""Which lines of a customer are active, and which of those must be filled.

Decided once, at open; afterwards lines are only added. Active lines are shown by default and are mandatory; the rest
of the matrix is found by search.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from planning.months import Month

Key = TypeVar("Key")


class ActivityReason(StrEnum):
    """Why a line is active or not."""

    SOLD = "sold"
    """Sold in the last 12 complete months."""
    PLANNED = "planned"
    """Not zero in the last approved plan."""
    LAUNCHING = "launching"
    """The product is launched within the horizon."""
    NEW_CUSTOMER = "new_customer"
    """The customer has neither sales nor a last plan: every line is offered, none is demanded."""
    ADDED = "added"
    """Added or saved by a person after the opening."""
    DORMANT = "dormant"
    """None of these, or the product's life is over."""


@dataclass(frozen=True, slots=True)
class LineFacts:
    """What the rule needs to know of one line of the matrix.

    `gone`: no month of the horizon lies in the product's life (`planning.lifespan`).
    """

    sold: bool = False
    planned: bool = False
    launch_month: Month | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """The answer for one line."""

    active: bool
    mandatory: bool
    reason: ActivityReason


ADDED = Activity(active=True, mandatory=True, reason=ActivityReason.ADDED)
"""A line that a person adds or saves later is active from then on."""

_NEW_CUSTOMER = Activity(active=True, mandatory=False, reason=ActivityReason.NEW_CUSTOMER)
_DORMANT = Activity(active=False, mandatory=False, reason=ActivityReason.DORMANT)


def classify_lines(
    lines: Mapping[Key, LineFacts], horizon: Collection[Month], *, customer_has_plan: bool = False
) -> dict[Key, Activity]:
    """The activity of every line of **one** customer, under the keys given (products, for instance).

    `customer_has_plan` says that the last approved plan has a row of this customer even if it is zero on these lines;
    a customer without sales and without any plan gets all lines active but optional.
    """
    known = customer_has_plan or any(facts.sold or facts.planned for facts in lines.values())
    if not known:
        return {key: _DORMANT if facts.gone else _NEW_CUSTOMER for key, facts in lines.items()}
    return {key: _classify(facts, horizon) for key, facts in lines.items()}


def sold_in(history: Mapping[Month, int], months: Iterable[Month]) -> bool:
    """Whether more went out than came back in at least one of the months; `history` holds net demand per month."""
    return any(history.get(month, 0) > 0 for month in months)


def planned_in(plan: Mapping[Month, int | None]) -> bool:
    """Whether the last approved plan of a line is not zero in at least one month."""
    return any(plan.values())


def _classify(facts: LineFacts, horizon: Collection[Month]) -> Activity:
    if facts.gone:
        return _DORMANT
    if facts.sold:
        reason = ActivityReason.SOLD
    elif facts.planned:
        reason = ActivityReason.PLANNED
    elif facts.launch_month in horizon:
        reason = ActivityReason.LAUNCHING
    else:
        return _DORMANT
    return Activity(active=True, mandatory=True, reason=reason)
