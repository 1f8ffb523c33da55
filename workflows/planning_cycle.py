"""The life of one cycle: opens at its time, follows moved deadlines, locks entry, closes, and is reopened.

This workflow is the only mover of its cycle, and MongoDB is the truth: it reads the cycle again at every wake. People
ask by the update `move`; the clock asks by itself. Both go through the same activities, one at a time.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from core.errors import Conflict
    from planning.stages import (
        FINAL,
        RETRY_CLOSE,
        RETRY_OPEN,
        CycleClock,
        Deadlines,
        Due,
        Move,
        Stage,
        judge_move,
        next_due,
        retry_after,
    )
    from workflows import policies
    from workflows.contracts import (
        COPY_SNAPSHOT_ACTIVITY,
        MEASURE_SHARE_ACTIVITY,
        MOVE_CYCLE_ACTIVITY,
        MOVE_UPDATE,
        NUDGE_SIGNAL,
        PLANNING_CYCLE_WORKFLOW,
        PREPARE_CYCLE_ACTIVITY,
        READ_CYCLE_ACTIVITY,
        SEAL_SNAPSHOT_ACTIVITY,
        WAITS,
        CycleAt,
        CycleInput,
        CycleView,
        MailsInput,
        MoveAt,
        MoveOutcome,
        MoveRequest,
        ShareView,
    )
    from workflows.deliver_mails import start_mails


@workflow.defn(name=PLANNING_CYCLE_WORKFLOW)
class PlanningCycle:
    """One run lives until its cycle is closed or cancelled; reopening starts the next run under the same id."""

    @workflow.init
    def __init__(self, cycle: CycleInput) -> None:
        self.cycle = cycle
        self.view: CycleView | None = None
        self.fresh = False
        self.moving = asyncio.Lock()
        self.woken = False
        self.retry_at: datetime | None = None

    @workflow.run
    async def run(self, cycle: CycleInput) -> None:
        while True:
            self.woken = False
            await self.read()
            if self.finished:
                await workflow.wait_condition(workflow.all_handlers_finished)
                if not self.woken:
                    return
            elif self.stage is Stage.CLOSING:
                await self.freeze()
            elif await self.until_due():
                await self.advance()
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(cycle)

    @workflow.update(name=MOVE_UPDATE)
    async def move(self, request: MoveRequest) -> CycleView:
        """A person asks; refused with the reason, else the cycle as it stands after the move."""
        try:
            async with self.moving:
                outcome = await self.carry_out(request)
                self.retry_at = None
        except ActivityError as error:
            raise refusal(error) from error
        finally:
            self.woken = True
        return outcome.view

    @move.validator
    def check_move(self, request: MoveRequest) -> None:
        """Refuse at once what the stage does not allow; while another move runs, its end decides."""
        if not self.fresh or self.moving.locked():
            return
        verdict = judge_move(request.move, self.stage)
        if not verdict.allowed:
            raise ApplicationError(verdict.reason, type=Conflict.code(), non_retryable=True)

    @workflow.signal(name=NUDGE_SIGNAL)
    def nudge(self) -> None:
        """Something changed that may matter (a submission, a deleted draft): look again, and try again at once."""
        self.woken = True
        self.retry_at = None

    @property
    def stage(self) -> Stage:
        return self.view.stage if self.view else Stage.CANCELLED

    @property
    def finished(self) -> bool:
        return self.view is None or not self.view.exists or self.stage in FINAL

    async def read(self) -> None:
        """What is read while a move ends may be older than that move: then nothing is refused by it."""
        self.fresh = False
        self.view = await workflow.execute_activity(
            READ_CYCLE_ACTIVITY, self.cycle, result_type=CycleView, **policies.QUICK
        )
        self.fresh = not self.woken

    def due(self) -> Due | None:
        """What the clock asks for next, by the cycle as it was last read."""
        view = self.view
        if view is None or view.entry_closes_at is None or view.closes_at is None:
            return None
        deadlines = Deadlines(view.opens_at, view.entry_closes_at, view.closes_at)
        grace = timedelta(seconds=view.grace_seconds)
        return next_due(CycleClock(self.stage, deadlines, view.auto_close, grace, self.retry_at))

    async def until_due(self) -> bool:
        """Sleep until the next deadline; False when something else woke us."""
        due = self.due()
        timeout = None if due is None else max(timedelta(0), due.at - workflow.now())
        try:
            await workflow.wait_condition(lambda: self.woken, timeout=timeout)
        except TimeoutError:
            return True
        return False

    async def advance(self) -> None:
        """Do what the clock asks, if it still asks for it. What can't be done yet is tried again later, or at once if
        something changed while it was tried."""
        async with self.moving:
            self.woken = False
            await self.read()
            due = self.due()
            if due is None or due.at > workflow.now():
                return
            self.retry_at = None
            pause = await self.attempt(due.move)
            if pause is not None and not self.woken:
                self.retry_at = workflow.now() + pause

    async def attempt(self, move: Move) -> timedelta | None:
        """One try of what the clock asks for; how long to wait before the next one, None when it is done."""
        try:
            if move is Move.CLOSE and not await self.share_met():
                return RETRY_CLOSE
            outcome = await self.carry_out(MoveRequest(**dict(self.cycle), move=move))
        except ActivityError as error:
            workflow.logger.warning("cycle-move-refused", extra={"move": move, "reason": str(error.cause)})
            return RETRY_OPEN
        return None if outcome.done else retry_after(move)

    async def share_met(self) -> bool:
        share: ShareView = await workflow.execute_activity(
            MEASURE_SHARE_ACTIVITY, self.at_now(), result_type=ShareView, **policies.BATCH
        )
        if not share.met:
            await self.deliver()
        return share.met

    async def carry_out(self, request: MoveRequest) -> MoveOutcome:
        """One move, whoever asks for it. An opening is laid out before the cycle changes its stage."""
        if request.move is Move.OPEN and await self.lay_out(request) == WAITS and self.view is not None:
            await self.deliver()
            return MoveOutcome(view=self.view, done=False)
        asked = MoveAt(**dict(request), at=workflow.now())
        outcome: MoveOutcome = await workflow.execute_activity(
            MOVE_CYCLE_ACTIVITY, asked, result_type=MoveOutcome, **policies.QUICK
        )
        self.view = outcome.view
        await self.deliver()
        return outcome

    async def lay_out(self, request: MoveRequest) -> int:
        asked = MoveAt(**dict(request), at=workflow.now())
        laid_out: int = await workflow.execute_activity(
            PREPARE_CYCLE_ACTIVITY, asked, result_type=int, **policies.BATCH
        )
        return laid_out

    async def freeze(self) -> None:
        """Copy the snapshot and seal it; both go on where a crash left them."""
        async with self.moving:
            await workflow.execute_activity(COPY_SNAPSHOT_ACTIVITY, self.cycle, result_type=int, **policies.BATCH)
            self.view = await workflow.execute_activity(
                SEAL_SNAPSHOT_ACTIVITY, self.at_now(), result_type=CycleView, **policies.BATCH
            )
            await self.deliver()

    async def deliver(self) -> None:
        """Have queued mails delivered; a delivery that runs already takes them along, or upkeep finds them."""
        await start_mails(MailsInput(tenant_id=self.cycle.tenant_id))

    def at_now(self) -> CycleAt:
        return CycleAt(**dict(self.cycle), at=workflow.now())


def refusal(error: ActivityError) -> ApplicationError:
    """What an activity refused, as the update's own failure: only that type may leave a handler."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return ApplicationError(cause.message, *cause.details, type=cause.type, non_retryable=True)
    return ApplicationError("The step did not come to an end; ask for it again.", type="unavailable")
