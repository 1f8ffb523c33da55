"""Whether the process lives, and whether what it depends on answers."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.envelope import Item, item
from api.errors import errors
from api.routing import router_of
from core.errors import DatabaseUnavailable
from core.mongo import Mongo

router = router_of("health", public=True)


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = Field(examples=["ok"])


async def _mongo(request: Request) -> Mongo:
    mongo: Mongo = request.app.state.mongo
    return mongo


@router.get("/health", summary="Whether the process answers", response_model=Item[Alive])
async def read_health() -> Response:
    return item({"status": "ok"})


@router.get(
    "/health/db",
    summary="Whether MongoDB has a primary that answers",
    response_model=Item[Alive],
    responses=errors(DatabaseUnavailable),
)
async def read_database_health(mongo: Annotated[Mongo, Depends(_mongo)]) -> Response:
    await mongo.ping()
    return item({"status": "ok"})
