"""The floor under the HTTP bench: bare Starlette and PyMongo Async, which read what the product reads and dump it.

Same server, same finds with the same projections, user and session by id included; no token is checked (the ids come
in headers), nothing is computed, and numbers stay as stored. What the product joins into a line stays a flat list
here, so that the answers are about equally long.

    MONGODB_URI=… MONGODB_DATABASE=… API_PORT=… python -m bench.floor
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from pymongo import AsyncMongoClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.app import keep_for_good
from core.collections import ROWS_PER_ROUND_TRIP
from core.listing import COUNT_WITHOUT_ASKING
from core.settings import Settings, load_settings
from models.keys import sheet_id
from ops import server
from services.customers import SHOWN
from services.grid import CYCLE_FIELDS, LINE_FIELDS, MAX_LINES, PRODUCT_FIELDS, ROLLUP_FIELDS, SHEET_FIELDS

PAGE = 50
USER_FIELDS = {"name": 1, "language": 1, "role": 1, "grants": 1, "token_version": 1}
CUSTOMER_FIELDS = {"code": 1, "name": 1, "currency": 1, "is_active": 1, "region": 1}
LAST_YEAR = {"$gte": "2026-01", "$lte": "2027-04"}

Row = dict[str, Any]


def build() -> Starlette:
    """The application of one worker process."""
    routes = [Route("/api/v1/customers", list_customers), Route("/api/v1/forecasts", read_grid)]
    return Starlette(routes=routes, lifespan=_lifespan)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings: Settings = load_settings()
    client: AsyncMongoClient[Row] = AsyncMongoClient(
        settings.mongo.mongodb_uri.get_secret_value(),
        tz_aware=True,
        uuidRepresentation="standard",
        maxPoolSize=settings.mongo.mongodb_max_pool_size,
    )
    app.state.database = client[settings.mongo.mongodb_database]
    keep_for_good()
    yield
    await client.close()


async def list_customers(request: Request) -> Response:
    """The first page by name, of all of the tenant's active customers, and how many there are."""
    tenant, database = await _identify(request), request.app.state.database
    where = {"tenant_id": tenant, "is_active": True}
    rows = await database.customers.find(
        where, SHOWN, sort=[("name", 1), ("_id", 1)], limit=PAGE + 1, batch_size=PAGE + 1
    ).to_list()
    total = await database.customers.count_documents(where, limit=COUNT_WITHOUT_ASKING + 1)
    return _answer({"data": rows[:PAGE], "meta": {"page": 1, "limit": PAGE, "has_next": True, "total": total}})


async def read_grid(request: Request) -> Response:
    """A customer's lines and all that the product reads for them; last year's numbers are dumped as one list."""
    tenant, database = await _identify(request), request.app.state.database
    customer_id, cycle_id = UUID(request.query_params["customer_id"]), UUID(request.query_params["cycle_id"])
    own = {"tenant_id": tenant}
    customer = await database.customers.find_one({**own, "_id": customer_id}, CUSTOMER_FIELDS)
    await _read_scope(database, tenant, UUID(request.headers["x-user"]), customer_id)
    cycle = await database.cycles.find_one({**own, "_id": cycle_id}, CYCLE_FIELDS)
    sheet = await database.sheets.find_one({**own, "_id": sheet_id(tenant, cycle_id, customer_id, None)}, SHEET_FIELDS)
    of_sheet = {**own, "cycle_id": cycle_id, "stream": "sales", "customer_id": customer_id}
    lines = await database.lines.find(of_sheet, LINE_FIELDS, limit=MAX_LINES + 1).to_list()
    ids = [line["product_id"] for line in lines]
    products = await database.products.find({**own, "_id": {"$in": ids}}, PRODUCT_FIELDS).to_list()
    await database.customers.find({**own, "merged_into": {"$type": "binData"}}, {"merged_into": 1}).to_list()
    sold = {**own, "customer_id": {"$in": [customer_id]}, "month": LAST_YEAR}
    rollups = await database.sales_rollups.find(sold, ROLLUP_FIELDS, batch_size=ROWS_PER_ROUND_TRIP).to_list()
    complete = {**own, "month": LAST_YEAR, "status": {"$in": ["complete", "restated"]}}
    months = await database.months.find(complete, {"_id": 0, "month": 1}).to_list()
    await database.products.find({**own, "successor_id": {"$ne": None}}, {"successor_id": 1}).to_list()
    data = {"cycle": cycle, "customer": customer, "sheet": sheet, "lines": lines, "products": products}
    last_year = [row["quantity"] for row in rollups]
    return _answer({"data": {**data, "last_year": last_year, "complete": [row["month"] for row in months]}})


async def _read_scope(database: Any, tenant: UUID, user: UUID, customer_id: UUID) -> None:
    """Whether the customer is the user's, or that of somebody whom the user stands in for."""
    day = datetime.now(UTC).date().isoformat()
    dated = {"valid_from": {"$lte": day}, "$or": [{"valid_to": None}, {"valid_to": {"$gte": day}}]}
    await database.tenants.find_one({"_id": tenant}, {"_id": 0, "time_zone": 1})
    standing_in = {"tenant_id": tenant, "delegate_id": user, **dated}
    await database.delegates.find(standing_in, {"_id": 0, "user_id": 1}).to_list()
    assigned = {"tenant_id": tenant, "user_id": {"$in": [user]}, "customer_id": customer_id, **dated}
    await database.assignments.find(assigned, {"_id": 0, "user_id": 1, "customer_id": 1}).to_list()


async def _identify(request: Request) -> UUID:
    """The tenant, after reading user and session."""
    headers, database = request.headers, request.app.state.database
    tenant, user, session = (UUID(headers[name]) for name in ("x-tenant", "x-user", "x-session"))
    await database.users.find_one({"tenant_id": tenant, "_id": user, "is_active": True}, USER_FIELDS)
    alive = {"_id": session, "user_id": user, "revoked_at": None, "expires_at": {"$gt": datetime.now(UTC)}}
    await database.sessions.find_one({"tenant_id": tenant, **alive}, {"expires_at": 1})
    return tenant


def _answer(body: Row) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


if __name__ == "__main__":
    server.run(load_settings(), "bench.floor:build")
