"""The price chain for a customer's products and months: each price, where it comes from, and what was passed over.

Many lines are answered at once by a handful of finds: this is the price list of a customer, 500 products and 16 months
in one call. Consecutive months with the same answer are told together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import Any
from uuid import UUID

from bson.binary import Binary

from core.collections import as_binary, scoped, scoped_binary
from core.errors import InvalidInput, NotFound
from core.listing import uuid_text
from core.mongo import RawDocument
from models.customer import CustomerPrice as PriceDocument
from models.customer import MatrixEntry
from models.cycle import Cycle
from models.forecast import Line
from models.merged import load_merged
from models.product import Product
from models.sale import COUNTS_AS_COMPLETE, MonthStatus, SalesRollup
from models.succession import read_succession
from planning.defaults import DEFAULTS
from planning.months import Month
from planning.numbers import PRICE
from planning.prices import (
    WHY_PASSED_OVER,
    Conversion,
    CustomerPrice,
    PriceSource,
    ResolvedPrice,
    average_price,
    resolve_prices,
)
from planning.rates import NO_RATES, MonthRate, RateKind, Rates
from services import calendar
from services.amounts import scaled_price
from services.opening import SALES
from services.plan_facts import CustomerFacts, LineHistory
from services.rates import base_currency, load_rates
from services.validity import holding

MAX_ANSWERS = 100_000
"""Products x months of one call."""
PRODUCT_FIELDS = {"code": 1, "name": 1, "list_price": 1, "currency": 1, "is_active": 1}
PRICE_FIELDS = {"_id": 0, "product_id": 1, "price": 1, "currency": 1, "valid_from": 1, "valid_to": 1}
NO_CYCLE = "an own price belongs to a cycle's cell, and no cycle was named"


@dataclass(frozen=True, slots=True)
class Question:
    """Which products (None = all that the customer may order in these months), which months, and in which cycle."""

    customer: Mapping[str, Any]
    months: Sequence[Month]
    product_ids: Sequence[UUID] | None = None
    cycle_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a cycle decides: currency, the months before which averages are taken, and the own prices of its cells."""

    currency: str
    start_month: Month
    overrides: Mapping[bytes, Mapping[Month, int]]


async def answer(question: Question) -> RawDocument:
    """The price of each product and month, as the API shows it. Averages are over the 12 complete months before the
    cycle's first month; without a cycle before the first month asked for.

    NotFound for a cycle or product that does not exist, and for a product that was never on the customer's list;
    InvalidInput for more than 100,000 prices.
    """
    plan = await _plan_of(question)
    rule = await calendar.month_rule()
    span = (rule.first_day(min(question.months)).isoformat(), rule.last_day(max(question.months)).isoformat())
    products = await _products(question, span)
    prices = await _customer_prices(question, plan.currency, span)
    average = await _averages(question, plan, [row["_id"] for row in products if row.get("list_price") is None])
    rates = await _rates(question, plan.currency, products, prices)
    tell = _Teller(question)
    shown = []
    for row in products:
        id = row["_id"]
        resolved: list[ResolvedPrice] = []
        for months, one in average.get(id) or [(question.months, None)]:
            resolved += resolve_prices(
                months,
                overrides=plan.overrides.get(id),
                customer_prices=prices.get(id, ()),
                list_price=scaled_price(row.get("list_price")),
                list_currency=None if row["currency"] == plan.currency else row["currency"],
                average_price=one,
                rates=rates,
                rule=rule,
            )
        told = tell.spans(resolved)
        shown.append({"product_id": uuid_text(id), "item_code": row["code"], "name": row["name"], "prices": told})
    customer = question.customer
    return {
        "customer": {"id": customer["_id"], "code": customer["code"], "currency": customer["currency"]},
        "currency": plan.currency,
        "months": list(question.months),
        "products": shown,
    }


class _Teller:
    """Dresses answers. What was passed over is the same few lists for all lines, so each is made once."""

    def __init__(self, question: Question) -> None:
        self.months = question.months
        self.why = dict(WHY_PASSED_OVER) | ({PriceSource.OVERRIDE: NO_CYCLE} if question.cycle_id is None else {})
        self.known: dict[tuple[str, ...], list[dict[str, str]]] = {}
        self.rates: dict[MonthRate | None, dict[str, Any] | None] = {}

    def spans(self, line: Sequence[ResolvedPrice]) -> list[dict[str, Any]]:
        """The line's answers; consecutive months with the same one are one entry."""
        ends = [at for at in range(1, len(line)) if line[at] is not line[at - 1] and line[at] != line[at - 1]]
        return [self._span(line[at], at, end - 1) for at, end in pairwise((0, *ends, len(line)))]

    def _span(self, answer: ResolvedPrice, first: int, last: int) -> dict[str, Any]:
        price, passed_over = answer.price, answer.passed_over
        if passed_over not in self.known:
            self.known[passed_over] = [{"step": step, "why": self.why[step]} for step in passed_over]
        return {
            "from": self.months[first],
            "to": self.months[last],
            "price": None if price is None else price / PRICE.factor,
            "source": answer.source,
            "problem": answer.problem,
            "passed_over": self.known[passed_over],
            "conversion": None if answer.conversion is None else self._conversion(answer.conversion),
        }

    def _conversion(self, conversion: Conversion) -> dict[str, Any]:
        rate = conversion.rate
        if rate not in self.rates:
            self.rates[rate] = None if rate is None else show_rate(rate)
        return {
            "step": conversion.step,
            "price": conversion.price / PRICE.factor,
            "currency": conversion.currency,
            "rate": self.rates[rate],
        }


