"""Who plans which customers, and who stands in for whom."""

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
from api.schemas.assignments import (
    AssignmentPatch,
    AssignmentView,
    CustomerAssignmentQuery,
    DelegatePatch,
    DelegateQuery,
    DelegateView,
    HandOverBody,
    HandOverView,
    NewAssignmentBody,
    NewDelegateBody,
    UserAssignmentQuery,
)
from api.texts import said
from core.errors import Conflict, InvalidInput, NotFound
from core.mongo import RawDocument
from planning.access import Action
from services import assignments, delegates
from services.identity import Caller

router = router_of("assignments")

Reader = Annotated[Caller, allow(Action.READ_ASSIGNMENTS)]
Manager = Annotated[Caller, allow(Action.MANAGE_ASSIGNMENTS)]
WRITE_ERRORS = errors(NotFound, Conflict, InvalidInput)
CHANGE_ERRORS = errors(NotFound, Conflict, InvalidInput, *STALE)


@router.get(
    "/users/{user_id}/assignments",
    summary="List the customers that somebody plans",
    response_model=Page[AssignmentView],
    responses=errors(NotFound),
)
async def list_user_assignments(
    user_id: UUID,
    query: Annotated[UserAssignmentQuery, query_of(UserAssignmentQuery)],
    caller: Reader,
    received_at: ReceivedAt,
) -> Response:
    """Past and future entries too; `on` keeps those of a day. Sales reps see their own."""
    window = query.window(query.sort_by)
    listing = await assignments.list_of_user(caller, user_id, query.filter(), window, received_at)
    return page(listing, query.page, query.limit)


@router.get(
    "/customers/{customer_id}/assignments",
    summary="List who plans a customer",
    response_model=Page[AssignmentView],
    responses=errors(NotFound),
)
async def list_customer_assignments(
    customer_id: UUID,
    query: Annotated[CustomerAssignmentQuery, query_of(CustomerAssignmentQuery)],
    caller: Reader,
    received_at: ReceivedAt,
) -> Response:
    """Past and future entries too; `on` keeps those of a day."""
    window = query.window(query.sort_by)
    listing = await assignments.list_of_customer(caller, customer_id, query.filter(), window, received_at)
    return page(listing, query.page, query.limit)


@router.post(
    "/users/{user_id}/assignments",
    status_code=201,
    summary="Assign a customer to somebody",
    response_model=Item[AssignmentView],
    responses=WRITE_ERRORS,
)
async def add_assignment(
    user_id: UUID, body: NewAssignmentBody, caller: Manager, key: IdempotencyKey, received_at: ReceivedAt
) -> Response:
    """They see and plan the customer from the first to the last day in the company's time zone.

    409 when somebody else is primary on some of these days: the answer names that assignment.
    """

    async def effect() -> Response:
        return _created(await assignments.add(caller, user_id, body.wanted(), received_at))

    return await key.once(effect)


@router.get(
    "/users/{user_id}/assignments/{assignment_id}",
    summary="Read an assignment",
    response_model=Item[AssignmentView],
    responses=errors(NotFound),
)
async def read_assignment(user_id: UUID, assignment_id: UUID, caller: Reader, received_at: ReceivedAt) -> Response:
    """With its version, which changing it needs."""
    return _tagged(await assignments.read(caller, user_id, assignment_id, received_at))


@router.patch(
    "/users/{user_id}/assignments/{assignment_id}",
    summary="Change or end an assignment",
    response_model=Item[AssignmentView],
    responses=CHANGE_ERRORS,
)
async def change_assignment(
    user_id: UUID, assignment_id: UUID, body: AssignmentPatch, caller: Manager, rev: IfMatch, received_at: ReceivedAt
) -> Response:
    """It ends by its `valid_to`. Versions, submissions and frozen plans stay with whoever they name."""
    return _tagged(await assignments.change(caller, user_id, assignment_id, rev, said(body), received_at))


