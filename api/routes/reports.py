"""Reports: asked for, polled, read as JSON and downloaded as a workbook."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from starlette.responses import Response, StreamingResponse

from api.dependencies import CurrentWorkflows, IdempotencyKey, ReceivedAt, allow
from api.envelope import Item, Page, accepted, item, page
from api.errors import errors
from api.queries import query_of
from api.routing import API, router_of
from api.schemas.reports import NewReport, ReportAnswer, ReportJob, ReportQuery, show, show_job, show_row
from core.errors import Conflict, NotFound
from core.uploads import content_disposition
from planning.access import Action
from services import reports
from services.identity import Caller

router = router_of("reports")

Reader = Annotated[Caller, allow(Action.READ_REPORT)]
WORKBOOK: dict[int | str, dict[str, Any]] = {
    200: {"description": "The workbook.", "content": {reports.XLSX: {"schema": {"type": "string", "format": "binary"}}}}
}


@router.post(
    "/reports/generate",
    status_code=202,
    summary="Ask for a report",
    response_model=Item[ReportJob],
    responses=errors(NotFound, Conflict),
)
async def generate_report(
    body: NewReport,
    caller: Annotated[Caller, allow(Action.GENERATE_REPORT)],
    key: IdempotencyKey,
    workflows: CurrentWorkflows,
) -> Response:
    """Poll Location. The report shows the customers that you see when it runs; only closed cycles have one."""
    queued: list[UUID] = []

    async def effect() -> Response:
        job = await reports.request_plan_vs_actual(body.wanted())
        queued[:] = [job.id]
        return accepted(show_job(job), f"{API}/reports/{job.id}")

    response = await key.once(effect)
    for job_id in queued:
        await workflows.watch_job(reports.REPORT, caller.tenant_id, caller.user_id, job_id)
    return response


@router.get("/reports", summary="List reports", response_model=Page[ReportJob])
async def list_reports(
    query: Annotated[ReportQuery, query_of(ReportQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """Your own; managers and admins see everybody's. Newest first, without what they found."""
    state = None if query.state is None else str(query.state)
    listing = await reports.list_reports(caller, query.window("received_at"), received_at, state=state)
    listing.rows[:] = [show_row(row) for row in listing.rows]
    return page(listing, query.page, query.limit)


@router.get(
    "/reports/{report_id}", summary="Read a report", response_model=Item[ReportAnswer], responses=errors(NotFound)
)
async def read_report(report_id: UUID, caller: Reader) -> Response:
    """Its state and, once it has succeeded, all figures."""
    return item(show(await reports.read(caller, report_id), f"{API}/reports/{report_id}/download"))


@router.get(
    "/reports/{report_id}/download",
    summary="Download a report as .xlsx",
    response_class=StreamingResponse,
    responses=WORKBOOK | errors(NotFound, Conflict),
)
async def download_report(report_id: UUID, caller: Reader) -> Response:
    """The workbook: a summary, and a sheet for each kind of rows, with every row."""
    stored, content = await reports.open_workbook(caller, report_id)
    headers = {"Content-Disposition": content_disposition(stored.name), "Content-Length": str(stored.size)}
    return StreamingResponse(content, headers=headers, media_type=stored.content_type)
