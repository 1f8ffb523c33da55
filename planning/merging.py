"""Merging one customer (a prospect, a duplicate) into another: what stands in the way, what moves, what is summed.

The *source* turns out to be the *target*. Closed cycles stay as they are and are joined when they are read; in open
ones the two drafts become one, cell by cell. Null is not 0: null and null stay null, null and 5 are 5.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from planning.cells import Cell, EnteredIn, next_revision
from planning.intervals import Dated, Interval, overlap
from planning.months import Month
from planning.prices import PriceSource, ResolvedPrice, worth
from planning.stages import Stage

MAX_LINES = 5_000
"""What one sheet holds."""


@dataclass(frozen=True, slots=True)
class Party:
    """One of the two customers. `merged_into` is the code of the customer that it was merged into before."""

    id: UUID
    code: str
    currency: str
    is_active: bool
    merged_into: str | None = None


@dataclass(frozen=True, slots=True)
class CycleFacts:
    """A cycle that is not over: `laid_out` = it has sheets; `lines` = what the two sheets would hold together."""

    name: str
    stage: Stage
    laid_out: bool
    lines: int = 0


def obstacles(source: Party, target: Party, *, source_prices: int, cycles: Iterable[CycleFacts]) -> tuple[str, ...]:
    """Why the source can't be merged into the target now, as sentences that say what to do; none = it can."""
    if source.id == target.id:
        return (f"{source.code} can't be merged into itself; name another customer.",)
    found: list[str] = []
    if source.merged_into is not None:
        found.append(f"{source.code} was merged into {source.merged_into} already.")
    if target.merged_into is not None:
        found.append(f"{target.code} was merged into {target.merged_into}; merge into that one.")
    elif not target.is_active:
        found.append(f"{target.code} is inactive; restore it first.")
    if source_prices and source.currency != target.currency:
        found.append(
            f"{source.code} has {source_prices} prices in {source.currency}, and {target.code} is priced in "
            f"{target.currency}; remove those prices first."
        )
    return (*found, *(reason for cycle in cycles if (reason := _in_the_way(cycle)) is not None))


def _in_the_way(cycle: CycleFacts) -> str | None:
    if cycle.stage == Stage.CLOSING:
        return f"The cycle {cycle.name} is being closed; merge when it is closed."
    if cycle.stage == Stage.DRAFT and cycle.laid_out:
        return f"The cycle {cycle.name} is being opened; merge when it is open."
    if cycle.lines > MAX_LINES:
        return f"In the cycle {cycle.name} the two would have {cycle.lines} lines; a sheet holds at most {MAX_LINES}."
    return None


