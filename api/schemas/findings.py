"""Findings on master data as the API shows them, and the way to mend each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.paging import ListQuery, Order
from api.texts import Day, Id, Month
from core.listing import uuid_text
from core.mongo import RawDocument
from models.job import Job
from planning.access import Action
from planning.duplicates import Reason
from planning.findings import FindingKind
from planning.numbers import MONEY, PRICE
from services.findings import FindingFilter, Named, Summary, Tally

API = "/api/v1"
DETAILS = f"{API}/master-data/findings"
Number = int | float


@dataclass(frozen=True, slots=True)
class Mending:
    """What mends a kind of finding; `path` is filled with the ids of the finding (of two, the one not to keep)."""

    action: Action
    method: str
    path: str


MENDING: Mapping[FindingKind, Mending] = {
    FindingKind.MISSING_PRICE: Mending(Action.CHANGE_PRICES, "POST", f"{API}/customers/{{customer_id}}/prices"),
    FindingKind.MISSING_COST: Mending(Action.CHANGE_COSTS, "POST", f"{API}/products/{{product_id}}/costs"),
    FindingKind.NO_REP: Mending(Action.MANAGE_ASSIGNMENTS, "POST", f"{API}/users/{{user_id}}/assignments"),
    FindingKind.MATRIX_WITHOUT_SALES: Mending(
        Action.CHANGE_MATRIX, "PATCH", f"{API}/customers/{{customer_id}}/products/{{entry_id}}"
    ),
    FindingKind.SALES_OUTSIDE_MATRIX: Mending(
        Action.CHANGE_MATRIX, "POST", f"{API}/customers/{{customer_id}}/products"
    ),
    FindingKind.DUPLICATE_CUSTOMERS: Mending(Action.CHANGE_CUSTOMERS, "POST", f"{API}/customers/{{customer_id}}/merge"),
    FindingKind.DUPLICATE_PRODUCTS: Mending(Action.CHANGE_PRODUCTS, "PATCH", f"{API}/products/{{product_id}}"),
    # Saying again what a cell says takes the price of now.
    FindingKind.PRICE_CHANGED: Mending(Action.WRITE_FORECAST, "POST", f"{API}/forecasts"),
}


class FindingSort(StrEnum):
    """What findings are sorted by."""

    VALUE = "value"


class FindingQuery(ListQuery):
    """By value at stake, the largest first; those that nobody can value come last."""

    sort_by: FindingSort = FindingSort.VALUE
    order: Order = Order.DESC
    customer_id: Id | None = None
    product_id: Id | None = None

    def filter(self) -> FindingFilter:
        """What the service is asked for."""
        return FindingFilter(self.search, self.customer_id, self.product_id)


class Shown(BaseModel):
    """Base of what answers hold: nothing undeclared."""

    model_config = ConfigDict(extra="forbid")


class RefreshState(StrEnum):
    """Poll until it is succeeded or failed."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Refresh(Shown):
    """A look for findings that was asked for."""

    id: UUID
    state: RefreshState
    progress: Annotated[dict[str, int], Field(examples=[{"customers_done": 500}])]
    requested_at: datetime
    finished_at: datetime | None
    error: Annotated[str | None, Field(description="Why it failed.")] = None


class MendLink(Shown):
    """What mends it: the operation to call, and the action that a role must be allowed for it."""

    action: Annotated[Action, Field(examples=["change_prices"])]
    method: Annotated[str, Field(examples=["POST"])]
    path: Annotated[
        str,
        Field(
            examples=["/api/v1/customers/8d3c7a1e-2f50-4b8e-9a6d-3c1f0e5b7a92/prices"],
            description="What the finding does not know (the user of an assignment) stays in braces.",
        ),
    ]


class FindingsOfKind(Shown):
    """All findings of one kind; null while nobody has looked for them yet."""

    kind: FindingKind
    count: Annotated[int | None, Field(examples=[12])]
    value: Annotated[Number | None, Field(examples=[48210.5], description="At stake, in the base currency.")]
    unvalued: Annotated[int | None, Field(examples=[2], description="How many nobody can put a value on.")]
    details: Annotated[str, Field(examples=["/api/v1/master-data/findings/missing_price"])]
    mend: MendLink


class FindingsSummary(Shown):
    """What there is to mend. `as_of` is when it was looked for, null while nobody has: ask for a refresh."""

    as_of: datetime | None
    currency: Annotated[str, Field(examples=["EUR"])]
    kinds: list[FindingsOfKind]
    refresh: Annotated[Refresh | None, Field(description="A look that has not ended yet.")]


