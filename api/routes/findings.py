"""What is missing or doubtful in the master data."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from starlette.responses import Response

from api.dependencies import CurrentWorkflows, IdempotencyKey, ReceivedAt, allow
from api.envelope import Item, Page, accepted, item, page
from api.errors import errors
from api.queries import query_of
from api.routing import API, router_of
from api.schemas.findings import (
    FindingQuery,
    FindingRow,
    FindingsSummary,
    Refresh,
    show_refresh,
    show_row,
    show_summary,
)
from core.errors import Conflict, NotFound
from planning.access import Action
from planning.findings import FindingKind
from services import findings
from services.identity import Caller

router = router_of("master-data")

Reader = Annotated[Caller, allow(Action.READ_FINDINGS)]


@router.get("/master-data/findings", summary="What is there to mend", response_model=Item[FindingsSummary])
async def summarize_findings(caller: Reader, received_at: ReceivedAt) -> Response:
    """Count and value at stake by kind, as of the last look; `POST …/refresh` looks again."""
    return item(show_summary(await findings.summary(caller, received_at)))


@router.post(
    "/master-data/findings/refresh",
    status_code=202,
    summary="Look for findings again",
    response_model=Item[Refresh],
    responses=errors(Conflict),
)
async def refresh_findings(caller: Reader, key: IdempotencyKey, workflows: CurrentWorkflows) -> Response:
    """Poll Location. A look that has not ended yet is answered instead of a second one."""
    asked: list[UUID] = []

    async def effect() -> Response:
        job = await findings.request()
        asked[:] = [job.id]
        return accepted(show_refresh(job), f"{API}/master-data/findings/refreshes/{job.id}")

    response = await key.once(effect)
    for job_id in asked:
        await workflows.watch_job(findings.FINDINGS, caller.tenant_id, caller.user_id, job_id)
    return response


@router.get(
    "/master-data/findings/refreshes/{refresh_id}",
    summary="Read how far a look is",
    response_model=Item[Refresh],
    responses=errors(NotFound),
)
async def read_findings_refresh(refresh_id: UUID, caller: Reader) -> Response:
    """Once it has succeeded, summary and lists show what it found."""
    return item(show_refresh(await findings.read_request(refresh_id)))


@router.get("/master-data/findings/{kind}", summary="List findings of a kind", response_model=Page[FindingRow])
async def list_findings(
    kind: FindingKind,
    query: Annotated[FindingQuery, query_of(FindingQuery)],
    caller: Reader,
    received_at: ReceivedAt,
) -> Response:
    """The largest value at stake first, with what each is about and the operation that mends it."""
    window = query.window(query.sort_by)
    listing, named = await findings.list_page(caller, kind, query.filter(), window, received_at)
    listing.rows[:] = [show_row(row, named) for row in listing.rows]
    return page(listing, query.page, query.limit)
