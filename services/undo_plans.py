"""Setting back what a file said of the plan: cell by cell, sheet by sheet, as an edit of the plan.

A cell that nobody changed since says again what it said before; its revision counts on. Where everything in a line that
the import added is taken back, the line goes as well. The locks are those of a save, by the time at which the undo was
asked for: what can't be written now stays, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.collections import as_binary, scoped, scoped_binary
from core.mongo import RawDocument
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.imports import JournalBatch
from planning.months import Month
from planning.undoing import Found, Obstacle, obstacle, revision_now
from services import audit
from services.forecasts import lock_of, write_sheet
from services.import_journal import Id
from services.journal_cells import NotedLine, noted_lines, undone_revisions
from services.opening import SALES
from services.undo_step import Batch, Blocked, Counts, Step, Undoing, Way, Whole

Undone = Mapping[tuple[Id, Month], Mapping[int, int]]
"""By cell what imports did that were undone: the revision that each found, and the one that it made."""


@dataclass(slots=True)
class PlanStep(Step):
    """The lines of one sheet. `removed`: those that go; `cells`: the cells of the others as they will be; `taken` and
    `restored` count cells of lines that the import added, and of others."""

    sheet: Sheet | None
    removed: list[RawDocument] = field(default_factory=list)
    lines: list[tuple[Id, list[RawDocument]]] = field(default_factory=list)
    taken: int = 0
    restored: int = 0
    blocked: list[Blocked] = field(default_factory=list)
    kept: list[RawDocument] = field(default_factory=list)

    @property
    def counts(self) -> Counts:
        return Counts(self.taken, self.restored, blocked=sum(one.rows for one in self.blocked))

    def marks(self) -> RawDocument:
        return {"kept": self.kept}


class Plans(Way[PlanStep]):
    """Lines of the plan."""

    async def look(self, undoing: Undoing, batch: Batch, whole: Whole) -> PlanStep:
        noted = noted_lines(batch.parts)
        sheet = await scoped(Sheet).one({"_id": batch.sheet_id})
        step = PlanStep(sheet)
        if sheet is not None and batch.sheet_id is not None:
            cycle = await scoped(Cycle).get(sheet.cycle_id)
            lock = lock_of(cycle, sheet, undoing.at)
            if not lock.allowed:
                rows = sum(len(line.cells) for line in noted.values())
                step.blocked.append(Blocked(batch.sheet_id, _head(sheet), Obstacle.LOCKED, lock.reason, rows=rows))
                step.kept = [{"id": line.id, "months": list(line.cells)} for line in noted.values()]
                return step
        stored = {row["_id"]: row for row in await scoped_binary(Line).rows({"_id": {"$in": list(noted)}})}
        undone = await _undone(batch, noted, stored)
        for line in noted.values():
            _sort(step, line, stored.get(line.id), undone)
        return step

    async def write(self, undoing: Undoing, step: PlanStep) -> None:
        if step.sheet is None or not (step.removed or step.lines):
            return
        door = scoped_binary(Line)
        gone = [cell["rev"] for line in step.removed for cell in line["cells"]]
        floor = {"rev_floor": max(step.sheet.rev_floor, *gone)} if gone else {}
        # Lines that a save adds are active and mandatory, so both counters of the sheet go back.
        await write_sheet(step.sheet, floor, new_lines=-len(step.removed))
        if step.removed:
            await door.delete({"_id": {"$in": [line["_id"] for line in step.removed]}})
        await door.update_rows(({"_id": id}, {"$set": {"cells": cells}}) for id, cells in step.lines)
        told = {
            "import_id": str(undoing.import_id),
            "cells": step.taken + step.restored,
            "lines_removed": len(step.removed),
        }
        await audit.record("forecast.import_undone", "sheet", step.sheet.id, after=told)


def _head(sheet: Sheet) -> RawDocument:
    return {"customer_id": as_binary(sheet.customer_id), "cycle_id": as_binary(sheet.cycle_id)}


async def _undone(batch: Batch, noted: Mapping[Id, NotedLine], stored: Mapping[Id, RawDocument]) -> Undone:
    """What was undone of the sheet before, where that may explain a revision that is not the import's own."""
    if all(line.id in stored and _is_untouched(line, stored[line.id]) for line in noted.values()):
        return {}
    before = {"sheet_id": batch.sheet_id, "undone_at": {"$ne": None}}
    return undone_revisions(await scoped_binary(JournalBatch).rows(before, sort=[("row", 1), ("part", 1)]))


def _is_untouched(line: NotedLine, stored: RawDocument) -> bool:
    """Whether all revisions are those that the import left."""
    left = {month: after["rev"] for month, (_, after) in line.cells.items() if after is not None}
    return all(
        cell["rev"] == left.get(cell["month"], 0) for cell in stored["cells"] if line.is_new or cell["month"] in left
    )


def _sort(step: PlanStep, line: NotedLine, stored: RawDocument | None, undone: Undone) -> None:
    is_there = stored is not None and stored["stream"] == SALES and step.sheet is not None
    cells = {cell["month"]: cell for cell in stored["cells"]} if stored is not None else {}
    kept: list[Month] = []
    for month, (before, after) in line.cells.items():
        standing = cells.get(month)
        same = (
            standing is not None and after is not None and _is_same(standing, after, undone.get((line.id, month), {}))
        )
        against = obstacle(Found(is_there and standing is not None, same), removed_by_import=False)
        if against is not None:
            kept.append(month)
            step.blocked.append(Blocked(line.id, stored, against, month=month))
        elif before is not None and standing is not None:
            cells[month] = {**before, "rev": standing["rev"] + 1}
    if kept:
        step.kept.append({"id": line.id, "months": kept})
    count = len(line.cells) - len(kept)
    if stored is None or count == 0:
        return
    step.taken += count if line.is_new else 0
    step.restored += 0 if line.is_new else count
    if line.is_new and not kept and _is_otherwise_untouched(line, stored, undone):
        step.removed.append(stored)
    else:
        step.lines.append((line.id, [cells[cell["month"]] for cell in stored["cells"]]))


def _is_same(standing: RawDocument, after: RawDocument, undone: Mapping[int, int]) -> bool:
    """Whether a cell is as the import left it: nobody changed it since, but for imports that were undone."""
    return bool(standing["rev"] == revision_now(after["rev"], undone) and standing["quantity"] == after["quantity"])


def _is_otherwise_untouched(line: NotedLine, stored: RawDocument, undone: Undone) -> bool:
    """Whether nobody said anything in the other cells of a line that the import added."""
    others = (cell for cell in stored["cells"] if cell["month"] not in line.cells)
    return all(cell["rev"] == revision_now(0, undone.get((line.id, cell["month"]), {})) for cell in others)
