"""The forecast of a customer: the grid, saving changed cells, submitting."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from starlette.responses import Response

from api.dependencies import CurrentWorkflows, IdempotencyKey, ReceivedAt, allow
from api.envelope import Item, item
from api.errors import errors
from api.queries import query_of
from api.routing import router_of
from api.schemas.forecasts import (
    CheckView,
    Grid,
    GridQuery,
    LineBody,
    SaveBody,
    SavedCellView,
    SubmissionView,
    SubmitBody,
    show_check,
    show_saved,
    show_submitted,
)
from core.errors import Conflict, InvalidInput, Locked, MandatoryCellsMissing, NotFound
from planning.access import Action
from services import forecasts, submissions
from services.forecasts import LineChange, SavedCell
from services.grid import read_grid
from services.identity import Caller
from services.scopes import demand_customer

router = router_of("forecasts")

Reader = Annotated[Caller, allow(Action.READ_FORECAST)]
Writer = Annotated[Caller, allow(Action.WRITE_FORECAST)]
Submitter = Annotated[Caller, allow(Action.SUBMIT_FORECAST)]
WRITE_ERRORS = errors(NotFound, Conflict, InvalidInput, Locked)


@router.get(
    "/forecasts", summary="A customer's sheet with all its lines", response_model=Item[Grid], responses=errors(NotFound)
)
async def read_forecast(
    query: Annotated[GridQuery, query_of(GridQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """Active lines with cells, prices and their source, last year's actuals and totals. One answer, unpaged."""
    customer = await demand_customer(caller.role, caller.user_id, received_at, query.customer_id, caller.regions)
    grid = await read_grid(query.cycle_id, customer, received_at, dormant=query.dormant, search=query.search)
    return item(grid)


@router.post(
    "/forecasts", summary="Save changed cells", response_model=Item[list[SavedCellView]], responses=WRITE_ERRORS
)
async def save_forecast(body: SaveBody, caller: Writer, key: IdempotencyKey, received_at: ReceivedAt) -> Response:
    """One answer per cell, in the order sent: saved, unchanged, conflict or refused.

    409 only if every cell conflicts; 423 with the reason once the sheet is locked.
    """
    await demand_customer(caller.role, caller.user_id, received_at, body.customer_id, caller.regions)

    async def effect() -> Response:
        return _saved(await forecasts.save(body.cycle_id, body.customer_id, body.changes(), received_at))

    return await key.once(effect)


@router.put(
    "/forecasts/{line_id}",
    summary="Save changed cells of one line",
    response_model=Item[list[SavedCellView]],
    responses=WRITE_ERRORS,
)
async def save_forecast_line(
    line_id: UUID, body: LineBody, caller: Writer, key: IdempotencyKey, received_at: ReceivedAt
) -> Response:
    """A line that was never saved has its id already; then name its cycle, customer and product."""
    line = await forecasts.find_line(caller, received_at, line_id, body.cycle_id, body.customer_id, body.product_id)
    changes = [LineChange(line.product_id, cell.change()) for cell in body.cells]

    async def effect() -> Response:
        return _saved(await forecasts.save(line.cycle_id, line.customer_id, changes, received_at))

    return await key.once(effect)


@router.post(
    "/forecasts/submit",
    summary="Submit a customer's sheet",
    response_model=Item[SubmissionView] | Item[CheckView],
    responses=errors(NotFound, Conflict, Locked, MandatoryCellsMissing),
)
async def submit_forecast(
    body: SubmitBody, caller: Submitter, key: IdempotencyKey, received_at: ReceivedAt, workflows: CurrentWorkflows
) -> Response:
    """Writes an immutable version and locks the sheet; afterwards saving is 423 with the reason."""
    await demand_customer(caller.role, caller.user_id, received_at, body.customer_id, caller.regions)
    if body.dry_run:
        return item(show_check(await submissions.check(body.cycle_id, body.customer_id, received_at)))

    async def effect() -> Response:
        submitted = await submissions.submit(
            body.cycle_id, body.customer_id, confirm_zero=body.confirm_zero, received_at=received_at
        )
        return item(show_submitted(submitted))

    response = await key.once(effect)
    await workflows.nudge_cycle(caller.tenant_id, body.cycle_id)
    return response


def _saved(answers: list[SavedCell]) -> Response:
    return item([show_saved(answer) for answer in answers])
