"""Looks for findings on master data and keeps them.

Idempotent: looking only reads, what it stores counts from the moment in which the job ends, and a run that was cut off
starts over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from temporalio import activity

from core.clock import now
from planning.findings import Finding, Moment
from planning.prices import average_price
from reports import findings as report
from services import findings, jobs, price_findings
from workflows.contracts import RUN_JOB_ACTIVITY, JobInput


@activity.defn(name=RUN_JOB_ACTIVITY.format(kind=findings.FINDINGS))
async def run_findings(asked: JobInput) -> None:
    """Run one look to its end."""
    job = await jobs.claim(asked.job_id)
    if job is None:
        return
    at = now()
    await findings.keep(job.id, _all(await findings.moment(at), job.id), at)


async def _all(moment: Moment, job_id: UUID) -> AsyncIterator[Finding]:
    """Every finding; customers first, because what they bought is what is at stake in the others."""

    async def customers(done: int) -> None:
        await jobs.report_progress(job_id, {"customers_done": done})

    async def prices(done: int) -> None:
        await jobs.report_progress(job_id, {"customers_done": done, "prices_done": done})

    sales = await report.product_sales(moment)
    averages = {product: average_price(sold.revenue, sold.quantity) for product, sold in sales.items()}
    revenues = report.Revenues()
    for found in (
        report.of_customers(moment, revenues, customers),
        report.of_products(moment, sales),
        report.duplicate_customers(revenues),
        report.duplicate_products(sales),
        price_findings.find(moment, averages, prices),
    ):
        async for finding in found:
            yield finding
