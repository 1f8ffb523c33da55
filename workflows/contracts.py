"""What travels between API, workflows and activities: explicit names, and frozen inputs of ids, months and counts.

Names are history: a recorded workflow replays by them. Never rename one; add a new one. Every input names its tenant
and the person on whose behalf it runs (null = the system); the activity interceptor puts both into the context.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from planning.stages import Move, Stage


class Input(BaseModel):
    """Base of every workflow, update and activity input."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TenantInput(Input):
    tenant_id: UUID
    user_id: UUID | None = None


# --- jobs: import a file, generate a report ------------------------------------------------------------------------

RUN_JOB_WORKFLOW = "run-job"
RUN_JOB_ACTIVITY = "run-job-{kind}"
FAIL_JOB_ACTIVITY = "fail-job"


class JobInput(TenantInput):
    """`kind` is the job's kind (`import`, `import-undo`, `report`, `export`)."""

    job_id: UUID
    kind: str


class FailedJob(JobInput):
    message: str


def job_workflow_id(job_id: UUID) -> str:
    return f"job:{job_id}"


# --- mails -----------------------------------------------------------------------------------------------------------

DELIVER_MAILS_WORKFLOW = "deliver-mails"
DELIVER_MAILS_ACTIVITY = "deliver-mails"


class MailsInput(TenantInput):
    """Deliver whatever is queued for the tenant."""


class Delivered(Input):
    """What one delivery did; `more` = it stopped at its limit and mails are still due."""

    sent: int = 0
    failed: int = 0
    postponed: int = 0
    more: bool = False


def mails_workflow_id(tenant_id: UUID) -> str:
    return f"mails:{tenant_id}"


# --- rollups ---------------------------------------------------------------------------------------------------------

REFRESH_ROLLUPS_WORKFLOW = "refresh-rollups"
REFRESH_ROLLUPS_ACTIVITY = "refresh-rollups"


class RollupsInput(TenantInput):
    """Recompute the tenant's dirty rollups."""


def rollups_workflow_id(tenant_id: UUID) -> str:
    return f"rollups:{tenant_id}"


# --- upkeep ----------------------------------------------------------------------------------------------------------

UPKEEP_WORKFLOW = "upkeep"
UPKEEP_SCHEDULE = "upkeep"
FIND_MISSING_ACTIVITY = "find-missing"
COLLECT_GARBAGE_ACTIVITY = "collect-garbage"


class UpkeepInput(Input):
    """Upkeep looks everywhere."""


class Missing(Input):
    """What should run: upkeep starts what does not. Bounded lists; the next round finds the rest."""

    jobs: tuple[JobInput, ...] = ()
    cycles: tuple[CycleInput, ...] = ()
    mails: tuple[MailsInput, ...] = ()
    rollups: tuple[RollupsInput, ...] = ()


# --- the planning cycle ----------------------------------------------------------------------------------------------

PLANNING_CYCLE_WORKFLOW = "planning-cycle"
READ_CYCLE_ACTIVITY = "read-cycle"
PREPARE_CYCLE_ACTIVITY = "prepare-cycle"
MOVE_CYCLE_ACTIVITY = "move-cycle"
MEASURE_SHARE_ACTIVITY = "measure-share"
COPY_SNAPSHOT_ACTIVITY = "copy-snapshot"
SEAL_SNAPSHOT_ACTIVITY = "seal-snapshot"
MOVE_UPDATE = "move"
NUDGE_SIGNAL = "nudge"


class CycleInput(TenantInput):
    cycle_id: UUID


class CycleAt(CycleInput):
    """The cycle at the workflow's time."""

    at: datetime


class CycleView(Input):
    """What the workflow knows of its cycle; `exists` is false once a draft was deleted."""

    exists: bool
    stage: Stage = Stage.CANCELLED
    opens_at: datetime | None = None
    entry_closes_at: datetime | None = None
    closes_at: datetime | None = None
    auto_close: bool = False
    auto_close_share_percent: int = 80
    grace_seconds: float = 0


class CycleChanges(Input):
    """New values; None = stays. `clear_opens_at`: from now on only a person opens it."""

    name: str | None = None
    opens_at: datetime | None = None
    clear_opens_at: bool = False
    entry_closes_at: datetime | None = None
    closes_at: datetime | None = None
    auto_close: bool | None = None
    auto_close_share_percent: int | None = None
    reminder_offsets_days: tuple[int, ...] | None = None


class MoveRequest(CycleInput):
    """Something that a person, or the clock (`operation_id` null), asks of a cycle."""

    move: Move
    operation_id: UUID | None = None
    changes: CycleChanges = CycleChanges()
    reason: str = ""


class MoveAt(MoveRequest):
    """A request at the workflow's time."""

    at: datetime


class MoveOutcome(Input):
    """The cycle after the move; not `done` when an opening waits for another cycle, or a deadline for files."""

    view: CycleView
    done: bool = True


WAITS = -1
"""What laying out a cycle returns, instead of the number of customers, when the clock's opening has to wait."""


class ShareView(Input):
    """Whether enough of the plan is submitted, and the share in percent for people (`-` when undefined)."""

    met: bool
    percent: str


def cycle_workflow_id(tenant_id: UUID, cycle_id: UUID) -> str:
    return f"cycle:{tenant_id}:{cycle_id}"


Missing.model_rebuild()
