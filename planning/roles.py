"""The four roles a user can have; each user has exactly one."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What somebody is in a tenant; the value is what documents and JSON hold."""

    ADMIN = "admin"
    MANAGER = "manager"
    SALES_REP = "sales_rep"
    VIEWER = "viewer"
