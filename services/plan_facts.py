"""What the rules need to know about lines: matrix, history, prices, the last plan. Loaded for many customers at once,
by the same few queries, for opening, saving, the grid and closing alike.

All numbers are scaled integers (quantity 1/1000, money 1/10000, price 1/10^8). What was sold is in the tenant's base
currency, which is the cycle's; a price may be in another one, and the chain converts it by the plan rate of the month.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Any
from uuid import UUID

from core.collections import scoped
from models.customer import Customer, MatrixEntry
from models.customer import CustomerPrice as PriceDocument
from models.cycle import Cycle
from models.forecast import Sheet, SnapshotMarker, SnapshotRow
from models.merged import Merged, load_merged
from models.product import Product
from models.sale import COUNTS_AS_COMPLETE, MonthStatus, SalesRollup
from models.succession import read_succession
from planning.calendar import MonthRule
from planning.defaults import DEFAULTS
from planning.lifecycle import Where, takes_part
from planning.lifespan import ALWAYS, Lifespan, lifespan
from planning.months import Month, add_months
from planning.naive import naive_line
from planning.prices import CustomerPrice, ResolvedPrice, average_price, resolve_prices
from planning.rates import RateKind, Rates
from planning.succession import ONE, Succession, carried, inherited, joined
from services.amounts import scaled_price
from services.rates import load_rates
from services.validity import holding

HISTORY_MONTHS = 37
"""How far back history is read: three seasons and the current month."""

PRODUCT_FIELDS = dict.fromkeys(
    (
        *("code", "name", "category", "unit", "list_price", "currency", "standard_cost"),
        *("launch_month", "end_month", "successor_from", "is_active"),
    ),
    1,
)
PRICE_FIELDS = {"_id": 0} | dict.fromkeys(
    ("customer_id", "product_id", "price", "currency", "valid_from", "valid_to"), 1
)

QuantityByMonth = dict[Month, int]
LastPlan = dict[UUID, dict[Month, int | None]]


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """A product as planning sees it; prices and the standard cost scaled, None when unknown. The list price is in
    `currency`."""

    id: UUID
    code: str
    name: str
    category: str | None
    unit: str
    list_price: int | None
    cost: int | None
    launch_month: Month | None
    currency: str
    is_active: bool = True
    life: Lifespan = ALWAYS


@dataclass(slots=True)
class LineHistory:
    """What was sold of one product to one customer, and at which total, in the months that average prices look at."""

    quantity: QuantityByMonth = field(default_factory=dict)
    priced_quantity: int = 0
    priced_revenue: int = 0

    def add(self, quantities: Iterable[tuple[Month, int]]) -> None:
        """Add what was sold under one id; a second one is that of a merged customer."""
        if not self.quantity:
            self.quantity = dict(quantities)
            return
        for month, quantity in quantities:
            self.quantity[month] = self.quantity.get(month, 0) + quantity


@dataclass(slots=True)
class CustomerFacts:
    """Everything about one customer's lines, by product. The last plan is that of each month's heirs. Nothing may be
    added to the plan of an inactive customer."""

    is_active: bool = True
    matrix: set[UUID] = field(default_factory=set)
    history: dict[UUID, LineHistory] = field(default_factory=lambda: defaultdict(LineHistory))
    prices: dict[UUID, list[CustomerPrice]] = field(default_factory=lambda: defaultdict(list))
    last_plan: LastPlan = field(default_factory=dict)

    def history_of(self, sources: Mapping[UUID, Fraction]) -> LineHistory:
        """The history of these products with their factors, as that of one."""
        known = [(self.history[source], factor) for source, factor in sources.items() if source in self.history]
        if len(known) == 1 and known[0][1] == ONE:
            return known[0][0]
        return LineHistory(
            joined((history.quantity, factor) for history, factor in known),
            sum(carried(history.priced_quantity, factor) for history, factor in known),
            sum(history.priced_revenue for history, _ in known),
        )


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What is the same for all lines of a cycle."""

    cycle: Cycle
    complete_months: frozenset[Month]
    active_months: tuple[Month, ...]
    price_months: frozenset[Month]
    reference: tuple[UUID, int] | None
    """Cycle and close number of the last approved plan."""
    products: Mapping[UUID, ProductFacts]
    rule: MonthRule
    succession: Succession
    mortal: frozenset[UUID]
    """The products whose life has a beginning or an end."""
    merged: Merged
    """Whose history and last plan are whose. A merged customer that still has a sheet of its own in the cycle (one that
    was closed before the merge and is open again) stands for itself there, so that nothing counts twice."""
    rates: Rates
    """The plan rates up to the last month."""

    def foreign(self, currency: str) -> str | None:
        """The currency as the price chain wants it: None for the plan's own."""
        return None if currency == self.cycle.currency else currency

    def histories(self, facts: CustomerFacts, product: ProductFacts) -> Iterator[tuple[tuple[Month, ...], LineHistory]]:
        """The months of the cycle in runs, each with the history that it stands on: the line's own, and from the month
        on in which it takes over from another product, that one's as well."""
        for span in self.succession.spans(product.id, self.cycle.months):
            yield span.months, facts.history_of(span.sources)

    def prices(self, facts: CustomerFacts, product: ProductFacts) -> tuple[ResolvedPrice, ...]:
        """The price chain of a line without overrides, one per month of the cycle."""
        resolved: list[ResolvedPrice] = []
        for months, history in self.histories(facts, product):
            resolved += resolve_prices(
                months,
                customer_prices=facts.prices.get(product.id, ()),
                list_price=product.list_price,
                list_currency=self.foreign(product.currency),
                average_price=average_price(history.priced_revenue, history.priced_quantity),
                rates=self.rates,
                rule=self.rule,
            )
        return tuple(resolved)

    def naive(self, facts: CustomerFacts, product: ProductFacts) -> dict[Month, int | None]:
        """The naive quantity per month of the cycle, from the months that are complete now; null outside of the
        product's life."""
        quantities: dict[Month, int | None] = dict.fromkeys(self.cycle.months)
        for months, history in self.histories(facts, product):
            values = naive_line(product.life.of(months), history.quantity, self.complete_months)
            quantities |= {month: value.quantity for month, value in values.items()}
        return quantities