class SheetState(StrEnum):
    """A sheet's states, as stored."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"


def state_after(stage: Stage, source: str, target: str) -> SheetState:
    """The target's sheet is a draft again. In review nobody may write a draft, so a sheet that somebody had submitted
    comes back as returned: it can be looked at and submitted again."""
    if stage == Stage.REVIEW and {source, target} != {SheetState.DRAFT}:
        return SheetState.RETURNED
    return SheetState.DRAFT


@dataclass(frozen=True, slots=True)
class Collision:
    """How the cells of two lines meet: said by the source alone, said by both."""

    moved: int = 0
    summed: int = 0


def collide(target: Mapping[Month, Cell], source: Mapping[Month, Cell]) -> Collision:
    """Counts what merging two lines does to their cells."""
    said = [month for month, cell in source.items() if cell.filled]
    summed = sum(month in target and target[month].filled for month in said)
    return Collision(len(said) - summed, summed)


def stood_behind(cells: Mapping[Month, Cell], *, submitted: bool) -> dict[Month, Cell]:
    """The cells as their sum will need them: what was submitted counts for the plan even if nobody reviewed it, and
    would stop counting in a draft, so it is taken as reviewed."""
    if not submitted:
        return dict(cells)
    return {month: replace(cell, reviewed=True) if cell.filled else cell for month, cell in cells.items()}


def sum_line(
    months: Iterable[Month],
    target: Mapping[Month, Cell],
    source: Mapping[Month, Cell],
    prices: Mapping[Month, ResolvedPrice],
    floor: int = 0,
) -> tuple[Cell, ...]:
    """The cells of a line that both have, or only one of them, in the order of the months. `floor` as in a save of the
    target."""
    return tuple(
        sum_cells(target.get(month, Cell(month)), source.get(month, Cell(month)), prices[month], floor)
        for month in months
    )


def sum_cells(target: Cell, source: Cell, price: ResolvedPrice, floor: int = 0) -> Cell:
    """The target's cell with what the source said added to it; one revision on, unless the source said nothing.

    The value follows from the quantity at the target's price: an own price on the target's cell stays, the source's own
    is taken where the target says no quantity, else the price chain decides.
    """
    if not source.filled and (source.override is None or target.filled or target.override is not None):
        return target
    override, reason = _own_price(target, source)
    own = ResolvedPrice(override, PriceSource.OVERRIDE) if override is not None else price
    quantity = source.quantity if target.quantity is None else target.quantity + (source.quantity or 0)
    return Cell(
        month=target.month,
        quantity=quantity,
        value=worth(quantity, own.price),
        entered_in=EnteredIn.QUANTITY,
        price=own.price,
        price_source=own.source,
        origin=_leading(target, source).origin,
        reason=reason,
        rev=max(next_revision(target.rev, floor), source.rev + 1),
        reviewed=(target.filled and target.reviewed) or (source.filled and source.reviewed),
    )


def _own_price(target: Cell, source: Cell) -> tuple[int | None, str | None]:
    if target.override is not None:
        return target.override, target.reason
    if source.override is not None and not target.filled:
        return source.override, source.reason
    explained = [cell.reason for cell in (target, source) if cell.override is None and cell.reason is not None]
    return None, explained[0] if explained else None


def _leading(target: Cell, source: Cell) -> Cell:
    """Whose origin the sum has: what a person stands behind before what was prefilled, the target's first."""
    said = [cell for cell in (target, source) if cell.filled] or [target]
    return next((cell for cell in said if cell.reviewed), said[0])


def uncovered(entry: Dated, others: Iterable[Dated]) -> tuple[Interval, ...]:
    """The days of an entry that none of the others covers, in order: what the target does not say for itself.

    An entry that runs backwards covers nothing and is covered by nothing: it has no days, so nothing is left of it.
    """
    left = [Interval(entry.valid_from, entry.valid_to)] if overlap(entry, entry) else []
    for other in others:
        left = [piece for standing in left for piece in _without(standing, other)]
    return tuple(sorted(left, key=lambda piece: piece.valid_from or ""))


def _without(entry: Interval, other: Dated) -> list[Interval]:
    if not overlap(entry, other):
        return [entry]
    pieces: list[Interval] = []
    if other.valid_from is not None and (entry.valid_from is None or entry.valid_from < other.valid_from):
        pieces.append(Interval(entry.valid_from, _shift(other.valid_from, -1)))
    if other.valid_to is not None and (entry.valid_to is None or other.valid_to < entry.valid_to):
        pieces.append(Interval(_shift(other.valid_to, 1), entry.valid_to))
    return pieces


def _shift(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def planned_as(node: UUID | None, source: UUID, target: UUID, target_node: UUID | None) -> UUID | None:
    """Whom a customer is planned as after the merge, if it was planned as `node`; None = as itself.

    Whoever was planned as the source is planned as what the target is planned as, so that nodes stay one level deep.
    """
    if node != source:
        return node
    return target if target_node in (None, source) else target_node


def names_after(
    aliases: Sequence[str], own: Collection[str], added: Iterable[str], limit: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The target's aliases with the source's code, name and aliases behind them, and which of those are new.

    Compared case-folded; the target's own code and name (`own`) are no aliases. Beyond the limit the rest is left out:
    the source's code is found in any case, because the source keeps it.
    """
    known = {text.strip().casefold() for text in (*own, *aliases)}
    fresh: list[str] = []
    for text in added:
        key = text.strip().casefold()
        if key not in known and len(aliases) + len(fresh) < limit:
            known.add(key)
            fresh.append(text)
    return (*aliases, *fresh), tuple(fresh)
