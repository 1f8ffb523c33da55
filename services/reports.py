"""Report jobs: asking for one, running it with the scope of who asked, and reading it.

The figures themselves are made in `reports`. A report shows the customers that its requester saw when it ran; it is
read by the requester and by managers and admins who see all customers, and does not exist for anybody else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from core.collections import scoped
from core.errors import Conflict, Detail, InvalidInput, NotFound
from core.listing import Listing, Window, read_page
from models.cycle import Cycle
from models.forecast import SnapshotMarker
from models.job import Job, StoredFile
from models.user import User
from planning.access import Scope, sees_all
from planning.months import Month
from planning.roles import Role
from services import cycles, files, jobs
from services.identity import Caller
from services.scopes import scope_of

REPORT = "report"
PLAN_VS_ACTUAL = "plan_vs_actual"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SEES_ALL_REPORTS = frozenset({Role.ADMIN, Role.MANAGER})
# Larger results are files: a job document stays cheap to poll, and far below what MongoDB stores in one.
INLINE_BYTES = 256 * 1024
KEEP_DAYS = jobs.KEPT_FOR.days

SHOWN = {
    "state": 1,
    "params": 1,
    "progress": 1,
    "error": 1,
    "requested_by": 1,
    "received_at": 1,
    "started_at": 1,
    "finished_at": 1,
}


@dataclass(frozen=True, slots=True)
class PlanVsActualWanted:
    """What is asked for; None = the graded close, the cycle's first and last month. `group_by`: the blocks of rows."""

    cycle_id: UUID
    close_number: int | None = None
    from_month: Month | None = None
    to_month: Month | None = None
    group_by: tuple[str, ...] = ("month", "customer", "product")


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report job and, when it has succeeded, what it found."""

    job: Job
    report: dict[str, Any] | None


async def request_plan_vs_actual(wanted: PlanVsActualWanted) -> Job:
    """Queue the report for the person in context. Start its workflow after the commit.

    NotFound without the cycle, Conflict before its first close, InvalidInput for a close or months that it has not.
    """
    cycle = await cycles.get(wanted.cycle_id)
    params = {
        "type": PLAN_VS_ACTUAL,
        "cycle_id": str(cycle.id),
        "close_number": await _close_number(cycle, wanted.close_number),
        "months": _months(cycle, wanted),
        "group_by": list(wanted.group_by),
    }
    return await jobs.create(REPORT, params)


async def list_reports(caller: Caller, window: Window, at: datetime, *, state: str | None = None) -> Listing:
    """Raw rows (`SHOWN`) of one page of the reports that the caller may read; results are read one by one."""
    query: dict[str, Any] = {"kind": REPORT} | jobs.still_kept(at)
    if state is not None:
        query["state"] = state
    if not _sees_all_reports(caller):
        query |= {"requested_by": caller.user_id} | _still_in_scope(caller)
    return await read_page(scoped(Job), query, SHOWN, window)


async def read(caller: Caller, job_id: UUID) -> ReportView:
    """The job with its report; NotFound when there is none, it is somebody else's, or it is no longer kept."""
    job = await _visible(caller, job_id)
    if job.state != "succeeded" or job.result is None:
        return ReportView(job, None)
    if "report" in job.result:
        return ReportView(job, job.result["report"])
    parts = [part async for part in files.stream(UUID(job.result["report_file_id"]))]
    return ReportView(job, orjson.loads(b"".join(parts)))


async def open_workbook(caller: Caller, job_id: UUID) -> tuple[StoredFile, AsyncIterator[bytes]]:
    """The workbook and its bytes; NotFound as `read`, Conflict while the report has not succeeded."""
    job = await _visible(caller, job_id)
    if job.result_file_id is None:
        raise Conflict(f"The report is {job.state}; there is no file to download.")
    return await files.get(job.result_file_id), files.stream(job.result_file_id)


async def scope_of_requester(job: Job, at: datetime) -> Scope | None:
    """Whose customers the requester sees now; None when the requester is gone or no longer active."""
    user = await scoped(User).row({"_id": job.requested_by, "is_active": True}, {"role": 1, "regions": 1})
    if user is None:
        return None
    return await scope_of(user["role"], user["_id"], at, user.get("regions", ()))


async def keep(job_id: UUID, report: dict[str, Any], workbook: Path, name: str, *, all_customers: bool) -> None:
    """Store both forms of the report and end its job. A second run stores anew; what it replaces expires."""
    stored = await files.store(workbook, name=name, content_type=XLSX, keep_days=KEEP_DAYS)
    result: dict[str, Any] = {"all_customers": all_customers}
    body = orjson.dumps(report)
    if len(body) <= INLINE_BYTES:
        result["report"] = report
    else:
        as_file = await files.store(body, name="report.json", content_type="application/json", keep_days=KEEP_DAYS)
        result["report_file_id"] = str(as_file.id)
    await jobs.succeed(job_id, result, result_file_id=stored.id)


async def _visible(caller: Caller, job_id: UUID) -> Job:
    refusal = NotFound("There is no such report, or it is not yours to see.")
    try:
        job = await jobs.get(job_id)
    except NotFound as error:
        raise refusal from error
    if job.kind != REPORT:
        raise refusal
    if _sees_all_reports(caller):
        return job
    wider_than_role = not sees_all(caller.role, caller.regions) and bool((job.result or {}).get("all_customers"))
    if job.requested_by != caller.user_id or wider_than_role:
        raise refusal
    return job


def _sees_all_reports(caller: Caller) -> bool:
    return caller.role in SEES_ALL_REPORTS and sees_all(caller.role, caller.regions)


def _still_in_scope(caller: Caller) -> dict[str, Any]:
    """Somebody who became a sales rep, or got regions, no longer sees the reports over all customers from before."""
    return {} if sees_all(caller.role, caller.regions) else {"result.all_customers": {"$ne": True}}


async def _close_number(cycle: Cycle, wanted: int | None) -> int:
    number = cycle.graded_close if wanted is None else wanted
    if number is None:
        raise Conflict("The cycle has not been closed yet, so there is no approved plan to compare.")
    if not await scoped(SnapshotMarker).exists({"cycle_id": cycle.id, "close_number": number}):
        raise InvalidInput(details=[Detail("close_number", f"The cycle has no finished close {number}.")])
    return number


def _months(cycle: Cycle, wanted: PlanVsActualWanted) -> list[Month]:
    first, last = wanted.from_month or cycle.months[0], wanted.to_month or cycle.months[-1]
    span = f"one of the planned months, {cycle.months[0]} to {cycle.months[-1]}"
    asked = (("from_month", first), ("to_month", last))
    problems = [Detail(name, f"must be {span}") for name, month in asked if month not in cycle.months]
    if not problems and last < first:
        problems = [Detail("to_month", "must not be before from_month")]
    if problems:
        raise InvalidInput(details=problems)
    return [month for month in cycle.months if first <= month <= last]