async def load_context(cycle: Cycle, product_ids: Collection[UUID] | None = None) -> PlanContext:
    """Load what all lines share; `product_ids` limits the products to those."""
    months = await scoped(MonthStatus).rows(COUNTS_AS_COMPLETE, {"_id": 0, "month": 1})
    complete = frozenset(row["month"] for row in months)
    latest = sorted(complete, reverse=True)
    before_start = [month for month in latest if month < cycle.start_month]
    products = await load_products(product_ids)
    return PlanContext(
        cycle=cycle,
        complete_months=complete,
        active_months=tuple(before_start[: DEFAULTS.active_history_months]),
        price_months=frozenset(before_start[: DEFAULTS.price_history_months]),
        reference=await _reference(cycle),
        products=products,
        rule=MonthRule.of(cycle),
        succession=await read_succession(),
        mortal=frozenset(id for id, product in products.items() if product.life != ALWAYS),
        merged=await _merged_in(cycle),
        rates=await load_rates(RateKind.PLAN, cycle.months[-1]),
    )


async def load_products(product_ids: Collection[UUID] | None = None) -> dict[UUID, ProductFacts]:
    """The active products, all or these (named ones also when inactive)."""
    query: dict[str, Any] = {"is_active": True} if product_ids is None else {"_id": {"$in": list(product_ids)}}
    rows = await scoped(Product).rows(query, PRODUCT_FIELDS)
    return {row["_id"]: _product(row) for row in rows}


