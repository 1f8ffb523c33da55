"""A company of the matrix: people of every role, customers that are a rep's own and others, and a round of planning.

`mark` and `hidden` are words that stand in codes and names: no answer to another tenant may hold `mark`, no answer to
the rep `hidden`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from bson import CodecOptions, encode
from bson.binary import UuidRepresentation
from fastapi import FastAPI

from activities.imports import run_import_job
from activities.reports import run_report
from core.clock import now
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.documents import PlanwrightDocument, TenantDocument
from core.search import search_words
from models.customer import Customer
from models.cycle import Cycle, Operation
from models.forecast import Line
from models.job import Job
from models.keys import line_id
from models.product import Product
from models.registry import DOCUMENTS
from models.session import AuthSession
from models.tenant import Tenant
from models.user import User
from planning.months import add_months, month_in_zone, month_range
from planning.roles import Role
from services import closing, cycle_moves, cycles, opening, operations, reports
from services.cycles import CycleDraft
from services.reports import PlanVsActualWanted
from tests import factories, imported
from tests.companies import DAY, ignore
from tests.people import signed_in
from workflows.contracts import JobInput

Id = UUID | str
Documents = dict[type[PlanwrightDocument], list[dict[str, Any]]]
STORED: CodecOptions[dict[str, Any]] = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)


@dataclass(slots=True)
class World:
    """One tenant. `ids` holds an id (or natural key) for every path parameter; `others` those that the rep must not
    see: things of the customer that is not the rep's own, and jobs that somebody else asked for."""

    app: FastAPI
    tenant: Tenant
    mark: str
    hidden: str
    users: dict[Role, User] = field(default_factory=dict)
    clients: dict[Role, httpx.AsyncClient] = field(default_factory=dict)
    ids: dict[str, Id] = field(default_factory=dict)
    others: dict[str, Id] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)

    own: Customer = field(init=False)
    """The rep's, with `product` on its list and in both cycles."""
    other: Customer = field(init=False)
    """Nobody's, with `hidden_product` on its list."""
    product: Product = field(init=False)
    hidden_product: Product = field(init=False)
    closed: Cycle = field(init=False)
    """Closed once; `ids["cycle_id"]`, so that every move of it but reopening is refused at once."""
    running: Cycle = field(init=False)
    """In entry, with a sheet for both customers."""
    disabled: httpx.AsyncClient = field(init=False)
    """A client of an admin who has been disabled, with a token from before."""

    @property
    def admin(self) -> httpx.AsyncClient:
        return self.clients[Role.ADMIN]

    @property
    def rep(self) -> httpx.AsyncClient:
        return self.clients[Role.SALES_REP]

    async def documents(self) -> Documents:
        """Every document of the tenant, and its own, as stored."""
        models = [model for model in DOCUMENTS if issubclass(model, TenantDocument)]
        with tenant_scope(self.tenant.id):
            found: Documents = {model: await scoped(model).rows() for model in models}
            return found | {Tenant: await scoped(Tenant).rows({"_id": self.tenant.id})}

    async def put_back(self, documents: Documents) -> None:
        """Have the tenant hold these documents and no others."""
        stored = await self.documents()
        with tenant_scope(self.tenant.id):
            for model, rows in documents.items():
                if rows != stored[model]:
                    await scoped(model).delete({"_id": {"$in": [row["_id"] for row in stored[model]]}})
                    if rows:
                        await scoped(model).insert_rows(rows)

    async def contents(self) -> dict[str, dict[str, bytes]]:
        """Every document of the tenant as stored, by collection and id, but for the sessions of who asks."""
        models = [model for model in DOCUMENTS if issubclass(model, TenantDocument) and model is not AuthSession]
        with tenant_scope(self.tenant.id):
            return {
                model.Settings.name: {str(row["_id"]): _stored(row) for row in await scoped(model).rows()}
                for model in models
            }


async def make_world(app: FastAPI, makers: Iterable[Callable[[World], Awaitable[None]]]) -> World:
    """A new tenant with all of it."""
    word = uuid4().hex[:10]
    world = World(app, await factories.make_tenant(name=f"mark{word}"), f"mark{word}", f"hidden{word}")
    with tenant_scope(world.tenant.id):
        await _make_people(world)
        await _make_masters(world)
        await _make_round(world)
        await _make_jobs(world)
        for make in makers:
            await make(world)
    return world


