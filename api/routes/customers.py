"""Customers, read-only: the caller's own for sales reps."""

from __future__ import annotations

from typing import Annotated

from starlette.responses import Response

from api.dependencies import ReceivedAt, allow
from api.envelope import Page, page
from api.queries import query_of
from api.routing import router_of
from api.schemas.customers import CustomerQuery, CustomerRow
from planning.access import Action
from services import customers
from services.identity import Caller

router = router_of("customers")


@router.get("/customers", summary="List the customers that you see", response_model=Page[CustomerRow])
async def list_customers(
    query: Annotated[CustomerQuery, query_of(CustomerQuery)],
    caller: Annotated[Caller, allow(Action.READ_CUSTOMERS)],
    received_at: ReceivedAt,
) -> Response:
    window = query.window(query.sort_by.field)
    listing = await customers.list_customers(caller, query.filter(), window, received_at)
    return page(listing, query.page, query.limit)
