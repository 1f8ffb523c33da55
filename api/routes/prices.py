"""What customers pay, and what the price chain makes of it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from starlette.responses import Response

from api.dependencies import IdempotencyKey, ReceivedAt, allow
from api.envelope import Item, Page, item, no_content, page
from api.errors import errors
from api.etags import STALE, IfMatch, etag
from api.queries import query_of
from api.routing import API, router_of
from api.schemas.items import ItemQuery
from api.schemas.prices import NewPrices, PricePatch, PriceView, ResolvedPrices, ResolveQuery
from api.texts import said
from core.errors import Conflict, InvalidInput, NotFound
from planning.access import Action
from services import customer_items, price_answers, prices
from services.identity import Caller
from services.prices import PRICES
from services.scopes import demand_customer

router = router_of("prices")

Reader = Annotated[Caller, allow(Action.READ_PRICES)]
Changer = Annotated[Caller, allow(Action.CHANGE_PRICES)]


@router.get(
    "/customers/{customer_id}/prices",
    summary="List a customer's prices",
    response_model=Page[PriceView],
    responses=errors(NotFound),
)
async def list_customer_prices(
    customer_id: UUID, query: Annotated[ItemQuery, query_of(ItemQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """By item code. List prices are not among them: `GET /prices/resolve` says what counts."""
    await demand_customer(caller.role, caller.user_id, received_at, customer_id, caller.regions)
    window, sorting = query.window(), query.sorting()
    listing = await customer_items.list_page(PRICES, customer_id, prices.SHOWN, query.filter(), window, sorting)
    return page(listing, query.page, query.limit)


@router.post(
    "/customers/{customer_id}/prices",
    status_code=201,
    summary="Agree prices with a customer",
    response_model=Item[list[PriceView]],
    responses=errors(NotFound, Conflict, InvalidInput),
)
async def add_customer_prices(
    customer_id: UUID, body: NewPrices, caller: Changer, key: IdempotencyKey, received_at: ReceivedAt
) -> Response:
    """In the customer's currency. 409 names the price that one of these would share a day with; then none is added."""
    await demand_customer(caller.role, caller.user_id, received_at, customer_id, caller.regions)

    async def effect() -> Response:
        added = await prices.add(customer_id, body.drafts())
        headers = {"Location": f"{API}/customers/{customer_id}/prices", **etag(added.version)}
        return item(added.rows, status=201, headers=headers)

    return await key.once(effect)


@router.get(
    "/customers/{customer_id}/prices/{price_id}",
    summary="Read a customer's price",
    response_model=Item[PriceView],
    responses=errors(NotFound),
)
async def read_customer_price(customer_id: UUID, price_id: UUID, caller: Reader, received_at: ReceivedAt) -> Response:
    await demand_customer(caller.role, caller.user_id, received_at, customer_id, caller.regions)
    price = await customer_items.get(PRICES, customer_id, price_id)
    return item(price, headers=etag(price["rev"]))


@router.patch(
    "/customers/{customer_id}/prices/{price_id}",
    summary="Change a customer's price or its days",
    response_model=Item[PriceView],
    responses=errors(NotFound, Conflict, InvalidInput, *STALE),
)
async def change_customer_price(
    customer_id: UUID, price_id: UUID, body: PricePatch, caller: Changer, rev: IfMatch, received_at: ReceivedAt
) -> Response:
    """For a new price from a day on, end this one and add the next: what was agreed before stays known."""
    await demand_customer(caller.role, caller.user_id, received_at, customer_id, caller.regions)
    price = await customer_items.change(PRICES, customer_id, price_id, rev, said(body))
    return item(price, headers=etag(price["rev"]))


@router.delete(
    "/customers/{customer_id}/prices/{price_id}",
    status_code=204,
    summary="Remove a customer's price",
    response_class=Response,
    responses=errors(NotFound, Conflict, *STALE),
)
async def remove_customer_price(
    customer_id: UUID, price_id: UUID, caller: Changer, rev: IfMatch, received_at: ReceivedAt
) -> Response:
    """As if it had never been agreed. Prices stored with saved cells stay until they are saved again."""
    await demand_customer(caller.role, caller.user_id, received_at, customer_id, caller.regions)
    await customer_items.remove(PRICES, customer_id, price_id, rev)
    return no_content()


@router.get(
    "/prices/resolve",
    summary="Ask which price counts, and why",
    response_model=Item[ResolvedPrices],
    responses=errors(NotFound, InvalidInput),
)
async def resolve_customer_prices(
    query: Annotated[ResolveQuery, query_of(ResolveQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """The price chain for a customer's products, month by month: own price of the cell, customer price, list price,
    average selling price, missing. Each answer names its source, the steps that had nothing to say, and the rate."""
    customer = await demand_customer(caller.role, caller.user_id, received_at, query.customer_id, caller.regions)
    return item(await price_answers.answer(query.question(customer)))
