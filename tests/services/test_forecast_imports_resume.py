"""Forecasts whose import is killed anywhere, or meets others at the last moment: nothing twice, nothing lost, and
nobody is told that their own cells are somebody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from activities.imports import undo_import_job
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.mongo import RawDocument
from models.audit import AuditEvent
from models.cycle import Cycle
from models.forecast import Line, Sheet
from models.job import Job
from models.tenant import Tenant
from services import cycle_moves, forecasts, import_runs, jobs, undo
from services.import_apply.base import Plan, Refused
from services.import_apply.forecasts import ForecastWriter, SheetWork
from services.import_kinds.tables import ImportKind
from tests import factories
from tests.companies import DURING_ENTRY, ENTRY_CLOSES, FIRST, UNITS, Company, make_company, open_cycle, say
from tests.imported import accepted, counts
from tests.interrupted import Killed, Rows

HEADER = ["customer_code", "item_code", "month", "quantity", "value", "base_rev"]
OTHERS = 3


@pytest.fixture
async def company(tenant: Tenant) -> AsyncIterator[Company]:
    with tenant_scope(tenant.id):
        company = await make_company()
        for at in range(OTHERS):
            customer = await factories.make_customer(f"X{at}")
            await factories.assign(company.rep, customer)
            await factories.allow(customer, company.tea)
        with acting_as(company.rep.id):
            yield company


@pytest.fixture
async def cycle(company: Company) -> Cycle:
    return await open_cycle()


def batches() -> Iterator[Rows]:
    """Two batches; each says something of four customers, and has one row of a customer that is not there. One cell is
    changed by its value, beside the quantity that stood there."""
    number = 2
    for month in ("2027-01", "2027-02"):
        cells = [["C1", "TEA", month, "10", "100", "0"], ["C9", "TEA", month, "1", "", "0"]]
        cells += [[f"X{at}", "TEA", month, "7", "", "0"] for at in range(OTHERS)]
        yield Rows(HEADER, list(range(number, number + len(cells))), list(zip(*cells, strict=True)), [])
        number += len(cells)


async def source() -> AsyncIterator[Rows]:
    for batch in batches():
        yield batch


async def run_again(job: Job) -> Job:
    claimed = await jobs.claim(job.id)
    assert claimed is not None
    await import_runs.run(claimed, source())
    return await scoped(Job).get(job.id)


async def queued() -> Job:
    return await accepted("forecasts", ",".join(HEADER), received_at=DURING_ENTRY)


class Dying(ForecastWriter):
    """Dies when so many sheets are saved."""

    after = 0
    seen = 0

    async def _save_once(self, work: SheetWork) -> RawDocument:
        if type(self).seen == self.after:
            raise Killed
        type(self).seen += 1
        return await super()._save_once(work)

    async def write(self, plan: Plan) -> list[Refused]:
        refused = await super().write(plan)
        if type(self).seen == self.after:
            raise Killed
        return refused


@pytest.mark.parametrize("after", range(2 * (OTHERS + 1) + 1))
@pytest.mark.usefixtures("cycle")
async def test_a_killed_run_is_gone_on_with(monkeypatch: pytest.MonkeyPatch, company: Company, after: int) -> None:
    job, before = await queued(), await said()
    with monkeypatch.context() as patch:
        patch.setattr(import_runs, "WRITERS", {ImportKind.FORECASTS: type("Dying", (Dying,), {"after": after})})
        with pytest.raises(Killed):
            await run_again(job)
    ended = await run_again(job)
    assert ended.state == "succeeded"
    assert counts(ended) == {"inserted": 0, "updated": 8, "unchanged": 0, "rejected": 2}
    assert [finding["row"] for finding in ended.findings] == [3, 8]
    assert ended.result is not None
    assert ended.result["cells"] == {"saved": 8}
    async for line in scoped(Line).find({"product_id": company.tea.id}):
        assert [cell["rev"] for cell in line["cells"][:3]] == [1, 1, 0]
    assert await scoped(AuditEvent).count({"action": "forecast.imported"}) == 8
    sheet = await scoped(Sheet).one({"customer_id": company.customer.id})
    assert sheet is not None
    assert sheet.rev == 2
    await check_undo(job, before)


async def check_undo(job: Job, before: list[RawDocument]) -> None:
    """Whatever was killed when, the journal takes everything back."""
    queued = await undo.request(job.id, DURING_ENTRY)
    await undo_import_job(queued.id)
    assert (await scoped(Job).get(queued.id)).progress == {"removed": 0, "restored": 8, "put_back": 0, "blocked": 0}
    assert await said() == before


async def said() -> list[RawDocument]:
    """The lines without revisions."""
    lines = await scoped(Line).rows({}, sort=[("_id", 1)])
    return [{**line, "cells": [{**cell, "rev": 0} for cell in line["cells"]]} for line in lines]


async def test_a_cell_that_is_changed_at_the_last_moment_is_a_conflict(
    monkeypatch: pytest.MonkeyPatch, company: Company, cycle: Cycle
) -> None:
    """Between the comparison and the write."""

    class Slow(ForecastWriter):
        async def write(self, plan: Plan) -> list[Refused]:
            await say(cycle, company, company.tea, FIRST, 99)
            return await super().write(plan)

    job = await queued()
    monkeypatch.setattr(import_runs, "WRITERS", {ImportKind.FORECASTS: Slow})
    ended = await run_again(job)
    assert counts(ended) == {"inserted": 0, "updated": 7, "unchanged": 0, "rejected": 3}
    assert ended.result is not None
    assert ended.result["cells"] == {"saved": 7, "conflict": 1}
    assert [(one["row"], one["conflict"]) for one in ended.findings] == [(2, True), (3, False), (8, False)]
    line = await scoped(Line).one({"customer_id": company.customer.id, "product_id": company.tea.id})
    assert line is not None
    assert [cell.quantity for cell in line.cells[:2]] == [99 * UNITS, 40 * UNITS]


async def test_what_races_with_the_lock_is_in_or_refused(
    monkeypatch: pytest.MonkeyPatch, company: Company, cycle: Cycle
) -> None:
    class Late(ForecastWriter):
        async def write(self, plan: Plan) -> list[Refused]:
            await cycle_moves.lock_entry(cycle.id, ENTRY_CLOSES)
            return await super().write(plan)

    job = await queued()
    monkeypatch.setattr(import_runs, "WRITERS", {ImportKind.FORECASTS: Late})
    ended = await run_again(job)
    assert counts(ended) == {"inserted": 0, "updated": 0, "unchanged": 0, "rejected": 10}
    assert ended.result is not None
    assert ended.result["cells"] == {"saved": 0, "refused": 8}
    assert len(ended.findings) == 10
    facts = await forecasts.read_sheet(cycle.id, company.customer.id, DURING_ENTRY)
    assert facts.sheet is not None
    assert facts.sheet.rev == 0
    assert await scoped(AuditEvent).count({"action": "forecast.import_refused"}) == 4
