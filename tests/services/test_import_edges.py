"""Importing at its edges: addresses that a file may hold, kills between two marks, goods that come back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from core.clock import now
from core.collections import scoped, scoped_binary
from core.context import tenant_scope
from core.listing import Window
from models.job import Job
from models.sale import SaleLine, SalesRollup
from models.tenant import Tenant
from models.user import User
from services import import_runs, imports, jobs, rollups
from services.import_apply.base import Plan, Refused
from services.import_apply.sales_lines import SalesWriter
from services.import_kinds.tables import ImportKind
from services.imports import ImportFilter
from services.sales import lines_of
from tests import factories
from tests.imported import accepted, counts, errors, imported
from tests.interrupted import Killed

SALES = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price"


@pytest.fixture(autouse=True)
async def company(tenant: Tenant) -> AsyncIterator[Tenant]:
    with tenant_scope(tenant.id):
        for code in ("C1", "C2"):
            await factories.make_customer(code)
        await factories.make_product("P1")
        yield tenant


@dataclass
class Rows:
    """A batch as the reader gives it."""

    columns: Sequence[Sequence[Any]]
    header: list[str] = field(default_factory=SALES.split(",").copy)
    rows: list[int] = field(default_factory=lambda: [2, 3])
    overlong: list[int] = field(default_factory=list)


async def table() -> AsyncIterator[Rows]:
    """One line that is new, and one that another customer has now."""
    lines = (("I1", "P1", "1", "C1", "2026-01-05", "3", "2.5"), ("I2", "P1", "1", "C2", "2026-01-05", "4", "2.5"))
    yield Rows(list(zip(*lines, strict=True)))


class DiesBetweenTheMarks(SalesWriter):
    """Writes its lines after somebody else has cleaned up behind the first mark, and dies before the second."""

    async def write(self, plan: Plan) -> list[Refused]:
        async with lines_of(plan.touched):
            await rollups.refresh()
            await scoped_binary(SaleLine).insert_rows(plan.new)
            await scoped_binary(SaleLine).update_rows(plan.changed)
            raise Killed


async def test_what_was_written_between_two_marks_reaches_the_rollups_after_a_kill(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await imported("sales", SALES, "I2,P1,1,C1,2026-01-05,4,2.5")
    job = await accepted("sales", SALES)
    claimed = await jobs.claim(job.id)
    assert claimed is not None
    with monkeypatch.context() as patch:
        patch.setattr(import_runs, "WRITERS", {ImportKind.SALES: DiesBetweenTheMarks})
        with pytest.raises(Killed):
            await import_runs.run(claimed, table())
    again = await jobs.claim(job.id)
    assert again is not None
    await import_runs.run(again, table())
    await rollups.refresh()
    stored = await scoped(SalesRollup).rows({}, {"_id": 0, "quantity": 1})
    assert sorted(row["quantity"] for row in stored) == [3_000, 4_000]
    assert counts(await scoped(Job).get(job.id)) == {"inserted": 1, "updated": 1, "unchanged": 0, "rejected": 0}


def addresses(slug: str) -> Iterator[str]:
    """Addresses that look like one and that no mail can reach."""
    yield f"ann@{slug}.local"
    yield f"ann@{slug}.test"


async def test_an_address_that_no_mail_can_reach_is_an_error_of_its_row_only(company: Tenant) -> None:
    bad = [f"{address},Ann,viewer" for address in addresses(company.slug)]
    job = await imported("users", "email,name,role", f"bob@{company.slug}.example,Bob,viewer", *bad)
    assert job.state == "succeeded"
    assert counts(job) == {"inserted": 1, "updated": 0, "unchanged": 0, "rejected": 2}
    assert [(row, column) for row, column, _ in errors(job)] == [(3, "email"), (4, "email")]
    assert await scoped(User).count() == 1


async def test_what_a_user_row_may_hold_is_said_in_the_same_words_for_all_columns(company: Tenant) -> None:
    address = f"bob@{company.slug}.example"
    job = await imported("users", "email,name,role,language", f"{address},{'x' * 121},viewer,pt-br")
    assert errors(job) == [(2, "name", "at most 120 characters"), (2, "language", "a language like en or de")]


@pytest.mark.parametrize("said", ["3,2.5,", "-3,2.5,7.5", "3,2.5,-7.5"])
async def test_goods_that_come_back_are_never_counted_as_sold(said: str) -> None:
    job = await imported("sales", f"{SALES},net_revenue,line_type", f"I1,P1,1,C1,2026-01-05,{said},return")
    assert counts(job)["rejected"] == 1
    assert "below zero" in errors(job)[0][2]


async def test_goods_that_come_back_are_taken_off() -> None:
    await imported("sales", f"{SALES},line_type", "I1,P1,1,C1,2026-01-05,-3,2.5,return", "I2,P1,1,C1,2026-01-05,5,2,")
    await rollups.refresh()
    (stored,) = await scoped(SalesRollup).rows()
    assert (stored["quantity"], stored["revenue"]) == (2_000, 25_000)


async def test_an_import_that_is_no_longer_kept_is_not_listed_either() -> None:
    old, young = await imported("customers", "customer_code,name", "C3,x"), await imported("customers", "x,y", "1,2")
    await scoped(Job).update_one({"_id": old.id}, {"$set": {"expires_at": now() - timedelta(seconds=1)}})
    listing = await imports.list_imports(ImportFilter(), Window(), now())
    assert [row["id"] for row in listing.rows] == [str(young.id)]
    assert listing.total == 1
