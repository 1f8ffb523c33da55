"""Months of actuals: their state, what is posted, and finance's control totals."""

from __future__ import annotations

from typing import Annotated

from starlette.responses import Response

from api.dependencies import IdempotencyKey, ReceivedAt, allow
from api.envelope import Item, Page, item, page
from api.errors import errors
from api.etags import STALE, IfMatch, etag
from api.queries import query_of
from api.routing import router_of
from api.schemas.months import ControlTotalBody, MonthQuery, MonthReopening, MonthView, Source
from api.texts import Month
from core.errors import Conflict, NotFound
from models.sale import MonthStatus
from planning.access import Action
from services import month_figures, months
from services.identity import Caller

router = router_of("months")

Reader = Annotated[Caller, allow(Action.READ_MONTHS)]
Keeper = Annotated[Caller, allow(Action.KEEP_ACTUALS)]


@router.get("/months", summary="List months of actuals", response_model=Page[MonthView])
async def list_months(
    query: Annotated[MonthQuery, query_of(MonthQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """Newest first, with what is posted by source, and whether it agrees with finance's control totals."""
    listing = await month_figures.list_months(
        caller, query.from_month, query.to_month, query.status, query.window("month"), received_at
    )
    return page(listing, query.page, query.limit)


@router.get("/months/{month}", summary="Read a month of actuals", response_model=Item[MonthView])
async def read_month(month: Month, caller: Reader, received_at: ReceivedAt) -> Response:
    """A month that nobody said anything of is open."""
    return await _shown(caller, await months.read(month), received_at)


@router.post(
    "/months/{month}/complete",
    summary="Say that a month's actuals are all there",
    response_model=Item[MonthView],
    responses=errors(Conflict),
)
async def complete_month(month: Month, caller: Keeper, key: IdempotencyKey, received_at: ReceivedAt) -> Response:
    """A control total that does not agree blocks nothing, and is answered. A restated month becomes complete again."""

    async def effect() -> Response:
        return await _shown(caller, await months.complete_one(month, received_at), received_at)

    return await key.once(effect)


@router.post(
    "/months/{month}/reopen",
    summary="Open a complete month again",
    response_model=Item[MonthView],
    responses=errors(Conflict),
)
async def reopen_month(
    month: Month, body: MonthReopening, caller: Keeper, key: IdempotencyKey, received_at: ReceivedAt
) -> Response:
    """From now on it no longer counts as complete; plans that are frozen stay as they are."""

    async def effect() -> Response:
        return await _shown(caller, await months.reopen(month, body.reason), received_at)

    return await key.once(effect)


@router.put(
    "/months/{month}/control-totals/{source}",
    summary="Enter finance's control total of a source",
    response_model=Item[MonthView],
    responses=errors(Conflict),
)
async def set_control_total(
    month: Month, source: Source, body: ControlTotalBody, caller: Keeper, received_at: ReceivedAt
) -> Response:
    """In place of what was entered before."""
    status = await months.set_control_total(month, source, body.revenue, body.rows, received_at)
    return await _shown(caller, status, received_at)


@router.delete(
    "/months/{month}/control-totals/{source}",
    summary="Remove the control total of a source",
    response_model=Item[MonthView],
    responses=errors(NotFound, *STALE),
)
async def remove_control_total(
    month: Month, source: Source, rev: IfMatch, caller: Keeper, received_at: ReceivedAt
) -> Response:
    """`If-Match` names the version of the month."""
    return await _shown(caller, await months.remove_control_total(month, source, rev), received_at)


async def _shown(caller: Caller, status: MonthStatus, at: ReceivedAt) -> Response:
    return item(await month_figures.show(caller, status, at), headers=etag(status.rev))
