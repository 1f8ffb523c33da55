"""Exchange rates: what one unit of a currency is worth in the company's own, by month and kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import Decimal128

from core.clock import now
from core.collections import dump, scoped, transaction
from core.context import current_tenant
from core.errors import Conflict, Detail, InvalidInput, NotFound
from core.listing import Listing, Window, read_page
from core.mongo import RawDocument
from models.rate import FxRate
from models.tenant import Tenant
from planning.months import Month
from planning.rates import MonthRate, RateKind, Rates
from services import audit, revisions
from services.amounts import scaled_price

SHOWN = dict.fromkeys(("kind", "currency", "month", "rate", "rev", "updated_at"), 1)
ENTITY = "fx_rate"


@dataclass(frozen=True, slots=True)
class RateDraft:
    """One month's rate of one kind, as somebody says it."""

    kind: RateKind
    currency: str
    month: Month
    rate: Decimal

    @property
    def key(self) -> tuple[str, str, Month]:
        return (self.kind.value, self.currency, self.month)


@dataclass(frozen=True, slots=True)
class RateFilter:
    """Exact kind and currency, months from and to (inclusive); None = any."""

    kind: RateKind | None = None
    currency: str | None = None
    month_from: Month | None = None
    month_to: Month | None = None

    def query(self) -> dict[str, Any]:
        chosen: dict[str, Any] = {}
        if self.kind is not None:
            chosen["kind"] = self.kind.value
        if self.currency is not None:
            chosen["currency"] = self.currency
        span = {"$gte": self.month_from, "$lte": self.month_to}
        span = {operator: month for operator, month in span.items() if month is not None}
        return chosen | ({"month": span} if span else {})


@dataclass(frozen=True, slots=True)
class Saved:
    """How many rates of a bulk save were new, changed, and already so."""

    inserted: int
    updated: int
    unchanged: int


async def list_page(wanted: RateFilter, window: Window) -> Listing:
    """One page of rates. Kind, currency and month are unique together, so the id need not break ties."""
    by = [field for field in window.sort if field[0] != "_id"]
    return await read_page(scoped(FxRate), wanted.query(), SHOWN, replace(window, sort=by))


async def get(rate_id: UUID) -> FxRate:
    """The rate; NotFound."""
    return await scoped(FxRate).get(rate_id)


async def create(draft: RateDraft) -> FxRate:
    """A new rate. Conflict names the one that is there for its kind, currency and month."""

    async def write() -> FxRate:
        await _refuse_base([draft], "")
        there = await scoped(FxRate).row(dict(zip(_KEY, draft.key, strict=True)), {"rate": 1})
        if there is not None:
            words = f"There is a {draft.kind} rate of {draft.currency} for {draft.month} already"
            raise Conflict(f"{words} ({there['rate']}); change that one, {there['_id']}.")
        document = _document(draft)
        await revisions.insert(document, entity=ENTITY, said=_said(draft))
        return document

    return await transaction(write)


async def change(rate_id: UUID, rev: int, rate: Decimal) -> FxRate:
    """Another rate for the same month. NotFound, StaleVersion."""
    await revisions.change(FxRate, rate_id, rev, {"rate": rate}, entity=ENTITY)
    return await get(rate_id)


async def remove(rate_id: UUID, rev: int) -> None:
    """Take a rate back. NotFound, StaleVersion."""
    await revisions.remove(FxRate, rate_id, rev, entity=ENTITY)


