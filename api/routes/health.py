"""Whether the process lives, and whether what it depends on answers.

The API is ready when MongoDB is: it reads without Temporal and without a worker, so their absence is `degraded`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.dependencies import CurrentWorkflows
from api.envelope import Item, item
from api.errors import errors
from api.routing import router_of
from core.errors import DatabaseUnavailable, TemporalUnavailable, WorkerUnavailable
from core.mongo import Mongo
from workflows.client import Workflows

router = router_of("health", public=True)


class Alive(BaseModel):
    """It answers."""

    status: Literal["ok"] = Field(examples=["ok"])


class Readiness(BaseModel):
    """`ok` = all green; `degraded` = reads and saves work, what needs Temporal or a worker waits."""

    status: Literal["ok", "degraded"] = Field(examples=["ok"])
    database: Literal["ok"] = Field(examples=["ok"])
    temporal: Literal["ok", "unavailable"] = Field(examples=["ok"])
    worker: Literal["ok", "unavailable"] = Field(examples=["ok"])


async def _mongo(request: Request) -> Mongo:
    mongo: Mongo = request.app.state.mongo
    return mongo


Database = Annotated[Mongo, Depends(_mongo)]


@router.get("/health", summary="Whether the process answers", response_model=Item[Alive])
async def read_health() -> Response:
    return item({"status": "ok"})


@router.get(
    "/health/db",
    summary="Whether MongoDB has a primary that answers",
    response_model=Item[Alive],
    responses=errors(DatabaseUnavailable),
)
async def read_database_health(mongo: Database) -> Response:
    await mongo.ping()
    return item({"status": "ok"})


@router.get(
    "/health/worker",
    summary="Whether Temporal answers and a worker asks it for work",
    response_model=Item[Alive],
    responses=errors(TemporalUnavailable, WorkerUnavailable),
)
async def read_worker_health(workflows: CurrentWorkflows) -> Response:
    if not await workflows.has_worker():
        raise WorkerUnavailable()
    return item({"status": "ok"})


@router.get(
    "/health/ready",
    summary="Whether this process can serve: green means MongoDB",
    response_model=Item[Readiness],
    responses=errors(DatabaseUnavailable),
)
async def read_readiness(mongo: Database, workflows: CurrentWorkflows) -> Response:
    await mongo.ping()
    temporal, worker = await _ask_temporal(workflows)
    green = temporal and worker
    words = {True: "ok", False: "unavailable"}
    status = "ok" if green else "degraded"
    return item({"status": status, "database": "ok", "temporal": words[temporal], "worker": words[worker]})


async def _ask_temporal(workflows: Workflows) -> tuple[bool, bool]:
    """Whether Temporal answers, and whether a worker polls."""
    try:
        await workflows.ping()
        return True, await workflows.has_worker()
    except TemporalUnavailable:
        return False, False
