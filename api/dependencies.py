"""What a route may ask for: who calls, whether they may, since when they wait, and their Idempotency-Key.

    async def list_things(caller: Annotated[Caller, allow(Action.READ_THINGS)]) -> Response: …

Authentication enters tenant and user into the request's context; the request middleware leaves them again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from api.idempotency import Idempotency
from api.middleware.request import RequestInfo, info_of
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import NotAuthenticated, NotPermitted
from core.ratelimit import Limit, require
from models.guards import RateBucket
from planning.access import Action, may
from services import identity
from services.identity import Caller
from workflows.client import Workflows

SAFE_METHODS = ("GET", "HEAD")
BEARER = HTTPBearer(bearerFormat="JWT", description="The access token of POST /api/v1/auth/login.")


class SignedIn(SecurityBase):
    """Identifies the caller (401), counts the call (429) and, with an action, asks whether the role may do it (403)."""

    def __init__(self, action: Action | None = None) -> None:
        self.model = BEARER
        self.scheme_name = "access_token"
        self.action = action

    async def __call__(self, request: Request) -> Caller:
        info = info_of(request.scope)
        caller = info.caller or await _identify(request, info)
        if self.action is not None:
            decision = may(caller.actor, self.action)
            if not decision.allowed:
                raise NotPermitted(decision.reason)
        return caller


def allow(action: Action) -> Any:
    """The dependency that gives the caller, if the role may do this: `Annotated[Caller, allow(Action.…)]`."""
    return Depends(SignedIn(action))


async def _identify(request: Request, info: RequestInfo) -> Caller:
    try:
        caller = await identity.identify(_bearer(request))
    except NotAuthenticated:
        request.app.state.strangers.require(info.client)
        raise
    await _count(request, caller)
    info.stack.enter_context(tenant_scope(caller.tenant_id))
    info.stack.enter_context(acting_as(caller.user_id))
    info.caller = caller
    return caller


async def _count(request: Request, caller: Caller) -> None:
    """Reads are counted in this process, everything else in the database for all processes."""
    key = f"{caller.tenant_id}|{caller.user_id}"
    if request.method in SAFE_METHODS:
        request.app.state.readers.require(key)
        return
    limit = Limit(request.app.state.settings.http.rate_limit_writes_per_minute)
    await require(scoped(RateBucket).raw, f"write|{key}", limit)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated()
    return token.strip()


async def _client_address(request: Request) -> str:
    return info_of(request.scope).client


async def _received_at(request: Request) -> datetime:
    return info_of(request.scope).received_at


async def _idempotency(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern=r"^[\x21-\x7e]{1,200}$",
            description="Chosen by the caller, new for each intent: the same key and body give the same answer.",
        ),
    ] = None,
) -> Idempotency:
    is_form = request.headers.get("content-type", "").startswith("multipart/")
    body = b"" if idempotency_key is None or is_form else await request.body()
    return Idempotency(idempotency_key, f"{request.method} {request.url.path}", body)


async def _workflows(request: Request) -> Workflows:
    workflows: Workflows = request.app.state.workflows
    return workflows


CurrentCaller = Annotated[Caller, Depends(SignedIn())]
CurrentWorkflows = Annotated[Workflows, Depends(_workflows)]
"""The way to Temporal: connects at the first use, 503 while it is away."""
ClientAddress = Annotated[str, Depends(_client_address)]
ReceivedAt = Annotated[datetime, Depends(_received_at)]
"""When the first byte of the request was read: what deadlines are judged by."""
IdempotencyKey = Annotated[Idempotency, Depends(_idempotency)]
