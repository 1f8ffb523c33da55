"""Rows of health."""

from __future__ import annotations

from tests.api.matrix.base import PUBLIC

ROWS = {
    "read_health": PUBLIC,
    "read_database_health": PUBLIC,
    "read_worker_health": PUBLIC,
    "read_readiness": PUBLIC,
}
