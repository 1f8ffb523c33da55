"""Rows of the calendar and of the company's own days."""

from __future__ import annotations

from core.collections import scoped
from models.calendar import CompanyDay
from planning.access import Action
from tests.api.matrix.base import Row
from tests.api.matrix.world import World

ROWS = {
    "read_calendar": Row(Action.READ_CALENDAR, query=lambda _: {"from_month": "2026-01", "to_month": "2026-12"}),
    "change_calendar": Row(Action.CHANGE_CALENDAR, body=lambda _: {"holiday_country": "DE"}),
    "list_countries": Row(Action.READ_CALENDAR),
    "read_holidays": Row(Action.READ_CALENDAR, query=lambda _: {"year": "2026", "country": "DE"}),
    "list_company_days": Row(Action.READ_CALENDAR),
    "add_company_day": Row(Action.CHANGE_CALENDAR, body=lambda _: {"day": "2026-12-30", "name": "Another"}),
    "read_company_day": Row(Action.READ_CALENDAR),
    "change_company_day": Row(Action.CHANGE_CALENDAR, body=lambda _: {"name": "Another"}),
    "remove_company_day": Row(Action.CHANGE_CALENDAR),
}


async def make(world: World) -> None:
    day = CompanyDay(day="2026-12-31", name=f"{world.mark} stocktaking")
    world.ids["day_id"] = (await scoped(CompanyDay).insert(day)).id
