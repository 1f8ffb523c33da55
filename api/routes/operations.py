"""Operations: what a 202 of a cycle points at."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from starlette.responses import Response

from api.dependencies import allow
from api.envelope import Item, item
from api.errors import errors
from api.routing import router_of
from api.schemas.operations import OperationProgress
from core.errors import NotFound
from planning.access import Action
from services import operations
from services.identity import Caller

router = router_of("operations")


@router.get(
    "/operations/{operation_id}",
    summary="What came of something that was asked of a cycle",
    response_model=Item[OperationProgress],
    responses=errors(NotFound),
)
async def read_operation(operation_id: UUID, caller: Annotated[Caller, allow(Action.READ_OPERATION)]) -> Response:
    return item(await operations.read(operation_id, caller))
