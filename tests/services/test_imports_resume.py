"""An import that is killed anywhere ends, when it is run again, as if nothing had happened: same data, same counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from core.collections import scoped
from core.context import tenant_scope
from core.errors import InvalidInput, Unavailable
from models.audit import AuditEvent
from models.job import Job
from models.sale import SaleLine
from models.tenant import Tenant
from services import import_runs, jobs, sales
from services.import_apply.base import Plan, Refused
from services.import_apply.sales_lines import SalesWriter
from services.import_kinds.tables import ImportKind
from tests import factories
from tests.imported import accepted, counts
from tests.interrupted import Killed, Rows

HEADER = ["invoice", "item_code", "line_number", "customer_code", "invoice_date", "quantity", "unit_price"]
ROWS_A_BATCH = 4
BATCHES = 5


@pytest.fixture(autouse=True)
async def company(tenant: Tenant) -> AsyncIterator[Tenant]:
    with tenant_scope(tenant.id):
        await factories.make_customer("C1")
        await factories.make_product("P1")
        yield tenant


def batches() -> Iterator[Rows]:
    """20 rows in 5 batches; the third row of each names a customer that is not there."""
    for batch in range(BATCHES):
        numbers = [batch * ROWS_A_BATCH + at for at in range(ROWS_A_BATCH)]
        cells = [
            [f"I{number}", "P1", "1", "C9" if at == 2 else "C1", "2026-01-05", "3", "2.5"]
            for at, number in enumerate(numbers)
        ]
        yield Rows(HEADER, [number + 2 for number in numbers], list(zip(*cells, strict=True)), [])


async def source() -> AsyncIterator[Rows]:
    for batch in batches():
        yield batch


async def run_again(job: Job) -> Job:
    claimed = await jobs.claim(job.id)
    assert claimed is not None
    await import_runs.run(claimed, source())
    return await scoped(Job).get(job.id)


class DiesInWrite(SalesWriter):
    """Dies in the write of one batch: before it, half-way through it, or just after it."""

    batch = 0
    where = "before"
    seen = 0

    async def write(self, plan: Plan) -> list[Refused]:
        type(self).seen += 1
        if self.seen != self.batch + 1:
            return await super().write(plan)
        if self.where == "half":
            await super().write(Plan(new=plan.new[:1], touched=plan.touched))
        elif self.where == "after":
            await super().write(plan)
        raise Killed


@pytest.mark.parametrize("where", ["before", "half", "after"])
@pytest.mark.parametrize("batch", range(BATCHES))
async def test_a_killed_run_is_gone_on_with(monkeypatch: pytest.MonkeyPatch, batch: int, where: str) -> None:
    job = await accepted("sales", ",".join(HEADER))
    with monkeypatch.context() as patch:
        writer = type("Dying", (DiesInWrite,), {"batch": batch, "where": where})
        patch.setattr(import_runs, "WRITERS", {ImportKind.SALES: writer})
        with pytest.raises(Killed):
            await run_again(job)
    assert (await scoped(Job).get(job.id)).state == "running"
    ended = await run_again(job)
    assert ended.state == "succeeded"
    assert counts(ended) == {"inserted": 15, "updated": 0, "unchanged": 0, "rejected": 5}
    assert [finding["row"] for finding in ended.findings] == [4, 8, 12, 16, 20]
    assert await scoped(SaleLine).count() == 15
    assert await scoped(AuditEvent).count({"action": "import.applied"}) == 1


async def test_of_two_runs_at_once_the_slower_one_stops_and_the_counts_are_right() -> None:
    job = await accepted("sales", ",".join(HEADER))
    first, second = await jobs.claim(job.id), await jobs.claim(job.id)
    assert first is not None
    assert second is not None
    ends = await asyncio.gather(
        import_runs.run(first, source()), import_runs.run(second, source()), return_exceptions=True
    )
    assert [end for end in ends if end is not False and not isinstance(end, Unavailable)] == []
    while (await scoped(Job).get(job.id)).state == "running":
        await run_again(job)
    ended = await scoped(Job).get(job.id)
    assert counts(ended) == {"inserted": 15, "updated": 0, "unchanged": 0, "rejected": 5}
    assert await scoped(SaleLine).count() == 15


async def test_a_finished_import_is_not_run_again() -> None:
    job = await accepted("sales", ",".join(HEADER))
    await run_again(job)
    assert await jobs.claim(job.id) is None


async def test_a_table_that_breaks_half_way_says_what_was_taken_over() -> None:
    async def breaking() -> AsyncIterator[Rows]:
        for batch in list(batches())[:2]:
            yield batch
        raise InvalidInput("Row 10 cannot be read.")

    job = await accepted("sales", ",".join(HEADER))
    claimed = await jobs.claim(job.id)
    assert claimed is not None
    await import_runs.run(claimed, breaking())
    ended = await scoped(Job).get(job.id)
    assert ended.state == "rejected"
    assert ended.error is not None
    assert "6 rows before that place have been taken over" in ended.error["message"]
    assert await scoped(SaleLine).count() == 6


async def test_two_imports_of_the_same_new_lines_at_once_leave_each_line_once() -> None:
    jobs_of_two = [await accepted("sales", ",".join(HEADER)) for _ in range(2)]
    await asyncio.gather(*(run_again(job) for job in jobs_of_two))
    assert await scoped(SaleLine).count() == 15


def test_every_compared_field_is_one_of_a_line() -> None:
    assert set(sales.COMPARED) < set(SaleLine.model_fields)
