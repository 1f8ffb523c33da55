"""The planning rounds of the demo company, played through the services as people and the workflow would do it.

Every step looks at what is there already, so a round that was interrupted is played to its end by playing it again.
"""

from __future__ import annotations

import asyncio
from calendar import month_name
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from core.collections import scoped
from core.context import acting_as
from core.mongo import RawDocument
from models.customer import Customer
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.product import Product
from models.user import User
from planning.cells import CellChange
from planning.months import Month, add_months, first_day, months_between
from planning.numbers import QUANTITY
from planning.stages import Stage
from seed.demo_company import DemoCompany, DemoCustomer, DemoLine
from seed.importing import Step
from services import closing, cycle_moves, cycles, forecasts, mails, months, opening, submissions
from services.cycles import CycleDraft
from services.forecasts import LineChange

REP_BIAS = (0.06, -0.03, 0.12, 0.0, 0.04, -0.08, 0.02, 0.09)
"""How much too high or too low each rep plans, on average."""
REP_NOISE = 0.08
WORTH_A_CHANGE = 0.05
"""A rep leaves a number that is less than this off what the rep expects."""
LARGE = 0.2
"""The part of the customers that reps plan nearly every month; the others get their attention now and then."""
MOST_LINES = 12
MONTHS_AHEAD = 6
AT_ONCE = 4
"""How many customers are planned at the same time: while one waits for the database, another one computes."""
OPEN_SO_FAR = 0.3
"""The part of an open round's work that is done already."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a round opens, locks entry and closes."""

    opens_at: datetime
    entry_closes_at: datetime
    closes_at: datetime

    def during_entry(self, part: float) -> datetime:
        return self.opens_at + (self.entry_closes_at - self.opens_at) * part


@dataclass(frozen=True, slots=True)
class Cast:
    """The people and things of the company, by their stored ids."""

    company: DemoCompany
    manager: UUID
    reps: tuple[UUID, ...]
    customers: Mapping[UUID, DemoCustomer]
    lines: Mapping[tuple[UUID, UUID], DemoLine]


@dataclass(frozen=True, slots=True)
class Effort:
    """What a rep does for one customer in one round."""

    customer: UUID
    edits: bool
    submits: bool
    at: datetime
    chance: Random


async def find_cast(company: DemoCompany) -> Cast:
    """Look the imported company up again."""
    users = {row["email"]: row["_id"] for row in await scoped(User).rows({}, {"email": 1})}
    customers = {row["code"]: row["_id"] for row in await scoped(Customer).rows({}, {"code": 1})}
    products = {row["code"]: row["_id"] for row in await scoped(Product).rows({}, {"code": 1})}
    return Cast(
        company=company,
        manager=next(users[user.email] for user in company.users if user.role == "manager"),
        reps=tuple(users[user.email] for user in company.users if user.role == "sales_rep"),
        customers={customers[one.code]: one for one in company.customers},
        lines={(customers[line.customer.code], products[line.product.code]): line for line in company.lines},
    )


async def play_closed_cycle(cast: Cast, base_month: Month, tell: Step) -> Cycle:
    """A round of the past, run in its base month and closed there: months before it are complete, nobody is mailed."""
    table = _past_timetable(base_month)
    await months.complete([add_months(base_month, -1)])
    with mails.without_mails(), acting_as(cast.manager):
        cycle = await _drafted(base_month, table, table.opens_at - timedelta(days=5))
        if cycle.stage == Stage.DRAFT:
            cycle = await _open(cycle, cast, tell, table.opens_at)
        if cycle.stage == Stage.ENTRY:
            await _work(cast, cycle, _efforts(cast, cycle, table), tell)
            cycle = (await cycle_moves.lock_entry(cycle.id, table.entry_closes_at)).cycle
        return await _close(cycle, cast, tell, table.closes_at)


async def play_open_cycle(cast: Cast, base_month: Month, tell: Step, at: datetime) -> Cycle:
    """The round of the reference month, opened at `at`; some sheets are submitted, none of the first rep's."""
    await months.complete([add_months(base_month, -1)])
    with acting_as(cast.manager):
        cycle = await _drafted(base_month, _coming_timetable(at), at)
        if cycle.stage == Stage.DRAFT:
            cycle = await _open(cycle, cast, tell, at)
        table = Timetable(at, cycle.entry_closes_at, cycle.closes_at)
        if cycle.stage == Stage.ENTRY and at < cycle.entry_closes_at:
            await _work(cast, cycle, _first_efforts(cast, _efforts(cast, cycle, table), at), tell)
    return cycle


def _past_timetable(base_month: Month) -> Timetable:
    begin = datetime.combine(first_day(base_month), datetime.min.time(), tzinfo=UTC) + timedelta(hours=7)
    return Timetable(begin, begin + timedelta(days=10, hours=9), begin + timedelta(days=15, hours=9))


def _coming_timetable(at: datetime) -> Timetable:
    evening = at.replace(hour=16, minute=0, second=0, microsecond=0)
    return Timetable(at, evening + timedelta(days=10), evening + timedelta(days=15))


async def _drafted(base_month: Month, table: Timetable, at: datetime) -> Cycle:
    """The cycle of this month; a draft that an interrupted run left is made anew with fresh deadlines."""
    cycle = await scoped(Cycle).one({"base_month": base_month})
    if cycle is not None and cycle.stage != Stage.DRAFT:
        return cycle
    if cycle is not None:
        await cycles.delete_draft(cycle.id)
    draft = CycleDraft(
        name=f"{month_name[int(base_month[5:])]} {base_month[:4]}",
        base_month=base_month,
        start_month=add_months(base_month, 1),
        entry_closes_at=table.entry_closes_at,
        closes_at=table.closes_at,
    )
    return await cycles.create(draft, at)


