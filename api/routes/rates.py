"""Exchange rates: what one unit of a currency is worth in the company's own, by month."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from starlette.responses import Response

from api.dependencies import IdempotencyKey, allow
from api.envelope import Item, Page, item, no_content, page
from api.errors import errors
from api.etags import STALE, IfMatch, etag
from api.queries import query_of
from api.routing import API, router_of
from api.schemas.rates import (
    NewRate,
    RateList,
    RatePatch,
    RateQuery,
    RatesOfMonths,
    RatesOfMonthsQuery,
    RatesSaved,
    RateView,
    show_months,
    show_rate,
)
from core.errors import Conflict, InvalidInput, NotFound
from planning.access import Action
from services import rates
from services.identity import Caller

router = router_of("rates")

Reader = Annotated[Caller, allow(Action.READ_RATES)]
Changer = Annotated[Caller, allow(Action.CHANGE_RATES)]


@router.get("/fx-rates", summary="List exchange rates", response_model=Page[RateView])
async def list_rates(query: Annotated[RateQuery, query_of(RateQuery)], caller: Reader) -> Response:
    """Those that somebody gave; what counts in a month without one, `GET /fx-rates/months` says."""
    listing = await rates.list_page(query.filter(), query.window(*query.sort_by.fields))
    return page(listing, query.page, query.limit)


@router.post(
    "/fx-rates",
    status_code=201,
    summary="Give a rate for a month",
    response_model=Item[RateView],
    responses=errors(Conflict, InvalidInput),
)
async def create_rate(body: NewRate, caller: Changer, key: IdempotencyKey) -> Response:
    """409 when the month has one of that kind already."""

    async def effect() -> Response:
        rate = await rates.create(body.draft())
        headers = {"Location": f"{API}/fx-rates/{rate.id}", **etag(rate.rev)}
        return item(show_rate(rate), status=201, headers=headers)

    return await key.once(effect)


@router.put(
    "/fx-rates",
    summary="Save the rates of many months",
    response_model=Item[RatesSaved],
    responses=errors(InvalidInput),
)
async def save_rates(body: RateList, caller: Changer) -> Response:
    """All or none. A month that has a rate of that kind gets this one; months that are not named stay."""
    return item(await rates.save_all(body.drafts()))


@router.get("/fx-rates/months", summary="Ask which rates count in which months", response_model=Item[RatesOfMonths])
async def read_rates_of_months(
    query: Annotated[RatesOfMonthsQuery, query_of(RatesOfMonthsQuery)], caller: Reader
) -> Response:
    """A month without a rate takes over the last one before it, and says so; before the first rate there is none."""
    found = await rates.by_month(query.kind, query.span(), query.currency)
    return item(show_months(await rates.base_currency(), query.kind, query.span(), found))


@router.get("/fx-rates/{rate_id}", summary="Read a rate", response_model=Item[RateView], responses=errors(NotFound))
async def read_rate(rate_id: UUID, caller: Reader) -> Response:
    rate = await rates.get(rate_id)
    return item(show_rate(rate), headers=etag(rate.rev))


@router.patch(
    "/fx-rates/{rate_id}",
    summary="Change a rate",
    response_model=Item[RateView],
    responses=errors(NotFound, InvalidInput, *STALE),
)
async def change_rate(rate_id: UUID, body: RatePatch, caller: Changer, rev: IfMatch) -> Response:
    """Plans take it from their next save or opening on; what is stored with saved cells stays until then."""
    rate = await rates.change(rate_id, rev, body.rate)
    return item(show_rate(rate), headers=etag(rate.rev))


@router.delete(
    "/fx-rates/{rate_id}",
    status_code=204,
    summary="Take a rate back",
    response_class=Response,
    responses=errors(NotFound, *STALE),
)
async def remove_rate(rate_id: UUID, caller: Changer, rev: IfMatch) -> Response:
    """The month then takes over the last rate before it."""
    await rates.remove(rate_id, rev)
    return no_content()
