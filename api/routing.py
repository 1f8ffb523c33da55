"""Routers as this API makes them: strict JSON bodies, stable operation ids, and the common errors declared.

Routes are put flat into the application (no nested routers): a request is then matched once.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar

from fastapi import APIRouter, FastAPI
from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from api.dependencies import SignedIn
from api.errors import COMMON_ERRORS, SIGNED_IN_ERRORS, errors, examples, merged
from api.etags import demand_if_match
from api.json_body import parse_json
from api.queries import parameters_of
from core.errors import MalformedRequest, MethodNotAllowed, PayloadTooLarge, PlanwrightError

API = "/api/v1"
_JSON = ("application/json", "Send the body as JSON with 'Content-Type: application/json'.")
_FORM = ("multipart/form-data", "Send the file and its fields as a form with 'Content-Type: multipart/form-data'.")


class StrictRequest(Request):
    """A request whose JSON is read strictly; its form is FastAPI's own."""

    async def json(self) -> Any:
        return parse_json(await self.body())


class StrictRoute(APIRoute):
    """A route for callers who are signed in. Its body, if it has one, is JSON that `parse_json` accepts, or a form."""

    common: ClassVar[tuple[type[PlanwrightError], ...]] = (*COMMON_ERRORS, *SIGNED_IN_ERRORS)

    def __init__(self, *args: Any, **options: Any) -> None:
        common = (*self.common, PayloadTooLarge) if self.expects_body(options) else self.common
        options["responses"] = merged(errors(*common), options.get("responses") or {})
        super().__init__(*args, **options)
        # Whoever is not signed in learns nothing of what else is wrong.
        self.dependant.dependencies.sort(key=lambda inner: not isinstance(inner.call, SignedIn))
        parameters = parameters_of(self.dependant)
        if parameters:
            self.openapi_extra = {**(self.openapi_extra or {}), "parameters": parameters}

    @staticmethod
    def expects_body(options: dict[str, Any]) -> bool:
        return bool({"POST", "PUT", "PATCH"} & set(options.get("methods") or ()))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler
        doors = [inner.call for inner in self.dependant.dependencies if isinstance(inner.call, SignedIn)]
        kind, remedy = _FORM if isinstance(self.body_field.field_info, Form) else _JSON

        async def strict(request: Request) -> Response:
            # FastAPI reads the body first and asks who sends it afterwards; a stranger's upload is not even received.
            for door in doors:
                await door(request)
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
                raise MalformedRequest(remedy)
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


class PublicRoute(StrictRoute):
    """The same for everybody."""

    common = COMMON_ERRORS


def operation_id(route: APIRoute) -> str:
    """The function's name: stable, and unique over the API (a test says so)."""
    return route.name


def router_of(tag: str, *, public: bool = False) -> APIRouter:
    """A router for one noun, below /api/v1; give each route its whole path, e.g. "/sop/cycles/{cycle_id}".

    `public`: its routes need no access token.
    """
    return APIRouter(
        prefix=API,
        tags=[tag],
        route_class=PublicRoute if public else StrictRoute,
        generate_unique_id_function=operation_id,
        redirect_slashes=False,
    )


class WrongMethod(Route):
    """Refuses the methods that a path does not know, and names those that it knows."""

    def __init__(self, path: str, known: frozenset[str]) -> None:
        super().__init__(path, self._refuse, include_in_schema=False)
        self.methods = set()
        self.known = known

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(scope) if scope["method"] not in self.known else (Match.NONE, {})

    async def _refuse(self, _request: Request) -> Response:
        raise MethodNotAllowed(allowed=sorted(self.known))


def install(app: FastAPI, routers: tuple[APIRouter, ...]) -> None:
    """Put the routes of all routers into the application, flat."""
    routes = [route for router in routers for route in router.routes]
    literal, others = _wrong_methods(routes)
    app.router.routes.extend([*literal, *routes, *others])
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        schema = plain()
        schema.setdefault("components", {})["examples"] = examples()
        demand_if_match(schema)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


def _wrong_methods(routes: Sequence[BaseRoute]) -> tuple[list[WrongMethod], list[WrongMethod]]:
    """The refusals for every path: first those of literal paths that one with a parameter would match as well, which
    must stand before it (PUT /things/search is no change of a thing called search), then all others, for the end."""
    known: dict[str, frozenset[str]] = {}
    for route in routes:
        if isinstance(route, Route):
            known[route.path] = known.get(route.path, frozenset()) | frozenset(route.methods or ())
    patterns = [route.path_regex for route in routes if isinstance(route, Route) and route.param_convertors]
    refusals = [WrongMethod(path, methods) for path, methods in known.items()]
    literal = [refusal for refusal in refusals if any(pattern.match(refusal.path) for pattern in patterns)]
    literal = [refusal for refusal in literal if not refusal.param_convertors]
    return literal, [refusal for refusal in refusals if refusal not in literal]
