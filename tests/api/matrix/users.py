"""Rows of people, by those who keep them."""

from __future__ import annotations

from planning.access import Action
from tests.api.matrix.base import Row

ROWS = {
    "list_users": Row(Action.READ_USERS),
    "invite_user": Row(
        Action.MANAGE_USERS,
        body=lambda world: {"email": f"new@{world.mark}.example", "name": f"{world.mark} new", "role": "viewer"},
    ),
    "export_users": Row(Action.READ_USERS),
    "read_user": Row(Action.READ_USERS),
    "change_user": Row(Action.MANAGE_USERS, body=lambda _: {"role": "manager", "regions": ["North"]}),
    "delete_user": Row(Action.MANAGE_USERS),
    "restore_user": Row(Action.MANAGE_USERS),
    "activate_user": Row(Action.MANAGE_USERS),
    "deactivate_user": Row(Action.MANAGE_USERS),
    "unlock_user": Row(Action.MANAGE_USERS),
    "resend_invitation": Row(Action.MANAGE_USERS),
}