async def _make_people(world: World) -> None:
    for role in Role:
        name = f"{world.mark} {role}"
        user = await factories.make_user(
            role, name=name, email=f"{role}@{world.mark}.example", search=search_words(name, world.mark)
        )
        world.users[role] = user
        world.clients[role] = await signed_in(world.app, user)
    gone = await factories.make_user("admin", name=f"{world.mark} gone", is_active=False)
    world.disabled = await signed_in(world.app, gone)
    world.ids["user_id"] = world.users[Role.VIEWER].id


async def _make_masters(world: World) -> None:
    world.own = await _customer(f"{world.mark}-OWN")
    world.other = await _customer(f"{world.mark}-{world.hidden}")
    world.product = await _product(f"{world.mark}-P1")
    world.hidden_product = await _product(f"{world.mark}-{world.hidden}-P2")
    await factories.assign(world.users[Role.SALES_REP], world.own)
    await factories.allow(world.own, world.product)
    await factories.allow(world.other, world.hidden_product)
    last = add_months(month_in_zone(now(), world.tenant.time_zone), -1)
    months = month_range(add_months(last, -11), 12)
    for month in months:
        await factories.sold(world.own, world.product, month, 10_000, 250_000)
        await factories.sold(world.other, world.hidden_product, month, 10_000, 250_000)
    await factories.complete(*months)
    world.ids |= {"customer_id": world.own.id, "product_id": world.product.id, "month": last}
    world.others |= {"customer_id": world.other.id, "product_id": world.hidden_product.id}


async def _customer(code: str) -> Customer:
    name = f"Customer {code}"
    return await factories.make_customer(code, name=name, region="North", search=search_words(code, name))


async def _product(code: str) -> Product:
    name = f"Product {code}"
    return await factories.make_product(
        code, name=name, category="Food", standard_cost="1.25", search=search_words(code, name)
    )


async def _make_round(world: World) -> None:
    closed = await _opened(f"{world.mark} closed")
    await cycle_moves.begin_closing(closed.id, now(), None, None)
    await closing.copy_snapshot(closed.id, ignore)
    world.closed = await closing.seal(closed.id, now())
    world.running = await _opened(f"{world.mark} running")
    world.ids["cycle_id"] = world.closed.id
    for ids, customer, product in (
        (world.ids, world.own, world.product),
        (world.others, world.other, world.hidden_product),
    ):
        ids["line_id"] = line_id(world.tenant.id, world.running.id, "sales", customer.id, product.id)
        assert await scoped(Line).exists({"_id": ids["line_id"]})


async def _opened(name: str) -> Cycle:
    cycle = await cycles.create(CycleDraft(name, now() + 10 * DAY), now())
    await opening.prepare(cycle.id, ignore)
    return (await cycle_moves.open_entry(cycle.id, now(), None)).cycle


async def _make_jobs(world: World) -> None:
    """A report, an import and an operation; those in `others` were asked for by the manager."""
    for ids, role in ((world.ids, Role.SALES_REP), (world.others, Role.MANAGER)):
        with acting_as(world.users[role].id):
            job = await reports.request_plan_vs_actual(PlanVsActualWanted(world.closed.id))
            await run_report(JobInput(tenant_id=world.tenant.id, job_id=job.id, kind=reports.REPORT))
            ids["report_id"] = job.id
            ids["operation_id"] = (await operations.begin("open", world.closed.id, {})).id
    with acting_as(world.users[Role.ADMIN].id):
        file = await imported.accepted("products", "item_code,name", f"{world.mark}-P9,{world.mark} ninth")
    await run_import_job(file.id)
    assert (await scoped(Job).get(file.id)).state == "succeeded"
    with acting_as(world.users[Role.SALES_REP].id):
        plan = await imported.accepted(
            "forecasts", "customer_code,item_code,2030-01", f"{world.own.code},{world.product.code},1"
        )
    await run_import_job(plan.id)
    assert (await scoped(Job).get(plan.id)).state == "succeeded"
    assert await scoped(Operation).exists({"_id": world.ids["operation_id"]})
    world.ids["import_id"], world.others["import_id"] = plan.id, file.id


def _stored(row: Any) -> bytes:
    return bytes(encode(row, codec_options=STORED))
