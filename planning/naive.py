"""The seasonal naive forecast: what a plan must beat.

The same month last year if it was complete, else the same month of the year before, else the last complete month, else
null. In a complete month a line without a rollup row sold 0, because everything sold is in the rollups. That holds only
from the line's first month (`since`) on: before it the product could not be sold, which is null, not 0, so such a month
is passed over as an incomplete one is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from planning.months import Month, add_months


@dataclass(frozen=True, slots=True)
class NaiveValue:
    """A scaled quantity and the month whose actual it repeats; both None when there is no such month."""

    quantity: int | None
    from_month: Month | None


_NOTHING = NaiveValue(None, None)


def naive_quantity(
    target: Month, history: Mapping[Month, int], complete_months: AbstractSet[Month], *, since: Month | None = None
) -> NaiveValue:
    """The naive quantity of one target month; see `naive_line`."""
    return naive_line((target,), history, complete_months, since=since)[target]


def naive_line(
    targets: Iterable[Month],
    history: Mapping[Month, int],
    complete_months: AbstractSet[Month],
    *,
    since: Month | None = None,
) -> dict[Month, NaiveValue]:
    """The naive quantities of a line per target month.

    `history` is net demand per month (scaled; a month without sales may be absent); `complete_months` are those known
    as complete at the time of asking. `since` is the line's first month: the launch, or the first sale; without it
    the first month in `history` counts, and a line that never sold has no naive. Returns can make a month's demand
    negative; the naive is then 0, since nobody plans to sell less than nothing.
    """
    first = since or min(history, default=None)
    if first is None:
        return dict.fromkeys(targets, _NOTHING)
    usable = {month for month in complete_months if month >= first}
    return {target: _naive(target, history, usable) for target in targets}


def _naive(target: Month, history: Mapping[Month, int], usable: AbstractSet[Month]) -> NaiveValue:
    for years in (1, 2):
        month = add_months(target, -12 * years)
        if month in usable:
            break
    else:
        month = max((month for month in usable if month < target), default="")
        if not month:
            return _NOTHING
    return NaiveValue(max(0, history.get(month, 0)), month)
