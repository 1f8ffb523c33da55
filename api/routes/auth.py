"""Signing in, staying signed in, signing out, and who one is. There is no register route: admins add people."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header
from starlette.responses import Response

from api.dependencies import ClientAddress, CurrentCaller
from api.envelope import Item, item, no_content
from api.errors import errors
from api.etags import STALE, IfMatch, etag
from api.routing import router_of
from api.schemas.auth import (
    Me,
    PasswordChange,
    PasswordReset,
    PasswordSetup,
    ProfilePatch,
    Refresh,
    SignIn,
    TokenPair,
)
from core.errors import NotAuthenticated, Unavailable
from services import identity, passwords, profiles
from services.profiles import Profile
from services.sessions import Tokens

public_router = router_of("auth", public=True)
router = router_of("auth")


@public_router.post(
    "/auth/login",
    summary="Sign in",
    response_model=Item[TokenPair],
    responses=errors(NotAuthenticated, Unavailable),
)
async def login(body: SignIn, address: ClientAddress, user_agent: Annotated[str, Header()] = "") -> Response:
    """After too many attempts the answer is 429 with `Retry-After`; it is the same for accounts that don't exist."""
    tokens = await identity.sign_in(body.email, body.password, address=address, user_agent=user_agent)
    return _pair(tokens)


@public_router.post(
    "/auth/refresh",
    summary="Exchange the refresh token for the next pair of tokens",
    response_model=Item[TokenPair],
    responses=errors(NotAuthenticated),
)
async def refresh(body: Refresh) -> Response:
    """A refresh token works once. A second use means that a copy exists, and ends the session for everybody."""
    return _pair(await identity.refresh(body.refresh_token))


@router.post("/auth/logout", summary="End this session", status_code=204, response_class=Response)
async def logout(caller: CurrentCaller) -> Response:
    """The tokens of this session are dead at once; other sessions of the user go on."""
    await identity.sign_out(caller)
    return no_content()


@router.get("/auth/me", summary="The signed-in user", response_model=Item[Me])
async def read_me(caller: CurrentCaller) -> Response:
    """While `first_login` is true, show the profile, and PATCH it with what the person leaves in it."""
    return _me(await profiles.profile(caller))


@router.patch("/auth/me", summary="Change one's own profile", response_model=Item[Me], responses=errors(*STALE))
async def change_me(body: ProfilePatch, rev: IfMatch, caller: CurrentCaller) -> Response:
    """The first one ends the first sign-in, also if it changes nothing. Mails about passwords can't be switched off."""
    return _me(await profiles.change_profile(caller, rev, body.changes()))


@router.post(
    "/auth/password",
    summary="Change one's own password",
    response_model=Item[TokenPair],
    responses=errors(Unavailable),
)
async def change_password(
    body: PasswordChange, caller: CurrentCaller, address: ClientAddress, user_agent: Annotated[str, Header()] = ""
) -> Response:
    """All sessions end, this one too; the answer holds the tokens of a new one, so the caller goes on with those. A
    wrong current password counts as an attempt to sign in.
    """
    tokens = await passwords.change_own(
        caller, body.current_password, body.new_password, address=address, user_agent=user_agent
    )
    return _pair(tokens)


@public_router.post(
    "/auth/password-setup/confirm",
    summary="Set the first password with the link of an invitation",
    status_code=204,
    response_class=Response,
    responses=errors(Unavailable),
)
async def confirm_password_setup(body: PasswordSetup, address: ClientAddress) -> Response:
    """The link works once; setting the password ends all sessions of its owner."""
    await passwords.set_by_link(body.token, body.password, passwords.SETUP, address=address)
    return no_content()


@public_router.post("/auth/password-reset", summary="Ask for a new password", status_code=204, response_class=Response)
async def ask_for_password_reset(body: PasswordReset, address: ClientAddress) -> Response:
    """The answer is the same whoever the address belongs to, and whether anybody. If it signs in here, a mail with a
    link leaves within about half a minute; the link works once, for 30 minutes.
    """
    await passwords.ask_for_reset(body.email, address=address)
    return no_content()


@public_router.post(
    "/auth/password-reset/confirm",
    summary="Set a new password with a mailed link",
    status_code=204,
    response_class=Response,
    responses=errors(Unavailable),
)
async def confirm_password_reset(body: PasswordSetup, address: ClientAddress) -> Response:
    """The link works once; setting the password ends all sessions of its owner, and a lockout."""
    await passwords.set_by_link(body.token, body.password, passwords.RESET, address=address)
    return no_content()


def _me(profile: Profile) -> Response:
    return item(Me.of(profile), headers=etag(profile.user.rev))


def _pair(tokens: Tokens) -> Response:
    return item(
        TokenPair(
            access_token=tokens.access_token,
            expires_in=tokens.expires_in,
            refresh_token=tokens.refresh_token,
            refresh_expires_at=tokens.refresh_expires_at,
        )
    )
