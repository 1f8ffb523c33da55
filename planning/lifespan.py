"""In which months a product is planned: from its launch to its end, and until its successor takes over.

A month outside of these is still a cell that a person may fill, but nothing demands or suggests it: it is not
mandatory and not prefilled, and neither the last plan nor the naive forecast falls back into it. A line all of whose
months lie outside is dormant, whatever was sold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from planning.months import Month, add_months


@dataclass(frozen=True, slots=True)
class Lifespan:
    """The first and the last month in which a product is planned; None = no limit. It may hold no month at all."""

    first: Month | None = None
    last: Month | None = None

    def holds(self, month: Month) -> bool:
        """Whether the product is planned in the month."""
        return (self.first is None or self.first <= month) and (self.last is None or month <= self.last)

    def of(self, months: Iterable[Month]) -> tuple[Month, ...]:
        """Those of the months in which the product is planned."""
        return tuple(month for month in months if self.holds(month))


ALWAYS = Lifespan()


def lifespan(launch_month: Month | None, end_month: Month | None, successor_from: Month | None) -> Lifespan:
    """The launch and the end month belong to it, the month in which the successor takes over does not."""
    if launch_month is None and end_month is None and successor_from is None:
        return ALWAYS
    until_heir = None if successor_from is None else add_months(successor_from, -1)
    ends = [month for month in (end_month, until_heir) if month is not None]
    return Lifespan(launch_month, min(ends, default=None))
