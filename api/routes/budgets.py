"""Budgets: as they were decided, or spread to customers and products."""

from __future__ import annotations

from typing import Annotated

from starlette.responses import Response

from api.dependencies import ReceivedAt, allow
from api.envelope import Page, page
from api.queries import query_of
from api.routing import router_of
from api.schemas.budgets import BudgetLevel, BudgetQuery, BudgetRow
from planning.access import Action
from services import budgets
from services.identity import Caller

router = router_of("budgets")

Reader = Annotated[Caller, allow(Action.READ_FORECAST)]
READERS = {BudgetLevel.ENTRY: budgets.list_entries, BudgetLevel.LEAF: budgets.list_leaves}


@router.get("/budgets", summary="Read a budget", response_model=Page[BudgetRow])
async def list_budgets(
    query: Annotated[BudgetQuery, query_of(BudgetQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """What was decided for single customers is for whoever sees these; what was decided for more of them, for whoever
    sees all. Leaves are those of the customers that you see."""
    listing = await READERS[query.level](caller, query.filter(), query.window("month"), received_at)
    return page(listing, query.page, query.limit)
