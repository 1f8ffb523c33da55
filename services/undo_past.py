"""Setting back past forecasts: cells of the snapshots of imported cycles.

A row without cells goes, a cycle without rows goes with it, and the snapshots of the others are sealed anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.collections import scoped_binary
from core.mongo import RawDocument
from models.forecast import SnapshotRow
from planning.months import Month
from planning.undoing import Found, Obstacle, obstacle
from services import past_cycles
from services.journal_cells import SAID_OF_PAST, NotedLine, noted_lines
from services.undo_rules import ownerless
from services.undo_step import Batch, Blocked, Counts, Step, Undoing, Way, Whole


@dataclass(slots=True)
class PastStep(Step):
    """Rows by what becomes of them: as they are (None: the row was taken away) and their cells as they will be."""

    rows: list[tuple[RawDocument, list[RawDocument]]] = field(default_factory=list)
    gone: list[RawDocument] = field(default_factory=list)
    back: list[RawDocument] = field(default_factory=list)
    cells: Counts = field(default_factory=Counts)
    blocked: list[Blocked] = field(default_factory=list)

    @property
    def counts(self) -> Counts:
        return Counts(self.cells.removed, self.cells.restored, self.cells.put_back, len(self.blocked))

    @property
    def cycles(self) -> set[UUID]:
        """The cycles whose rows change."""
        changed = (*(row for row, _ in self.rows), *self.gone, *self.back)
        return {row["cycle_id"].as_uuid() for row in changed}


class PastForecasts(Way[PastStep]):
    """Rows of imported snapshots."""

    async def look(self, undoing: Undoing, batch: Batch, whole: Whole) -> PastStep:
        noted = noted_lines(batch.parts)
        rows = await scoped_binary(SnapshotRow).rows({"_id": {"$in": list(noted)}})
        stored = {row["_id"]: row for row in rows}
        missing = [{"_id": line.id, **line.head} for line in noted.values() if line.head and line.id not in stored]
        ownerless_rows = await ownerless(missing)
        step = PastStep()
        for line in noted.values():
            if line.id in ownerless_rows:
                reason = ownerless_rows[line.id]
                step.blocked += [_blocked(line, None, month, Obstacle.IN_THE_WAY, reason) for month in line.cells]
            else:
                _sort(step, line, stored.get(line.id))
        return step

    async def write(self, undoing: Undoing, step: PastStep) -> None:
        if not step.cycles:
            return
        await past_cycles.open_for_rows(step.cycles)
        door = scoped_binary(SnapshotRow)
        if step.gone:
            await door.delete({"_id": {"$in": [row["_id"] for row in step.gone]}})
        await door.update_rows(({"_id": row["_id"]}, {"$set": {"cells": cells}}) for row, cells in step.rows)
        if step.back:
            await door.insert_rows(step.back, ordered=True)

    async def finish(self, undoing: Undoing) -> None:
        await past_cycles.settle_open()


def _sort(step: PastStep, line: NotedLine, stored: RawDocument | None) -> None:
    head = stored or ({"_id": line.id, **line.head} if line.head is not None else None)
    cells = {cell["month"]: cell for cell in stored["cells"]} if stored is not None else {}
    counted = defaultdict[str, int](int)
    for month, (before, after) in line.cells.items():
        against = _against(cells.get(month), after, has_head=head is not None)
        if against is not None:
            step.blocked.append(_blocked(line, stored, month, against))
            continue
        counted["removed" if before is None else "put_back" if after is None else "restored"] += 1
        if before is None:
            del cells[month]
        else:
            cells[month] = before
    step.cells = step.cells.plus(Counts(**counted))
    if head is None or not counted:
        return
    after_all = [cells[month] for month in sorted(cells)]
    if stored is None:
        step.back.append({**head, "cells": after_all})
    elif after_all:
        step.rows.append((stored, after_all))
    else:
        step.gone.append(stored)


def _against(standing: RawDocument | None, after: RawDocument | None, *, has_head: bool) -> Obstacle | None:
    """What stands against setting back one cell; a row that is gone can come back with its head only."""
    if not has_head:
        return Obstacle.REMOVED
    same = standing is not None and after is not None and _said(standing) == _said(after)
    return obstacle(Found(standing is not None, same), removed_by_import=after is None)


def _said(cell: Mapping[str, Any]) -> list[Any]:
    return [cell[name] for name in SAID_OF_PAST]


def _blocked(
    line: NotedLine, stored: RawDocument | None, month: Month, obstacle: Obstacle, reason: str = ""
) -> Blocked:
    return Blocked(line.id, stored or line.head, obstacle, reason, month=month)
