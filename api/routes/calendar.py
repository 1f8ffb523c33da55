"""The calendar: settings and months, the company's own days, public holidays."""

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
from api.schemas.calendar import (
    CalendarPatch,
    CalendarQuery,
    CalendarSettings,
    CalendarView,
    CountryQuery,
    CountryRow,
    DayPatch,
    DayQuery,
    DayView,
    HolidayQuery,
    Holidays,
    NewDay,
)
from api.texts import said
from core.errors import Conflict, InvalidInput, NotFound
from planning.access import Action
from services import calendar, company_days
from services.identity import Caller

router = router_of("calendar")

Reader = Annotated[Caller, allow(Action.READ_CALENDAR)]
Changer = Annotated[Caller, allow(Action.CHANGE_CALENDAR)]


@router.get(
    "/calendar",
    summary="Read the calendar: settings and months",
    response_model=Item[CalendarView],
    responses=errors(InvalidInput),
)
async def read_calendar(
    query: Annotated[CalendarQuery, query_of(CalendarQuery)], caller: Reader, received_at: ReceivedAt
) -> Response:
    """The months of a span with their dates, working days and fiscal year; by default those of the running year."""
    found = CalendarView.of(await calendar.overview(query.from_month, query.to_month, received_at))
    return item(found, headers=etag(found.settings.rev))


@router.patch(
    "/calendar",
    summary="Change settings of the calendar",
    response_model=Item[CalendarSettings],
    responses=errors(InvalidInput, Conflict, *STALE),
)
async def change_calendar(body: CalendarPatch, rev: IfMatch, caller: Changer) -> Response:
    """Cycles keep the settings they were created with. The first cycle or sale fixes currency and months."""
    changed = CalendarSettings.of(await calendar.change_settings(rev, said(body)))
    return item(changed, headers=etag(changed.rev))


@router.get("/calendar/countries", summary="List the countries with public holidays", response_model=Page[CountryRow])
async def list_countries(query: Annotated[CountryQuery, query_of(CountryQuery)], caller: Reader) -> Response:
    """By name, each with the subdivisions that have holidays of their own."""
    return page(await company_days.list_countries(query.name, query.window("name")), query.page, query.limit)


@router.get(
    "/calendar/holidays",
    summary="Read the public holidays of a year",
    response_model=Item[Holidays],
    responses=errors(InvalidInput),
)
async def read_holidays(query: Annotated[HolidayQuery, query_of(HolidayQuery)], caller: Reader) -> Response:
    """Those of the company's country, or of another one before it is chosen."""
    return item(await company_days.holidays(query.year, query.country, query.subdivision))


@router.get("/calendar/days", summary="List the company's own days", response_model=Page[DayView])
async def list_company_days(query: Annotated[DayQuery, query_of(DayQuery)], caller: Reader) -> Response:
    """Days off that are no public holidays, and public holidays or weekends that are worked."""
    listing = await company_days.list_days(query.year, query.working, query.window(query.sort_by))
    return page(listing, query.page, query.limit)


@router.post(
    "/calendar/days",
    status_code=201,
    summary="Add a day of the company's own",
    response_model=Item[DayView],
    responses=errors(Conflict),
)
async def add_company_day(body: NewDay, caller: Changer, key: IdempotencyKey) -> Response:
    """One entry a day."""

    async def effect() -> Response:
        day = DayView.of(await company_days.add(body.day, body.name, working=body.working))
        return item(day, status=201, headers={"Location": f"{API}/calendar/days/{day.id}", **etag(day.rev)})

    return await key.once(effect)


@router.get(
    "/calendar/days/{day_id}",
    summary="Read a day of the company's own",
    response_model=Item[DayView],
    responses=errors(NotFound),
)
async def read_company_day(day_id: UUID, caller: Reader) -> Response:
    day = DayView.of(await company_days.get(day_id))
    return item(day, headers=etag(day.rev))


@router.patch(
    "/calendar/days/{day_id}",
    summary="Change a day of the company's own",
    response_model=Item[DayView],
    responses=errors(NotFound, Conflict, *STALE),
)
async def change_company_day(day_id: UUID, body: DayPatch, rev: IfMatch, caller: Changer) -> Response:
    day = DayView.of(await company_days.change(day_id, rev, said(body)))
    return item(day, headers=etag(day.rev))


@router.delete(
    "/calendar/days/{day_id}",
    status_code=204,
    summary="Remove a day of the company's own",
    response_class=Response,
    responses=errors(NotFound, *STALE),
)
async def remove_company_day(day_id: UUID, rev: IfMatch, caller: Changer) -> Response:
    """The day is again what weekday and public holidays make of it."""
    await company_days.remove(day_id, rev)
    return no_content()
