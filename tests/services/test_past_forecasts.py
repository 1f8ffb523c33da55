"""Past forecasts: history for accuracy from the first day, in cycles that were never run here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import Conflict
from models.cycle import Cycle
from models.forecast import SnapshotMarker, SnapshotRow
from models.tenant import Tenant
from planning.months import months_between
from services import cycle_moves, past_cycles, upkeep
from services.closing import digest_snapshot
from services.plan_facts import find_reference
from tests import factories
from tests.companies import CLOSES, UNITS, Company, close_cycle, draft_cycle, make_company, open_cycle
from tests.imported import counts, errors, imported

HEADER = "base_month,customer_code,item_code,month,quantity,value,stream"
KIND = "past-forecasts"


@pytest.fixture
async def company(tenant: Tenant) -> AsyncIterator[Company]:
    with tenant_scope(tenant.id):
        company = await make_company()
        with acting_as(company.manager.id):
            yield company


async def past(base_month: str = "2025-11") -> tuple[Cycle, SnapshotMarker | None]:
    cycle = await scoped(Cycle).get(past_cycles.past_cycle_id(base_month))
    return cycle, await scoped(SnapshotMarker).one({"cycle_id": cycle.id, "close_number": 1})


async def test_a_cycle_is_close_1_marked_imported_stream_sales(company: Company) -> None:
    job = await imported(
        KIND, HEADER, "2025-11,C1,TEA,2025-12,7,17.5,", "2025-11,C1,TEA,2026-02,8,,", "2025-11,C1,CUP,2025-12,0,0,naive"
    )
    assert errors(job) == []
    assert counts(job) == {"inserted": 3, "updated": 0, "unchanged": 0, "rejected": 0}
    cycle, marker = await past()
    assert (cycle.stage, cycle.imported, cycle.close_number, cycle.graded_close) == ("closed", True, 1, 1)
    assert cycle.months == ["2025-12", "2026-01", "2026-02"]
    assert marker is not None
    assert (marker.streams, marker.approved_by) == ({"naive": 1, "sales": 1}, company.manager.id)
    assert (marker.streams, marker.sha256) == await digest_snapshot(cycle.id, 1)
    row = await scoped(SnapshotRow).one({"cycle_id": cycle.id, "stream": "sales"})
    assert row is not None
    assert (row.region, row.group, row.category, row.unit) == ("North", "Retail", "Food", "EA")
    assert [(cell.month, cell.quantity, cell.value) for cell in row.cells] == [
        ("2025-12", 7 * UNITS, 175_000),
        ("2026-02", 8 * UNITS, None),
    ]
    assert [months_between(cycle.base_month, cell.month) for cell in row.cells] == [1, 3]


async def test_the_same_file_again_changes_nothing_and_another_one_adds(company: Company) -> None:
    lines = (HEADER, "2025-11,C1,TEA,2025-12,7,,", "2025-11,C1,TEA,2026-01,8,,")
    await imported(KIND, *lines)
    _, first = await past()
    again = await imported(KIND, *lines)
    assert counts(again) == {"inserted": 0, "updated": 0, "unchanged": 2, "rejected": 0}
    assert (await past())[1] == first
    more = await imported(KIND, HEADER, "2025-11,C1,TEA,2025-11,5,,", "2025-11,C1,TEA,2025-12,9,,")
    assert counts(more) == {"inserted": 1, "updated": 1, "unchanged": 0, "rejected": 0}
    cycle, second = await past()
    assert first is not None
    assert second is not None
    assert second.sha256 != first.sha256
    assert (cycle.start_month, cycle.horizon) == ("2025-11", 3)
    row = await scoped(SnapshotRow).one({"cycle_id": cycle.id})
    assert row is not None
    assert [cell.quantity for cell in row.cells] == [5 * UNITS, 9 * UNITS, 8 * UNITS]
    assert company.manager.id == second.approved_by


@pytest.mark.usefixtures("company")
async def test_a_cycle_may_be_named() -> None:
    header = "cycle,base_month,customer_code,item_code,month,quantity"
    await imported(KIND, header, "Old round,2025-10,C1,TEA,2025-12,7")
    job = await imported(
        KIND,
        "cycle,customer_code,item_code,month,quantity",
        "old ROUND,C1,TEA,2026-01,7",
        "November 2025,C1,TEA,2026-01,7",
        "Another,C1,TEA,2026-01,7",
    )
    assert [(row, column) for row, column, _ in errors(job)] == [(4, "base_month")]
    job = await imported(
        KIND,
        header,
        "Old round,2025-09,C1,TEA,2026-01,7",
        "New,2025-08,C1,TEA,2026-01,7",
        "new,2025-07,C1,TEA,2026-01,7",
    )
    assert [(row, column) for row, column, _ in errors(job)] == [(2, "cycle"), (4, "cycle")]
    names = {cycle.name for cycle in await scoped(Cycle).documents({"imported": True})}
    assert names == {"Old round", "November 2025", "New"}
    assert (await past("2025-10"))[0].months == ["2025-12", "2026-01"]


async def test_what_can_not_be_is_refused(company: Company) -> None:
    await open_cycle()
    inactive = await factories.make_product("GONE", is_active=False)
    job = await imported(
        KIND,
        HEADER,
        "2025-11,C9,TEA,2025-12,7,,",
        "2025-11,C1,NOPE,2025-12,7,,",
        "2025-11,C1,TEA,2025-10,7,,",
        "2025-11,C1,TEA,2035-10,7,,",
        "2026-12,C1,TEA,2027-01,7,,",
        "2025-11,C1,GONE,2025-12,7,,",
        "2025-11,C1,TEA,2025-12,7,,secret",
        "2025-11,C1,TEA,2025-12,-1,,",
        "2199-01,C1,TEA,2199-01,1,,",
    )
    assert [(row, column) for row, column, _ in errors(job)] == [
        (2, "customer_code"), (3, "item_code"), (4, "month"), (5, "month"), (6, "base_month"), (8, "stream"),
        (9, "quantity"), (10, "base_month"),
    ]  # fmt: skip
    assert counts(job)["inserted"] == 1
    assert await scoped(SnapshotRow).count({"product_id": inactive.id}) == 1
    assert company.customer.is_active


async def test_the_clock_and_people_leave_imported_cycles_alone(company: Company) -> None:
    await imported(KIND, HEADER, "2026-10,C1,TEA,2026-11,7,,approved")
    cycle, _ = await past("2026-10")
    assert cycle.id not in {one.id for one in (await upkeep.find_unfinished()).cycles}
    with pytest.raises(Conflict, match="imported"):
        await cycle_moves.reopen(cycle.id, CLOSES, {"closes_at": CLOSES + timedelta(days=9)}, None, "why")
    assert await find_reference(await draft_cycle()) is None
    own = await open_cycle("Own")
    await close_cycle(own.id)
    assert company.tea.is_active


async def test_a_dry_run_makes_no_cycle(company: Company) -> None:
    job = await imported(KIND, HEADER, "2025-11,C1,TEA,2025-12,7,,", dry_run=True)
    assert counts(job)["inserted"] == 1
    assert await scoped(Cycle).count() == 0
    assert company.tea.is_active
