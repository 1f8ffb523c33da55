"""Findings on master data as they were when somebody last looked: looking is a job, what it found is stored.

A run stores its findings under an id of its own and becomes what everybody reads by the job that names it, so a run
that was cut off, or one beside it, is never half seen; what no job names is deleted. A person sees the findings on the
own customers; what a product is worth over all customers is not shown to somebody who does not see all of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from core.clock import now
from core.collections import scoped
from core.context import current_tenant
from core.errors import Detail, InvalidInput, NotFound
from core.listing import Listing, Window, read_page
from core.mongo import RawDocument
from core.search import search_filter
from models.customer import Customer
from models.cycle import Cycle
from models.finding import FoundFinding
from models.job import Job
from models.product import Product
from models.tenant import Tenant
from planning.findings import OF_PRODUCTS_ALONE, Finding, FindingKind, Moment, moment_of
from planning.months import day_in_zone
from services import jobs, months
from services.identity import Caller
from services.scopes import ids_in, scope_of

FINDINGS = "findings"
ROWS_PER_INSERT = 5_000
IDS_PER_DELETE = 20_000
LONGEST = timedelta(hours=3)
"""No look takes that long: `policies.JOB` ends it before."""
MOST_MATCHES = 500
"""Customers, and products, that a search may find."""

SHOWN = dict.fromkeys(("kind", "value", "customer_ids", "product_ids", "cycle_id", "since", "details"), 1)


@dataclass(slots=True)
class Tally:
    """All findings of one kind. `unvalued` is how many of them nobody can put a value on."""

    count: int = 0
    value: int = 0
    unvalued: int = 0

    def add(self, finding: Finding) -> None:
        self.count += 1
        self.value += finding.value or 0
        self.unvalued += finding.value is None


@dataclass(frozen=True, slots=True)
class Summary:
    """What there is by kind, as of when; None while nobody has looked yet. `running` is a look that has not ended."""

    currency: str
    as_of: datetime | None
    kinds: Mapping[FindingKind, Tally | None]
    running: Job | None


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which findings of a kind; None = any. `search` finds beginnings of words of codes and names."""

    search: str | None = None
    customer_id: UUID | None = None
    product_id: UUID | None = None


@dataclass(slots=True)
class Named:
    """What the findings of a page are about, by id, with code and name as they are now."""

    customers: dict[UUID, RawDocument] = field(default_factory=dict)
    products: dict[UUID, RawDocument] = field(default_factory=dict)
    cycles: dict[UUID, RawDocument] = field(default_factory=dict)


async def request() -> Job:
    """Queue a new look; one that has not ended yet is given instead. Start its workflow after the commit."""
    return await _unfinished() or await jobs.create(FINDINGS, {})


async def read_request(job_id: UUID) -> Job:
    """How far a look is; NotFound when there is none."""
    job = await jobs.get(job_id)
    if job.kind != FINDINGS:
        raise NotFound("There is no such refresh of findings.")
    return job


async def moment(at: datetime) -> Moment:
    """What `at` means in the tenant: its day, and the complete months before."""
    tenant = await scoped(Tenant).get(current_tenant())
    return moment_of(day_in_zone(at, tenant.time_zone), tenant.base_currency, await months.complete_months())


async def keep(job_id: UUID, found: AsyncIterator[Finding], at: datetime) -> None:
    """Store what a look at that time finds, end its job, and delete what older looks left."""
    before, run_id, expires_at = await _latest(), uuid4(), now() + jobs.KEPT_FOR
    tallies = {kind: Tally() for kind in FindingKind}
    rows: list[RawDocument] = []
    async for finding in found:
        tallies[finding.kind].add(finding)
        rows.append(_stored(finding, run_id, expires_at))
        if len(rows) == ROWS_PER_INSERT:
            await scoped(FoundFinding).insert_rows(rows)
            rows = []
    if rows:
        await scoped(FoundFinding).insert_rows(rows)
    kinds = {kind: {"count": one.count, "value": one.value, "unvalued": one.unvalued} for kind, one in tallies.items()}
    await jobs.succeed(job_id, {"run_id": str(run_id), "as_of": at, "kinds": kinds})
    await _clear(run_id, before)


async def summary(caller: Caller, at: datetime) -> Summary:
    """What the caller is concerned by, kind by kind."""
    tenant = await scoped(Tenant).get(current_tenant())
    latest, running = await _latest(), await _unfinished()
    if latest is None:
        return Summary(tenant.base_currency, None, dict.fromkeys(FindingKind), running)
    tallies = await _tallies(latest, await _own(caller, at))
    return Summary(tenant.base_currency, latest.as_of, {kind: tallies[kind] for kind in FindingKind}, running)


async def list_page(
    caller: Caller, kind: FindingKind, wanted: FindingFilter, window: Window, at: datetime
) -> tuple[Listing, Named]:
    """Raw rows (`SHOWN`) of one page, and what they name. InvalidInput for a search that finds too much."""
    latest = await _latest()
    if latest is None:
        return Listing([], has_next=False, total=0), Named()
    own = await _own(caller, at)
    query = {"run_id": latest.run_id, "kind": str(kind), "$and": [_in_scope(own), *await _clauses(wanted)]}
    listing = await read_page(scoped(FoundFinding), query, SHOWN, window)
    for row in listing.rows:
        row["as_of"] = latest.as_of
        if _is_hidden(kind, own):
            row["value"] = None
    return listing, await _names(listing.rows)


@dataclass(frozen=True, slots=True)
class _Run:
    """The look that everybody reads."""

    run_id: UUID
    as_of: datetime
    kinds: Mapping[str, Mapping[str, int]]


