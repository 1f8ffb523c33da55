"""Rows of signing in and out. Who has no password yet proves nothing here: these are about the doors only."""

from __future__ import annotations

from tests.api.matrix.base import PUBLIC, Row

ROWS = {
    "login": PUBLIC,
    "refresh": PUBLIC,
    "confirm_password_setup": PUBLIC,
    "ask_for_password_reset": PUBLIC,
    "confirm_password_reset": PUBLIC,
    "logout": Row(None),
    "read_me": Row(None),
    "change_me": Row(None, body=lambda world: {"name": f"{world.mark} renamed"}),
    "change_password": Row(
        None,
        body=lambda _: {"current_password": "there is none", "new_password": "seven quiet rivers"},
        not_taken="the people of the matrix have no password",
    ),
}
