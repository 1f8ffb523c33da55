"""What a customer may order: the matrix, per customer."""

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
from api.schemas.matrix import MatrixList, MatrixPatch, MatrixReplaced, MatrixView, NewMatrixEntries
from api.texts import said
from core.errors import Conflict, InvalidInput, NotFound
from planning.access import Action
from services import customer_items, matrix
from services.identity import Caller
from services.matrix import MATRIX
from services.scopes import demand_customer

router = router_of("matrix")

Reader = Annotated[Caller, allow(Action.READ_MATRIX)]
Changer = Annotated[Caller, allow(Action.CHANGE_MATRIX)]
CHANGE_ERRORS = errors(NotFound, Conflict, InvalidInput, *STALE)


@router.get(
    "/customers/{customer_id}/products",
    summary="List what a customer may order",
    response_model=Page[MatrixView],
    responses=errors(NotFound),
)
async def list_customer_products(
    customer_id: UUID, query: Annotated[ItemQuery, query_of(ItemQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """By item code. `ETag` is the version of the whole list, which replacing it asks for."""
    await demand_customer(caller.role, caller.user_id, received_at, customer_id, caller.regions)
    version = await customer_items.version_of(MATRIX, customer_id)
    window, sorting = query.window(), query.sorting()
    listing = await customer_items.list_page(MATRIX, customer_id, matrix.SHOWN, query.filter(), window, sorting)
    return page(listing, query.page, query.limit, headers=etag(version))


@router.post(
    "/customers/{customer_id}/products",
    status_code=201,
    summary="Put products on a customer's list",
    response_model=Item[list[MatrixView]],
    responses=errors(NotFound, Conflict, InvalidInput),
)
async def add_customer_products(
    customer_id: UUID, body: NewMatrixEntries, caller: Changer, key: IdempotencyKey, received_at: ReceivedAt
) -> Response:
    """409 names the entry that one of these would share a day with; then none is added."""
    await demand_customer(caller.role, caller.user_id, received_at, customer_id, caller.regions)

    async def effect() -> Response:
        added = await matrix.add(customer_id, body.drafts())
        headers = {"Location": f"{API}/customers/{customer_id}/products", **etag(added.version)}
        return item(added.added, status=201, headers=headers)

    return await key.once(effect)


@router.put(
    "/customers/{customer_id}/products",
    summary="Replace a customer's whole list",
    response_model=Item[MatrixReplaced],
    responses=CHANGE_ERRORS,
)
async def replace_customer_products(
    customer_id: UUID, body: MatrixList, caller: Changer, rev: IfMatch, received_at: ReceivedAt
) -> Response:
    """In one piece, from the version (`ETag`) of the list that was read. Entries of the same product and first day
    stay the same ones."""
    await demand_customer(caller.role, caller.user_id, received_at, customer_id, caller.regions)
    done = await matrix.replace(customer_id, rev, body.drafts())
    shown = {"added": done.added, "changed": done.changed, "removed": done.removed}
    return item(shown, headers=etag(done.version))


@router.get(
    "/customers/{customer_id}/products/{entry_id}",
    summary="Read an entry of a customer's list",
    response_model=Item[MatrixView],
    responses=errors(NotFound),
)
async def read_customer_product(customer_id: UUID, entry_id: UUID, caller: Reader, received_at: ReceivedAt) -> Response:
    await demand_customer(caller.role, caller.user_id, received_at, customer_id, caller.regions)
    entry = await customer_items.get(MATRIX, customer_id, entry_id)
    return item(entry, headers=etag(entry["rev"]))


@router.patch(
    "/customers/{customer_id}/products/{entry_id}",
    summary="Change the days of an entry",
    response_model=Item[MatrixView],
    responses=CHANGE_ERRORS,
)
async def change_customer_product(
    customer_id: UUID, entry_id: UUID, body: MatrixPatch, caller: Changer, rev: IfMatch, received_at: ReceivedAt
) -> Response:
    """To take a product off the list from a day on, set `valid_to`: what was planned and sold stays explained."""
    await demand_customer(caller.role, caller.user_id, received_at, customer_id, caller.regions)
    entry = await customer_items.change(MATRIX, customer_id, entry_id, rev, said(body))
    return item(entry, headers=etag(entry["rev"]))


@router.delete(
    "/customers/{customer_id}/products/{entry_id}",
    status_code=204,
    summary="Remove an entry from a customer's list",
    response_class=Response,
    responses=errors(NotFound, Conflict, *STALE),
)
async def remove_customer_product(
    customer_id: UUID, entry_id: UUID, caller: Changer, rev: IfMatch, received_at: ReceivedAt
) -> Response:
    """As if it had never been there. Lines that are planned already stay."""
    await demand_customer(caller.role, caller.user_id, received_at, customer_id, caller.regions)
    await customer_items.remove(MATRIX, customer_id, entry_id, rev)
    return no_content()
