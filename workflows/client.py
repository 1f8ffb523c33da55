"""The way to Temporal for everyone who is not a workflow. The API starts without Temporal; what needs it is refused
with `TemporalUnavailable` within about three seconds, and works again as soon as Temporal does.

Starting is idempotent by workflow id. What could not be started lies in the database as a document; upkeep finds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from core.errors import Detail, PlanwrightError, TemporalUnavailable, Unavailable, error_by_code
from core.settings import TemporalSettings
from core.temporal import connect_temporal
from workflows import contracts

T = TypeVar("T")
log = structlog.get_logger(__name__)

MOVE_WITHIN = timedelta(seconds=5)
ANSWER_WITHIN = timedelta(seconds=3)
# A worker's long poll lasts a minute, so a living one is seen at least that often.
POLLED_WITHIN = timedelta(seconds=75)
AWAY = frozenset({RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED})


class Workflows:
    """Starts workflows by name. Connects at the first use; one instance per process and event loop."""

    def __init__(self, settings: TemporalSettings, client: Client | None = None) -> None:
        self._settings = settings
        self._connected = client
        self._connecting = asyncio.Lock()

    async def ping(self) -> None:
        """Raises TemporalUnavailable unless Temporal answers."""
        client = await self._client()
        await self._ask(client.service_client.check_health(timeout=ANSWER_WITHIN))

    async def has_worker(self) -> bool:
        """Whether a worker has asked for work lately; raises TemporalUnavailable."""
        client = await self._client()
        request = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=self._settings.temporal_task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        answer = await self._ask(client.workflow_service.describe_task_queue(request, timeout=ANSWER_WITHIN))
        since = datetime.now(UTC) - POLLED_WITHIN
        return any(poller.last_access_time.ToDatetime(UTC) >= since for poller in answer.pollers)

    async def start_job(self, kind: str, tenant_id: UUID, user_id: UUID | None, job_id: UUID) -> None:
        """Run a queued job; a job that was started before stays as it is."""
        await self._start(
            contracts.RUN_JOB_WORKFLOW,
            contracts.JobInput(tenant_id=tenant_id, user_id=user_id, job_id=job_id, kind=kind),
            contracts.job_workflow_id(job_id),
            WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )

    async def watch_job(self, kind: str, tenant_id: UUID, user_id: UUID | None, job_id: UUID) -> None:
        """`start_job` for when the job is stored already: upkeep makes up for Temporal being away."""
        try:
            await self.start_job(kind, tenant_id, user_id, job_id)
        except TemporalUnavailable as error:
            log.info("job_not_started_yet", job_id=str(job_id), reason=str(error))

    async def start_mails(self, tenant_id: UUID) -> None:
        """Deliver what is queued for the tenant; one delivery at a time."""
        await self._start(
            contracts.DELIVER_MAILS_WORKFLOW,
            contracts.MailsInput(tenant_id=tenant_id),
            contracts.mails_workflow_id(tenant_id),
        )

    async def start_rollups(self, tenant_id: UUID) -> None:
        """Recompute the tenant's dirty rollups; one recomputation at a time."""
        await self._start(
            contracts.REFRESH_ROLLUPS_WORKFLOW,
            contracts.RollupsInput(tenant_id=tenant_id),
            contracts.rollups_workflow_id(tenant_id),
        )

    async def start_cycle(self, tenant_id: UUID, cycle_id: UUID) -> None:
        """Let the cycle's workflow watch its clock; one that runs already stays as it is."""
        await self._start(
            contracts.PLANNING_CYCLE_WORKFLOW,
            contracts.CycleInput(tenant_id=tenant_id, cycle_id=cycle_id),
            contracts.cycle_workflow_id(tenant_id, cycle_id),
        )

    async def watch_cycle(self, tenant_id: UUID, cycle_id: UUID) -> None:
        """`start_cycle` for when nobody waits for it: upkeep makes up for Temporal being away."""
        try:
            await self.start_cycle(tenant_id, cycle_id)
        except TemporalUnavailable as error:
            log.info("cycle_not_watched_yet", cycle_id=str(cycle_id), reason=str(error))

    async def move_cycle(
        self, request: contracts.MoveRequest, *, wait: timedelta = MOVE_WITHIN
    ) -> contracts.CycleView | None:
        """Ask the cycle's workflow, starting it if it does not run; None when it is not done within `wait` after it was
        accepted. A refusal is raised as the error it is. The update's id is the operation's: asking again with the same
        operation is asking once.
        """
        client = await self._client()
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            contracts.PLANNING_CYCLE_WORKFLOW,
            contracts.CycleInput(tenant_id=request.tenant_id, cycle_id=request.cycle_id),
            id=contracts.cycle_workflow_id(request.tenant_id, request.cycle_id),
            task_queue=self._settings.temporal_task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        asking = client.start_update_with_start_workflow(
            contracts.MOVE_UPDATE,
            request,
            start_workflow_operation=start,
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            id=str(request.operation_id),
            result_type=contracts.CycleView,
        )
        try:
            handle = await self._ask(asking)
            async with asyncio.timeout(wait.total_seconds()):
                view: contracts.CycleView = await handle.result()
                return view
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            return None
        except WorkflowUpdateFailedError as error:
            raise refusal_of(error.cause) from error
        except RPCError as error:
            # Accepted is accepted: whoever asked polls the operation.
            if error.status in AWAY:
                return None
            raise

    async def nudge_cycle(self, tenant_id: UUID, cycle_id: UUID) -> None:
        """Tell the workflow that something changed. Nobody waits for it, and upkeep makes up for a lost one."""
        try:
            client = await self._client()
            handle = client.get_workflow_handle(contracts.cycle_workflow_id(tenant_id, cycle_id))
            await self._ask(handle.signal(contracts.NUDGE_SIGNAL))
        except (TemporalUnavailable, RPCError) as error:
            log.info("nudge_lost", cycle_id=str(cycle_id), reason=str(error))

    async def _start(
        self,
        workflow: str,
        argument: contracts.Input,
        workflow_id: str,
        reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    ) -> None:
        client = await self._client()
        starting = client.start_workflow(
            workflow,
            argument,
            id=workflow_id,
            task_queue=self._settings.temporal_task_queue,
            id_reuse_policy=reuse,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            rpc_timeout=ANSWER_WITHIN,
        )
        try:
            await self._ask(starting)
        except WorkflowAlreadyStartedError:
            return

    async def _client(self) -> Client:
        """The connected client; raises TemporalUnavailable within ANSWER_WITHIN when it can't be reached."""
        if self._connected is not None:
            return self._connected
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()), self._connecting:
                if self._connected is None:
                    self._connected = await connect_temporal(self._settings)
                return self._connected
        except TimeoutError as error:
            raise TemporalUnavailable() from error

    async def _ask(self, call: Awaitable[T]) -> T:
        """Wait for a call to the server; raises TemporalUnavailable when it does not answer in time."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                return await call
        except TimeoutError as error:
            raise TemporalUnavailable() from error
        except RPCError as error:
            if error.status in AWAY:
                raise TemporalUnavailable() from error
            raise


def refusal_of(cause: BaseException | None) -> PlanwrightError:
    """What a workflow refused, as the error that it was before it travelled (see `activities.failures`)."""
    if not isinstance(cause, ApplicationError) or cause.type is None:
        return Unavailable("The step did not come to an end; look at the operation, and ask again.")
    told = cause.details[0] if cause.details else {}
    details = [Detail(one["field"], one["message"]) for one in told.get("details", [])]
    return error_by_code(cause.type)(cause.message, details=details)
