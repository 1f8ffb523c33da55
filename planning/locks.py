"""Whether a sheet may be written now, and the sentence that says why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Lock:
    """`allowed`: writable, until `until` if a deadline is known. Otherwise locked, until `until` if that is known."""

    allowed: bool
    reason: str
    until: datetime | None = None


def entry_lock(
    *,
    stage: str,
    sheet_state: str,
    entry_open: bool,
    locked_by_close: bool,
    entry_closes_at: datetime,
    received_at: datetime,
    opens_at: datetime | None = None,
) -> Lock:
    """Whether cells of a sheet may be saved or submitted by a request received at `received_at`.

    `stage` is the cycle's (draft, entry, review, closing, closed, cancelled), `sheet_state` the sheet's (draft,
    submitted, returned). Times are aware; a request received exactly at the deadline is in time.
    """
    if stage == "draft":
        return Lock(False, "The cycle is not open yet.", opens_at)
    if stage in _FINAL:
        return Lock(False, _FINAL[stage])
    if locked_by_close:
        return Lock(False, _FINAL["closing"])
    if sheet_state == "submitted":
        return Lock(False, "This sheet is submitted; ask a manager to return it if it has to change.")
    if stage == "review":
        if sheet_state == "returned":
            return Lock(True, "This sheet was returned to you; correct it and submit it again.")
        return Lock(False, "Entry is over and the plan is in review; ask a manager to return this sheet to you.")
    if received_at > entry_closes_at:
        return Lock(False, f"Entry closed at {entry_closes_at:%Y-%m-%d %H:%M %Z}; this came later.")
    if not entry_open:
        return Lock(False, "Entry is closed.")
    return Lock(True, f"Entry is open until {entry_closes_at:%Y-%m-%d %H:%M %Z}.", entry_closes_at)


_FINAL = {
    "closing": "The cycle is being closed; the plan is frozen.",
    "closed": "The cycle is closed; a manager can reopen it.",
    "cancelled": "The cycle was cancelled.",
}