@router.delete(
    "/users/{user_id}/assignments/{assignment_id}",
    status_code=204,
    summary="Remove an assignment",
    response_class=Response,
    responses=errors(NotFound, *STALE),
)
async def remove_assignment(
    user_id: UUID, assignment_id: UUID, caller: Manager, rev: IfMatch, received_at: ReceivedAt
) -> Response:
    """For one that was a mistake; one that has held until now is better ended."""
    await assignments.remove(caller, user_id, assignment_id, rev, received_at)
    return no_content()


@router.post(
    "/customers/{customer_id}/assignments/handover",
    status_code=201,
    summary="Hand a customer over from a day on",
    response_model=Item[HandOverView],
    responses=WRITE_ERRORS,
)
async def hand_over_customer(
    customer_id: UUID, body: HandOverBody, caller: Manager, key: IdempotencyKey, received_at: ReceivedAt
) -> Response:
    """Ends one person's assignment the day before and begins the other's, both or neither."""

    async def effect() -> Response:
        begun, ended = await assignments.hand_over(caller, customer_id, body.wanted(), received_at)
        return item({"begun": begun, "ended": ended}, status=201, headers=_address(begun))

    return await key.once(effect)


@router.get(
    "/users/{user_id}/delegates",
    summary="List who stands in for somebody",
    response_model=Page[DelegateView],
    responses=errors(NotFound),
)
async def list_delegates(
    user_id: UUID, query: Annotated[DelegateQuery, query_of(DelegateQuery)], caller: Reader
) -> Response:
    """Or, with `stands_in`, for whom they stand in. Sales reps see their own."""
    window = query.window(query.sort_by)
    listing = await delegates.list_page(caller, user_id, window, stands_in=query.stands_in, on=query.on)
    return page(listing, query.page, query.limit)


@router.post(
    "/users/{user_id}/delegates",
    status_code=201,
    summary="Let somebody stand in",
    response_model=Item[DelegateView],
    responses=WRITE_ERRORS,
)
async def add_delegate(
    user_id: UUID, body: NewDelegateBody, caller: Reader, key: IdempotencyKey, received_at: ReceivedAt
) -> Response:
    """On these days they see and plan the user's customers, under their own name. For oneself, or for anybody when one
    may assign customers."""

    async def effect() -> Response:
        made = await delegates.add(caller, user_id, body.wanted(), received_at)
        location = f"{API}/users/{user_id}/delegates/{made['id']}"
        return item(made, status=201, headers={"Location": location, **etag(made["rev"])})

    return await key.once(effect)


@router.get(
    "/users/{user_id}/delegates/{delegation_id}",
    summary="Read when somebody stands in",
    response_model=Item[DelegateView],
    responses=errors(NotFound),
)
async def read_delegate(user_id: UUID, delegation_id: UUID, caller: Reader) -> Response:
    """With its version, which changing it needs."""
    return _tagged(await delegates.read(caller, user_id, delegation_id))


@router.patch(
    "/users/{user_id}/delegates/{delegation_id}",
    summary="Change when somebody stands in",
    response_model=Item[DelegateView],
    responses=CHANGE_ERRORS,
)
async def change_delegate(
    user_id: UUID, delegation_id: UUID, body: DelegatePatch, caller: Reader, rev: IfMatch, received_at: ReceivedAt
) -> Response:
    """It ends early by another `valid_to`."""
    return _tagged(await delegates.change(caller, user_id, delegation_id, rev, said(body), received_at))


@router.delete(
    "/users/{user_id}/delegates/{delegation_id}",
    status_code=204,
    summary="Let somebody stand in no longer",
    response_class=Response,
    responses=errors(NotFound, *STALE),
)
async def remove_delegate(
    user_id: UUID, delegation_id: UUID, caller: Reader, rev: IfMatch, received_at: ReceivedAt
) -> Response:
    """At once, whatever days were named."""
    await delegates.remove(caller, user_id, delegation_id, rev, received_at)
    return no_content()


def _address(assignment: RawDocument) -> dict[str, str]:
    path = f"{API}/users/{assignment['user_id']}/assignments/{assignment['id']}"
    return {"Location": path, **etag(assignment["rev"])}


def _created(assignment: RawDocument) -> Response:
    return item(assignment, status=201, headers=_address(assignment))


def _tagged(row: RawDocument) -> Response:
    return item(row, headers=etag(row["rev"]))
