"""Products: for sales reps those that their customers may order."""

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
from api.schemas.products import NewProduct, ProductPatch, ProductQuery, ProductRow
from core.errors import Conflict, InvalidInput, NotFound
from core.mongo import RawDocument
from planning.access import Action
from services import product_changes, products
from services.identity import Caller

router = router_of("products")

Reader = Annotated[Caller, allow(Action.READ_PRODUCTS)]
Changer = Annotated[Caller, allow(Action.CHANGE_PRODUCTS)]


@router.get(
    "/products",
    summary="List the products that you see",
    response_model=Page[ProductRow],
    responses=errors(NotFound),
)
async def list_products(
    query: Annotated[ProductQuery, query_of(ProductQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """With `customer_id` only what that customer may order: today, or on the day `valid_on`."""
    window = query.window(query.sort_by.field)
    listing = await products.list_products(caller, query.filter(), window, received_at)
    return page(listing, query.page, query.limit)


@router.post(
    "/products",
    status_code=201,
    summary="Create a product",
    response_model=Item[ProductRow],
    responses=errors(InvalidInput, Conflict),
)
async def create_product(body: NewProduct, caller: Changer, key: IdempotencyKey) -> Response:
    """409 names the product that has the item code already."""

    async def effect() -> Response:
        product_id = await product_changes.create(body.draft())
        return _shown(await products.shown(caller, product_id), created=True)

    return await key.once(effect)


@router.get(
    "/products/{product_id}", summary="Read a product", response_model=Item[ProductRow], responses=errors(NotFound)
)
async def read_product(product_id: UUID, caller: Reader, received_at: ReceivedAt) -> Response:
    """Also one that was deleted."""
    return _shown(await products.read(caller, product_id, received_at))


@router.patch(
    "/products/{product_id}",
    summary="Change a product",
    response_model=Item[ProductRow],
    responses=errors(NotFound, InvalidInput, Conflict, *STALE),
)
async def change_product(product_id: UUID, body: ProductPatch, rev: IfMatch, caller: Changer) -> Response:
    """The base unit of a product that has sales or plans stays (409)."""
    await product_changes.change(product_id, rev, body.changes())
    return _shown(await products.shown(caller, product_id))


@router.delete(
    "/products/{product_id}",
    status_code=204,
    summary="Take a product out of use",
    response_class=Response,
    responses=errors(NotFound, *STALE),
)
async def delete_product(product_id: UUID, rev: IfMatch, caller: Changer) -> Response:
    """It becomes inactive, keeps its item code, and can be restored."""
    await product_changes.deactivate(product_id, rev)
    return no_content()


@router.post(
    "/products/{product_id}/restore",
    summary="Take a product back into use",
    response_model=Item[ProductRow],
    responses=errors(NotFound),
)
async def restore_product(product_id: UUID, caller: Changer, key: IdempotencyKey) -> Response:
    """One that is in use stays as it is."""

    async def effect() -> Response:
        await product_changes.restore(product_id)
        return _shown(await products.shown(caller, product_id))

    return await key.once(effect)


def _shown(row: RawDocument, *, created: bool = False) -> Response:
    location = {"Location": f"{API}/products/{row['id']}"} if created else {}
    return item(row, status=201 if created else 200, headers=location | etag(row["rev"]))
