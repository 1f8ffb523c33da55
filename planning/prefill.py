"""What a line says before anybody said anything: the cells that are stored, unreviewed, when a cycle opens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from planning.cells import Origin
from planning.months import Month


@dataclass(frozen=True, slots=True)
class PrefillCell:
    """A suggested quantity (scaled) and where it came from; both None where nobody knows anything."""

    month: Month
    quantity: int | None
    origin: Origin | None


def prefill_line(
    months: Iterable[Month], last_plan: Mapping[Month, int | None], naive: Mapping[Month, int | None]
) -> tuple[PrefillCell, ...]:
    """One cell per month: copied from the last cycle's approved plan where it says something (0 too), else the naive
    quantity (origin baseline), else null."""
    return tuple(_prefill(month, last_plan.get(month), naive.get(month)) for month in months)


def _prefill(month: Month, planned: int | None, naive: int | None) -> PrefillCell:
    if planned is not None:
        return PrefillCell(month, planned, Origin.COPIED)
    if naive is not None:
        return PrefillCell(month, naive, Origin.BASELINE)
    return PrefillCell(month, None, None)