async def load_customers(
    context: PlanContext, customer_ids: Collection[UUID], product_ids: Collection[UUID] | None = None
) -> dict[UUID, CustomerFacts]:
    """The facts of these customers; `product_ids` limits them to these lines and what they stand on."""
    found: dict[UUID, CustomerFacts] = {customer: CustomerFacts() for customer in customer_ids}
    where: dict[str, Any] = {"customer_id": {"$in": list(customer_ids)}}
    behind = where
    if product_ids is not None:
        behind = {**where, "product_id": {"$in": list(context.succession.with_predecessors(product_ids))}}
        where = {**where, "product_id": {"$in": list(product_ids)}}
    behind = {**behind, "customer_id": {"$in": context.merged.with_sources(customer_ids)}}
    inactive = {"_id": {"$in": list(customer_ids)}, "is_active": False}
    for row in await scoped(Customer).rows(inactive, {"_id": 1}):
        found[row["_id"]].is_active = False
    await _add_matrix(found, where, context)
    await _add_history(found, behind, context)
    await _add_prices(found, where, context)
    await _add_last_plan(found, behind, context)
    return found


async def load_prices(
    context: PlanContext, customer_ids: Collection[UUID], product_ids: Collection[UUID]
) -> dict[UUID, CustomerFacts]:
    """Only what the prices of these lines stand on, for lines that are stored: a list price needs no history."""
    found: dict[UUID, CustomerFacts] = {customer: CustomerFacts() for customer in customer_ids}
    where: dict[str, Any] = {"customer_id": {"$in": list(customer_ids)}, "product_id": {"$in": list(product_ids)}}
    await _add_prices(found, where, context)
    averaged = [product for product in product_ids if context.products[product].list_price is None]
    if averaged:
        behind = list(context.succession.with_predecessors(averaged))
        customers = context.merged.with_sources(customer_ids)
        await _add_history(found, {"customer_id": {"$in": customers}, "product_id": {"$in": behind}}, context)
    return found


async def find_reference(cycle: Cycle) -> Cycle | None:
    """The cycle whose graded close is the plan that this one starts from: the newest one that ran before and was
    closed, even if it is reopened at the moment, since its graded close stands. What was imported is history only."""
    rows = await scoped(Cycle).documents(
        {
            "stage": {"$ne": "cancelled"},
            "graded_close": {"$ne": None},
            "base_month": {"$lt": cycle.base_month},
            "_id": {"$ne": cycle.id},
            "imported": {"$ne": True},
        },
        sort=[("base_month", -1), ("closed_at", -1)],
        limit=1,
    )
    return rows[0] if rows else None


async def _reference(cycle: Cycle) -> tuple[UUID, int] | None:
    if cycle.reference_cycle_id is None:
        return None
    marker = await scoped(Cycle).row({"_id": cycle.reference_cycle_id}, {"graded_close": 1})
    if marker is None or marker["graded_close"] is None:
        return None
    key = (cycle.reference_cycle_id, int(marker["graded_close"]))
    sealed = await scoped(SnapshotMarker).exists({"cycle_id": key[0], "close_number": key[1]})
    return key if sealed else None


async def _merged_in(cycle: Cycle) -> Merged:
    merged = await load_merged()
    if not merged.targets:
        return merged
    apart = await scoped(Sheet).distinct(
        "customer_id", {"cycle_id": cycle.id, "customer_id": {"$in": [*merged.targets]}}
    )
    return merged.without(apart)


def _owner(found: Mapping[UUID, CustomerFacts], context: PlanContext, customer_id: UUID) -> CustomerFacts:
    """Whose facts these are: a customer that was asked for by its own id keeps its own."""
    own = found.get(customer_id)
    return found[context.merged.owner(customer_id)] if own is None else own


async def _add_matrix(found: dict[UUID, CustomerFacts], where: dict[str, Any], context: PlanContext) -> None:
    begin = context.rule.first_day(context.cycle.months[0]).isoformat()
    end = context.rule.last_day(context.cycle.months[-1]).isoformat()
    query = {**where, **holding(begin, end)}
    async for row in scoped(MatrixEntry).find(query, {"_id": 0, "customer_id": 1, "product_id": 1}):
        product, facts = context.products.get(row["product_id"]), found[row["customer_id"]]
        if product is not None and takes_part(Where.OPENING, facts.is_active, product.is_active):
            facts.matrix.add(row["product_id"])


