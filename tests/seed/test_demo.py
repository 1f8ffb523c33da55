"""The demo company: what is generated, and what planting it leaves behind. A tenth of the real size or less."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.findings import run_findings
from core.collections import scoped
from core.context import tenant_scope
from core.errors import InvalidInput
from core.mongo import Mongo
from core.settings import Settings
from models.cycle import Cycle
from models.finding import FoundFinding
from models.forecast import Sheet, SnapshotMarker, SnapshotRow, Version
from models.job import Job, Mail
from models.sale import MonthStatus, RollupState, SaleLine, SalesRollup
from models.tenant import Tenant
from models.user import User
from planning.months import add_months, months_between
from seed.demo import DemoOrder, plant
from seed.demo_company import DemoCompany, DemoSize, make_company
from seed.demo_tables import TITLES, sales, write_tables
from services import identity, upkeep
from workflows.contracts import JobInput

PASSWORD = "correct-horse-battery"
MONTH = "2025-06"
AT = datetime(2025, 6, 4, 9, 30, tzinfo=UTC)
SMALL = DemoSize(customers=30, products=40)
TINY = DemoSize(customers=12, products=16, closed_cycles=1)


@pytest.fixture(scope="module")
def company() -> DemoCompany:
    return make_company(7, MONTH, DemoSize(customers=150, products=200), "demo.example")


@pytest.fixture(scope="module")
def lines(company: DemoCompany) -> list[dict[str, str]]:
    """The generated invoice lines by column."""
    names = ("invoice", "item", "line", "customer", "date", "quantity", "price", "type", "source")
    return [dict(zip(names, map(str, row), strict=True)) for row in sales(company)]


def revenue(line: dict[str, str]) -> float:
    return int(line["quantity"]) * float(line["price"])


def written(directory: Path, seed: int, month: str) -> dict[str, bytes]:
    directory.mkdir()
    write_tables(make_company(seed, month, SMALL, "demo.example"), directory, "demo.example")
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_seed_number_and_month_decide_every_byte(tmp_path: Path) -> None:
    first = written(tmp_path / "a", 7, MONTH)
    assert set(first) == {f"{kind}.csv" for kind in TITLES}
    assert written(tmp_path / "b", 7, MONTH) == first
    assert written(tmp_path / "c", 8, MONTH)["sales.csv"] != first["sales.csv"]
    assert written(tmp_path / "d", 7, "2025-07")["sales.csv"] != first["sales.csv"]


def test_a_fifth_of_the_customers_makes_three_quarters_of_the_revenue(
    company: DemoCompany, lines: list[dict[str, str]]
) -> None:
    by_customer: Counter[str] = Counter()
    for line in lines:
        by_customer[line["customer"]] += revenue(line)  # type: ignore[assignment]
    top = sum(amount for _, amount in by_customer.most_common(len(company.customers) // 5))
    assert 0.70 < top / by_customer.total() < 0.80


def test_history_is_36_whole_months_before_the_reference_month(lines: list[dict[str, str]]) -> None:
    months = {line["date"][:7] for line in lines}
    assert (min(months), max(months), len(months)) == ("2022-06", "2025-05", 36)


def test_garden_sells_in_spring_and_candles_before_christmas(lines: list[dict[str, str]]) -> None:
    def share(prefix: str, months: set[str]) -> float:
        of_kind = [line for line in lines if line["item"].startswith(prefix)]
        return sum(revenue(line) for line in of_kind if line["date"][5:7] in months) / sum(map(revenue, of_kind))

    assert share("GA", {"04", "05", "06"}) > 0.33
    assert share("CA", {"10", "11", "12"}) > 0.42


def test_a_part_of_the_lines_sells_now_and_then_and_most_every_month(lines: list[dict[str, str]]) -> None:
    months: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for line in lines:
        months[line["customer"], line["item"]].add(line["date"][:7])
    rare = sum(len(sold) < 18 for sold in months.values()) / len(months)
    steady = sum(len(sold) >= 34 for sold in months.values()) / len(months)
    assert 0.15 < rare < 0.45
    assert steady > 0.5


def test_trending_products_move_and_others_hardly(company: DemoCompany) -> None:
    growth = defaultdict(list)
    for product in company.products:
        growth[product.pattern == "trending"].append(abs(product.growth))
    assert min(growth[True]) >= 0.12
    assert max(growth[False]) <= 0.06
    assert 0.15 < len(growth[True]) / len(company.products) < 0.25


def test_what_makes_planning_hard_is_there(company: DemoCompany) -> None:
    """New customers, products before their launch, lines that never sold, prices that are missing or agreed."""
    assert any(customer.first is None for customer in company.customers)
    assert any(product.launch is not None and product.launch >= 36 for product in company.products)
    assert any(not product.has_list_price for product in company.products)
    assert any(line.monthly == 0 for line in company.lines)
    assert 0 < sum(line.discount is not None for line in company.lines) < len(company.lines)


async def planted(slug: str, size: DemoSize = TINY) -> Tenant:
    assert await plant(DemoOrder(seed=7, reference_month=MONTH, slug=slug, size=size), PASSWORD, AT)
    tenant = await scoped(Tenant).one({"slug": slug})
    assert tenant is not None
    return tenant


@pytest.fixture(scope="module")
async def demo(mongo: Mongo, settings: Settings) -> Tenant:
    return await planted("demo-small", SMALL)


async def test_six_cycles_are_closed_with_snapshots_and_one_is_open(demo: Tenant) -> None:
    with tenant_scope(demo.id):
        cycles = await scoped(Cycle).documents(sort=[("base_month", 1)])
        markers = {one.cycle_id: one for one in await scoped(SnapshotMarker).documents()}
        rows = await scoped(SnapshotRow).count()
    assert [cycle.base_month for cycle in cycles] == [add_months(MONTH, -back) for back in range(6, -1, -1)]
    assert [cycle.stage for cycle in cycles] == ["closed"] * 6 + ["entry"]
    assert set(markers) == {cycle.id for cycle in cycles[:6]}
    assert sum(marker.rows for marker in markers.values()) == rows
    assert all(set(marker.streams) == {"sales", "naive", "approved"} for marker in markers.values())
    assert [cycle.reference_cycle_id for cycle in cycles] == [None, *(cycle.id for cycle in cycles[:6])]
    opened, now_open = cycles[5], cycles[6]
    assert opened.closed_at == opened.closes_at
    assert (now_open.opened_at, now_open.start_month) == (AT, "2025-07")
    assert now_open.entry_closes_at > AT


async def test_no_mail_belongs_to_a_closed_cycle(demo: Tenant) -> None:
    with tenant_scope(demo.id):
        mails = await scoped(Mail).documents()
        (running,) = await scoped(Cycle).documents({"stage": "entry"})
        reps = await scoped(User).distinct("_id", {"role": "sales_rep"})
    assert {mail.data["cycle_id"] for mail in mails} == {str(running.id)}
    assert {mail.user_id for mail in mails} == set(reps)
    assert {mail.state for mail in mails} == {"queued"}


async def test_one_of_each_role_can_sign_in(demo: Tenant) -> None:
    with tenant_scope(demo.id):
        users = await scoped(User).documents()
    roles = Counter(user.role for user in users)
    assert roles == {"admin": 1, "manager": 2, "sales_rep": 8, "viewer": 1}
    for name in ("admin", "manager", "rep01", "viewer"):
        address = f"{name}@demo-small.example"
        await identity.sign_in(address, PASSWORD, address="192.0.2.1")


async def test_reps_plan_a_part_and_miss_a_little(demo: Tenant) -> None:
    with tenant_scope(demo.id):
        closed = [cycle.id for cycle in await scoped(Cycle).documents({"stage": "closed"})]
        versions = await scoped(Version).count({"cycle_id": {"$in": closed}})
        sheets = await scoped(Sheet).count({"cycle_id": {"$in": closed}})
        steps = await scoped(SnapshotRow).distinct("cells.step", {"stream": "approved"})
        approved = await scoped(SnapshotRow).rows({"stream": "approved"}, sort=[("_id", 1)])
        naive = await scoped(SnapshotRow).rows({"stream": "naive"})
    assert 0.1 < versions / sheets < 0.7
    assert {"submitted", "last_approved"} <= set(steps)
    said = {(row["cycle_id"], row["customer_id"], row["product_id"]): row["cells"] for row in naive}
    moved = sum(
        cell["quantity"] != other["quantity"]
        for row in approved
        for cell, other in zip(row["cells"], said[row["cycle_id"], row["customer_id"], row["product_id"]], strict=True)
    )
    assert 0.05 < moved / (16 * len(approved)) < 0.7


async def test_naive_knows_only_months_that_were_complete_at_the_close(demo: Tenant) -> None:
    """The first target month of the first cycle repeats last year; 13 months on, only the newest complete month."""
    with tenant_scope(demo.id):
        (first,) = await scoped(Cycle).documents({"base_month": add_months(MONTH, -6)})
        row = await scoped(SnapshotRow).row({"cycle_id": first.id, "stream": "naive", "cells.quantity": {"$gt": 0}})
        assert row is not None
        sold = {
            one["month"]: one["quantity"]
            for one in await scoped(SalesRollup).rows(
                {"customer_id": row["customer_id"], "product_id": row["product_id"]}, {"month": 1, "quantity": 1}
            )
        }
    last_complete = add_months(first.base_month, -1)
    for cell in row["cells"]:
        years = 1 if months_between(add_months(cell["month"], -12), last_complete) >= 0 else 2
        assert cell["quantity"] == max(0, sold.get(add_months(cell["month"], -12 * years), 0))


async def test_every_month_before_the_reference_month_is_complete_and_nothing_waits(demo: Tenant) -> None:
    with tenant_scope(demo.id):
        complete = await scoped(MonthStatus).distinct("month", {"status": "complete"})
        assert (min(complete), max(complete), len(complete)) == ("2022-06", "2025-05", 36)
        assert await scoped(SaleLine).exists({})
        assert not await scoped(RollupState).exists({"dirty": True})
        assert set(await scoped(Job).distinct("state", {"kind": "import"})) == {"succeeded"}


async def test_a_look_for_findings_waits_for_the_first_worker(demo: Tenant) -> None:
    with tenant_scope(demo.id):
        (job,) = await scoped(Job).documents({"state": {"$ne": "succeeded"}})
        await run_findings(JobInput(tenant_id=demo.id, job_id=job.id, kind=job.kind))
        assert (await scoped(Job).get(job.id)).state == "succeeded"
        assert await scoped(FoundFinding).exists({"kind": "matrix_without_sales"})


async def test_planting_twice_changes_nothing(demo: Tenant) -> None:
    async def counted() -> list[int]:
        with tenant_scope(demo.id):
            return [await scoped(model).count() for model in (SaleLine, User, Cycle, Version, SnapshotRow, Mail, Job)]

    before = await counted()
    assert not await plant(DemoOrder(seed=7, reference_month=MONTH, slug="demo-small", size=SMALL), PASSWORD, AT)
    assert await counted() == before


class Interrupted(Exception):
    """Stands for Ctrl-C."""


@pytest.fixture(scope="module")
async def whole(mongo: Mongo, settings: Settings) -> Tenant:
    return await planted("demo-whole")


@pytest.mark.parametrize("step", ["importing sales", "planning May 2025", "closing May 2025"])
async def test_an_interrupted_run_is_finished_by_the_next(whole: Tenant, step: str) -> None:
    order = DemoOrder(seed=7, reference_month=MONTH, slug=f"demo-{step.replace(' ', '-').lower()}", size=TINY)

    def stop(what: str, done: int, total: int | None) -> None:
        if what == step:
            raise Interrupted

    with pytest.raises(Interrupted):
        await plant(order, PASSWORD, AT, stop)
    half_done = await scoped(Tenant).one({"slug": order.slug})
    assert half_done is not None
    assert not half_done.is_active
    # While it is being made, nothing else moves its cycles; afterwards the open one has its clock and its mails.
    assert half_done.id not in {cycle.tenant_id for cycle in (await upkeep.find_unfinished()).cycles}

    assert await plant(order, PASSWORD, AT)
    assert await _content(half_done) == await _content(whole)
    unfinished = await upkeep.find_unfinished()
    assert [cycle.tenant_id for cycle in unfinished.cycles].count(half_done.id) == 1
    assert half_done.id in unfinished.tenants_with_mails


async def _content(tenant: Tenant) -> list[object]:
    with tenant_scope(tenant.id):
        markers = await scoped(SnapshotMarker).documents(sort=[("approved_at", 1)])
        cells = [
            row
            async for row in scoped(SnapshotRow).aggregate(
                [
                    {"$unwind": "$cells"},
                    {"$group": {"_id": "$stream", "all": {"$sum": "$cells.quantity"}, "n": {"$sum": 1}}},
                    {"$sort": {"_id": 1}},
                ]
            )
        ]
        numbers = [await scoped(model).count() for model in (SaleLine, SalesRollup, User, Cycle, Version, Mail)]
        return [[marker.streams for marker in markers], cells, numbers]


async def test_a_month_ahead_and_a_weak_password_are_refused(mongo: Mongo, settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="lies ahead"):
        await plant(DemoOrder(reference_month="2025-07", slug="demo-ahead", size=TINY), PASSWORD, AT)
    with pytest.raises(InvalidInput) as refusal:
        await plant(DemoOrder(reference_month=MONTH, slug="demo-weak", size=TINY), "short", AT)
    assert [detail.field for detail in refusal.value.details] == ["password"]
