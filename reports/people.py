"""The list of people as a workbook that can be imported again: untouched, it changes nothing."""

from __future__ import annotations

import asyncio
from io import BytesIO

from core.collections import scoped
from models.user import User
from reports.workbooks import Column, SheetSpec, write_xlsx

COLUMNS = ("email", "name", "role", "language")
"""The columns of the import of users."""
_WIDTHS = (34.0, 28.0, 12.0, 10.0)


async def users_workbook() -> bytes:
    """Everybody who was not deleted, by name. Every cell is text, whatever it begins with."""
    rows = await scoped(User).rows({"deleted_at": None}, dict.fromkeys(COLUMNS, 1), sort=[("name", 1), ("_id", 1)])
    columns = [Column(name, width=width) for name, width in zip(COLUMNS, _WIDTHS, strict=True)]
    sheet = SheetSpec("Users", columns, [[row[name] for name in COLUMNS] for row in rows])
    target = BytesIO()
    await asyncio.to_thread(write_xlsx, target, [sheet])
    return target.getvalue()
