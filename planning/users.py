"""People as the rules see them: whether they are in, and which mails they get."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class UserStatus(StrEnum):
    """Where a person stands; the value is what JSON holds."""

    INVITED = "invited"
    """Not deactivated, but has never set a password."""
    ACTIVE = "active"
    INACTIVE = "inactive"
    """Deactivated by an admin: keeps everything, can't sign in."""
    DELETED = "deleted"
    """Removed by an admin: gone from lists, kept for what was done in that name; the address stays taken."""


def status_of(*, is_deleted: bool, is_active: bool, has_password: bool) -> UserStatus:
    """The one word for a person's state."""
    if is_deleted:
        return UserStatus.DELETED
    if not is_active:
        return UserStatus.INACTIVE
    return UserStatus.ACTIVE if has_password else UserStatus.INVITED


class Notification(StrEnum):
    """The mails that a person may switch off. Mails about passwords and access always go out."""

    CYCLE_OPENED = "cycle_opened"
    CYCLE_CLOSED = "cycle_closed"
    CYCLE_BELOW_SHARE = "cycle_below_share"
    CYCLE_WAITING = "cycle_waiting"


NOTIFIED_BY_DEFAULT: Mapping[Notification, bool] = dict.fromkeys(Notification, True)
"""What holds for a person who has not decided."""


def notification_of(template: str) -> Notification | None:
    """The kind that a mail template belongs to; None for mails that can't be switched off."""
    kind = template.replace("-", "_")
    return Notification(kind) if kind in set(Notification) else None


def notifications_of(decided: Mapping[str, bool]) -> dict[Notification, bool]:
    """Every kind with what holds for a person: the own decision, else the default."""
    return {kind: decided.get(kind, default) for kind, default in NOTIFIED_BY_DEFAULT.items()}
