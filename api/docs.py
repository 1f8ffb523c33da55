"""The interactive documentation, served from our own files: no content network sees who reads it. Off in production."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import swagger_ui_bundle
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from api.envelope import answer, to_json

DOCS = "/docs"
OPENAPI = "/openapi.json"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Planwright API</title>
<link rel="stylesheet" href="/docs/static/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/docs/static/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></body>
</html>
"""
_START = (
    "SwaggerUIBundle({url: '/docs/openapi.json', dom_id: '#swagger-ui', deepLinking: true,"
    " persistAuthorization: false, validatorUrl: null});"
)


def install(app: FastAPI, *, public: bool) -> None:
    """Add the page, the schema and the files, unless they are not to be shown."""
    if not public:
        return

    async def schema(_request: Request) -> Response:
        return answer(app.openapi())

    translated = cache(lambda: to_json(as_openapi_3_0(app.openapi())))

    async def schema_for_page(_request: Request) -> Response:
        return Response(translated(), media_type="application/json")

    app.router.add_route(OPENAPI, schema, methods=["GET"], include_in_schema=False)
    app.router.add_route(f"{DOCS}/openapi.json", schema_for_page, methods=["GET"], include_in_schema=False)
    app.router.add_route(DOCS, _page, methods=["GET"], include_in_schema=False)
    app.router.add_route(f"{DOCS}/start.js", _start, methods=["GET"], include_in_schema=False)
    app.router.mount(f"{DOCS}/static", StaticFiles(directory=_files()), name="docs-static")


async def _page(_request: Request) -> Response:
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": POLICY})


async def _start(_request: Request) -> Response:
    return Response(_START, media_type="text/javascript")


def _files() -> Path:
    """The folder of the bundled Swagger UI."""
    vendor = Path(swagger_ui_bundle.__file__).parent / "vendor"
    return sorted(vendor.glob("swagger-ui-*"))[-1]


def as_openapi_3_0(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema in the words of OpenAPI 3.0, which is what the bundled page can show."""
    translated: dict[str, Any] = _translate(schema)
    return {**translated, "openapi": "3.0.3"}


def _translate(node: Any) -> Any:
    if isinstance(node, list):
        return [_translate(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    result = {key: _translate(value) for key, value in node.items()}
    options = result.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        result.pop("anyOf")
        result |= {"nullable": True} | ({"allOf": rest} if len(rest) == 1 else {"anyOf": rest})
    if "const" in result and not isinstance(result["const"], dict):
        result["enum"] = [result.pop("const")]
    if isinstance(result.get("examples"), list) and result["examples"]:
        result["example"] = result.pop("examples")[0]
    return result