def show_rate(rate: MonthRate) -> dict[str, Any]:
    """The rate of a month, as the API shows it."""
    return {"rate": rate.rate / PRICE.factor, "given_for": rate.given_for, "taken_over": rate.taken_over}


async def _plan_of(question: Question) -> _Plan:
    if question.cycle_id is None:
        return _Plan(await base_currency(), min(question.months), {})
    cycle = await scoped(Cycle).row({"_id": question.cycle_id}, {"currency": 1, "start_month": 1})
    if cycle is None:
        raise NotFound("There is no such cycle.")
    where: dict[str, Any] = {
        "cycle_id": as_binary(question.cycle_id),
        "stream": SALES,
        "customer_id": as_binary(question.customer["_id"]),
        "cells.price_source": PriceSource.OVERRIDE.value,
    }
    fields = {"_id": 0, "product_id": 1, "cells.month": 1, "cells.price": 1, "cells.price_source": 1}
    overrides = {
        row["product_id"]: {
            cell["month"]: cell["price"] for cell in row["cells"] if cell["price_source"] == PriceSource.OVERRIDE
        }
        for row in await scoped_binary(Line).rows(where, fields)
    }
    return _Plan(cycle["currency"], cycle["start_month"], overrides)


async def _products(question: Question, span: tuple[str, str]) -> list[RawDocument]:
    """The products asked for by code, all of them on the customer's list at some time; else those on it meanwhile."""
    of_customer: dict[str, Any] = {"customer_id": as_binary(question.customer["_id"])}
    asked = None if question.product_ids is None else [as_binary(id) for id in question.product_ids]
    wanted = holding(*span) if asked is None else {"product_id": {"$in": asked}}
    entries = await scoped_binary(MatrixEntry).rows(of_customer | wanted, {"_id": 0, "product_id": 1})
    listed = {entry["product_id"] for entry in entries}
    if len(listed) * len(question.months) > MAX_ANSWERS:
        raise InvalidInput("Ask for fewer months, or name products: one answer holds at most 100,000 prices.")
    unknown = [id for id in asked or () if id not in listed]
    if unknown:
        names = ", ".join(uuid_text(id) for id in unknown[:3])
        raise NotFound(f"These are not products of the customer's list: {names}{' …' if len(unknown) > 3 else ''}.")
    active = {} if asked is not None else {"is_active": True}
    rows = await scoped_binary(Product).rows({"_id": {"$in": list(listed)}, **active}, PRODUCT_FIELDS)
    return sorted(rows, key=itemgetter("code"))


async def _customer_prices(
    question: Question, currency: str, span: tuple[str, str]
) -> Mapping[Binary, Sequence[CustomerPrice]]:
    """The customer's prices that reach into the months, by product."""
    query = {
        "customer_id": as_binary(question.customer["_id"]),
        **holding(*span),
    }
    if question.product_ids is not None:
        query["product_id"] = {"$in": [as_binary(id) for id in question.product_ids]}
    found: dict[Binary, list[CustomerPrice]] = defaultdict(list)
    for row in await scoped_binary(PriceDocument).rows(query, PRICE_FIELDS):
        own = None if row["currency"] == currency else row["currency"]
        last = None if row["valid_to"] is None else _day(row["valid_to"])
        price = CustomerPrice(_day(row["valid_from"]), last, scaled_price(row["price"]) or 0, own)
        found[row["product_id"]].append(price)
    return found


async def _averages(
    question: Question, plan: _Plan, unlisted: list[Binary]
) -> dict[Binary, list[tuple[Sequence[Month], int | None]]]:
    """Average selling prices of the products that have no list price, in runs of months: a product that takes over from
    another one stands on its history as well. Nobody asks for the others'."""
    if not unlisted:
        return {}
    complete = await scoped(MonthStatus).rows(
        {**COUNTS_AS_COMPLETE, "month": {"$lt": plan.start_month}},
        {"_id": 0, "month": 1},
        sort=[("month", -1)],
        limit=DEFAULTS.price_history_months,
    )
    succession = await read_succession()
    products = [id.as_uuid() for id in unlisted]
    sold = {
        "customer_id": {"$in": (await load_merged()).with_sources([question.customer["_id"]])},
        "month": {"$in": [row["month"] for row in complete]},
        "product_id": {"$in": list(succession.with_predecessors(products))},
    }
    sums = {"quantity": {"$sum": "$quantity"}, "revenue": {"$sum": "$revenue"}}
    groups = scoped(SalesRollup).aggregate([{"$match": sold}, {"$group": {"_id": "$product_id", **sums}}])
    facts = CustomerFacts()
    async for row in groups:
        facts.history[row["_id"]] = LineHistory({}, row["quantity"], row["revenue"])
    found: dict[Binary, list[tuple[Sequence[Month], int | None]]] = {}
    for product, stored in zip(products, unlisted, strict=True):
        spans = [(span.months, facts.history_of(span.sources)) for span in succession.spans(product, question.months)]
        found[stored] = [(months, average_price(one.priced_revenue, one.priced_quantity)) for months, one in spans]
    return found


async def _rates(
    question: Question,
    currency: str,
    products: Iterable[RawDocument],
    prices: Mapping[Binary, Sequence[CustomerPrice]],
) -> Rates:
    """The plan rates of the currencies that occur; most companies and customers need none."""
    foreign = {row["currency"] for row in products if row["currency"] != currency}
    foreign |= {one.currency for own in prices.values() for one in own if one.currency is not None}
    return await load_rates(RateKind.PLAN, max(question.months), foreign) if foreign else NO_RATES


@lru_cache(maxsize=4096)
def _day(text: str) -> date:
    return date.fromisoformat(text)