class NamedThing(Shown):
    """A customer or a product as it is called now."""

    id: UUID
    code: Annotated[str, Field(examples=["C-1001"])]
    name: Annotated[str, Field(examples=["Northwind Traders"])]


class NamedCycle(Shown):
    """An open cycle."""

    id: UUID
    name: Annotated[str, Field(examples=["December 2026"])]


class FindingDetails(Shown):
    """What the kind has to say; the rest is null."""

    months: Annotated[list[Month] | None, Field(description="Without a price, with another one, or sold outside.")] = (
        None
    )
    last_sold: Annotated[Month | None, Field(description="The last month with sales; null = never sold.")] = None
    entry_id: Annotated[UUID | None, Field(description="The entry of the customer's list.")] = None
    planned_price: Annotated[Number | None, Field(examples=[2.5], description="In the first of the months.")] = None
    price: Annotated[Number | None, Field(examples=[2.75], description="What the price chain says now.")] = None
    score: Annotated[int | None, Field(examples=[97], description="0 to 100; 88 and more is suspected.")] = None
    reasons: list[Reason] | None = None


class FindingRow(Shown):
    """One finding. A suspected duplicate names two customers or two products: first the one that sells more."""

    id: UUID
    kind: FindingKind
    value: Annotated[Number | None, Field(examples=[1250.4], description="At stake, in the base currency.")]
    since: Annotated[Day | None, Field(description="Since when it is so, as far as that is known.")]
    customers: list[NamedThing]
    products: list[NamedThing]
    cycle: NamedCycle | None
    details: FindingDetails
    mend: MendLink
    as_of: datetime


def show_summary(summary: Summary) -> dict[str, Any]:
    """The whole answer."""
    return {
        "as_of": summary.as_of,
        "currency": summary.currency,
        "kinds": [_of_kind(kind, tally) for kind, tally in summary.kinds.items()],
        "refresh": None if summary.running is None else show_refresh(summary.running),
    }


def show_refresh(job: Job) -> dict[str, Any]:
    """A look as it stands."""
    return {
        "id": job.id,
        "state": job.state,
        "progress": job.progress,
        "requested_at": job.received_at,
        "finished_at": job.finished_at,
        "error": (job.error or {}).get("message"),
    }


def show_row(row: RawDocument, named: Named) -> dict[str, Any]:
    """A stored finding with the names of what it is about."""
    kind = FindingKind(row["kind"])
    customers = [_named(id, named.customers) for id in row["customer_ids"]]
    products = [_named(id, named.products) for id in row["product_ids"]]
    return {
        "id": row["id"],
        "kind": kind,
        "value": _money(row["value"]),
        "since": row["since"],
        "customers": customers,
        "products": products,
        "cycle": None if row["cycle_id"] is None else _named(row["cycle_id"], named.cycles),
        "details": _details(row["details"]),
        "mend": _mend(kind, row),
        "as_of": row["as_of"],
    }


def _of_kind(kind: FindingKind, tally: Tally | None) -> dict[str, Any]:
    return {
        "kind": kind,
        "count": None if tally is None else tally.count,
        "value": None if tally is None else _money(tally.value),
        "unvalued": None if tally is None else tally.unvalued,
        "details": f"{DETAILS}/{kind}",
        "mend": _mend(kind, {}),
    }


def _mend(kind: FindingKind, row: Mapping[str, Any]) -> dict[str, Any]:
    mending, path = MENDING[kind], MENDING[kind].path
    entry = row.get("details", {}).get("entry_id")
    known = {
        "customer_id": row.get("customer_ids"),
        "product_id": row.get("product_ids"),
        "entry_id": entry and [entry],
    }
    for name, ids in known.items():
        if ids:
            path = path.replace(f"{{{name}}}", uuid_text(ids[-1]))
    return {"action": mending.action, "method": mending.method, "path": path}


def _details(stored: Mapping[str, Any]) -> dict[str, Any]:
    prices = {name: stored[name] for name in ("planned_price", "price") if stored.get(name) is not None}
    return {**stored, **{name: PRICE.to_number(scaled) for name, scaled in prices.items()}}


def _named(stored: bytes, known: Mapping[UUID, RawDocument]) -> dict[str, Any]:
    id = UUID(uuid_text(stored))
    return {"id": id, **{name: value for name, value in known[id].items() if name != "_id"}}


def _money(scaled: int | None) -> Number | None:
    return None if scaled is None else MONEY.to_number(scaled)