async def _add_history(found: dict[UUID, CustomerFacts], where: dict[str, Any], context: PlanContext) -> None:
    """One row per line, made by the database: reading a row per month costs ten times as much here."""
    since = add_months(context.cycle.start_month, -HISTORY_MONTHS)
    months = {"month": {"$push": "$month"}, "quantity": {"$push": "$quantity"}, "revenue": {"$push": "$revenue"}}
    pipeline: list[dict[str, Any]] = [
        {"$match": {**where, "month": {"$gte": since}}},
        {"$group": {"_id": {"customer": "$customer_id", "product": "$product_id"}, **months}},
    ]
    async for row in scoped(SalesRollup).aggregate(pipeline):
        history = _owner(found, context, row["_id"]["customer"]).history[row["_id"]["product"]]
        history.add(zip(row["month"], row["quantity"], strict=True))
        for month, quantity, revenue in zip(row["month"], row["quantity"], row["revenue"], strict=True):
            if month in context.price_months:
                history.priced_quantity += quantity
                history.priced_revenue += revenue


async def _add_prices(found: dict[UUID, CustomerFacts], where: dict[str, Any], context: PlanContext) -> None:
    async for row in scoped(PriceDocument).find(where, PRICE_FIELDS):
        amount, currency = scaled_price(row["price"]) or 0, context.foreign(row["currency"])
        price = CustomerPrice(_day(row["valid_from"]), _last(row["valid_to"]), amount, currency)
        found[row["customer_id"]].prices[row["product_id"]].append(price)


async def _add_last_plan(found: dict[UUID, CustomerFacts], where: dict[str, Any], context: PlanContext) -> None:
    if context.reference is None:
        return
    cycle_id, close_number = context.reference
    query = {**where, "cycle_id": cycle_id, "close_number": close_number, "stream": "approved"}
    fields = {"_id": 0, "customer_id": 1, "product_id": 1, "cells.month": 1, "cells.quantity": 1}
    async for row in scoped(SnapshotRow).find(query, fields):
        plan = {cell["month"]: cell["quantity"] for cell in row["cells"]}
        last_plan = _owner(found, context, row["customer_id"]).last_plan
        others = last_plan.get(row["product_id"])
        last_plan[row["product_id"]] = plan if others is None else _added(others, plan)
    for facts in found.values():
        facts.last_plan = _still_meant(facts.last_plan, context)


def _added(one: Mapping[Month, int | None], other: Mapping[Month, int | None]) -> dict[Month, int | None]:
    """Two plans of one line, added up month by month; null and null stay null."""
    sums = dict(one)
    for month, quantity in other.items():
        standing = sums.get(month)
        sums[month] = quantity if standing is None else standing + (quantity or 0)
    return sums


def _still_meant(plans: LastPlan, context: PlanContext) -> LastPlan:
    """The plans under the heirs of their months, without months in which a product is not planned any more."""
    if not context.succession.involved.isdisjoint(plans):
        plans = inherited(plans, context.succession)
    for product_id in plans.keys() & context.mortal:
        life = context.products[product_id].life
        plans[product_id] = {month: said for month, said in plans[product_id].items() if life.holds(month)}
    return plans


def _product(row: Mapping[str, Any]) -> ProductFacts:
    return ProductFacts(
        id=row["_id"],
        code=row["code"],
        name=row["name"],
        category=row.get("category"),
        unit=row["unit"],
        list_price=scaled_price(row.get("list_price")),
        cost=scaled_price(row.get("standard_cost")),
        launch_month=row.get("launch_month"),
        currency=row["currency"],
        is_active=row["is_active"],
        life=lifespan(row.get("launch_month"), row.get("end_month"), row.get("successor_from")),
    )


@lru_cache(maxsize=4096)
def _day(text: str) -> date:
    return date.fromisoformat(text)


def _last(text: str | None) -> date | None:
    return None if text is None else _day(text)


def chunks(ids: Iterable[UUID], size: int) -> Iterable[list[UUID]]:
    """Consecutive lists of at most `size` ids."""
    chunk: list[UUID] = []
    for item in ids:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
