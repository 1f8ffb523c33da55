"""What runs by the clock: one table, brought into Temporal as often as one likes. An operator's pause survives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from workflows.contracts import UPKEEP_SCHEDULE, UPKEEP_WORKFLOW, Input, UpkeepInput


@dataclass(frozen=True, slots=True)
class Entry:
    """Start `workflow` every `every` (counted in UTC). While one still runs, the next is skipped; what was missed is
    made up for only within `catch_up` (at least 10 s, the server's minimum)."""

    id: str
    workflow: str
    argument: Input
    every: timedelta
    catch_up: timedelta


SCHEDULES: tuple[Entry, ...] = (
    Entry(UPKEEP_SCHEDULE, UPKEEP_WORKFLOW, UpkeepInput(), every=timedelta(seconds=30), catch_up=timedelta(seconds=10)),
)


async def ensure_schedules(client: Client, task_queue: str) -> None:
    """Create what is missing and correct what differs; only the state (pause, note) stays as found."""
    for entry in SCHEDULES:
        wanted = _schedule(entry, task_queue)
        try:
            await client.create_schedule(entry.id, wanted)
        except ScheduleAlreadyRunningError:
            await client.get_schedule_handle(entry.id).update(_Correction(wanted))


@dataclass(frozen=True, slots=True)
class _Correction:
    wanted: Schedule

    def __call__(self, found: ScheduleUpdateInput) -> ScheduleUpdate:
        self.wanted.state = found.description.schedule.state
        return ScheduleUpdate(schedule=self.wanted)


def _schedule(entry: Entry, task_queue: str) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(entry.workflow, entry.argument, id=entry.id, task_queue=task_queue),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=entry.every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=entry.catch_up),
    )
