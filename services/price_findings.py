"""Findings on prices: what has no price, and what was planned at a price that is another one now.

The price chain answers for open cycles with all that it knows (`services.plan_facts`), a chunk of customers at a time;
what a person set by hand (an override) is neither missing nor changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from core.collections import scoped
from models.customer import Customer
from models.cycle import Cycle
from models.forecast import Line
from planning.findings import Finding, FindingKind, Moment, first_of
from planning.lifespan import Lifespan
from planning.months import Month
from planning.prices import PriceSource, ResolvedPrice, worth
from planning.stages import Stage
from services.opening import SALES
from services.plan_facts import CustomerFacts, PlanContext, load_context, load_customers

CUSTOMERS_PER_CHUNK = 200
LINES_PER_BATCH = 2_000
OPEN = (Stage.ENTRY, Stage.REVIEW, Stage.CLOSING)

Progress = Callable[[int], Awaitable[None]]
Averages = Mapping[UUID, int | None]
"""What one unit of a product brought on average from all customers, scaled like a price; None when nobody can say."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """A line as it is stored: one entry per month of the cycle."""

    customer_id: UUID
    product_id: UUID
    quantities: Sequence[int | None]
    prices: Sequence[int | None]
    sources: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Cell:
    """A month of a line in which the chain decides: what was planned at which price, and what the chain says now."""

    month: Month
    quantity: int | None
    stored: int | None
    now: int | None
    asked_for: bool
    """Whether the product is planned in the month."""

    @property
    def is_missing(self) -> bool:
        """Without a price now, and somebody said or is asked for more than 0."""
        return self.now is None and (self.asked_for if self.quantity is None else self.quantity != 0)

    @property
    def is_changed(self) -> bool:
        """Something is planned at another price than it would be now."""
        return bool(self.quantity) and self.now is not None and self.now != self.stored

    @property
    def difference(self) -> int:
        before, after = worth(self.quantity, self.stored) or 0, worth(self.quantity, self.now) or 0
        return abs(after - before)


async def find(moment: Moment, averages: Averages, told: Progress) -> AsyncIterator[Finding]:
    """Missing and changed prices of the lines of open cycles, and missing ones of what customers may order this month
    beyond those lines."""
    cycles = await scoped(Cycle).documents({"stage": {"$in": [str(stage) for stage in OPEN]}}, sort=[("_id", 1)])
    contexts = [await load_context(cycle) for cycle in cycles]
    listed = await load_context(_this_month(moment))
    unpriced = [id for id in listed.products if _missing(listed, CustomerFacts(), id)]
    done, last_id = 0, None
    while chunk := await _chunk(last_id):
        last_id = chunk[-1]
        planned: set[tuple[UUID, UUID]] = set()
        for context in contexts:
            lines = await _lines(context, chunk)
            planned |= {(line.customer_id, line.product_id) for line in lines}
            for finding in await _of_lines(context, lines, averages):
                yield finding
        for finding in await _of_lists(listed, chunk, unpriced, planned):
            yield finding
        done += len(chunk)
        await told(done)


async def _of_lines(context: PlanContext, lines: Sequence[_Planned], averages: Averages) -> list[Finding]:
    """What is wrong with the prices of these lines."""
    customers = sorted({line.customer_id for line in lines})
    facts = await load_customers(context, customers)
    found: list[Finding] = []
    for line in lines:
        product = context.products[line.product_id]
        cells = list(_cells(context.cycle, line, product.life, context.prices(facts[line.customer_id], product)))
        found.extend(_missing_in(context.cycle, line, cells, averages.get(line.product_id)))
        found.extend(_changed_in(context.cycle, line, cells))
    return found


async def _of_lists(
    listed: PlanContext, customers: Sequence[UUID], unpriced: Sequence[UUID], planned: set[tuple[UUID, UUID]]
) -> list[Finding]:
    """What is on a list this month, in no open cycle and without a price: nothing is at stake yet."""
    if not unpriced:
        return []
    facts = await load_customers(listed, customers, unpriced)
    month = listed.cycle.start_month
    return [
        Finding(
            FindingKind.MISSING_PRICE,
            0,
            customers=(customer,),
            products=(product,),
            since=first_of([month]),
            details={"months": [month]},
        )
        for customer, own in facts.items()
        for product in sorted(own.matrix)
        if (customer, product) not in planned and _missing(listed, own, product)
    ]


def _missing_in(cycle: Cycle, line: _Planned, cells: Sequence[_Cell], average: int | None) -> Iterator[Finding]:
    """At stake is what is planned without a price, at the average price that all customers pay."""
    missing = [cell for cell in cells if cell.is_missing]
    if missing:
        quantity = sum(cell.quantity or 0 for cell in missing)
        months = [cell.month for cell in missing]
        yield Finding(
            FindingKind.MISSING_PRICE,
            worth(quantity, average),
            customers=(line.customer_id,),
            products=(line.product_id,),
            cycle=cycle.id,
            since=first_of(months),
            details={"months": months},
        )


def _changed_in(cycle: Cycle, line: _Planned, cells: Sequence[_Cell]) -> Iterator[Finding]:
    """At stake is by how much the plan's value would change."""
    changed = [cell for cell in cells if cell.is_changed]
    if changed:
        first = changed[0]
        yield Finding(
            FindingKind.PRICE_CHANGED,
            sum(cell.difference for cell in changed),
            customers=(line.customer_id,),
            products=(line.product_id,),
            cycle=cycle.id,
            since=None if cycle.opened_at is None else cycle.opened_at.date().isoformat(),
            details={"months": [cell.month for cell in changed], "planned_price": first.stored, "price": first.now},
        )


