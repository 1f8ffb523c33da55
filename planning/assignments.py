"""Who plans a customer, and who stands in: which entries can't stand beside each other, and handing over.

A scope is a customer, or one product category of it where the company plans by category. On every day it has at most
one primary rep, and nobody is entered in it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID

from planning.access import Assignment, category_key
from planning.intervals import Interval, in_words, overlap
from planning.roles import Role

CUSTOMER_CATEGORY = "customer_category"
"""The `sheet_scope` of a company that plans its customers category by category."""

ONE_DAY = timedelta(days=1)

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something can't be entered: the sentence, and the field that it is about."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Delegation:
    """Somebody stands in for a user, from the first to the last day, both included."""

    user_id: UUID
    delegate_id: UUID
    valid_from: str
    valid_to: str
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class HandOver:
    """What changes when a scope is handed over: entries that end on `last_day`, and the one that begins the day after.

    `beside` are the customer's other entries, which stay as they are.
    """

    ended: tuple[Assignment, ...]
    last_day: date
    begun: Assignment
    beside: tuple[Assignment, ...]


def days_of(entry: Assignment) -> Interval:
    """The days on which an assignment holds."""
    return Interval(entry.valid_from.isoformat(), None if entry.valid_to is None else entry.valid_to.isoformat())


def same_scope(one: Assignment, other: Assignment) -> bool:
    """Whether both are about the same customer and the same category, or the same customer and no category."""
    return one.customer_id == other.customer_id and category_key(one.category) == category_key(other.category)


def collide(one: Assignment, other: Assignment) -> bool:
    """Whether they can't both stand: the same scope, a day in common, and both primary or both of one person."""
    together = (one.primary and other.primary) or one.user_id == other.user_id
    return together and same_scope(one, other) and overlap(days_of(one), days_of(other))


def in_the_way(new: Assignment, standing: Iterable[Assignment]) -> Assignment | None:
    """The first entry, by its first day, that the new one collides with; itself as it stands (same id) is not."""
    found = [one for one in standing if (one.id is None or one.id != new.id) and collide(new, one)]
    return min(found, key=lambda one: one.valid_from, default=None)


def settle(standing: Mapping[Key, Assignment], proposed: Mapping[Key, Assignment]) -> dict[Key, Assignment]:
    """Which of many proposed entries, in order, can't stand: each with the entry that it collides with.

    A proposal under the key of a standing entry replaces it. Of two proposals that collide the later one is refused.
    The order of a file doesn't matter otherwise: an entry that another line of it ends is not in the way. What is
    left, the standing entries and the proposals that were not refused, has no collision that it did not have before.
    """
    refused: dict[Key, Assignment] = {}
    while True:
        # A refused proposal leaves the entry that it would have replaced as it was, and that may refuse another one.
        kept = {key: entry for key, entry in standing.items() if key not in proposed or key in refused}
        found = _refused(kept, {key: entry for key, entry in proposed.items() if key not in refused})
        if not found:
            return refused
        refused |= found


def _refused(kept: Mapping[Key, Assignment], proposed: Mapping[Key, Assignment]) -> dict[Key, Assignment]:
    by_customer: dict[UUID, list[Assignment]] = {}
    for entry in kept.values():
        by_customer.setdefault(entry.customer_id, []).append(entry)
    refused: dict[Key, Assignment] = {}
    for key, entry in proposed.items():
        beside = by_customer.setdefault(entry.customer_id, [])
        other = next((one for one in beside if collide(entry, one)), None)
        if other is not None:
            refused[key] = other
        else:
            beside.append(entry)
    return refused


def plan_hand_over(
    standing: Sequence[Assignment], leaving: UUID, coming: UUID, category: str | None, day: date
) -> HandOver | Problem:
    """Hand a scope of one customer from one person to another, who plans it from that day on and as long as the first
    would have; the first one's last day is the day before.

    `standing` are the customer's entries. Somebody who helped in the scope and takes it over stops helping; whoever is
    primary stays primary in the other's place. Whether the new entry fits beside the rest is for `in_the_way` to say.
    """
    own = [one for one in standing if category_key(one.category) == category_key(category)]
    old = next((one for one in own if one.user_id == leaving and one.holds_on(day)), None)
    if leaving == coming:
        return Problem("to_user_id", "must be somebody else than from_user_id")
    if old is None:
        return Problem("from_user_id", f"has no such assignment on {day.isoformat()}")
    if old.valid_from == day:
        return Problem("valid_from", f"must lie after {day.isoformat()}, the first day of what is handed over")
    begun = replace(old, user_id=coming, valid_from=day, id=None)
    ended = [old] + [one for one in own if one.user_id == coming and not one.primary and _goes_over_into(one, begun)]
    beside = tuple(one for one in standing if one not in ended)
    return HandOver(tuple(ended), day - ONE_DAY, begun, beside)


def _goes_over_into(entry: Assignment, begun: Assignment) -> bool:
    """Whether the entry began before the new one, goes on into its days, and not beyond them."""
    begins = entry.valid_from < begun.valid_from
    goes_on = entry.valid_to is None or entry.valid_to >= begun.valid_from
    ends = begun.valid_to is None or (entry.valid_to is not None and entry.valid_to <= begun.valid_to)
    return begins and goes_on and ends


def category_problem(category: str | None, sheet_scope: str) -> Problem | None:
    """Why an assignment can't be for a category here; None when it can, or is for none."""
    if category is None or sheet_scope == CUSTOMER_CATEGORY:
        return None
    return Problem("category", "must be left out: this company plans whole customers, not categories of them")


def planner_problem(role: str, *, is_active: bool, field: str) -> Problem | None:
    """Why somebody can't be assigned or stand in; None when they can. Removed people are not active."""
    if not is_active:
        return Problem(field, "must be an active user")
    if Role(role) == Role.VIEWER:
        return Problem(field, "must be somebody who may plan; a viewer only reads")
    return None


def delegation_problem(new: Delegation, standing: Iterable[Delegation]) -> Problem | None:
    """Why somebody can't stand in; `standing` are the entries of the same user. Itself (by id) is not in the way."""
    if new.user_id == new.delegate_id:
        return Problem("delegate_id", "must be somebody else; nobody stands in for themselves")
    days = Interval(new.valid_from, new.valid_to)
    for one in sorted(standing, key=lambda one: one.valid_from):
        there = Interval(one.valid_from, one.valid_to)
        if one.id != new.id and one.delegate_id == new.delegate_id and overlap(days, there):
            return Problem("valid_from", f"overlaps with {in_words(there)}, when the same person stands in already")
    return None
