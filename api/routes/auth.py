"""Signing in, staying signed in, signing out, and who one is. There is no register route: admins add people."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header
from starlette.responses import Response

from api.dependencies import ClientAddress, CurrentCaller
from api.envelope import Item, item, no_content
from api.errors import errors
from api.routing import router_of
from api.schemas.auth import Me, PasswordSetup, Refresh, SignIn, TokenPair
from core.errors import NotAuthenticated, Unavailable
from services import identity
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
    return item(Me.of(await identity.profile(caller)))


@public_router.post(
    "/auth/password-setup/confirm",
    summary="Set a password with a mailed link",
    status_code=204,
    response_class=Response,
    responses=errors(Unavailable),
)
async def confirm_password_setup(body: PasswordSetup, address: ClientAddress) -> Response:
    """The link works once; setting the password ends all sessions of its owner."""
    await identity.set_password_by_link(body.token, body.password, address=address)
    return no_content()


def _pair(tokens: Tokens) -> Response:
    return item(
        TokenPair(
            access_token=tokens.access_token,
            expires_in=tokens.expires_in,
            refresh_token=tokens.refresh_token,
            refresh_expires_at=tokens.refresh_expires_at,
        )
    )