async def _latest() -> _Run | None:
    query = {"kind": FINDINGS, "state": "succeeded", **jobs.still_kept(now())}
    rows = await scoped(Job).rows(query, {"result": 1}, sort=[("received_at", -1), ("_id", 1)], limit=1)
    if not rows:
        return None
    result = rows[0]["result"]
    return _Run(UUID(result["run_id"]), result["as_of"], result["kinds"])


async def _unfinished() -> Job | None:
    rows = await scoped(Job).documents({"kind": FINDINGS, "state": {"$in": jobs.UNFINISHED}}, limit=1)
    return rows[0] if rows else None


async def _own(caller: Caller, at: datetime) -> frozenset[UUID] | None:
    """The customers that the caller sees; None = all."""
    return await ids_in(await scope_of(caller.role, caller.user_id, at, caller.regions))


async def _tallies(run: _Run, own: frozenset[UUID] | None) -> dict[FindingKind, Tally]:
    """Those of the run, or, for somebody who does not see all customers, counted among what they see."""
    if own is None:
        return {kind: Tally(**run.kinds.get(kind, {})) for kind in FindingKind}
    unvalued = {"$sum": {"$cond": [{"$eq": ["$value", None]}, 1, 0]}}
    pipeline: list[dict[str, Any]] = [
        {"$match": {"run_id": run.run_id, **_in_scope(own)}},
        {"$group": {"_id": "$kind", "count": {"$sum": 1}, "value": {"$sum": "$value"}, "unvalued": unvalued}},
    ]
    tallies = {kind: Tally() for kind in FindingKind}
    async for row in scoped(FoundFinding).aggregate(pipeline):
        kind = FindingKind(row.pop("_id"))
        tallies[kind] = Tally(row["count"], 0, row["count"]) if _is_hidden(kind, own) else Tally(**row)
    return tallies


def _in_scope(own: frozenset[UUID] | None) -> dict[str, Any]:
    """Findings whose customers are all the own ones; those that name none are everybody's."""
    return {} if own is None else {"customer_ids": {"$not": {"$elemMatch": {"$nin": sorted(own)}}}}


def _is_hidden(kind: FindingKind, own: frozenset[UUID] | None) -> bool:
    """Whether the value would tell what all customers bought."""
    return kind in OF_PRODUCTS_ALONE and own is not None


async def _clauses(wanted: FindingFilter) -> list[dict[str, Any]]:
    clauses: list[dict[str, Any]] = []
    if wanted.customer_id is not None:
        clauses.append({"customer_ids": wanted.customer_id})
    if wanted.product_id is not None:
        clauses.append({"product_ids": wanted.product_id})
    if words := search_filter(wanted.search):
        customers, products = await _matches(Customer, words), await _matches(Product, words)
        if len(customers) > MOST_MATCHES or len(products) > MOST_MATCHES:
            told = f"finds more than {MOST_MATCHES} customers or products; type more of the code or name"
            raise InvalidInput(details=[Detail("search", told)])
        clauses.append({"$or": [{"customer_ids": {"$in": customers}}, {"product_ids": {"$in": products}}]})
    return clauses


async def _matches(model: type[Customer] | type[Product], words: dict[str, Any]) -> list[UUID]:
    rows = await scoped(model).rows(words, {"_id": 1}, limit=MOST_MATCHES + 1)
    return [row["_id"] for row in rows]


async def _names(rows: list[RawDocument]) -> Named:
    fields = {"code": 1, "name": 1}
    # The page holds ids in their stored form, whose bytes are the same as a UUID's.
    customers = {UUID(bytes=bytes(id)) for row in rows for id in row["customer_ids"]}
    products = {UUID(bytes=bytes(id)) for row in rows for id in row["product_ids"]}
    cycles = {UUID(bytes=bytes(row["cycle_id"])) for row in rows if row["cycle_id"] is not None}
    return Named(
        {row["_id"]: row for row in await scoped(Customer).rows({"_id": {"$in": list(customers)}}, fields)},
        {row["_id"]: row for row in await scoped(Product).rows({"_id": {"$in": list(products)}}, fields)},
        {row["_id"]: row for row in await scoped(Cycle).rows({"_id": {"$in": list(cycles)}}, {"name": 1})},
    )


def _stored(finding: Finding, run_id: UUID, expires_at: datetime) -> RawDocument:
    """As `FoundFinding` has it, without a model per row: a run may have a million."""
    return {
        "_id": uuid4(),
        "run_id": run_id,
        "kind": str(finding.kind),
        "value": finding.value,
        "customer_ids": list(finding.customers),
        "product_ids": list(finding.products),
        "cycle_id": finding.cycle,
        "since": finding.since,
        "details": dict(finding.details),
        "expires_at": expires_at,
    }


async def _clear(run_id: UUID, before: _Run | None) -> None:
    """Delete the run that this one replaces, and what was cut off; a run that still stores its findings is left."""
    cut_off = {"expires_at": {"$lt": now() + jobs.KEPT_FOR - LONGEST}}
    replaced = [] if before is None else [{"run_id": before.run_id}]
    await _delete({"run_id": {"$ne": run_id}, "$or": [cut_off, *replaced]})


async def _delete(query: dict[str, Any]) -> None:
    """A bounded number at a time."""
    door = scoped(FoundFinding)
    while rows := await door.rows(query, {"_id": 1}, limit=IDS_PER_DELETE):
        await door.delete({"_id": {"$in": [row["_id"] for row in rows]}})