async def _open(cycle: Cycle, cast: Cast, tell: Step, at: datetime) -> Cycle:
    await opening.prepare(cycle.id, lambda done: tell(f"opening {cycle.name}", done, len(cast.customers)))
    return (await cycle_moves.open_entry(cycle.id, at, None)).cycle


async def _close(cycle: Cycle, cast: Cast, tell: Step, at: datetime) -> Cycle:
    if cycle.stage == Stage.CLOSED:
        return cycle
    await cycle_moves.begin_closing(cycle.id, at, None, cast.manager)
    await closing.copy_snapshot(cycle.id, lambda done: tell(f"closing {cycle.name}", done, len(cast.customers)))
    return await closing.seal(cycle.id, at)


def _efforts(cast: Cast, cycle: Cycle, table: Timetable) -> list[Effort]:
    """Whom the reps plan in this round: more than half of the large customers, and some of the others."""
    company = cast.company
    efforts = []
    for customer_id, customer in cast.customers.items():
        chance = company.chance_for("effort", cycle.base_month, customer.code)
        is_large = customer.rank < len(cast.customers) * LARGE
        attends = chance.random() < (0.55 if is_large else 0.06)
        edits = chance.random() < (0.55 if is_large else 0.5)
        submits = chance.random() < 0.94
        at = table.during_entry(chance.uniform(0.05, 0.95))
        if attends and (edits or submits):
            efforts.append(Effort(customer_id, edits, submits, at, chance))
    return efforts


def _first_efforts(cast: Cast, efforts: Sequence[Effort], at: datetime) -> list[Effort]:
    """What has been done on the first day."""
    chosen = []
    for effort in efforts:
        soon = effort.chance.random() < OPEN_SO_FAR
        if soon and cast.customers[effort.customer].rep != 0:
            chosen.append(Effort(effort.customer, effort.edits, effort.submits, at, effort.chance))
    return chosen


async def _work(cast: Cast, cycle: Cycle, efforts: Sequence[Effort], tell: Step) -> None:
    """Every rep plans the own customers; a sheet that is submitted already is left alone."""
    done_before = await scoped(Sheet).distinct("customer_id", {"cycle_id": cycle.id, "state": "submitted"})
    lines = await _drafts(cast, cycle, [effort.customer for effort in efforts if effort.edits])
    waiting = deque(effort for effort in efforts if effort.customer not in done_before)

    async def one_after_the_other() -> None:
        while waiting:
            effort = waiting.popleft()
            await _plan(cast, cycle, effort, lines.get(effort.customer, []))
            tell(f"planning {cycle.name}", len(efforts) - len(waiting), len(efforts))

    tasks = [asyncio.create_task(one_after_the_other()) for _ in range(AT_ONCE)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _plan(cast: Cast, cycle: Cycle, effort: Effort, lines: Sequence[RawDocument]) -> None:
    changes = list(_changes(cast, cycle, effort, lines))
    with acting_as(cast.reps[cast.customers[effort.customer].rep]):
        if changes:
            await forecasts.save(cycle.id, effort.customer, changes, effort.at)
        if effort.submits:
            await submissions.submit(cycle.id, effort.customer, confirm_zero=True, received_at=effort.at)


async def _drafts(cast: Cast, cycle: Cycle, customers: Sequence[UUID]) -> dict[UUID, list[RawDocument]]:
    """The drafts of these customers' lines, the most important first; their order does not depend on what they say."""
    wanted = ("customer_id", "product_id", "cells.month", "cells.quantity", "cells.rev")
    rows = await scoped(Line).rows(
        {"cycle_id": cycle.id, "stream": opening.SALES, "customer_id": {"$in": customers}}, dict.fromkeys(wanted, 1)
    )

    def importance(row: RawDocument) -> tuple[float, str]:
        line = cast.lines[row["customer_id"], row["product_id"]]
        return -line.monthly * line.product.cents, line.product.code

    found: dict[UUID, list[RawDocument]] = {}
    for row in sorted(rows, key=importance):
        found.setdefault(row["customer_id"], []).append(row)
    return found


def _changes(cast: Cast, cycle: Cycle, effort: Effort, lines: Sequence[RawDocument]) -> Iterable[LineChange]:
    """Where the rep expects something else than what is prefilled: what demand will be, seen with the rep's eyes."""
    company, rep = cast.company, cast.customers[effort.customer].rep
    for row in lines[:MOST_LINES]:
        line = cast.lines[effort.customer, row["product_id"]]
        view = 1 + REP_BIAS[rep] + effort.chance.gauss(0, REP_NOISE)
        for cell in row["cells"][:MONTHS_AHEAD]:
            index = months_between(company.months[0], cell["month"])
            units = round(company.expected(line, index) * view * (1 + effort.chance.gauss(0, REP_NOISE)))
            if cell["rev"] == 0 and _differs(max(0, units), cell):
                change = CellChange(cell["month"], 0, quantity=max(0, units) * QUANTITY.factor)
                yield LineChange(row["product_id"], change)


def _differs(units: int, cell: Mapping[str, Any]) -> bool:
    if cell["quantity"] is None:
        return units > 0
    standing = cell["quantity"] / QUANTITY.factor
    return bool(abs(units - standing) > max(1.0, WORTH_A_CHANGE * standing))
