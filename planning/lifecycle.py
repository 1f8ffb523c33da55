"""What an inactive customer or product means, said once for everybody who asks.

Nothing is ever deleted: a master that is not wanted any more becomes *inactive*, which is the same as its status being
`inactive`, and restoring gives back the status from before. Going inactive changes no number that stands; it only ends
what would be asked of people from then on. `RULES` says so place by place, and docs/master-data.md shows the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Where a customer stands. Products know active and inactive only."""

    PROSPECT = "prospect"
    ACTIVE = "active"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Standing:
    """A master's status, and for an inactive one the status that restoring gives back."""

    status: Status
    before: Status | None = None

    @property
    def is_active(self) -> bool:
        """Prospects are active: they are planned like anybody else."""
        return self.status != Status.INACTIVE


def say(standing: Standing, status: Status) -> Standing:
    """The standing after somebody said a status: going inactive remembers the one from before, saying it twice forgets
    nothing, and coming back forgets it."""
    if status != Status.INACTIVE:
        return Standing(status)
    return standing if not standing.is_active else Standing(status, standing.status)


def restore(standing: Standing) -> Standing:
    """What it was before it went inactive; active where nobody remembers, and unchanged for who is not inactive."""
    return standing if standing.is_active else Standing(standing.before or Status.ACTIVE)


class Where(StrEnum):
    """The places in which it matters whether a master is active."""

    LISTS = "lists"
    OPENING = "opening"
    OPEN_LINES = "open lines"
    MANDATORY = "mandatory cells"
    SHARE = "share"
    CLOSE = "close"
    REPORTS = "reports"
    SALES = "sales"
    MASTERS = "own fields"
    RELATIONS = "relations"


@dataclass(frozen=True, slots=True)
class Rule:
    """Whether an inactive master takes part, and what that means in words."""

    takes_part: bool
    words: str


RULES: Mapping[Where, Rule] = {
    Where.LISTS: Rule(False, "Hidden from lists, searches and suggestions until inactive ones are asked for."),
    Where.OPENING: Rule(False, "Gets no sheet and no line when a cycle opens, and no new line or sheet afterwards."),
    Where.OPEN_LINES: Rule(
        True, "Lines of an open cycle stay, are marked inactive, and may be written and submitted until the lock."
    ),
    Where.MANDATORY: Rule(False, "No cell of it must be filled; an empty one does not stop a submission."),
    Where.SHARE: Rule(
        False,
        "The sheet of an inactive customer counts on neither side of the share that decides whether a cycle closes by "
        "itself: nobody has to submit it. Lines of an inactive product count with their sheet.",
    ),
    Where.CLOSE: Rule(True, "What stands is frozen like everything else; who wants 0 says 0 before the lock."),
    Where.REPORTS: Rule(True, "History and frozen plans stay in every report, marked inactive."),
    Where.SALES: Rule(True, "Sales are facts: they are imported and counted."),
    Where.MASTERS: Rule(True, "Its own fields may be corrected; an import that names no status leaves it inactive."),
    Where.RELATIONS: Rule(
        False,
        "Nothing new is tied to it: list entries, prices, costs and assignments are refused until it is restored.",
    ),
}


def takes_part(where: Where, *active: bool) -> bool:
    """Whether what belongs to these masters (a customer, a product, or a line's two) takes part; `active` has one
    answer per master."""
    return RULES[where].takes_part or all(active)


def refusal(noun: str, code: str, *, is_active: bool, merged_into: str | None = None) -> str | None:
    """Why nothing new may be tied to the master, as a sentence that says what to do; None when it may.

    `merged_into` is the code of the customer that this one was merged into.
    """
    if takes_part(Where.RELATIONS, is_active):
        return None
    if merged_into is not None:
        return f"The {noun} {code} was merged into {merged_into}; use that one."
    return f"The {noun} {code} is inactive; restore it first."
