"""Rows of signing in and out. Who has no password yet proves nothing here: these are about the doors only."""

from __future__ import annotations

from tests.api.matrix.base import PUBLIC, Row

ROWS = {
    "login": PUBLIC,
    "refresh": PUBLIC,
    "confirm_password_setup": PUBLIC,
    "logout": Row(None),
    "read_me": Row(None),
}
