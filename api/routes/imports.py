"""Imports: a file is sent, checked at the door, kept and applied by a worker; the caller polls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Request, UploadFile
from starlette.responses import Response, StreamingResponse

from api.dependencies import CurrentWorkflows, IdempotencyKey, ReceivedAt, allow
from api.envelope import Item, Page, accepted, item, page
from api.errors import errors
from api.queries import query_of
from api.routing import API, router_of
from api.schemas.imports import ImportAnswer, ImportForm, ImportQuery, ImportRow, UndoPreview
from core.errors import Conflict, NotFound, UnsupportedFile
from core.uploads import UploadLimits, check_upload, content_disposition, safe_display_name
from planning.access import Action
from services import files, import_errors, imports, mappings, undo
from services.identity import Caller

router = router_of("imports")

WORKBOOK: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The marked copy.",
        "content": {imports.CONTENT_TYPES["xlsx"]: {"schema": {"type": "string", "format": "binary"}}},
    }
}

Importer = Annotated[Caller, allow(Action.IMPORT_FORECASTS)]
"""Who may import anything at all; the kind of the file asks further."""
Reader = Annotated[Caller, allow(Action.READ_IMPORT)]
Undoer = Annotated[Caller, allow(Action.UNDO_IMPORT)]


@router.post(
    "/imports",
    status_code=202,
    summary="Import a file",
    response_model=Item[ImportAnswer],
    responses=errors(UnsupportedFile),
)
async def create_import(
    form: Annotated[ImportForm, Form(media_type="multipart/form-data")],
    request: Request,
    caller: Importer,
    key: IdempotencyKey,
    workflows: CurrentWorkflows,
    received_at: ReceivedAt,
) -> Response:
    """Poll Location. Rows are found by their natural keys, so the same file twice changes nothing.

    Titles above the header, totals below the table and other sheets are passed over; see docs/imports.md. Forecasts are
    for everybody who plans, own customers only; a deadline is met by when the request began.
    """
    options = form.forecast_options()
    await imports.check_allowed(caller.actor, form.kind, form.complete_until, options)
    imports.check_mode(form.kind, form.mode, form.on_error)
    limits = UploadLimits(file_bytes=request.app.state.settings.http.upload_limit_bytes)
    name = form.file.filename or ""
    file_kind = await asyncio.to_thread(check_upload, form.file.file, name, limits=limits)
    reading = await mappings.reading_options(form.kind, file_kind, form.hints())
    stored = await files.store(
        _chunks(form.file),
        name=safe_display_name(name),
        content_type=imports.CONTENT_TYPES[file_kind],
        max_bytes=limits.file_bytes,
    )
    queued: list[UUID] = []

    async def effect() -> Response:
        job = await imports.accept(
            stored,
            kind=form.kind,
            file_kind=file_kind,
            dry_run=form.dry_run,
            complete_until=form.complete_until,
            mode=form.mode,
            on_error=form.on_error,
            reading=reading,
            options=options,
            received_at=received_at,
        )
        await mappings.keep_with_import(form.kind, form.hints(), reading)
        queued[:] = [job.id]
        return accepted(await imports.read(job.id), f"{API}/imports/{job.id}")

    said = (form.kind, form.dry_run, form.complete_until, form.mode, form.on_error, form.hints(), options)
    sent = "|".join(map(str, (stored.sha256, *said)))
    response = await key.once(effect, fingerprint=sent)
    for job_id in queued:
        await workflows.watch_job(imports.KIND, caller.tenant_id, caller.user_id, job_id)
    return response


@router.get("/imports", summary="List imports", response_model=Page[ImportRow])
async def list_imports(
    query: Annotated[ImportQuery, query_of(ImportQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """Newest first, without their row errors: all for those who may import, else the own ones."""
    window, only_of = query.window("received_at"), imports.only_of(caller)
    listing = await imports.list_imports(query.wanted(), window, received_at, only_of)
    return page(listing, query.page, query.limit)


@router.get(
    "/imports/{import_id}", summary="Read an import", response_model=Item[ImportAnswer], responses=errors(NotFound)
)
async def read_import(import_id: UUID, caller: Reader) -> Response:
    """Its state, counts so far, all row errors, and the undo that was asked for."""
    return item(await imports.read(import_id, imports.only_of(caller)))


@router.get(
    "/imports/{import_id}/errors.xlsx",
    summary="Download the file with its errors marked",
    response_class=StreamingResponse,
    responses=WORKBOOK | errors(NotFound, Conflict),
)
async def download_import_errors(import_id: UUID, caller: Reader) -> Response:
    """A copy of the table in which bad cells are filled and say in a comment what was expected; send it back corrected.

    For whoever sent the file, and for those who may import.
    """
    stored, content = await import_errors.open_marked(caller, import_id)
    headers = {"Content-Disposition": content_disposition(stored.name), "Content-Length": str(stored.size)}
    return StreamingResponse(content, headers=headers, media_type=stored.content_type)


@router.post(
    "/imports/{import_id}/undo/preview",
    summary="Preview the undo of an import",
    response_model=Item[UndoPreview],
    responses=errors(NotFound, Conflict),
)
async def preview_import_undo(import_id: UUID, caller: Undoer, received_at: ReceivedAt) -> Response:
    """How many rows would be removed, restored and put back, and which ones can't be, by what newer change."""
    return item(await undo.preview(import_id, received_at))


@router.post(
    "/imports/{import_id}/undo",
    status_code=202,
    summary="Undo an import",
    response_model=Item[ImportAnswer],
    responses=errors(NotFound, Conflict),
)
async def undo_import(
    import_id: UUID, caller: Undoer, key: IdempotencyKey, workflows: CurrentWorkflows, received_at: ReceivedAt
) -> Response:
    """Takes back all that the import changed; poll Location. 409 when something newer touched any of its rows."""
    queued: list[UUID] = []

    async def effect() -> Response:
        job = await undo.request(import_id, received_at)
        queued[:] = [job.id]
        return accepted(await imports.read(import_id), f"{API}/imports/{import_id}")

    response = await key.once(effect)
    for job_id in queued:
        await workflows.watch_job(undo.KIND, caller.tenant_id, caller.user_id, job_id)
    return response


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(files.CHUNK_BYTES):
        yield chunk
