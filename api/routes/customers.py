"""Customers: the caller's own for sales reps; managers and admins change them. Nothing is deleted for good."""

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
from api.schemas.customers import CustomerPatch, CustomerQuery, CustomerRow, NewCustomer
from api.schemas.merges import MergeBody, MergeView, show_merge
from core.errors import Conflict, InvalidInput, NotFound
from core.mongo import RawDocument
from planning.access import Action
from services import customer_changes, customers, merges
from services.identity import Caller

router = router_of("customers")

Reader = Annotated[Caller, allow(Action.READ_CUSTOMERS)]
Changer = Annotated[Caller, allow(Action.CHANGE_CUSTOMERS)]


@router.get("/customers", summary="List the customers that you see", response_model=Page[CustomerRow])
async def list_customers(
    query: Annotated[CustomerQuery, query_of(CustomerQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """`search` finds beginnings of words of code, name and aliases; for misspelt ones there are suggestions."""
    window = query.window(query.sort_by.field)
    listing = await customers.list_customers(caller, query.filter(), window, received_at)
    return page(listing, query.page, query.limit)


@router.post(
    "/customers",
    status_code=201,
    summary="Create a customer",
    response_model=Item[CustomerRow],
    responses=errors(Conflict, InvalidInput),
)
async def create_customer(body: NewCustomer, caller: Changer, key: IdempotencyKey, received_at: ReceivedAt) -> Response:
    """409 names the customer that has the code already, be it an inactive one."""

    async def effect() -> Response:
        customer_id = await customer_changes.create(caller, body.draft(), received_at)
        return _shown(await customers.shown(customer_id), created=True)

    return await key.once(effect)


@router.get(
    "/customers/{customer_id}",
    summary="Read a customer",
    response_model=Item[CustomerRow],
    responses=errors(NotFound),
)
async def read_customer(customer_id: UUID, caller: Reader, received_at: ReceivedAt) -> Response:
    """Inactive and merged ones, too."""
    return _shown(await customers.read(caller, customer_id, received_at))


@router.patch(
    "/customers/{customer_id}",
    summary="Change a customer",
    response_model=Item[CustomerRow],
    responses=errors(NotFound, Conflict, InvalidInput, *STALE),
)
async def change_customer(
    customer_id: UUID, body: CustomerPatch, rev: IfMatch, caller: Changer, received_at: ReceivedAt
) -> Response:
    """The status `inactive` is what DELETE does; any other one brings an inactive customer back."""
    await customer_changes.change(caller, customer_id, rev, body.said(), received_at)
    return _shown(await customers.shown(customer_id))


@router.delete(
    "/customers/{customer_id}",
    status_code=204,
    summary="Take a customer out of use",
    response_class=Response,
    responses=errors(NotFound, *STALE),
)
async def delete_customer(customer_id: UUID, rev: IfMatch, caller: Changer, received_at: ReceivedAt) -> Response:
    """The customer becomes inactive, and can be restored. History and plans stay."""
    await customer_changes.deactivate(caller, customer_id, rev, received_at)
    return no_content()


@router.post(
    "/customers/{customer_id}/restore",
    summary="Bring an inactive customer back",
    response_model=Item[CustomerRow],
    responses=errors(NotFound, Conflict),
)
async def restore_customer(
    customer_id: UUID, caller: Changer, key: IdempotencyKey, received_at: ReceivedAt
) -> Response:
    """With the status from before; a customer that was merged can't come back."""

    async def effect() -> Response:
        await customer_changes.restore(caller, customer_id, received_at)
        return _shown(await customers.shown(customer_id))

    return await key.once(effect)


@router.post(
    "/customers/{customer_id}/merge/preview",
    summary="See what merging a customer into another would do",
    response_model=Item[MergeView],
    responses=errors(NotFound),
)
async def preview_merge(customer_id: UUID, body: MergeBody, caller: Changer, received_at: ReceivedAt) -> Response:
    """Writes nothing; `obstacles` says what has to happen before the merge."""
    return item(show_merge(await merges.preview(caller, customer_id, body.customer_id, received_at)))


@router.post(
    "/customers/{customer_id}/merge",
    summary="Merge a customer into the one that it really is",
    response_model=Item[MergeView],
    responses=errors(NotFound, Conflict),
)
async def merge_customer(
    customer_id: UUID, body: MergeBody, caller: Changer, key: IdempotencyKey, received_at: ReceivedAt
) -> Response:
    """The customer of the path goes out of use for good. Its lists, prices and assignments move, its drafts are added
    to the other one's, and its history and closed plans are read as the other one's. The answer says what was done."""

    async def effect() -> Response:
        return item(show_merge(await merges.merge(caller, customer_id, body.customer_id, received_at)))

    return await key.once(effect)


def _shown(row: RawDocument, *, created: bool = False) -> Response:
    headers = etag(row["rev"])
    if created:
        headers["Location"] = f"{API}/customers/{row['id']}"
    return item(row, status=201 if created else 200, headers=headers)
