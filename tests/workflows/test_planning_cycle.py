"""The cycle's workflow on the real server, which skips time: 45 days in seconds, with moved deadlines and refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.testing import TimeSkipper

from core.clock import now
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import Conflict, InvalidInput
from core.settings import Settings
from models.audit import AuditEvent
from models.cycle import Cycle, Operation
from models.forecast import Sheet, SnapshotMarker
from models.job import Mail
from models.tenant import Tenant
from planning.cells import CellChange
from planning.stages import Move
from services import cycles, forecasts, operations, submissions
from services.cycles import CycleDraft
from services.forecasts import LineChange
from tests.companies import UNITS, make_company
from tests.eventually import eventually
from tests.workflows.conftest import Remember, StartWorker
from workflows.client import Workflows
from workflows.contracts import CycleChanges, CycleView, MoveRequest, cycle_workflow_id

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Round:
    """A cycle with its running workflow, moved through time by hand."""

    workflows: Workflows
    skipper: TimeSkipper
    tenant_id: UUID
    cycle_id: UUID

    @property
    def handle(self) -> WorkflowHandle[object, object]:
        return self.skipper.client.get_workflow_handle(cycle_workflow_id(self.tenant_id, self.cycle_id))

    async def wait(self, duration: timedelta) -> None:
        """Let this much time pass for the workflow."""
        await self.skipper.fast_forward(self.handle, duration)

    async def ask(self, move: Move, **changes: object) -> CycleView | None:
        operation = await operations.begin(move, self.cycle_id, {})
        request = MoveRequest(
            tenant_id=self.tenant_id,
            cycle_id=self.cycle_id,
            move=move,
            operation_id=operation.id,
            changes=CycleChanges.model_validate(changes),
            reason="asked by a test",
        )
        return await self.workflows.move_cycle(request, wait=timedelta(seconds=20))

    async def stage(self) -> str:
        return (await cycles.get(self.cycle_id)).stage

    async def reaches(self, stage: str) -> Cycle:
        async def reached() -> bool:
            return await self.stage() == stage

        await eventually(reached, within=20)
        return await cycles.get(self.cycle_id)


Start = Callable[[CycleDraft], AbstractAsyncContextManager[Round]]


@pytest.fixture
def start(tenant: Tenant, own_settings: Settings, worker: StartWorker, time_skipper: TimeSkipper) -> Start:
    """`async with start(draft) as cycle:` runs the draft's workflow on a worker of its own, time standing still."""

    @asynccontextmanager
    async def running(draft: CycleDraft) -> AsyncIterator[Round]:
        workflows = Workflows(own_settings.temporal, time_skipper.client)
        async with worker(client=time_skipper.client):
            cycle = await cycles.create(draft, now())
            with time_skipper.with_time_skipping_disabled():
                await workflows.start_cycle(tenant.id, cycle.id)
            yield Round(workflows, time_skipper, tenant.id, cycle.id)

    return running


def in_45_days(**changes: Any) -> CycleDraft:
    today = now()
    values = {"opens_at": today + 5 * DAY, "entry_closes_at": today + 20 * DAY, "closes_at": today + 30 * DAY}
    return CycleDraft("Forty-five days", **{**values, **changes})


async def test_a_cycle_of_45_days_opens_follows_two_moved_deadlines_and_closes_by_itself(
    tenant: Tenant, start: Start, remember: Remember
) -> None:
    today = now()
    with tenant_scope(tenant.id):
        company = await make_company()
        draft = in_45_days(auto_close=True, auto_close_share_percent=50)
        async with start(draft) as cycle:
            await cycle.wait(6 * DAY)
            opened = await cycle.reaches("entry")
            assert opened.opened_at is not None
            assert timedelta(0) <= opened.opened_at - (today + 5 * DAY) < timedelta(hours=1)

            await cycle.ask(Move.RESCHEDULE, entry_closes_at=today + 28 * DAY, closes_at=today + 40 * DAY)
            await cycle.wait(16 * DAY)
            assert await cycle.stage() == "entry"
            await cycle.ask(Move.RESCHEDULE, entry_closes_at=today + 35 * DAY, closes_at=today + 45 * DAY)
            await cycle.wait(10 * DAY)
            assert await cycle.stage() == "entry"

            change = LineChange(company.tea.id, CellChange(opened.months[0], 0, quantity=9 * UNITS))
            await forecasts.save(cycle.cycle_id, company.customer.id, [change], today + 32 * DAY)
            with acting_as(company.rep.id):
                await submissions.submit(
                    cycle.cycle_id, company.customer.id, confirm_zero=False, received_at=today + 32 * DAY
                )
            await cycle.wait(4 * DAY)
            locked = await cycle.reaches("review")
            assert locked.entry_closed_at is not None
            assert timedelta(seconds=30) <= locked.entry_closed_at - (today + 35 * DAY) < timedelta(hours=1)

            await cycle.wait(10 * DAY)
            closed = await cycle.reaches("closed")
            assert await scoped(SnapshotMarker).count({}) == 1
            assert (closed.close_number, closed.closed_by) == (1, None)
            events = await scoped(AuditEvent).documents({"entity": "cycle"}, sort=[("at", 1)])
            actions = [event.action for event in events]
            assert actions == [
                "cycle.created",
                "cycle.opened",
                "cycle.rescheduled",
                "cycle.rescheduled",
                "cycle.entry_locked",
                "cycle.closing",
                "cycle.closed",
            ]
            await ended(cycle)
            await remember(cycle.handle, "planning-cycle-45-days")


