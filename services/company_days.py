"""A company's own days, which stand above the table of public holidays; and the table as the company sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from core.collections import scoped, transaction
from core.errors import Conflict, Detail, InvalidInput, NotFound
from core.listing import Listing, Window, read_page
from core.search import search_words
from models.calendar import CompanyDay
from services import calendar, holiday_table, revisions

SHOWN = dict.fromkeys(("day", "name", "working", "rev", "created_at", "updated_at"), 1)
ENTITY = "company_day"


async def list_days(year: int | None, working: bool | None, window: Window) -> Listing:
    """One page of the company's days."""
    query: dict[str, Any] = {} if year is None else {"day": _of_year(year)}
    if working is not None:
        query["working"] = working
    return await read_page(scoped(CompanyDay), query, SHOWN, window)


async def get(day_id: UUID) -> CompanyDay:
    """The day, or NotFound."""
    found = await scoped(CompanyDay).one({"_id": day_id})
    if found is None:
        raise NotFound("There is no such day in the company's calendar.")
    return found


async def add(day: str, name: str, *, working: bool) -> CompanyDay:
    """A new day; Conflict when the company has said something of that day already."""
    added = CompanyDay(day=day, name=name, working=working)

    async def action() -> CompanyDay:
        await _demand_free(day, None)
        await revisions.insert(added, entity=ENTITY, said={"day": day, "name": name, "working": working})
        return added

    return await transaction(action)


async def change(day_id: UUID, rev: int, changes: Mapping[str, Any]) -> CompanyDay:
    """Change `day`, `name` or `working` from the version that was read."""

    async def action() -> CompanyDay:
        await get(day_id)
        if "day" in changes:
            await _demand_free(changes["day"], day_id)
        await revisions.change(CompanyDay, day_id, rev, changes, entity=ENTITY)
        return await get(day_id)

    return await transaction(action)


async def remove(day_id: UUID, rev: int) -> None:
    """The day is again what weekday and public holidays make of it."""
    await revisions.remove(CompanyDay, day_id, rev, entity=ENTITY)


async def list_countries(name: str | None, window: Window) -> Listing:
    """One page of the countries with public holidays, by name; `name` holds beginnings of words of name or code."""
    wanted = search_words(name)
    found = [one for one in await asyncio.to_thread(holiday_table.countries) if _matches(one, wanted)]
    if window.sort[0][1] < 0:
        found.reverse()
    shown = found[window.skip : window.skip + window.limit]
    total = None if window.count is False else len(found)
    return Listing([asdict(one) for one in shown], window.skip + len(shown) < len(found), total)


async def holidays(year: int, country: str | None, subdivision: str | None) -> dict[str, Any]:
    """The public holidays of a year in the company's country, or in another one to look at, and whether the company
    works on them: on the weekdays of its own and by its own days."""
    tenant = await calendar.settings()
    if country is None:
        country, subdivision = tenant.holiday_country, subdivision or tenant.holiday_subdivision
    problem = holiday_table.problem(country, subdivision)
    if problem is not None:
        raise InvalidInput(details=[Detail(problem.field.removeprefix("holiday_"), problem.message)])
    table = holiday_table.public_holidays(country, subdivision, year) if country else {}
    own = await scoped(CompanyDay).rows({"day": _of_year(year), "working": True}, {"_id": 0, "day": 1})
    worked = {row["day"] for row in own}
    days = [
        {"day": day.isoformat(), "name": name, "weekday": day.isoweekday(), "worked": day.isoformat() in worked}
        for day, name in table.items()
    ]
    return {"year": year, "country": country, "subdivision": subdivision, "days": days}


def _matches(country: holiday_table.Country, wanted: list[str]) -> bool:
    words = search_words(country.code, country.name)
    return all(any(word.startswith(beginning) for word in words) for beginning in wanted)


def _of_year(year: int) -> dict[str, str]:
    return {"$gte": date(year, 1, 1).isoformat(), "$lte": date(year, 12, 31).isoformat()}


async def _demand_free(day: str, own_id: UUID | None) -> None:
    """Of two that add one day at the same time the unique index makes the second run again, and be told here."""
    standing = await scoped(CompanyDay).row({"day": day, "_id": {"$ne": own_id}}, {"name": 1})
    if standing is not None:
        raise Conflict(f"The company's calendar has {day} already ({standing['name']}); change that entry.")
