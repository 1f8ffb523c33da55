"""Column mappings, saved per kind and source."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Path
from starlette.responses import Response

from api.dependencies import allow
from api.envelope import Item, Page, item, no_content, page
from api.errors import errors
from api.etags import STALE, IfMatch, OptionalIfMatch, etag
from api.queries import query_of
from api.routing import API, router_of
from api.schemas.mappings import MappingBody, MappingQuery, MappingView
from core.errors import Conflict, InvalidInput, NotFound
from planning.access import Action
from services import mappings
from services.identity import Caller
from services.import_kinds.tables import ImportKind

router = router_of("imports")

NEW: dict[int | str, dict[str, Any]] = {201: {"model": Item[MappingView], "description": "A new one was saved."}}

Importer = Annotated[Caller, allow(Action.IMPORT_FILE)]
Source = Annotated[
    str, Path(description="The name that people gave the source; case does not matter.", examples=["Webshop export"])
]


@router.get("/import-mappings", summary="List saved column mappings", response_model=Page[MappingView])
async def list_mappings(query: Annotated[MappingQuery, query_of(MappingQuery)], caller: Importer) -> Response:
    """By kind and source."""
    listing = await mappings.list_mappings(query.kind, query.window("source_key"))
    return page(listing, query.page, query.limit)


@router.get(
    "/import-mappings/{kind}/{source}",
    summary="Read a saved column mapping",
    response_model=Item[MappingView],
    responses=errors(NotFound),
)
async def read_mapping(kind: ImportKind, source: Source, caller: Importer) -> Response:
    found = await mappings.read(kind, source)
    return item(found, headers=etag(found["rev"]))


@router.put(
    "/import-mappings/{kind}/{source}",
    summary="Save a column mapping",
    response_model=Item[MappingView],
    responses=NEW | errors(InvalidInput, Conflict, *STALE),
)
async def save_mapping(
    kind: ImportKind, source: Source, body: MappingBody, caller: Importer, rev: OptionalIfMatch
) -> Response:
    """Writes it whole: 201 for a new one; one that is there is replaced, and wants If-Match."""
    saved, created = await mappings.save(kind, source, body.said(), rev)
    location = {"Location": f"{API}/import-mappings/{kind}/{quote(source, safe='')}"} if created else {}
    return item(saved, status=201 if created else 200, headers=etag(saved["rev"]) | location)


@router.delete(
    "/import-mappings/{kind}/{source}",
    status_code=204,
    summary="Delete a saved column mapping",
    response_class=Response,
    responses=errors(NotFound, *STALE),
)
async def delete_mapping(kind: ImportKind, source: Source, caller: Importer, rev: IfMatch) -> Response:
    """Imports that were sent with it keep what they were sent with."""
    await mappings.delete(kind, source, rev)
    return no_content()
