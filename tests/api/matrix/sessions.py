"""Rows of sessions: the one in the path is that of the user in the path."""

from __future__ import annotations

from core.collections import scoped
from models.session import AuthSession
from planning.access import Action
from tests.api.matrix.base import Row
from tests.api.matrix.world import World

ROWS = {
    "list_own_sessions": Row(None),
    "end_other_sessions": Row(None),
    "end_own_session": Row(None, not_taken="the session in the path is another user's"),
    "list_sessions": Row(Action.MANAGE_USERS),
    "end_sessions": Row(Action.MANAGE_USERS),
    "end_session": Row(Action.MANAGE_USERS),
}


async def make(world: World) -> None:
    """The session in which the user of the path is signed in."""
    session = await scoped(AuthSession).row({"user_id": world.ids["user_id"]}, {"_id": 1})
    assert session is not None
    world.ids["session_id"] = session["_id"]
