"""Products, read-only: for sales reps those that their customers may order."""

from __future__ import annotations

from typing import Annotated

from starlette.responses import Response

from api.dependencies import ReceivedAt, allow
from api.envelope import Page, page
from api.queries import query_of
from api.routing import router_of
from api.schemas.products import ProductQuery, ProductRow
from planning.access import Action
from services import products
from services.identity import Caller

router = router_of("products")


@router.get("/products", summary="List the products that you see", response_model=Page[ProductRow])
async def list_products(
    query: Annotated[ProductQuery, query_of(ProductQuery)],
    caller: Annotated[Caller, allow(Action.READ_PRODUCTS)],
    received_at: ReceivedAt,
) -> Response:
    window = query.window(query.sort_by.field)
    listing = await products.list_products(caller, query.filter(), window, received_at)
    return page(listing, query.page, query.limit)
