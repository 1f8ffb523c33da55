"""What goes with an import of forecasts besides its file, and what others ask of such imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.errors import Detail, InvalidInput
from models.cycle import Cycle
from models.job import Job
from planning.cells import CellStatus
from services import jobs
from services.import_kinds.tables import ImportKind


@dataclass(frozen=True, slots=True)
class ForecastOptions:
    """What may be said of a file of forecasts: the cycle (None = named in the file, or the one in entry), and whether
    the file wins over what people changed since it was made."""

    cycle_id: UUID | None = None
    overwrite: bool = False

    async def check(self, kind: ImportKind) -> None:
        """Raises InvalidInput when they don't go with the kind, or when there is no such cycle."""
        if kind is not ImportKind.FORECASTS and self != NO_OPTIONS:
            raise InvalidInput("cycle_id and overwrite go with forecasts only; leave them out.")
        if self.cycle_id is not None and not await scoped(Cycle).exists({"_id": self.cycle_id}):
            raise InvalidInput(details=[Detail("cycle_id", "names no cycle of this company")])

    def params(self) -> dict[str, Any]:
        """As a job keeps them."""
        return {"cycle_id": None if self.cycle_id is None else str(self.cycle_id), "overwrite": self.overwrite}


NO_OPTIONS = ForecastOptions()


async def forecasts_pending(cycle_id: UUID, until: datetime) -> bool:
    """Whether forecasts that may be meant for the cycle were received by that time and are not applied yet, or whether
    it was asked for by then to take such back."""
    query = {
        "kind": {"$in": [jobs.IMPORT, jobs.UNDO]},
        "state": {"$in": jobs.UNFINISHED},
        "received_at": {"$lte": until},
        "params.kind": str(ImportKind.FORECASTS),
        "params.dry_run": {"$ne": True},
        "params.cycle_id": {"$in": [None, str(cycle_id)]},
    }
    return await scoped(Job).exists(query)


def counted_cells(row: Mapping[str, Any]) -> dict[str, int]:
    """Cells by what became of them, of a job of forecasts as it is stored."""
    counted = (row.get("result") or {}).get("cells") or (row.get("cursor") or {}).get("cells") or {}
    return {str(status): counted.get(status, 0) for status in CellStatus}
