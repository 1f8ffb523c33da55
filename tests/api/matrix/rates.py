"""Rows of exchange rates, which are the whole company's."""

from __future__ import annotations

from planning.access import Action
from tests import factories
from tests.api.matrix.base import Row
from tests.api.matrix.world import World


async def make(world: World) -> None:
    world.ids["rate_id"] = (await factories.rate("USD", "2026-01", "0.9")).id


ROWS = {
    "list_rates": Row(Action.READ_RATES),
    "create_rate": Row(Action.CHANGE_RATES, body=lambda _: {"currency": "USD", "month": "2026-02", "rate": 0.9}),
    "save_rates": Row(
        Action.CHANGE_RATES, body=lambda _: {"rates": [{"currency": "CHF", "month": "2026-02", "rate": 1.05}]}
    ),
    "read_rates_of_months": Row(Action.READ_RATES, query=lambda _: {"month": "2026-02", "months": 2}),
    "read_rate": Row(Action.READ_RATES),
    "change_rate": Row(Action.CHANGE_RATES, body=lambda _: {"rate": 0.91}),
    "remove_rate": Row(Action.CHANGE_RATES),
}
