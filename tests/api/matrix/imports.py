"""Rows of imports. The kind of a file and what it completes ask further actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planning.access import Action
from tests.api.matrix.base import Row

TABLE = {"file": ("table.csv", b"item_code,name\nNEW,New\n")}


def form(**data: str) -> Mapping[str, Any]:
    return {"files": TABLE, "data": data}


ROWS = {
    "create_import": Row(
        Action.IMPORT_FILE,
        form=lambda _: form(kind="products"),
        asks={
            Action.IMPORT_USERS: form(kind="users"),
            Action.KEEP_ACTUALS: form(kind="sales", complete_until="2024-01"),
        },
    ),
    "list_imports": Row(Action.READ_IMPORT),
    "read_import": Row(Action.READ_IMPORT),
}
