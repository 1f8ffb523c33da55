"""Rows of reports."""

from __future__ import annotations

from planning.access import Action
from tests.api.matrix.base import Row

ROWS = {
    "generate_report": Row(
        Action.GENERATE_REPORT,
        body=lambda world: {"type": "plan_vs_actual", "cycle_id": world.closed.id},
        links=("cycle_id",),
    ),
    "list_reports": Row(Action.READ_REPORT),
    "read_report": Row(Action.READ_REPORT, scoped=True),
    "download_report": Row(Action.READ_REPORT, scoped=True),
}
