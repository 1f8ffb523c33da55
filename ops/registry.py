"""What the worker runs: every workflow and every activity, one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from activities import cycles, exports, findings, imports, jobs, reports, rollups, upkeep
from activities.mails import MailActivities
from core.settings import Settings
from workflows.deliver_mails import DeliverMails
from workflows.planning_cycle import PlanningCycle
from workflows.refresh_rollups import RefreshRollups
from workflows.run_job import RunJob
from workflows.upkeep import Upkeep

WORKFLOWS: tuple[type, ...] = (
    DeliverMails,
    PlanningCycle,
    RefreshRollups,
    RunJob,
    Upkeep,
)


def activities(settings: Settings) -> tuple[Callable[..., Any], ...]:
    """All activities, those that need settings bound to them."""
    return (
        cycles.copy_snapshot,
        cycles.measure_share,
        cycles.move_cycle,
        cycles.prepare_cycle,
        cycles.read_cycle,
        cycles.seal_snapshot,
        exports.run_export,
        findings.run_findings,
        imports.run_import,
        imports.undo_import,
        jobs.fail_job,
        MailActivities(settings).deliver_mails,
        reports.run_report,
        rollups.refresh_rollups,
        upkeep.collect_garbage,
        upkeep.find_missing,
    )
