"""Exports: every kind of data as the template filled. Small ones are there at once, larger ones are polled."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from starlette.responses import Response, StreamingResponse

from api.dependencies import CurrentWorkflows, IdempotencyKey, ReceivedAt, allow
from api.envelope import Item, Page, accepted, item, page
from api.errors import errors
from api.queries import query_of
from api.routing import API, router_of
from api.schemas.exports import ExportQuery, ExportView, NewExport, show_export, show_row
from core.errors import Conflict, NotFound
from core.uploads import content_disposition
from planning.access import Action
from reports.filled import open_file
from services import exports
from services.identity import Caller

router = router_of("exports")

Reader = Annotated[Caller, allow(Action.EXPORT)]
THERE_ALREADY: dict[int | str, dict[str, Any]] = {
    201: {"description": "The file is there already.", "model": Item[ExportView]}
}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {
            name: {"schema": {"type": "string", "format": "binary"}} for name in exports.CONTENT_TYPES.values()
        },
    }
}


@router.post(
    "/exports",
    status_code=202,
    summary="Ask for an export",
    response_model=Item[ExportView],
    responses=THERE_ALREADY | errors(NotFound),
)
async def create_export(
    body: NewExport, caller: Reader, key: IdempotencyKey, workflows: CurrentWorkflows, received_at: ReceivedAt
) -> Response:
    """201 with the link to the file for up to 2,000 rows, else 202: poll Location. The file holds the customers and the
    columns that you see; importing it untouched changes nothing."""

    async def begin() -> UUID:
        return (await exports.request(caller, body.wanted(), received_at)).id

    async def run(export_id: UUID) -> Response:
        job = await exports.run_if_small(caller, export_id, open_file)
        location = f"{API}/exports/{job.id}"
        if job.state == "succeeded":
            return item(show_export(job), status=201, headers={"Location": location})
        await workflows.watch_job(exports.EXPORT, caller.tenant_id, caller.user_id, job.id)
        return accepted(show_export(job), location)

    return await key.resumed(begin, run)


@router.get("/exports", summary="List exports", response_model=Page[ExportView])
async def list_exports(
    query: Annotated[ExportQuery, query_of(ExportQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """Your own; managers and admins who see all customers see everybody's. Newest first."""
    listing = await exports.list_exports(
        caller, query.window("received_at"), received_at, kind=query.kind, state=query.state
    )
    listing.rows[:] = [show_row(row) for row in listing.rows]
    return page(listing, query.page, query.limit)


@router.get(
    "/exports/{export_id}", summary="Read an export", response_model=Item[ExportView], responses=errors(NotFound)
)
async def read_export(export_id: UUID, caller: Reader) -> Response:
    """Its state, how far it is, and the link to the file once it is there."""
    return item(show_export(await exports.read(caller, export_id)))


@router.get(
    "/exports/{export_id}/download",
    summary="Download the file of an export",
    response_class=StreamingResponse,
    responses=FILE | errors(NotFound, Conflict),
)
async def download_export(export_id: UUID, caller: Reader) -> Response:
    """The file is kept for a week."""
    stored, content = await exports.open_export(caller, export_id)
    headers = {"Content-Disposition": content_disposition(stored.name), "Content-Length": str(stored.size)}
    return StreamingResponse(content, headers=headers, media_type=stored.content_type)