def _cells(cycle: Cycle, line: _Planned, life: Lifespan, now: Sequence[ResolvedPrice]) -> Iterator[_Cell]:
    columns = (cycle.months, line.quantities, line.prices, line.sources, now)
    for month, quantity, stored, source, resolved in zip(*columns, strict=True):
        if source != PriceSource.OVERRIDE:
            yield _Cell(month, quantity, stored, resolved.price, life.holds(month))


async def _lines(context: PlanContext, customer_ids: Sequence[UUID]) -> list[_Planned]:
    """The cycle's lines of these customers, without those of products that are not sold any more."""
    columns = {"quantities": "$cells.quantity", "prices": "$cells.price", "sources": "$cells.price_source"}
    pipeline: list[dict[str, Any]] = [
        {"$match": {"cycle_id": context.cycle.id, "stream": SALES, "customer_id": {"$in": list(customer_ids)}}},
        {"$project": {"_id": 0, "c": "$customer_id", "p": "$product_id", **columns}},
    ]
    return [
        _Planned(row["c"], row["p"], row["quantities"], row["prices"], row["sources"])
        async for row in scoped(Line).aggregate(pipeline, batchSize=LINES_PER_BATCH)
        if row["p"] in context.products
    ]


async def _chunk(last_id: UUID | None) -> list[UUID]:
    """The next active customers by id."""
    beyond: dict[str, Any] = {} if last_id is None else {"_id": {"$gt": last_id}}
    query = {**beyond, "is_active": True}
    rows = await scoped(Customer).rows(query, {"_id": 1}, sort=[("_id", 1)], limit=CUSTOMERS_PER_CHUNK)
    return [row["_id"] for row in rows]


def _missing(context: PlanContext, facts: CustomerFacts, product_id: UUID) -> bool:
    """Whether the chain has no price in the first month of the context."""
    return context.prices(facts, context.products[product_id])[0].price is None


def _this_month(moment: Moment) -> Cycle:
    """A cycle that is not stored and plans the running month alone: what the chain is asked for without a cycle."""
    month, at = moment.month, datetime.combine(moment.day, time(), UTC)
    return Cycle(
        name=month,
        base_month=month,
        start_month=month,
        horizon=1,
        months=[month],
        mandatory_until=month,
        entry_closes_at=at,
        closes_at=at,
        currency=moment.currency,
        time_zone="UTC",
    )
