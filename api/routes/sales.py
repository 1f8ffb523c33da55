"""Actuals: lines as they were sold, corrections, statistics and chart data."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from starlette.responses import Response

from api.dependencies import ReceivedAt, allow
from api.envelope import Item, Page, item, page
from api.errors import errors
from api.etags import STALE, IfMatch, etag
from api.queries import query_of
from api.routing import router_of
from api.schemas.sales import SaleCorrection, SaleQuery, SaleRow, SaleView
from api.schemas.sales_statistics import ChartData, ChartQuery, SalesStatistics, StatisticsQuery
from core.errors import InvalidInput, NotFound
from core.mongo import RawDocument
from planning.access import Action
from reports.sales_charts import chart_data
from reports.sales_statistics import statistics
from services import sale_corrections, sale_lists
from services.identity import Caller
from services.sales_questions import question_of

router = router_of("sales")

Reader = Annotated[Caller, allow(Action.READ_SALES)]
Corrector = Annotated[Caller, allow(Action.CORRECT_SALES)]


@router.get("/sales", summary="List the sales lines that you see", response_model=Page[SaleRow])
async def list_sales(
    query: Annotated[SaleQuery, query_of(SaleQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    listing = await sale_lists.list_sales(caller, query.filter(), query.window(query.sort_by), received_at)
    return page(listing, query.page, query.limit)


@router.get(
    "/sales/statistics",
    summary="Add up sales by time, customer, product and so on",
    response_model=Item[SalesStatistics],
    responses=errors(InvalidInput),
)
async def sales_statistics(
    query: Annotated[StatisticsQuery, query_of(StatisticsQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """Of the customers that you see, with last year's comparable months. Cost only for who may see cost."""
    return item(await statistics(await question_of(caller, query.asked(), received_at)))


@router.get(
    "/sales/chart-data",
    summary="Draw sales: labels and datasets",
    response_model=Item[ChartData],
    responses=errors(InvalidInput),
)
async def sales_chart_data(
    query: Annotated[ChartQuery, query_of(ChartQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """The same numbers in the shape that chart libraries take."""
    return item(await chart_data(await question_of(caller, query.asked(), received_at)))


@router.get("/sales/{sale_id}", summary="Read a sales line", response_model=Item[SaleView], responses=errors(NotFound))
async def read_sale(sale_id: UUID, caller: Reader, received_at: ReceivedAt) -> Response:
    return _shown(await sale_lists.read(caller, sale_id, received_at))


@router.patch(
    "/sales/{sale_id}",
    summary="Correct a sales line",
    response_model=Item[SaleView],
    responses=errors(NotFound, InvalidInput, *STALE),
)
async def correct_sale(
    sale_id: UUID, body: SaleCorrection, rev: IfMatch, caller: Corrector, received_at: ReceivedAt
) -> Response:
    """It stands until the source itself says something new. A complete month that it touches is restated."""
    await sale_corrections.correct(caller, sale_id, rev, body.corrections(), body.reason, received_at)
    return _shown(await sale_lists.shown(caller, sale_id))


def _shown(row: RawDocument) -> Response:
    return item(row, headers=etag(row["rev"]))
