"""Undoing imports of past forecasts: rows, cycles and seals are as before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from activities.imports import LIMITS, run_import_job, undo_import_job
from core.clock import now
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import Conflict
from models.audit import AuditEvent
from models.cycle import Cycle
from models.forecast import SnapshotMarker, SnapshotRow
from models.job import Job
from models.tenant import Tenant
from planning.import_modes import OnError
from services import import_runs, past_cycles, undo
from services.closing import digest_snapshot
from services.import_apply.base import Plan, Refused
from services.import_apply.past_forecasts import PastForecastWriter
from services.import_kinds.tables import ImportKind
from services.undo_past import PastForecasts, PastStep
from services.undo_step import Undoing
from tests import factories
from tests.companies import Company, draft_cycle, make_company
from tests.exported import exported
from tests.imported import accepted, counts, errors, imported, undone
from tests.interrupted import Killed

KIND = "past-forecasts"
HEADER = "base_month,customer_code,item_code,month,quantity,value,stream"
FIRST = (HEADER, "2025-11,C1,TEA,2025-12,7,17.5,", "2025-11,C1,TEA,2026-01,8,,", "2025-12,C1,TEA,2026-01,5,,approved")
SECOND = (
    HEADER, "2025-11,C1,TEA,2025-12,9,17.5,", "2025-11,C1,TEA,2026-01,8,,", "2025-11,C1,TEA,2026-06,1,,",
    "2025-11,C1,CUP,2026-01,3,,", "2025-10,C1,TEA,2025-12,1,,", "2025-12,C1,TEA,2026-01,6,,sales",
)  # fmt: skip
NOTHING = {"removed": 0, "restored": 0, "put_back": 0, "blocked": 0}
OF_SECOND = NOTHING | {"removed": 4, "restored": 1}


@pytest.fixture
async def company(tenant: Tenant) -> AsyncIterator[Company]:
    with tenant_scope(tenant.id):
        company = await make_company()
        with acting_as(company.manager.id):
            yield company


async def contents() -> dict[str, Any]:
    """Cycles with the months that they plan, their rows, and what their markers say."""
    cycles = await scoped(Cycle).rows({}, {"rev": 0}, sort=[("base_month", 1)])
    rows = await scoped(SnapshotRow).rows({}, sort=[("_id", 1)])
    said = {"_id": 0, "cycle_id": 1, "streams": 1, "rows": 1, "sha256": 1, "missing_costs": 1}
    markers = await scoped(SnapshotMarker).rows({}, said, sort=[("cycle_id", 1)])
    return {"cycles": cycles, "rows": rows, "markers": markers}


async def files() -> list[bytes]:
    return [await exported(ImportKind.PAST_FORECASTS, file_format) for file_format in ("xlsx", "csv")]


async def check_seals() -> None:
    """Every cycle has rows and a seal that holds."""
    markers = {marker.cycle_id: marker for marker in await scoped(SnapshotMarker).documents()}
    cycles = await scoped(Cycle).documents()
    assert {cycle.id for cycle in cycles} == markers.keys()
    for id, marker in markers.items():
        assert (marker.streams, marker.sha256) == await digest_snapshot(id, 1)
        assert marker.rows > 0


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize("batch_rows", [1, 2, 100])
async def test_after_an_undo_everything_is_as_before(monkeypatch: pytest.MonkeyPatch, batch_rows: int) -> None:
    monkeypatch.setattr("activities.imports.LIMITS", replace(LIMITS, batch_rows=batch_rows))
    await imported(KIND, *FIRST)
    before, exports = await contents(), await files()
    job = await imported(KIND, *SECOND)
    assert counts(job) == {"inserted": 4, "updated": 1, "unchanged": 1, "rejected": 0}
    assert await files() != exports
    planned = await undo.preview(job.id, now())
    assert (planned.refusal, planned.blocked) == (None, [])
    ended = await undone(job.id)
    assert (ended.state, ended.progress) == ("succeeded", OF_SECOND)
    assert await contents() == before
    assert await files() == exports
    await check_seals()


async def test_cycles_without_rows_go_with_their_seals(company: Company) -> None:
    exports = await files()
    job = await imported(KIND, *FIRST)
    assert (await undone(job.id)).progress == NOTHING | {"removed": 3}
    assert await contents() == {"cycles": [], "rows": [], "markers": []}
    assert await files() == exports
    assert await scoped(AuditEvent).count({"action": "cycle.import_undone"}) == 2
    again = await imported(KIND, *FIRST)
    assert counts(again) == counts(job)
    await check_seals()
    assert company.tea.is_active


@pytest.mark.usefixtures("company")
async def test_what_something_newer_says_stands_in_the_way() -> None:
    before = await contents()
    first = await imported(KIND, *FIRST)
    second = await imported(KIND, *SECOND)
    found = await undo.preview(first.id, now())
    assert found.refusal == "1 cell of 3 can't be set back, because something newer touched them; see the preview."
    (cell,) = found.blocked
    assert (cell["entity"], cell["label"]) == ("past_forecast", "C1 TEA 2025-11 (imported) sales 2025-12")
    assert (cell["obstacle"], cell["action"], cell["import_id"]) == ("changed", "import", second.id)
    with pytest.raises(Conflict, match="something newer"):
        await undo.request(first.id, now())
    await undone(second.id)
    await undone(first.id)
    assert await contents() == before


@pytest.mark.usefixtures("company")
async def test_what_somebody_changes_while_it_waits_stays_and_the_rest_is_sealed() -> None:
    await imported(KIND, *FIRST)
    job = await imported(KIND, *SECOND)
    queued = await undo.request(job.id, now())
    await imported(KIND, HEADER, "2025-11,C1,CUP,2026-01,4,,")
    await undo_import_job(queued.id)
    ended = await scoped(Job).get(queued.id)
    assert ended.progress == NOTHING | {"removed": 3, "restored": 1, "blocked": 1}
    await check_seals()


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize("where", ["before", "in", "after", "at the end"])
async def test_a_killed_undo_is_gone_on_with(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    await imported(KIND, *FIRST)
    before = await contents()
    monkeypatch.setattr("activities.imports.LIMITS", replace(LIMITS, batch_rows=2))
    job = await imported(KIND, *SECOND)
    queued = await undo.request(job.id, now())
    original = PastForecasts.write

    async def dying(self: PastForecasts, undoing: Undoing, step: PastStep) -> None:
        if where == "in":
            await original(self, undoing, step)
        raise Killed

    async def dying_elsewhere(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if where == "at the end":
            patch.setattr(past_cycles, "seal_open", dying_elsewhere)
        elif where == "after":
            patch.setattr(undo._Progress, "read", dying_elsewhere)
        else:
            patch.setattr(PastForecasts, "write", dying)
        with pytest.raises(Killed):
            await undo_import_job(queued.id)
    await undo_import_job(queued.id)
    ended = await scoped(Job).get(queued.id)
    assert (ended.state, ended.progress) == ("succeeded", OF_SECOND)
    assert await contents() == before


@pytest.mark.parametrize("killed", [False, True])
async def test_a_file_in_whose_way_somebody_gets_while_it_is_written_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, company: Company, killed: bool
) -> None:
    """Between the passes a cycle was made here for the month of the second batch."""
    monkeypatch.setattr("activities.imports.LIMITS", replace(LIMITS, batch_rows=1))
    await imported(KIND, *FIRST)
    before, exports = await contents(), await files()
    lines = (HEADER, "2025-11,C1,TEA,2025-12,9,,", "2026-11,C1,TEA,2026-12,9,,")
    job = await accepted(KIND, *lines, on_error=OnError.REJECT_FILE)

    class Meeting(PastForecastWriter):
        async def write(self, plan: Plan) -> list[Refused]:
            if not await scoped(Cycle).exists({"imported": {"$ne": True}}):
                await draft_cycle(base_month="2026-11")
            return await super().write(plan)

    async def dying(*_: Any) -> int:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(import_runs, "WRITERS", {ImportKind.PAST_FORECASTS: Meeting})
        if killed:
            patch.setattr("services.undo_steps.take_back", dying)
            with pytest.raises(Killed):
                await run_import_job(job.id)
        else:
            await run_import_job(job.id)
    await run_import_job(job.id)
    ended = await scoped(Job).get(job.id)
    assert ended.state == "rejected"
    assert "nothing was written" in (ended.error or {})["message"]
    assert [row for row, _, _ in errors(ended)] == [3]
    await scoped(Cycle).delete({"imported": {"$ne": True}})
    assert await contents() == before
    assert await files() == exports
    await check_seals()
    assert company.tea.is_active


async def test_an_import_whose_cycle_an_undo_removes_lays_it_out_again(
    monkeypatch: pytest.MonkeyPatch, company: Company
) -> None:
    """At the last moment: the cycle is there when the batch begins, and gone when its rows are written."""
    first = await imported(KIND, HEADER, "2025-11,C1,TEA,2025-12,7,,")
    job = await accepted(KIND, HEADER, "2025-11,C1,CUP,2025-12,7,,")
    laying_out, met = past_cycles._lay_out, list[Job]()

    async def meeting(cycles: Any) -> None:
        await laying_out(cycles)
        if not met:
            met.append(await undone(first.id))

    monkeypatch.setattr(past_cycles, "_lay_out", meeting)
    await run_import_job(job.id)
    assert (await scoped(Job).get(job.id)).state == "succeeded"
    assert [row.product_id for row in await scoped(SnapshotRow).documents()] == [company.cups.id]
    await check_seals()


async def test_rows_of_a_customer_that_is_gone_do_not_come_back(company: Company) -> None:
    other = await factories.make_customer("C2")
    await imported(KIND, HEADER, "2025-11,C1,TEA,2025-12,7,,", "2025-11,C2,TEA,2025-12,7,,")
    job = await imported(KIND, HEADER, "2025-11,C1,TEA,2025-12,7,,", mode="replace_period")
    await scoped(type(other)).delete({"_id": other.id})
    (cell,) = (await undo.preview(job.id, now())).blocked
    assert cell["obstacle"] == "in_the_way"
    assert "customer or product is gone" in cell["message"]
    assert company.tea.is_active
