"""Makes a report: figures and workbook, with the scope that the requester has when it runs.

Idempotent: a report only reads, so a run that was cut off starts over; a job that has ended is left alone.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from temporalio import activity

from core.clock import now
from models.job import Job
from reports import plan_vs_actual, plan_vs_actual_dress
from reports.plan_vs_actual import Block, Question
from reports.workbooks import write_xlsx
from services import jobs
from services import reports as report_jobs
from services.scopes import ids_in
from workflows.contracts import RUN_JOB_ACTIVITY, JobInput


@activity.defn(name=RUN_JOB_ACTIVITY.format(kind=report_jobs.REPORT))
async def run_report(asked: JobInput) -> None:
    """Run one report job to its end."""
    job = await jobs.claim(asked.job_id)
    if job is None:
        return
    at = now()
    scope = await report_jobs.scope_of_requester(job, at)
    if scope is None:
        await jobs.reject(job.id, "Whoever asked for the report is no longer an active user.")
        return

    async def progress(done: int, total: int) -> None:
        await jobs.report_progress(job.id, {"customers_done": done, "customers_total": total})

    question = question_of(job, await ids_in(scope))
    report = await plan_vs_actual.load(question, at, progress)
    with TemporaryDirectory() as directory:
        workbook = Path(directory) / "report.xlsx"
        # In a thread: thousands of rows take seconds, and the worker has other things to do meanwhile.
        await asyncio.to_thread(write_xlsx, workbook, plan_vs_actual_dress.sheets(report))
        name = plan_vs_actual_dress.file_name(report)
        body = plan_vs_actual_dress.as_json(report)
        await report_jobs.keep(job.id, body, workbook, name, all_customers=scope.all_customers)


def question_of(job: Job, customer_ids: frozenset[UUID] | None) -> Question:
    """The stored parameters as the report understands them; None = all customers."""
    params = job.params
    return Question(
        cycle_id=UUID(params["cycle_id"]),
        close_number=params["close_number"],
        months=tuple(params["months"]),
        customer_ids=customer_ids,
        blocks=frozenset(Block(block) for block in params["group_by"]),
    )
