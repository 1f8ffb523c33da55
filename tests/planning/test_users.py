"""Where a person stands, and which mails they get."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.users import (
    NOTIFIED_BY_DEFAULT,
    Notification,
    UserStatus,
    notification_of,
    notifications_of,
    status_of,
)


@pytest.mark.parametrize(
    ("is_deleted", "is_active", "has_password", "status"),
    [
        (True, True, True, UserStatus.DELETED),
        (True, False, False, UserStatus.DELETED),
        (False, False, True, UserStatus.INACTIVE),
        (False, False, False, UserStatus.INACTIVE),
        (False, True, False, UserStatus.INVITED),
        (False, True, True, UserStatus.ACTIVE),
    ],
)
def test_the_one_word_for_a_persons_state(
    is_deleted: bool, is_active: bool, has_password: bool, status: UserStatus
) -> None:
    assert status_of(is_deleted=is_deleted, is_active=is_active, has_password=has_password) == status


@given(st.booleans(), st.booleans(), st.booleans())
def test_only_who_could_sign_in_is_active(is_deleted: bool, is_active: bool, has_password: bool) -> None:
    status = status_of(is_deleted=is_deleted, is_active=is_active, has_password=has_password)
    assert (status == UserStatus.ACTIVE) == (not is_deleted and is_active and has_password)


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ("cycle-opened", Notification.CYCLE_OPENED),
        ("cycle-below-share", Notification.CYCLE_BELOW_SHARE),
        ("password-setup", None),
        ("password-reset", None),
        ("", None),
    ],
)
def test_only_some_mails_can_be_switched_off(template: str, kind: Notification | None) -> None:
    assert notification_of(template) == kind


@given(st.dictionaries(st.sampled_from([*Notification, "of an older version"]), st.booleans()))
def test_a_decision_wins_over_the_default(decided: dict[str, bool]) -> None:
    answers = notifications_of(decided)
    assert set(answers) == set(Notification)
    assert all(answer == decided.get(kind, NOTIFIED_BY_DEFAULT[kind]) for kind, answer in answers.items())
