"""Rollups equal the lines after any interleaving of imports, corrections, undos, recomputations and kills.

Steps are generated and played on the real database. After each of them, customers that are not dirty have rollups that
say what their lines say; in the end, when all that was killed has been gone on with, everybody has. What lines say is
added up here, in Python, and not by the pipeline.

`HYPOTHESIS_PROFILE=fuzz` plays many more, and new ones.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.collections import scoped, scoped_binary, transaction
from core.context import tenant_scope
from core.errors import Conflict, InvalidInput, StaleVersion, Unavailable
from core.mongo import Mongo
from models.job import Job
from models.sale import OrderRollup, RollupState, SaleLine, SalesRollup
from planning.import_modes import Mode
from planning.roles import Role
from planning.sales_types import DEMAND_TYPES, ORDER_TYPES, REVENUE_TYPES
from services import import_runs, jobs, rollups, sale_corrections, undo
from services.identity import Caller
from services.import_apply.base import Plan, Refused
from services.import_apply.sales_lines import SalesWriter
from services.import_kinds.tables import ImportKind
from services.sales import lines_of
from services.undo_documents import Documents, DocumentStep
from services.undo_step import Undoing
from tests import factories
from tests.imported import accepted
from tests.interrupted import Killed, Rows

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
FEW = settings(
    max_examples=400 if FUZZ else 25,
    derandomize=not FUZZ,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
MANAGER = Caller(uuid4(), uuid4(), uuid4(), Role.MANAGER, frozenset(), "Max", "en")
HEADER = [
    "invoice", "item_code", "line_number", "customer_code", "invoice_date", "quantity", "net_revenue", "line_type",
    "unit_cost",
]  # fmt: skip
KILLS = ("no", "before", "half", "after")

_LINES = st.one_of(
    st.tuples(st.just("sale"), st.integers(0, 9), st.integers(0, 99)),
    st.tuples(st.just("return"), st.integers(-9, 0), st.integers(-99, 0)),
    st.tuples(st.just("price_credit"), st.just(0), st.integers(-99, 0)),
    st.tuples(st.just("free_goods"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("service"), st.integers(0, 9), st.integers(0, 99)),
)
_ROW = st.tuples(
    st.sampled_from("ABCD"), st.sampled_from("12"), st.sampled_from("12"), st.sampled_from("12"),
    _LINES, st.sampled_from(["", "0.5", "2"]),
)  # fmt: skip
_FILE = st.lists(_ROW, min_size=1, max_size=6, unique_by=lambda row: row[:2])
_IMPORT = st.tuples(st.just("import"), st.tuples(_FILE, st.sampled_from(Mode)), st.sampled_from(KILLS))
_CORRECTION = st.tuples(
    st.just("correct"),
    st.integers(0, 20),
    st.one_of(
        st.tuples(st.just("quantity"), st.integers(0, 9_000)),
        st.tuples(st.just("net_revenue"), st.integers(-99_000, 99_000)),
        st.tuples(st.just("invoice_date"), st.sampled_from(["2026-01-09", "2026-02-09"])),
        st.tuples(st.just("customer"), st.sampled_from("12")),
        st.tuples(st.just("product"), st.sampled_from("12")),
        st.tuples(st.just("unit_cost"), st.sampled_from([None, 50_000_000])),
        st.tuples(st.just("line_type"), st.sampled_from(["sale", "rebate", "service", "free_goods"])),
    ),
    st.sampled_from(["no", "before", "after"]),
)
_OTHER = st.sampled_from([("refresh",), ("resume",)])
_UNDO = st.tuples(st.just("undo"), st.integers(0, 5), st.sampled_from(["no", "before", "in", "after"]))
_STEP = st.one_of(_IMPORT, _CORRECTION, _OTHER, _UNDO)
_TOGETHER = st.tuples(
    st.just("together"),
    st.lists(
        st.one_of(*(steps.map(lambda step: (*step[:-1], "no")) for steps in (_IMPORT, _UNDO, _CORRECTION)), _OTHER),
        min_size=2,
        max_size=3,
    ),
)
STEPS = st.lists(st.one_of(_STEP, _STEP, _TOGETHER), min_size=1, max_size=8)
Step = tuple[Any, ...]


class DyingWriter(SalesWriter):
    """Dies in its first write: before it, half-way through it, or just after it."""

    where = "before"

    async def write(self, plan: Plan) -> list[Refused]:
        if self.where == "half":
            door = scoped_binary(SaleLine)
            await self.context.journal.note(door, plan.new, plan.changed)
            async with lines_of(plan.touched, plan.months):
                await door.insert_missing(plan.new[: (len(plan.new) + 1) // 2])
                await door.update_rows(plan.changed[:1])
                raise Killed
        elif self.where == "after":
            await super().write(plan)
        raise Killed


@contextmanager
def dying(where: str) -> Iterator[None]:
    """Imports that begin inside die there; "no" = they live."""
    with pytest.MonkeyPatch.context() as patch:
        if where != "no":
            writer = type("Dying", (DyingWriter,), {"where": where})
            patch.setattr(import_runs, "WRITERS", {ImportKind.SALES: writer})
        yield


@contextmanager
def dying_undo(where: str) -> Iterator[None]:
    """Undos die there: before, in or after the transaction of their first batch; "no" = they live."""
    write = Documents.write

    async def dying_write(self: Documents, undoing: Undoing, step: DocumentStep) -> None:
        if where == "in":
            await write(self, undoing, step)
        raise Killed

    async def dying_read(_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        if where == "after":
            patch.setattr(undo._Progress, "read", dying_read)
        elif where != "no":
            patch.setattr(Documents, "write", dying_write)
        yield


@contextmanager
def dying_correction(where: str) -> Iterator[None]:
    """Corrections die there: before they write, or behind it, after somebody cleaned up behind their first mark; "no" =
    they live."""

    async def dies(action: Callable[[], Awaitable[None]]) -> None:
        if where == "after":
            await rollups.refresh()
            await transaction(action)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        if where != "no":
            patch.setattr(sale_corrections, "transaction", dies)
        yield


class Company:
    """Two customers, two products, and the imports that were killed."""

    def __init__(self, customers: Mapping[str, UUID], products: Mapping[str, UUID]) -> None:
        self.customers = customers
        self.products = products
        self.killed: list[tuple[Job, Rows]] = []
        self.killed_undos: list[Job] = []

    async def play(self, step: Step) -> None:
        kind, *said = step
        if kind == "together":
            ends = await asyncio.gather(*(self.play(one) for one in said[0]), return_exceptions=True)
            assert [end for end in ends if end is not None] == []
        elif kind == "import":
            await self.take(*said)
        elif kind == "undo":
            await self.undo(*said)
        elif kind == "correct":
            await self.correct(*said)
        elif kind == "refresh":
            await rollups.refresh()
        else:
            await self.resume()

    async def take(self, file: tuple[Sequence[Any], Mode], kill: str) -> None:
        rows = as_rows(file[0])
        job = await accepted("sales", ",".join(HEADER), mode=file[1])
        with dying(kill):
            try:
                await self.run(job, rows)
            except Killed:
                self.killed.append((job, rows))

    async def resume(self) -> None:
        """As upkeep does: whatever was killed is gone on with."""
        killed, self.killed = self.killed, []
        for job, rows in killed:
            await self.run(job, rows)
        undos, self.killed_undos = self.killed_undos, []
        for job in undos:
            await self.run_undo(job)

    async def undo(self, place: int, kill: str) -> None:
        """Undo some import, if nothing stands against it."""
        ended = await scoped(Job).rows({"kind": "import", "state": "succeeded"}, {"_id": 1}, sort=[("received_at", -1)])
        if not ended:
            return
        try:
            job = await undo.request(ended[place % len(ended)]["_id"], AT)
        except Conflict:
            return
        with dying_undo(kill):
            try:
                await self.run_undo(job)
            except Killed:
                self.killed_undos.append(job)

    async def run_undo(self, job: Job) -> None:
        while (claimed := await jobs.claim(job.id)) is not None:
            try:
                await undo.run(claimed)
            except Unavailable:
                continue
            return

    async def run(self, job: Job, rows: Rows) -> None:
        """As the worker does: what stumbles over somebody else is tried again."""

        async def source() -> AsyncIterator[Rows]:
            yield rows

        while (claimed := await jobs.claim(job.id)) is not None:
            try:
                while await import_runs.run(claimed, source()):
                    pass
            except Unavailable:
                continue
            return

    async def correct(self, place: int, said: tuple[str, Any], kill: str) -> None:
        lines = await scoped(SaleLine).rows({}, {"rev": 1}, sort=[("_id", 1)])
        if not lines:
            return
        line, (field, value) = lines[place % len(lines)], said
        known = {"customer": self.customers, "product": self.products}
        changes = {f"{field}_id": known[field][value]} if field in known else {field: value}
        if field == "quantity":
            changes["net_revenue"] = 10 * value
        with dying_correction(kill):
            try:
                await sale_corrections.correct(MANAGER, line["_id"], line["rev"], changes, "Because", AT)
            except (InvalidInput, StaleVersion, Killed):
                return


def as_rows(file: Sequence[Any]) -> Rows:
    cells = [
        [invoice, f"P{item}", "1", f"C{customer}", f"2026-0{month}-05", str(quantity), str(revenue), line_type, cost]
        for invoice, item, customer, month, (line_type, quantity, revenue), cost in file
    ]
    return Rows(HEADER, list(range(2, len(file) + 2)), list(zip(*cells, strict=True)), [])


Sums = dict[tuple[Any, ...], tuple[int, ...]]


async def said_by_lines() -> tuple[Sums, Sums]:
    """Rollups and orders as they should be."""
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 7)
    orders: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for line in await scoped(SaleLine).documents():
        goods, owed = line.line_type in DEMAND_TYPES, line.line_type in REVENUE_TYPES
        quantity, revenue = (line.quantity if goods else 0), (line.net_revenue if owed else 0)
        costs = goods or line.line_type == "service"
        cost = line.quantity * line.unit_cost // 10**7 if costs and line.unit_cost is not None else None
        uncosted = goods and cost is None
        figures = (
            quantity, revenue, cost or 0, quantity if uncosted else 0, revenue if uncosted else 0, int(uncosted), 1,
        )  # fmt: skip
        total = sums[(line.customer_id, line.product_id, line.month)]
        for place, figure in enumerate(figures):
            total[place] += figure
        if line.line_type in ORDER_TYPES:
            orders[(line.customer_id, line.month)].add(line.invoice)
    counted: Sums = {key: (len(some),) for key, some in orders.items()}
    return {key: tuple(total) for key, total in sums.items()}, counted


async def said_by_rollups() -> tuple[Sums, Sums]:
    names = ("quantity", "revenue", "cost", "uncosted", "uncosted_revenue", "uncosted_lines", "lines")
    sums = {
        (row["customer_id"], row["product_id"], row["month"]): tuple(row[name] for name in names)
        for row in await scoped(SalesRollup).rows()
    }
    orders = {(row["customer_id"], row["month"]): (row["orders"],) for row in await scoped(OrderRollup).rows()}
    found: tuple[Sums, Sums] = ({**sums}, {**orders})
    return found


async def check(steps: Sequence[Step]) -> None:
    """Whoever is not dirty is right."""
    dirty = set(await scoped(RollupState).distinct("customer_id", {"dirty": True}))
    for expected, found in zip(await said_by_lines(), await said_by_rollups(), strict=True):
        clean = {key for key in (*expected, *found) if key[0] not in dirty}
        assert {key: found.get(key) for key in clean} == {key: expected.get(key) for key in clean}, steps


_ONE_LINE = [("A", "1", "1", "1", ("sale", 3, 9), "")]


@FEW
@example([("import", (_ONE_LINE, Mode.UPSERT), "no"), ("correct", 0, ("quantity", 4_000), "after")])
@given(STEPS)
async def test_rollups_equal_the_lines_after_any_interleaving(mongo: Mongo, steps: list[Step]) -> None:
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        customers = {number: (await factories.make_customer(f"C{number}")).id for number in "12"}
        products = {number: (await factories.make_product(f"P{number}")).id for number in "12"}
        company = Company(customers, products)
        for step in steps:
            await company.play(step)
            await check(steps)
        await company.resume()
        await rollups.refresh()
        assert await rollups.pending() == 0
        await check(steps)