async def ended(cycle: Round) -> None:
    async def completed() -> bool:
        description = await cycle.handle.describe()
        return description.status == WorkflowExecutionStatus.COMPLETED

    await eventually(completed, within=20)


async def test_below_the_share_it_stays_open_tells_managers_once_and_closes_when_enough_is_submitted(
    tenant: Tenant, start: Start
) -> None:
    today = now()
    with tenant_scope(tenant.id):
        company = await make_company()
        draft = in_45_days(auto_close=True, auto_close_share_percent=100)
        async with start(draft) as cycle:
            await cycle.wait(6 * DAY)
            await cycle.reaches("entry")
            await cycle.wait(15 * DAY)
            await cycle.reaches("review")
            await cycle.wait(9 * DAY + timedelta(hours=3))

            async def told() -> bool:
                return await scoped(Mail).count({"template": "cycle-below-share"}) == 1

            await eventually(told)
            assert await cycle.stage() == "review"
            # What a returned sheet does in review: it is submitted again.
            await scoped(Sheet).update_one({"customer_id": company.customer.id}, {"$set": {"state": "submitted"}})
            await cycle.workflows.nudge_cycle(tenant.id, cycle.cycle_id)
            await cycle.reaches("closed")
            assert await scoped(Mail).count({"template": "cycle-below-share"}) == 1
            assert today < (await cycles.get(cycle.cycle_id)).closes_at


async def test_a_manager_opens_closes_and_reopens_and_is_refused_what_does_not_fit(
    tenant: Tenant, start: Start, remember: Remember
) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        async with start(in_45_days(opens_at=None)) as cycle:
            with pytest.raises(Conflict, match="only one that is closed"):
                await cycle.ask(Move.REOPEN, closes_at=now() + 99 * DAY)
            opened = await cycle.ask(Move.OPEN)
            assert opened is not None
            assert opened.stage == "entry"
            with pytest.raises(InvalidInput, match="must be in the future"):
                await cycle.ask(Move.RESCHEDULE, entry_closes_at=now() - DAY)
            await cycle.ask(Move.CLOSE)
            await cycle.reaches("closed")
            await ended(cycle)
            with pytest.raises(Conflict):
                await cycle.ask(Move.CLOSE)
            reopened = await cycle.ask(Move.REOPEN, entry_closes_at=now() + 50 * DAY, closes_at=now() + 60 * DAY)
            assert reopened is not None
            assert reopened.stage == "entry"
            await cycle.ask(Move.CLOSE)

            async def second_close() -> bool:
                return await scoped(SnapshotMarker).count({}) == 2

            await eventually(second_close, within=20)
            await ended(cycle)
            await remember(cycle.handle, "planning-cycle-reopened")
            states = [one.state for one in await scoped(Operation).documents({}, sort=[("created_at", 1)])]
            assert states.count("succeeded") == 4


async def test_the_same_operation_asked_twice_is_done_once(tenant: Tenant, start: Start) -> None:
    with tenant_scope(tenant.id):
        await make_company()
        async with start(in_45_days(opens_at=None)) as cycle:
            operation = await operations.begin(Move.OPEN, cycle.cycle_id, {})
            request = MoveRequest(
                tenant_id=tenant.id, cycle_id=cycle.cycle_id, move=Move.OPEN, operation_id=operation.id
            )
            for _ in range(2):
                view = await cycle.workflows.move_cycle(request, wait=timedelta(seconds=20))
                assert view is not None
                assert view.stage == "entry"
            assert await scoped(AuditEvent).count({"action": "cycle.opened"}) == 1
            await cycle.ask(Move.CANCEL)
            await ended(cycle)


async def test_the_workflow_of_a_deleted_draft_ends(tenant: Tenant, start: Start) -> None:
    with tenant_scope(tenant.id):
        async with start(in_45_days(opens_at=None)) as cycle:
            await cycles.delete_draft(cycle.cycle_id)
            await cycle.workflows.nudge_cycle(tenant.id, cycle.cycle_id)
            await ended(cycle)
