"""Templates: empty workbooks for each kind of import, with comments, lists and examples."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from starlette.responses import Response

from api.dependencies import ReceivedAt, allow
from api.errors import errors
from api.queries import query_of
from api.routing import router_of
from api.schemas.exports import TemplateQuery
from core.errors import NotFound
from core.uploads import content_disposition
from planning.access import Action
from reports import filled
from services import templates
from services.exports import CONTENT_TYPES
from services.identity import Caller
from services.import_kinds.tables import ImportKind

router = router_of("templates")

XLSX = CONTENT_TYPES["xlsx"]
WORKBOOK: dict[int | str, dict[str, Any]] = {
    200: {"description": "The workbook.", "content": {XLSX: {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get(
    "/templates/{kind}.xlsx",
    summary="Download an empty workbook to fill in",
    response_class=Response,
    responses=WORKBOOK | errors(NotFound),
)
async def download_template(
    kind: ImportKind,
    query: Annotated[TemplateQuery, query_of(TemplateQuery)],
    caller: Annotated[Caller, allow(Action.READ_TEMPLATE)],
    received_at: ReceivedAt,
) -> Response:
    """The columns of the kind that you may see, each with a comment; lists of what your company has already; a second
    sheet that explains, with examples. Importing it as it is changes nothing."""
    table = await templates.template_of(caller, kind, received_at, query.layout)
    headers = {"Content-Disposition": content_disposition(f"{kind}-template.xlsx")}
    return Response(await asyncio.to_thread(filled.template, table), headers=headers, media_type=XLSX)
