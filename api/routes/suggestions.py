"""Typo-tolerant suggestions of customers and products. The `search` of their lists is exact."""

from __future__ import annotations

from typing import Annotated

from starlette.responses import Response

from api.dependencies import ReceivedAt, allow
from api.envelope import Item, item
from api.errors import errors
from api.queries import query_of
from api.routing import router_of
from api.schemas.suggestions import ProductSuggestionQuery, Suggestion, SuggestionQuery
from core.errors import NotFound
from planning.access import Action
from services.identity import Caller
from services.suggestions import Noun, suggest

router = router_of("suggestions")

Query = Annotated[SuggestionQuery, query_of(SuggestionQuery)]


@router.get(
    "/customers/suggestions",
    summary="Suggest customers for a misspelt code or name",
    response_model=Item[list[Suggestion]],
)
async def suggest_customers(
    query: Query, caller: Annotated[Caller, allow(Action.READ_CUSTOMERS)], received_at: ReceivedAt
) -> Response:
    """Active customers that you see, the best first: those whose code it is or begins with it, then by score."""
    return item(await suggest(caller, Noun.CUSTOMERS, query.text, query.limit, received_at))


@router.get(
    "/products/suggestions",
    summary="Suggest products for a misspelt code or name",
    response_model=Item[list[Suggestion]],
    responses=errors(NotFound),
)
async def suggest_products(
    query: Annotated[ProductSuggestionQuery, query_of(ProductSuggestionQuery)],
    caller: Annotated[Caller, allow(Action.READ_PRODUCTS)],
    received_at: ReceivedAt,
) -> Response:
    """Active products that you see, the best first: those whose code it is or begins with it, then by score."""
    found = await suggest(caller, Noun.PRODUCTS, query.text, query.limit, received_at, customer_id=query.customer_id)
    return item(found)
