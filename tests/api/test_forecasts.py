"""The grid, saving and submitting over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from core.clock import now
from core.context import tenant_scope
from core.errors import NotFound
from core.mongo import Mongo
from models.cycle import Cycle
from models.keys import line_id
from models.tenant import Tenant
from services import cycle_moves, cycles, opening
from services.cycles import CycleDraft
from services.scopes import demand_customer, scope_of
from tests import factories
from tests.companies import DAY, Company, ignore, make_company
from tests.people import signed_in, somebody

FORECASTS = "/api/v1/forecasts"


@dataclass(frozen=True, slots=True)
class Desk:
    """The rep at work: the open cycle, the company, and the client of the rep."""

    rep: httpx.AsyncClient
    company: Company
    cycle: Cycle

    @property
    def sheet(self) -> dict[str, str]:
        return {"cycle_id": str(self.cycle.id), "customer_id": str(self.company.customer.id)}

    def cell(self, **changes: Any) -> dict[str, Any]:
        base = {"product_id": str(self.company.tea.id), "month": self.cycle.months[0], "base_rev": 0, "quantity": 12.5}
        return {**base, **changes}

    async def save(self, *cells: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.rep.post(FORECASTS, json={**self.sheet, "cells": list(cells)}, headers=headers)


@pytest.fixture
async def desk(app: FastAPI, tenant: Tenant) -> AsyncIterator[Desk]:
    with tenant_scope(tenant.id):
        company = await make_company()
        draft = CycleDraft("Running", now() + 10 * DAY)
        cycle = await cycles.create(draft, now())
        await opening.prepare(cycle.id, ignore)
        cycle = (await cycle_moves.open_entry(cycle.id, now(), None)).cycle
    async with await signed_in(app, company.rep) as rep:
        yield Desk(rep, company, cycle)


async def test_the_rep_sees_the_prefilled_sheet(desk: Desk) -> None:
    answer = await desk.rep.get(FORECASTS, params=desk.sheet)
    grid = answer.json()["data"]
    assert [line["item_code"] for line in grid["lines"]] == ["CUP", "TEA"]
    assert len(grid["lines"][0]["cells"]) == 16
    assert grid["sheet"]["writable"] is True
    assert grid["cycle"]["months"] == desk.cycle.months


async def test_a_save_answers_cell_by_cell(desk: Desk) -> None:
    stale = desk.cell(month=desk.cycle.months[1], base_rev=7)
    stranger = desk.cell(product_id=str(uuid4()))
    answer = await desk.save(desk.cell(), stale, stranger)
    assert answer.status_code == 200
    assert [cell["status"] for cell in answer.json()["data"]] == ["saved", "conflict", "refused"]
    saved = answer.json()["data"][0]["cell"]
    assert (saved["quantity"], saved["value"], saved["rev"], saved["origin"]) == (12.5, 31.25, 1, "typed")


async def test_only_conflicts_is_a_conflict(desk: Desk) -> None:
    assert (await desk.save(desk.cell(base_rev=3))).status_code == 409


async def test_value_entry_derives_the_quantity_and_an_own_price_needs_a_reason(desk: Desk) -> None:
    by_value = {key: value for key, value in desk.cell(value=100).items() if key != "quantity"}
    answer = await desk.save(by_value)
    assert answer.json()["data"][0]["cell"]["quantity"] == 40
    refused = await desk.save(desk.cell(base_rev=1, price=2))
    assert refused.json()["data"][0]["status"] == "refused"
    priced = await desk.save(desk.cell(base_rev=1, price=2, reason="promotion"))
    assert priced.json()["data"][0]["cell"]["price_source"] == "override"


async def test_a_line_that_was_never_saved_is_put_by_its_id(desk: Desk) -> None:
    company, cycle = desk.company, desk.cycle
    key = line_id(cycle.tenant_id, cycle.id, "sales", company.customer.id, company.dormant.id)
    cells = [{"month": cycle.months[0], "base_rev": 0, "quantity": 3}]
    assert (await desk.rep.put(f"{FORECASTS}/{key}", json={"cells": cells})).status_code == 404
    named = {**desk.sheet, "product_id": str(company.dormant.id), "cells": cells}
    answer = await desk.rep.put(f"{FORECASTS}/{key}", json=named)
    assert answer.json()["data"][0]["status"] == "saved"
    cells[0] |= {"base_rev": 1, "quantity": 4}
    assert (await desk.rep.put(f"{FORECASTS}/{key}", json={"cells": cells})).json()["data"][0]["cell"]["rev"] == 2


async def test_submitting_locks_with_the_reason(desk: Desk) -> None:
    await desk.save(desk.cell(quantity=None))
    looked = await desk.rep.post(f"{FORECASTS}/submit", json={**desk.sheet, "dry_run": True})
    assert len(looked.json()["data"]["missing"]) == 1
    missing = await desk.rep.post(f"{FORECASTS}/submit", json=desk.sheet)
    assert (missing.status_code, missing.json()["error"]["code"]) == (422, "mandatory_cells_missing")
    done = await desk.rep.post(f"{FORECASTS}/submit", json={**desk.sheet, "confirm_zero": True})
    assert (done.json()["data"]["version"], done.json()["data"]["confirmed_zero"]) == (1, 1)
    locked = await desk.save(desk.cell(quantity=1))
    assert locked.status_code == 423
    assert "submitted" in locked.json()["error"]["message"]


async def test_the_same_key_saves_once(desk: Desk) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first, second = await desk.save(desk.cell(), **key), await desk.save(desk.cell(), **key)
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert (await desk.save(desk.cell(quantity=9), **key)).status_code == 422


async def test_another_reps_customer_does_not_exist(app: FastAPI, tenant: Tenant, desk: Desk) -> None:
    _, stranger = await somebody(app, tenant.id, "sales_rep")
    async with stranger:
        assert (await stranger.get(FORECASTS, params=desk.sheet)).status_code == 404
        body = {**desk.sheet, "cells": [desk.cell()]}
        assert (await stranger.post(FORECASTS, json=body)).status_code == 404
        assert (await stranger.post(f"{FORECASTS}/submit", json=desk.sheet)).status_code == 404


async def test_a_former_customer_is_not_the_reps_any_more(app: FastAPI, tenant: Tenant, desk: Desk) -> None:
    with tenant_scope(tenant.id):
        former = await factories.make_user("sales_rep")
        gone = (now() - timedelta(days=2)).date().isoformat()
        await factories.assign(former, desk.company.customer, valid_to=gone)
    async with await signed_in(app, former) as client:
        assert (await client.get(FORECASTS, params=desk.sheet)).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": -1},
        {"quantity": "7"},
        {"quantity": True},
        {"quantity": 1e30},
        {"quantity": 0.0001},
        {"quantity": 5, "value": 5},
        {"month": "2027-1"},
        {"base_rev": -1},
        {"base_rev": 1.5},
        {"reviewed": True},
        {"reason": "\u0000"},
        {"product_id": {"$ne": None}},
    ],
)
async def test_bad_cells_are_422_or_refused(desk: Desk, change: dict[str, Any]) -> None:
    answer = await desk.save(desk.cell(**change))
    if answer.status_code == 200:
        assert answer.json()["data"][0]["status"] == "refused"
    else:
        assert answer.status_code == 422


async def test_a_viewer_reads_but_does_not_write(app: FastAPI, tenant: Tenant, desk: Desk) -> None:
    _, viewer = await somebody(app, tenant.id, "viewer")
    async with viewer:
        assert (await viewer.get(FORECASTS, params=desk.sheet)).status_code == 200
        assert (await viewer.post(FORECASTS, json={**desk.sheet, "cells": [desk.cell()]})).status_code == 403


async def test_an_assignment_begins_at_midnight_of_the_company(app: FastAPI, mongo: Mongo) -> None:
    """In Kiritimati, fourteen hours ahead of UTC, tomorrow has begun when it is still today in London."""
    east = await factories.make_tenant(time_zone="Pacific/Kiritimati")
    at = datetime(2026, 12, 5, 12, tzinfo=UTC)
    with tenant_scope(east.id):
        rep = await factories.make_user("sales_rep")
        customer = await factories.make_customer("C1")
        await factories.assign(rep, customer, valid_from="2026-12-06")
        assert (await demand_customer("sales_rep", rep.id, at, customer.id))["code"] == "C1"
        assert (await scope_of("sales_rep", rep.id, at)).customer_ids == {customer.id}
        with pytest.raises(NotFound):
            await demand_customer("sales_rep", rep.id, at - timedelta(hours=3), customer.id)
