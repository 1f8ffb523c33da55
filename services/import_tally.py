"""What an import has counted so far, as its job keeps it: a run that goes on after a kill counts on from there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from planning.months import Month
from services.import_apply.base import Plan, Refused
from services.import_apply.leftovers import Removal
from services.sales_effects import SalesEffect


@dataclass(slots=True)
class Counts:
    """Rows by what became of them; `rows` is their sum, `errors` counts what is wrong (a row may have several)."""

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    errors: int = 0


@dataclass(slots=True)
class Tally:
    """Rows by what became of them, what was `removed` of the period, the `months` whose sales lines change with
    what else that means (`effect`), and cells of the plan by what became of them."""

    counts: Counts = field(default_factory=Counts)
    removed: int = 0
    months: set[Month] = field(default_factory=set)
    effect: SalesEffect = field(default_factory=SalesEffect)
    cells: Counter[str] = field(default_factory=Counter)

    @classmethod
    def stored(cls, cursor: Mapping[str, Any]) -> Tally:
        """As `plain` gave it; an empty one of an empty cursor."""
        return cls(
            Counts(**cursor.get("counts", {})),
            cursor.get("removed", 0),
            set(cursor.get("months", ())),
            SalesEffect.stored(cursor.get("effect")),
            Counter(cursor.get("cells", {})),
        )

    def plain(self) -> dict[str, Any]:
        """As a cursor keeps it."""
        return {
            "counts": asdict(self.counts),
            "removed": self.removed,
            "months": sorted(self.months),
            "effect": self.effect.plain(),
            "cells": dict(self.cells),
        }

    def rows(self) -> dict[str, int]:
        """Rows by what became of them, and what was removed."""
        return {**asdict(self.counts), "removed": self.removed}

    def add(self, rows: int, plan: Plan, errors: int, rejected: int) -> None:
        """Count a batch of so many rows, of which so many are `rejected` for so many errors."""
        more = Counts(rows, plan.inserted, plan.updated, plan.unchanged, rejected, errors)
        for one in fields(Counts):
            setattr(self.counts, one.name, getattr(self.counts, one.name) + getattr(more, one.name))
        self.months |= plan.months
        self.effect.merge(plan.effect)
        self.cells.update(plan.cells)

    def add_removal(self, removal: Removal) -> None:
        """Count what the file does not name of its period."""
        self.removed += len(removal.things)
        self.months |= removal.months
        self.effect.merge(removal.effect)

    def refuse(self, one: Refused) -> None:
        """Count a row as rejected that was counted otherwise before it was written."""
        setattr(self.counts, one.counted_as, getattr(self.counts, one.counted_as) - 1)
        self.counts.rejected += 1
        self.counts.errors += 1
        self.cells.update(one.cells)