async def save_all(drafts: Sequence[RateDraft]) -> Saved:
    """Make these the rates of their months, whatever was there, in one transaction with one audit event.

    InvalidInput for the company's own currency, and for a month that is named twice.
    """
    _refuse_repeated(drafts)

    async def write() -> Saved:
        await _refuse_base(drafts, "rates.{}.")
        stored = await _stored(drafts)
        new = [draft for draft in drafts if draft.key not in stored]
        known = [(draft, stored[draft.key]) for draft in drafts if draft.key in stored]
        changed = [(draft, row) for draft, row in known if row["rate"].to_decimal() != draft.rate]
        if new:
            await scoped(FxRate).insert_rows([dump(_document(draft)) for draft in new], ordered=True)
        await scoped(FxRate).update_rows(_update(draft, row) for draft, row in changed)
        if new or changed:
            before = [{**_said(draft), "rate": row["rate"]} for draft, row in changed]
            after = [_said(draft) for draft in (*new, *(draft for draft, _ in changed))]
            told = {"before": revisions.plain({"rates": before}), "after": revisions.plain({"rates": after})}
            await audit.record("fx_rate.saved", "tenant", current_tenant(), **told)
        return Saved(len(new), len(changed), len(known) - len(changed))

    return await transaction(write)


async def load_rates(kind: RateKind, until: Month, currencies: Collection[str] | None = None) -> Rates:
    """The rates of a kind up to a month, by which a month's rate is found; all currencies, or these."""
    query: dict[str, Any] = {"kind": kind.value, "month": {"$lte": until}}
    if currencies is not None:
        query["currency"] = {"$in": sorted(currencies)}
    known: dict[str, dict[Month, int]] = defaultdict(dict)
    for row in await scoped(FxRate).rows(query, {"_id": 0, "currency": 1, "month": 1, "rate": 1}):
        known[row["currency"]][row["month"]] = scaled_price(row["rate"]) or 0
    return Rates(known)


async def by_month(
    kind: RateKind, months: Sequence[Month], currency: str | None = None
) -> dict[str, list[MonthRate | None]]:
    """What plans, budgets or reports count with: per currency, the rate that holds in each of the months."""
    query: dict[str, Any] = {"kind": kind.value, "month": {"$lte": months[-1]}}
    known = [currency] if currency is not None else sorted(await scoped(FxRate).distinct("currency", query))
    rates = await load_rates(kind, months[-1], known)
    return {one: [rates.of_month(one, month) for month in months] for one in known}


async def base_currency() -> str:
    """The company's own currency, whose rate is always 1."""
    row = await scoped(Tenant).row({"_id": current_tenant()}, {"_id": 0, "base_currency": 1})
    if row is None:
        raise NotFound()
    base: str = row["base_currency"]
    return base


_KEY = ("kind", "currency", "month")


def _said(draft: RateDraft) -> dict[str, Any]:
    return {**dict(zip(_KEY, draft.key, strict=True)), "rate": draft.rate}


def _document(draft: RateDraft) -> FxRate:
    return FxRate(**_said(draft))


def _update(draft: RateDraft, row: RawDocument) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    values = {"rate": Decimal128(draft.rate), "updated_at": now()}
    return {"_id": row["_id"]}, {"$set": values, "$inc": {"rev": 1}}


async def _stored(drafts: Sequence[RateDraft]) -> dict[tuple[str, str, Month], RawDocument]:
    months: dict[tuple[str, str], list[Month]] = defaultdict(list)
    for draft in drafts:
        months[draft.kind.value, draft.currency].append(draft.month)
    either = [{"kind": kind, "currency": currency, "month": {"$in": of}} for (kind, currency), of in months.items()]
    rows = await scoped(FxRate).rows({"$or": either}, dict.fromkeys((*_KEY, "rate"), 1))
    return {(row["kind"], row["currency"], row["month"]): row for row in rows}


def _refuse_repeated(drafts: Sequence[RateDraft]) -> None:
    first: dict[tuple[str, str, Month], int] = {}
    details = []
    for at, draft in enumerate(drafts):
        other = first.setdefault(draft.key, at)
        if other != at:
            details.append(Detail(f"rates.{at}.month", f"is the same month, kind and currency as rates.{other}"))
    if details:
        raise InvalidInput(details=details)


async def _refuse_base(drafts: Sequence[RateDraft], place: str) -> None:
    base = await base_currency()
    details = [
        Detail(place.format(at) + "currency", f"{base} is your own currency: it is always 1")
        for at, draft in enumerate(drafts)
        if draft.currency == base
    ]
    if details:
        raise InvalidInput(details=details)
