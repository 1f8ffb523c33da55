"""People of the company: who they are, and what they may do. Admins invite, change and remove them; managers read."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from starlette.responses import Response

from api.dependencies import IdempotencyKey, ReceivedAt, allow
from api.envelope import Item, Page, item, no_content, page
from api.errors import errors
from api.etags import STALE, IfMatch, etag
from api.queries import query_of
from api.routing import API, router_of
from api.schemas.users import NewUser, UserPatch, UserQuery, UserView
from api.texts import said
from core.errors import Conflict, EmailTaken, NotFound
from core.uploads import content_disposition
from planning.access import Action
from reports.filled import open_file
from services import exports, invitations, users
from services.exports import Wanted
from services.identity import Caller
from services.import_kinds.tables import ImportKind

router = router_of("users")

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WORKBOOK: dict[int | str, dict[str, Any]] = {
    200: {"description": "The workbook.", "content": {XLSX: {"schema": {"type": "string", "format": "binary"}}}}
}
Reader = Annotated[Caller, allow(Action.READ_USERS)]
Keeper = Annotated[Caller, allow(Action.MANAGE_USERS)]


@router.get("/users", summary="List people", response_model=Page[UserView])
async def list_users(query: Annotated[UserQuery, query_of(UserQuery)], caller: Reader) -> Response:
    """Without those who were deleted, unless `status=deleted`."""
    listing = await users.list_users(query.filter(), query.window(query.sort_by.field))
    return page(listing, query.page, query.limit)


@router.post(
    "/users",
    status_code=201,
    summary="Invite somebody",
    response_model=Item[UserView],
    responses=errors(EmailTaken),
)
async def invite_user(body: NewUser, caller: Keeper, key: IdempotencyKey) -> Response:
    """A mail with a link leaves within about half a minute; with it the person chooses a password. A password never
    travels. An address belongs to one person over all companies, also after that person was deleted.
    """

    async def effect() -> Response:
        user = await invitations.create_user(**dict(body))
        return await _shown(user.id, status=201, headers={"Location": f"{API}/users/{user.id}"})

    return await key.once(effect)


@router.get(
    "/users/export.xlsx",
    summary="Download the list of people as .xlsx",
    response_class=Response,
    responses=WORKBOOK,
)
async def export_users(caller: Reader, received_at: ReceivedAt) -> Response:
    """Everybody who was not deleted, in the columns of the import of users: the same file as `POST /exports` makes."""
    workbook = await exports.at_once(caller, Wanted(ImportKind.USERS), open_file, received_at)
    headers = {"Content-Disposition": content_disposition("users.xlsx")}
    return Response(workbook, headers=headers, media_type=XLSX)


@router.get("/users/{user_id}", summary="Read a person", response_model=Item[UserView], responses=errors(NotFound))
async def read_user(user_id: UUID, caller: Reader) -> Response:
    """Also somebody who was deleted."""
    return await _shown(user_id)


@router.patch(
    "/users/{user_id}",
    summary="Change a person",
    response_model=Item[UserView],
    responses=errors(NotFound, Conflict, EmailTaken, *STALE),
)
async def change_user(user_id: UUID, body: UserPatch, rev: IfMatch, caller: Keeper) -> Response:
    """A new role or grant acts at the person's next call. A new address signs in from then on; sessions and mailed
    links end. The last admin who can sign in keeps the role.
    """
    await users.change_user(user_id, rev, **said(body))
    return await _shown(user_id)


@router.delete(
    "/users/{user_id}",
    status_code=204,
    summary="Delete a person",
    response_class=Response,
    responses=errors(NotFound, Conflict, *STALE),
)
async def delete_user(user_id: UUID, rev: IfMatch, caller: Keeper) -> Response:
    """They can't sign in any more and are gone from lists; what they did keeps their name, and the address stays
    taken. The last admin who can sign in can't be deleted.
    """
    await users.delete(user_id, rev)
    return no_content()


@router.post(
    "/users/{user_id}/restore",
    summary="Take back a deletion",
    response_model=Item[UserView],
    responses=errors(NotFound, Conflict),
)
async def restore_user(user_id: UUID, caller: Keeper) -> Response:
    """The person comes back deactivated; activate them to let them sign in."""
    await users.restore(user_id)
    return await _shown(user_id)


@router.post(
    "/users/{user_id}/activate",
    summary="Let a deactivated person in again",
    response_model=Item[UserView],
    responses=errors(NotFound, Conflict),
)
async def activate_user(user_id: UUID, caller: Keeper) -> Response:
    """Twice is once."""
    await users.activate(user_id)
    return await _shown(user_id)


@router.post(
    "/users/{user_id}/deactivate",
    summary="Keep a person out",
    response_model=Item[UserView],
    responses=errors(NotFound, Conflict),
)
async def deactivate_user(user_id: UUID, caller: Keeper) -> Response:
    """From the next call on; sessions and mailed links end. The last admin who can sign in can't be deactivated."""
    await users.deactivate(user_id)
    return await _shown(user_id)


@router.post(
    "/users/{user_id}/unlock",
    summary="Forget the wrong passwords tried on an account",
    response_model=Item[UserView],
    responses=errors(NotFound),
)
async def unlock_user(user_id: UUID, caller: Keeper) -> Response:
    """A lockout ends by itself; this ends it now, from wherever it was tried."""
    await users.unlock(user_id)
    return await _shown(user_id)


@router.post(
    "/users/{user_id}/invitation",
    summary="Mail the invitation again",
    response_model=Item[UserView],
    responses=errors(NotFound, Conflict),
)
async def resend_invitation(user_id: UUID, caller: Keeper) -> Response:
    """For people who have not set a password yet. While one still waits to be sent, it is not sent twice."""
    await invitations.resend(user_id)
    return await _shown(user_id)


async def _shown(user_id: UUID, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    user = await users.read(user_id)
    return item(user, status=status, headers={**etag(user["rev"]), **(headers or {})})
