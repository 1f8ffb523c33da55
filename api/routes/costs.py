"""What products cost, for those who may see cost."""

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
from api.schemas.costs import CostPatch, CostQuery, CostRow, NewCost
from core.errors import Conflict, InvalidInput, NotFound
from core.mongo import RawDocument
from planning.access import Action
from services import costs
from services.identity import Caller

router = router_of("costs")

Reader = Annotated[Caller, allow(Action.SEE_COST)]
Changer = Annotated[Caller, allow(Action.CHANGE_COSTS)]


@router.get(
    "/products/{product_id}/costs",
    summary="List what a product costs",
    response_model=Page[CostRow],
    responses=errors(NotFound),
)
async def list_costs(
    product_id: UUID, query: Annotated[CostQuery, query_of(CostQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """A day without an entry has the product's standard cost."""
    window = query.window(query.sort_by)
    listing = await costs.list_costs(caller, product_id, query.filter(), window, received_at)
    return page(listing, query.page, query.limit)


@router.post(
    "/products/{product_id}/costs",
    status_code=201,
    summary="Add a cost from a day on",
    response_model=Item[CostRow],
    responses=errors(NotFound, InvalidInput, Conflict),
)
async def add_cost(product_id: UUID, body: NewCost, caller: Changer, key: IdempotencyKey) -> Response:
    """409 names the cost that some of the days have already."""

    async def effect() -> Response:
        cost_id = await costs.add(product_id, body.model_dump())
        return _shown(await costs.shown(product_id, cost_id), created=True)

    return await key.once(effect)


@router.get(
    "/products/{product_id}/costs/{cost_id}",
    summary="Read one cost of a product",
    response_model=Item[CostRow],
    responses=errors(NotFound),
)
async def read_cost(product_id: UUID, cost_id: UUID, caller: Reader, received_at: ReceivedAt) -> Response:
    return _shown(await costs.read(caller, product_id, cost_id, received_at))


@router.patch(
    "/products/{product_id}/costs/{cost_id}",
    summary="Change a cost or its days",
    response_model=Item[CostRow],
    responses=errors(NotFound, InvalidInput, Conflict, *STALE),
)
async def change_cost(product_id: UUID, cost_id: UUID, body: CostPatch, rev: IfMatch, caller: Changer) -> Response:
    """Closed cycles keep the cost that was frozen with them."""
    await costs.change(product_id, cost_id, rev, body.changes())
    return _shown(await costs.shown(product_id, cost_id))


@router.delete(
    "/products/{product_id}/costs/{cost_id}",
    status_code=204,
    summary="Remove a cost",
    response_class=Response,
    responses=errors(NotFound, *STALE),
)
async def remove_cost(product_id: UUID, cost_id: UUID, rev: IfMatch, caller: Changer) -> Response:
    """Its days have the standard cost then."""
    await costs.remove(product_id, cost_id, rev)
    return no_content()


def _shown(row: RawDocument, *, created: bool = False) -> Response:
    location = {"Location": f"{API}/products/{row['product_id']}/costs/{row['id']}"} if created else {}
    return item(row, status=201 if created else 200, headers=location | etag(row["rev"]))
