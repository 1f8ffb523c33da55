"""Signed-in sessions: seeing and ending them. One's own, and for admins those of anybody in the company."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from starlette.responses import Response

from api.dependencies import CurrentCaller, allow
from api.envelope import Page, no_content, page
from api.errors import errors
from api.queries import query_of
from api.routing import router_of
from api.schemas.sessions import OwnSessionView, SessionQuery, SessionView, show_own
from core.errors import NotFound
from planning.access import Action
from services import sessions
from services.identity import Caller

router = router_of("sessions")

Query = Annotated[SessionQuery, query_of(SessionQuery)]
Keeper = Annotated[Caller, allow(Action.MANAGE_USERS)]


@router.get("/auth/sessions", summary="List one's own sessions", response_model=Page[OwnSessionView])
async def list_own_sessions(query: Query, caller: CurrentCaller) -> Response:
    """Those that go on, newest first; `current` marks the one that asks."""
    listing = await sessions.list_living(caller.user_id, query.window(query.sort_by))
    listing.rows[:] = [show_own(row, caller.session_id) for row in listing.rows]
    return page(listing, query.page, query.limit)


@router.delete("/auth/sessions", summary="End all own sessions but this one", status_code=204, response_class=Response)
async def end_other_sessions(caller: CurrentCaller) -> Response:
    """To end this one as well, sign out."""
    await sessions.end_all(caller.user_id, but=caller.session_id)
    return no_content()


@router.delete(
    "/auth/sessions/{session_id}",
    summary="End one of one's own sessions",
    status_code=204,
    response_class=Response,
    responses=errors(NotFound),
)
async def end_own_session(session_id: UUID, caller: CurrentCaller) -> Response:
    """Its tokens are dead at the next call."""
    await sessions.end_one(caller.user_id, session_id)
    return no_content()


@router.get(
    "/users/{user_id}/sessions",
    summary="List the sessions of a user",
    response_model=Page[SessionView],
    responses=errors(NotFound),
)
async def list_sessions(user_id: UUID, query: Query, caller: Keeper) -> Response:
    """Those that go on, newest first."""
    return page(await sessions.list_living(user_id, query.window(query.sort_by)), query.page, query.limit)


@router.delete(
    "/users/{user_id}/sessions",
    summary="End all sessions of a user",
    status_code=204,
    response_class=Response,
    responses=errors(NotFound),
)
async def end_sessions(user_id: UUID, caller: Keeper) -> Response:
    """Signs the person out everywhere; they may sign in again. To keep them out, deactivate them."""
    await sessions.end_all(user_id)
    return no_content()


@router.delete(
    "/users/{user_id}/sessions/{session_id}",
    summary="End a session of a user",
    status_code=204,
    response_class=Response,
    responses=errors(NotFound),
)
async def end_session(user_id: UUID, session_id: UUID, caller: Keeper) -> Response:
    """Its tokens are dead at the next call."""
    await sessions.end_one(user_id, session_id)
    return no_content()
